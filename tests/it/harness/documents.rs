//! What administrators write: documents whose times count from now.

use std::time::Duration;

use hopguard::clock::Timestamp;

use super::{FRONTEND, PAYMENTS};

/// A `Grant` for the frontend to call payments.
#[derive(Clone, Debug)]
pub(crate) struct Grant {
    name: String,
    subject: String,
    audience: String,
    methods: String,
    path: String,
    purpose: String,
    ports: Option<String>,
    behalf: Vec<String>,
    depth: Option<usize>,
    more: String,
    from: Timestamp,
    until: Timestamp,
}

impl Grant {
    /// For `POST` to `path` for checkouts, since yesterday and for a month.
    pub(crate) fn to(path: &str, now: Timestamp) -> Self {
        let name = path.trim_matches('/').replace(['/', '.', '*'], "-").to_lowercase();
        Self {
            name: if name.is_empty() { "root".to_owned() } else { name },
            subject: FRONTEND.to_owned(),
            audience: PAYMENTS.to_owned(),
            methods: "POST".to_owned(),
            path: path.to_owned(),
            purpose: "checkout".to_owned(),
            ports: None,
            behalf: Vec::new(),
            depth: None,
            more: String::new(),
            from: before(now, DAY),
            until: now.after(30 * DAY),
        }
    }

    pub(crate) fn named(self, name: &str) -> Self {
        Self { name: name.to_owned(), ..self }
    }

    pub(crate) fn subject(self, id: &str) -> Self {
        Self { subject: id.to_owned(), ..self }
    }

    pub(crate) fn audience(self, id: &str) -> Self {
        Self { audience: id.to_owned(), ..self }
    }

    pub(crate) fn methods(self, methods: &str) -> Self {
        Self { methods: methods.to_owned(), ..self }
    }

    /// For these purposes, a comma between them.
    pub(crate) fn purposes(self, names: &str) -> Self {
        Self { purpose: names.to_owned(), ..self }
    }

    /// For connections to these ports, and for no request.
    pub(crate) fn tcp(self, ports: &str) -> Self {
        Self { ports: Some(ports.to_owned()), ..self }
    }

    /// For hops on behalf of these subjects of `issuer`, besides those that were named before.
    pub(crate) fn on_behalf_of(mut self, issuer: &str, subjects: &[&str]) -> Self {
        self.behalf.push(format!("{{issuer: {issuer:?}, subjects: {subjects:?}}}"));
        self
    }

    /// How many may have acted on another's behalf.
    pub(crate) fn max_depth(self, depth: usize) -> Self {
        Self { depth: Some(depth), ..self }
    }

    /// How firmly the purpose must be bound.
    pub(crate) fn binding(self, binding: &str) -> Self {
        self.with(&format!("purposeBinding: {binding}"))
    }

    /// Who may present what another holds.
    pub(crate) fn relays(self, ids: &[&str]) -> Self {
        self.with(&format!("relays: {ids:?}"))
    }

    /// With another field.
    pub(crate) fn with(mut self, line: &str) -> Self {
        self.more.push_str(&format!("  {line}\n"));
        self
    }

    /// The same, over since yesterday.
    pub(crate) fn over(self, now: Timestamp) -> Self {
        Self { from: before(now, 30 * DAY), until: before(now, DAY), ..self }
    }

    /// The same, from tomorrow on.
    pub(crate) fn ahead(self, now: Timestamp) -> Self {
        Self { from: now.after(DAY), until: now.after(30 * DAY), ..self }
    }

    pub(crate) fn yaml(&self) -> String {
        let Self { name, subject, audience, methods, path, purpose, ports, behalf, depth, more, from, until } = self;
        let review = before(*until, Duration::from_secs(3600));
        let action = match ports {
            Some(ports) => format!("{{tcp: {{ports: [{ports}]}}}}"),
            None => format!("{{methods: [{methods}], paths: [{path:?}]}}"),
        };
        let depth = depth.map(|depth| format!(", maxDepth: {depth}")).unwrap_or_default();
        let behalf = match behalf.join(", ") {
            from if from.is_empty() => from,
            from => format!("  onBehalfOf: {{from: [{from}]{depth}}}\n"),
        };
        format!(
            "---
apiVersion: hopguard.dev/v1alpha1
kind: Grant
metadata: {{name: {name:?}}}
spec:
  type: standing
  subject: {{spiffeId: {subject:?}}}
  audience: {audience:?}
  actions: [{action}]
  purposes: [{purpose}]
{behalf}{more}  owner: team-payments
  requestedBy: bob@example.com
  approver: alice@example.com
  notBefore: {from}
  reviewBy: {review}
  expiresAt: {until}
"
        )
    }
}

/// A `Purpose`.
pub(super) fn purpose(name: &str) -> String {
    format!(
        "---
apiVersion: hopguard.dev/v1alpha1
kind: Purpose
metadata: {{name: {name:?}}}
spec: {{name: {name}, owner: team-shop}}
"
    )
}

/// A `Revocation` of a target such as `{grant: charge}`, since `at`.
pub(crate) fn revocation(name: &str, target: &str, at: Timestamp) -> String {
    document("Revocation", name, &format!("{{target: {target}, reason: it leaked, at: {at}}}"))
}

/// A `Fact` of everybody, observed at `at`, that counts for so long.
pub(crate) fn fact(key: &str, value: &str, at: Timestamp, max_age: &str) -> String {
    let spec = format!("{{key: {key}, value: {value}, source: ci, observedAt: {at}, maxAge: {max_age}}}");
    document("Fact", &key.replace('.', "-"), &spec)
}

/// A `Workload` in a state.
pub(crate) fn workload(name: &str, id: &str, state: &str) -> String {
    let spec = format!("{{spiffeId: {id:?}, kind: service, owner: team-shop, roles: [caller], state: {state}}}");
    document("Workload", name, &spec)
}

fn document(kind: &str, name: &str, spec: &str) -> String {
    format!("---\napiVersion: hopguard.dev/v1alpha1\nkind: {kind}\nmetadata: {{name: {name:?}}}\nspec: {spec}\n")
}

fn before(time: Timestamp, span: Duration) -> Timestamp {
    Timestamp::from_nanos(time.nanos() - i64::try_from(span.as_nanos()).unwrap())
}

const DAY: Duration = Duration::from_secs(86_400);
