//! One call from workload to workload: what is asked, and what the answer says.

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use serde::Deserialize;

use super::{Connection, Echo, Error};

/// What a workload asks of another.
#[derive(Clone, Debug)]
pub struct Call {
    /// The workload that calls.
    pub from: String,
    /// The workload that is called.
    pub to: String,
    /// The method.
    pub method: Method,
    /// The path, with its query.
    pub path: String,
    /// What the call is for.
    pub purpose: Option<String>,
    /// Further headers.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Bytes,
}

impl Call {
    /// A GET without a purpose.
    pub fn new(from: impl Into<String>, to: impl Into<String>, path: impl Into<String>) -> Self {
        Self {
            from: from.into(),
            to: to.into(),
            method: Method::GET,
            path: path.into(),
            purpose: None,
            headers: Vec::new(),
            body: Bytes::new(),
        }
    }

    /// The same call, by another method.
    pub fn method(self, method: Method) -> Self {
        Self { method, ..self }
    }

    /// The same call, for a purpose.
    pub fn purpose(self, purpose: impl Into<String>) -> Self {
        Self { purpose: Some(purpose.into()), ..self }
    }

    /// The same call, of another path.
    pub fn path(self, path: impl Into<String>) -> Self {
        Self { path: path.into(), ..self }
    }

    /// The call as HTTP.
    pub fn request(&self) -> Result<Request<Bytes>, Error> {
        let mut request = Request::builder().method(&self.method).uri(&self.path).header(header::HOST, &self.to);
        if let Some(purpose) = &self.purpose {
            request = request.header("x-hop-purpose", purpose);
        }
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        Ok(request.body(self.body.clone())?)
    }

    /// Makes the call.
    pub async fn send(&self, connection: &mut Connection) -> Result<Answer, Error> {
        Ok(Answer::read(&connection.send(self.request()?).await?))
    }
}

/// What came back.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: StatusCode,
    /// Who decided what.
    pub verdict: Verdict,
}

/// Who decided what about a call.
#[derive(Clone, Debug)]
pub enum Verdict {
    /// Hopguard let it through, and the workload answered.
    Allowed {
        /// The decision's id.
        decision: String,
        /// The grant that covered it.
        grant: Option<String>,
        /// What the workload was told.
        echo: Echo,
    },
    /// Hopguard refused it.
    Denied(Denied),
    /// Hopguard decided nothing: this is what came instead, in the words of Envoy or of a workload that nobody guards.
    Undecided(String),
}

/// The body of a denial under `response.reveal: full`; the caller gets less under the other settings.
#[derive(Clone, Debug, Deserialize)]
pub struct Denied {
    error: String,
    /// The decision's id.
    pub decision: String,
    /// The reason.
    #[serde(default)]
    pub reason: String,
    /// What lies below the reason.
    #[serde(default)]
    pub detail: Option<String>,
    /// The sentence for people.
    #[serde(default)]
    pub message: Option<String>,
}

impl Answer {
    /// Reads an answer that came through an Envoy.
    pub fn read(response: &Response<Bytes>) -> Self {
        Self { status: response.status(), verdict: verdict(response.body()) }
    }

    /// `allowed`, the reason of a denial, or `undecided`.
    pub fn outcome(&self) -> &str {
        match &self.verdict {
            Verdict::Allowed { .. } => ALLOWED,
            Verdict::Denied(denied) if denied.reason.is_empty() => "denied",
            Verdict::Denied(denied) => &denied.reason,
            Verdict::Undecided(_) => "undecided",
        }
    }

    /// The decision's id.
    pub fn decision(&self) -> Option<&str> {
        match &self.verdict {
            Verdict::Allowed { decision, .. } | Verdict::Denied(Denied { decision, .. }) => Some(decision),
            Verdict::Undecided(_) => None,
        }
    }
}

/// The outcome of an allow.
pub const ALLOWED: &str = "allowed";

fn verdict(body: &Bytes) -> Verdict {
    if let Ok(denied) = serde_json::from_slice::<Denied>(body)
        && denied.error == "hop_denied"
    {
        return Verdict::Denied(denied);
    }
    match serde_json::from_slice::<Echo>(body) {
        Ok(echo) => match echo.header("x-hopguard-decision").map(str::to_owned) {
            Some(decision) => {
                let grant = echo.header("x-hopguard-grant").map(str::to_owned);
                Verdict::Allowed { decision, grant, echo }
            }
            None => Verdict::Undecided("the workload answered, though no Hopguard decided".to_owned()),
        },
        Err(_) if body.is_empty() => Verdict::Undecided("Envoy answered itself, without a word".to_owned()),
        Err(_) => Verdict::Undecided(String::from_utf8_lossy(body).into_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> Answer {
        Answer::read(&Response::builder().status(status).body(Bytes::from(body.to_owned())).unwrap())
    }

    #[test]
    fn reads_a_denial_with_its_reason() {
        let denied = answer(
            403,
            r#"{"error":"hop_denied","decision":"d1","reason":"grant_missing","detail":"x","message":"no grant"}"#,
        );
        assert_eq!((denied.outcome(), denied.decision()), ("grant_missing", Some("d1")));
    }

    #[test]
    fn reads_a_denial_that_says_no_more() {
        let denied = answer(403, r#"{"error":"hop_denied","decision":"d1"}"#);
        assert_eq!((denied.outcome(), denied.decision()), ("denied", Some("d1")));
    }

    #[test]
    fn an_answer_is_allowed_only_with_a_decision() {
        let echo = r#"{"workload":"payments","method":"GET","path":"/","headers":{"x-hopguard-decision":["d1"]}}"#;
        assert_eq!(answer(200, echo).outcome(), ALLOWED);
        let unguarded = r#"{"workload":"payments","method":"GET","path":"/","headers":{}}"#;
        assert_eq!(answer(200, unguarded).outcome(), "undecided");
    }

    #[test]
    fn says_what_envoy_said() {
        let Verdict::Undecided(said) = answer(503, "upstream connect error").verdict else { panic!() };
        assert_eq!(said, "upstream connect error");
        assert_eq!(answer(503, "").outcome(), "undecided");
    }

    #[test]
    fn puts_the_call_into_http() {
        let call = Call::new("orders", "payments", "/charge?amount=5").method(Method::POST).purpose("checkout");
        let request = call.request().unwrap();
        assert_eq!(request.uri(), "/charge?amount=5");
        assert_eq!(request.headers()["x-hop-purpose"], "checkout");
        assert!(matches!(call.path("no path").request(), Err(Error::Request(_))));
    }
}
