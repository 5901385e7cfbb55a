//! A task ends when it is told to, at a place where it waits; one that panics begins anew, and what it gave ages until then.

use std::{future::Future, time::Duration};

use tokio::{
    task::{JoinHandle, JoinSet},
    time::sleep,
};
use tokio_util::sync::CancellationToken;

/// A task on the feeds' own thread.
#[derive(Debug)]
pub(in crate::feed) struct Task {
    end: CancellationToken,
    handle: JoinHandle<()>,
}

impl Task {
    /// Starts what `work` makes. When that panics, whatever an answer did to its reader, `lost` is told why, and it is made again.
    pub(in crate::feed) fn start<W: Future<Output = ()> + 'static>(
        work: impl Fn() -> W + 'static,
        lost: impl Fn(&str) + 'static,
    ) -> Self {
        let end = CancellationToken::new();
        let ending = end.clone();
        let following = async move {
            loop {
                let mut task = JoinSet::new();
                task.spawn_local(work());
                match task.join_next().await {
                    Some(Err(error)) if error.is_panic() => tracing::error!("A feed panicked"),
                    _ => return,
                }
                lost("reading its answer failed");
                sleep(AFTER_PANIC).await;
            }
        };
        let handle =
            tokio::task::spawn_local(async move { ending.run_until_cancelled(following).await.unwrap_or_default() });
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

const AFTER_PANIC: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use std::{
        cell::{Cell, RefCell},
        rc::Rc,
    };

    use tokio::task::LocalSet;

    use super::*;

    #[test]
    fn what_panics_is_lost_and_begins_anew() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (begun, lost) = (Rc::new(Cell::new(0)), Rc::new(RefCell::new(Vec::new())));
        LocalSet::new().block_on(&runtime, async {
            let (counted, told) = (Rc::clone(&begun), Rc::clone(&lost));
            let work = move || {
                counted.set(counted.get() + 1);
                let turn = counted.get();
                async move { assert!(turn > 1, "the first one panics") }
            };
            let task = Task::start(work, move |why| told.borrow_mut().push(why.to_owned()));
            while task.is_running() {
                tokio::task::yield_now().await;
            }
            task.end().await;
        });
        assert_eq!((begun.get(), lost.take()), (2, vec!["reading its answer failed".to_owned()]));
    }
}
