//! A task ends when it is told to, at a place where it waits, and is waited for.

use std::future::Future;

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// A task on the feeds' own thread.
#[derive(Debug)]
pub(in crate::feed) struct Task {
    end: CancellationToken,
    handle: JoinHandle<()>,
}

impl Task {
    /// Starts it.
    pub(in crate::feed) fn start(work: impl Future<Output = ()> + 'static) -> Self {
        let end = CancellationToken::new();
        let ending = end.clone();
        let handle =
            tokio::task::spawn_local(async move { ending.run_until_cancelled(work).await.unwrap_or_default() });
        Self { end, handle }
    }

    /// Whether it has not come to an end by itself.
    pub(in crate::feed) fn is_running(&self) -> bool {
        !self.handle.is_finished()
    }

    /// Ends it.
    pub(in crate::feed) async fn end(self) {
        self.end.cancel();
        if self.handle.await.is_err() {
            tracing::error!("A feed panicked");
        }
    }
}
