//! Who names the version that is there is told so, at once or when it asked to be told: what OPA's bundle service protocol asks of servers.

use std::{sync::Mutex, time::Duration};

use tokio::time::{Instant, timeout_at};

use super::{Reply, Shared, http, lock};

impl Reply {
    /// A policy bundle, by the name of its version.
    pub fn bundle(tag: &str, bundle: impl AsRef<[u8]>) -> Self {
        Self::versioned("application/gzip", tag, bundle.as_ref())
    }

    /// A policy bundle, from a server that waits for news where it is asked to.
    pub fn awaited_bundle(tag: &str, bundle: impl AsRef<[u8]>) -> Self {
        Self { waits: true, ..Self::versioned("application/vnd.openpolicyagent.bundles", tag, bundle.as_ref()) }
    }

    /// Gives it also to who knows its version.
    pub fn forget_tag(&mut self) {
        self.tag = None;
    }

    fn versioned(kind: &str, tag: &str, content: &[u8]) -> Self {
        let head = format!("content-type: {kind}\r\netag: {tag}\r\ncontent-length: {}\r\n", content.len());
        let reply = Self::raw([http("200 OK", &head).as_bytes(), content].concat());
        Self { tag: Some(tag.to_owned()), ..reply }
    }
}

/// What a request with this head is given.
pub(super) async fn reply(shared: &Mutex<Shared>, head: &str) -> Reply {
    let until = Instant::now() + wait(head);
    loop {
        let news = lock(shared).news.clone();
        // Listened for before it is looked, so that no news pass in between.
        let told = news.notified();
        let reply = lock(shared).reply.clone();
        let Some(tag) = reply.tag.as_deref().filter(|tag| field(head, "if-none-match") == Some(tag)) else {
            return reply;
        };
        if !reply.waits || timeout_at(until, told).await.is_err() {
            return Reply::status_with(304, &format!("etag: {tag}\r\n"));
        }
    }
}

/// How long whoever asks would wait for news.
fn wait(head: &str) -> Duration {
    let wait = field(head, "prefer").and_then(|prefer| prefer.rsplit("wait=").next()?.parse().ok());
    Duration::from_secs(wait.unwrap_or(0))
}

fn field<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}
