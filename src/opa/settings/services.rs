//! `services`: the servers that bundles come from.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use crate::yaml::{Kind, Mapping, Value};

/// A server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// Where it is.
    pub url: String,
    /// Headers of every question.
    pub headers: BTreeMap<String, String>,
    /// What it is shown.
    pub credentials: Option<Credentials>,
    /// The roots by which it is authenticated; absent: the system's.
    pub ca: Option<PathBuf>,
    /// How long its answer may take to begin.
    pub timeout: Option<Duration>,
}

/// What a server is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credentials {
    /// A bearer token, as it stands in the file.
    Bearer(String),
    /// A file that holds a bearer token, read for each question.
    BearerFile(PathBuf),
    /// A client certificate.
    Tls {
        /// The certificate with its chain, PEM.
        certificate: PathBuf,
        /// Its private key, PEM.
        key: PathBuf,
    },
}

/// Reads them, a mapping by name or a list with names.
pub(super) fn services(value: &Value<'_>) -> Option<BTreeMap<String, Service>> {
    match value.node().map(|node| &node.kind) {
        None | Some(Kind::Null) => Some(BTreeMap::new()),
        Some(Kind::Sequence(_)) => {
            let services = value.list(|item| {
                let mut item = item.mapping();
                let name = item.required("name").string();
                let service = service(item);
                Some(name.zip(service))
            })?;
            services.into_iter().collect()
        }
        Some(_) => {
            let services = value.entries(|value| {
                let mut item = value.mapping();
                item.nullable("name");
                Some(service(item))
            })?;
            services.into_iter().map(|(name, service)| Some((name, service?))).collect()
        }
    }
}

fn service(mut item: Mapping<'_>) -> Option<Service> {
    let url = item.required("url").string();
    let headers = item.nullable("headers");
    let headers = if headers.is_present() { headers.entries(|value| value.text()) } else { Some(BTreeMap::new()) };
    let credentials = credentials(&item.nullable("credentials"));
    let tls = item.nullable("tls");
    let ca = tls.is_present().then(|| {
        let mut tls = tls.mapping();
        let ca = tls.required("ca_cert").string();
        // Both only say when the system's roots count too; here the named roots are the only ones.
        tls.nullable("system_ca_required");
        tls.nullable("ca_cert_reread_interval_seconds");
        tls.finish();
        ca
    });
    let timeout = item.nullable("response_header_timeout_seconds");
    let timeout = timeout.is_present().then(|| timeout.integer_in(1..=600)).flatten();
    let insecure = item.nullable("allow_insecure_tls");
    if insecure.is_present() && insecure.boolean() != Some(false) {
        insecure.problem("whoever stands in between could give you policies: name the server's roots in `tls.ca_cert`");
    }
    item.finish();
    Some(Service {
        url: url?,
        headers: headers?,
        credentials: credentials?,
        ca: match ca {
            Some(ca) => Some(PathBuf::from(ca?)),
            None => None,
        },
        timeout: timeout.and_then(|seconds| u64::try_from(seconds).ok()).map(Duration::from_secs),
    })
}

fn credentials(value: &Value<'_>) -> Option<Option<Credentials>> {
    if !value.is_present() {
        return Some(None);
    }
    let mut credentials = value.clone().mapping();
    let (bearer, tls) = (credentials.nullable("bearer"), credentials.nullable("client_tls"));
    for kind in credentials.unread() {
        credentials.problem(format!("`{kind}` is not supported: use `bearer` or `client_tls`"));
    }
    if bearer.is_present() {
        let mut bearer = bearer.mapping();
        let token = bearer.nullable("token").string();
        let path = bearer.nullable("token_path").string();
        let scheme = bearer.nullable("scheme");
        if scheme.is_present() && scheme.text().is_none_or(|scheme| scheme != "Bearer") {
            scheme.problem("only `Bearer` is supported");
        }
        return match (token, path) {
            (Some(token), None) => Some(Some(Credentials::Bearer(token))),
            (None, Some(path)) => Some(Some(Credentials::BearerFile(path.into()))),
            _ => {
                bearer.problem("needs one of `token` and `token_path`");
                None
            }
        };
    }
    if tls.is_present() {
        let mut tls = tls.mapping();
        let certificate = tls.required("cert").string();
        let key = tls.required("private_key").string();
        for other in tls.unread() {
            tls.problem(format!("`{other}` is not supported: use `cert` and a `private_key` without a passphrase"));
        }
        return Some(Some(Credentials::Tls { certificate: certificate?.into(), key: key?.into() }));
    }
    Some(None)
}
