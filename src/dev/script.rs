//! The story that a playground tells of itself: each step is a real call, held against the answer it should get.

use std::{
    fmt, fs,
    path::PathBuf,
    time::{Duration, Instant},
};

use http::Method;

use super::{ALLOWED, Answer, Call, Connection, Error, Folder, Playground, files, spiffe_id};
use crate::clock::Timestamp;

/// One step, told.
#[derive(Clone, Debug)]
pub struct Told {
    /// What it shows.
    pub title: &'static str,
    /// What was tried.
    pub tried: String,
    /// The outcome that it should have.
    pub expected: &'static str,
    /// The outcome that it had, or why it had none.
    pub got: String,
    /// The decision's id.
    pub decision: Option<String>,
}

impl Told {
    /// Whether the outcome is the expected one.
    pub fn passed(&self) -> bool {
        self.got == self.expected
    }
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = if self.passed() { "ok  " } else { "FAIL" };
        let Self { title, tried, expected, got, .. } = self;
        let decision = self.decision.as_deref().unwrap_or("none");
        write!(f, "{mark}  {title}: {tried} | expected {expected} | got {got} | decision {decision}")
    }
}

/// Tells the demo, one step after the other, to `tell`; `now` is the wall clock's time.
pub async fn demo(playground: &Playground, now: Timestamp, mut tell: impl FnMut(&Told)) -> Result<(), Error> {
    let place = playground.record().place("payments")?;
    let payments = spiffe_id("payments")?;
    let miswired = place.miswired.ok_or_else(|| Error::NotMiswired("payments".to_owned()))?;
    let orders = playground.folder().caller("orders")?;
    let web = playground.folder().caller("web")?;
    let charge = Call::new("orders", "payments", "/charge?amount=100").method(Method::POST).purpose("checkout");

    // Opened first, so that its end is near when the rest has been told.
    let brief = playground.caller("orders", now, now.after(BRIEF))?;
    let mut brief = brief.connect(place.inbound, &payments).await?;
    let mut inbound = orders.connect(place.inbound, &payments).await?;

    tell(&step("everything proved, granted and within policy", ALLOWED, &charge, &mut inbound).await);
    tell(&step("an SVID that is valid for two more seconds", ALLOWED, &charge, &mut brief).await);

    let call = Call { purpose: None, ..charge.clone() };
    tell(&step("no purpose", "purpose_missing", &call, &mut inbound).await);
    let call = charge.clone().purpose("support");
    tell(&step("a purpose that was not granted", "grant_missing", &call, &mut inbound).await);
    let call = charge.clone().purpose("marketing");
    tell(&step("a purpose that nobody defined", "purpose_unknown", &call, &mut inbound).await);

    let mut wrong = orders.connect(miswired, &payments).await?;
    tell(&step("payments' Envoy asks orders' Hopguard", "audience_mismatch", &charge, &mut wrong).await);

    let mut from_web = web.connect(place.inbound, &payments).await?;
    let call = Call { from: "web".to_owned(), ..charge.clone() };
    tell(&step("a caller without a grant", "grant_missing", &call, &mut from_web).await);

    let dear = charge.clone().path("/charge?amount=5000");
    tell(&step("an amount over the policy's limit", "policy_denied", &dear, &mut inbound).await);
    tell(&edited(playground.folder(), &dear, &mut inbound).await?);

    tell(&until("that SVID is over, its connection still open", "peer_expired", &charge, &mut brief).await);
    Ok(())
}

/// Raises the policy's limit, waits for the answer to flip, and puts the policy back.
async fn edited(folder: &Folder, call: &Call, connection: &mut Connection) -> Result<Told, Error> {
    const TITLE: &str = "the same, the limit edited meanwhile";
    let edit = Edit::of(folder)?;
    if !edit.before.contains(LIMIT) {
        let got = format!("no `{LIMIT}` in `{}`", edit.path.display());
        return Ok(Told { title: TITLE, tried: tried(call), expected: ALLOWED, got, decision: None });
    }
    edit.write(&edit.before.replace(LIMIT, HIGHER_LIMIT))?;
    Ok(until(TITLE, ALLOWED, call, connection).await)
}

/// An edit of the policy that is undone when it is dropped.
struct Edit<'a> {
    folder: &'a Folder,
    path: PathBuf,
    before: String,
}

impl<'a> Edit<'a> {
    fn of(folder: &'a Folder) -> Result<Self, Error> {
        let path = folder.policy();
        let before = fs::read_to_string(&path).map_err(Error::file("read", &path))?;
        Ok(Self { folder, path, before })
    }

    fn write(&self, text: &str) -> Result<(), Error> {
        files::replace_from(self.folder.root(), &self.path, text.as_bytes(), 0o644)
    }
}

impl Drop for Edit<'_> {
    fn drop(&mut self) {
        if let Err(error) = self.write(&self.before) {
            tracing::error!(%error, "Could not put the policy back");
        }
    }
}

/// Makes one call, once.
async fn step(title: &'static str, expected: &'static str, call: &Call, connection: &mut Connection) -> Told {
    told(title, expected, call, call.send(connection).await)
}

/// Makes one call again and again until it has the expected outcome, or for [`FLIP_WITHIN`].
async fn until(title: &'static str, expected: &'static str, call: &Call, connection: &mut Connection) -> Told {
    let deadline = Instant::now() + FLIP_WITHIN;
    loop {
        let told = step(title, expected, call, connection).await;
        if told.passed() || Instant::now() > deadline {
            return told;
        }
        tokio::time::sleep(FLIP_EVERY).await;
    }
}

fn told(title: &'static str, expected: &'static str, call: &Call, answer: Result<Answer, Error>) -> Told {
    let (got, decision) = match answer {
        Ok(answer) => (answer.outcome().to_owned(), answer.decision().map(str::to_owned)),
        Err(error) => (error.to_string(), None),
    };
    Told { title, tried: tried(call), expected, got, decision }
}

fn tried(call: &Call) -> String {
    let Call { from, to, method, path, .. } = call;
    let purpose = call.purpose.as_deref().map(|purpose| format!(" for {purpose}")).unwrap_or_default();
    format!("{from} -> {to} {method} {path}{purpose}")
}

const BRIEF: Duration = Duration::from_secs(2);
const FLIP_WITHIN: Duration = Duration::from_secs(6);
const FLIP_EVERY: Duration = Duration::from_millis(50);
const LIMIT: &str = "limit := 1000\n";
const HIGHER_LIMIT: &str = "limit := 10000\n";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_one_line() {
        let call = Call::new("web", "payments", "/charge").purpose("checkout");
        let error = Error::NotRunning("here".into());
        let told = told("no grant", "grant_missing", &call, Err(error));
        assert!(!told.passed());
        let line = told.to_string();
        assert!(
            line.starts_with("FAIL  no grant: web -> payments GET /charge for checkout | expected grant_missing"),
            "{line}"
        );
        assert_eq!(line.lines().count(), 1);
    }

    #[test]
    fn an_edit_is_undone_whatever_happens() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::create(dir.path(), Timestamp::from_seconds(1_795_165_200)).unwrap();
        let before = fs::read_to_string(folder.policy()).unwrap();
        assert!(before.contains(LIMIT));
        let edit = Edit::of(&folder).unwrap();
        edit.write(&before.replace(LIMIT, HIGHER_LIMIT)).unwrap();
        assert_ne!(fs::read_to_string(folder.policy()).unwrap(), before);
        drop(edit);
        assert_eq!(fs::read_to_string(folder.policy()).unwrap(), before);
    }
}
