//! Waiting for what will happen, and no longer than a loaded machine may need.

use std::time::{Duration, Instant};

/// Asks `probe` until it has an answer.
pub(crate) async fn until<T, F>(what: &str, mut probe: impl FnMut() -> F) -> T
where
    F: Future<Output = Option<T>>,
{
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = probe().await {
            return found;
        }
        assert!(Instant::now() < end, "{what} did not happen within {} s", PATIENCE.as_secs());
        tokio::time::sleep(PAUSE).await;
    }
}

const PATIENCE: Duration = Duration::from_secs(20);
const PAUSE: Duration = Duration::from_millis(5);
