//! Each bundle is followed by one task, which ends with it; a subscription that changed is another one.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use tokio::time::{sleep, timeout};

use super::{
    Offer, Origin, Poll, Shelf, Subscription,
    fetch::{Fetched, fetch},
    offer::sha256,
};
use crate::{
    clock::Timestamp,
    feed::{
        backoff::{self, Backoff},
        board::Board,
        https::{Tag, Task},
    },
};

/// The tasks of all bundles, by name.
#[derive(Debug, Default)]
pub(in crate::feed) struct Followers {
    tasks: BTreeMap<String, (Subscription, Task)>,
}

impl Followers {
    /// Follows `subscriptions` and no others.
    pub(in crate::feed) async fn follow(
        &mut self,
        board: &Arc<Board>,
        shelf: &Arc<Shelf>,
        subscriptions: Vec<Subscription>,
    ) {
        let mut wanted: BTreeMap<_, _> =
            subscriptions.into_iter().map(|subscription| (subscription.name.clone(), subscription)).collect();
        for (name, (subscription, task)) in std::mem::take(&mut self.tasks) {
            if wanted.get(&name) == Some(&subscription) && task.is_running() {
                wanted.remove(&name);
                self.tasks.insert(name, (subscription, task));
            } else {
                task.end().await;
            }
        }
        for (name, subscription) in wanted {
            if let Origin::Loopback(url) = &subscription.origin {
                tracing::warn!(bundle = name, %url, "Bundle is fetched in plain text, which whoever is on this machine may answer");
            }
            let task = follow(subscription.clone(), Arc::clone(board), Arc::clone(shelf));
            self.tasks.insert(name, (subscription, task));
        }
    }

    /// Ends all tasks.
    pub(in crate::feed) async fn end(self) {
        for (_, task) in self.tasks.into_values() {
            task.end().await;
        }
    }
}

fn follow(subscription: Subscription, board: Arc<Board>, shelf: Arc<Shelf>) -> Task {
    let (lost, told, known) = (subscription.clone(), Arc::clone(&board), Arc::clone(&shelf));
    let looking = move || look(subscription.clone(), Arc::clone(&board), Arc::clone(&shelf));
    Task::start(looking, move |why| {
        if known.lose(&lost, why.to_owned(), told.now()) {
            told.nudge();
        }
    })
}

/// What came of one look.
enum Outcome {
    /// The source was heard. `waits`: it holds back answers until there is news; `None`: it did not say.
    Heard { waits: Option<bool> },
    /// Nothing came, or nothing that reads.
    Failed,
}

/// Looks again and again.
async fn look(subscription: Subscription, board: Arc<Board>, shelf: Arc<Shelf>) {
    let mut backoff = Backoff::new(FIRST_RETRY, subscription.poll.max.clamp(FIRST_RETRY, LAST_RETRY));
    // Whoever says that it waits, and answers at once again and again, is asked less and less often.
    let mut hasty = Backoff::new(FIRST_RETRY, subscription.poll.max.max(FIRST_RETRY));
    let mut waits = false;
    // Whoever has none yet serves nobody; the others need not all come at once.
    sleep(if shelf.is_known(&subscription) { share(FIRST_LOOK) } else { Duration::ZERO }).await;
    loop {
        let began = Instant::now();
        let wait = match once(&subscription, &board, &shelf).await {
            Outcome::Heard { waits: says } => {
                waits = says.unwrap_or(waits);
                backoff.reset();
                match (&subscription.origin, subscription.long_poll) {
                    (Origin::File(_), _) => LOOK,
                    (_, Some(_)) if waits && began.elapsed() < BRIEF => hasty.next(),
                    (_, Some(_)) if waits => {
                        hasty.reset();
                        BREATH
                    }
                    _ => {
                        let Poll { min, max } = subscription.poll;
                        min.saturating_add(share(max.saturating_sub(min)))
                    }
                }
            }
            Outcome::Failed => backoff.next(),
        };
        sleep(wait).await;
    }
}

/// Looks once.
async fn once(subscription: &Subscription, board: &Board, shelf: &Arc<Shelf>) -> Outcome {
    let Subscription { name, origin, .. } = subscription;
    let now = board.now();
    let (outcome, is_news) = match fetch(subscription, shelf.tag(subscription), now).await {
        Ok(Fetched::Unchanged) => (Outcome::Heard { waits: None }, shelf.confirm(subscription, board.now())),
        Ok(Fetched::Content { bytes, tag, waits }) => {
            let (heard, is_news) = take(subscription, bytes, tag, board, shelf).await;
            (if heard { Outcome::Heard { waits: Some(waits) } } else { Outcome::Failed }, is_news)
        }
        Err(error) => {
            let is_news = shelf.lose(subscription, error.to_string(), board.now());
            if is_news {
                tracing::warn!(bundle = name, %origin, %error, "Bundle not fetched");
            }
            (Outcome::Failed, is_news)
        }
    };
    if is_news {
        board.nudge();
    }
    outcome
}

/// Takes in what came. Says whether it reads, and whether that is news.
async fn take(
    subscription: &Subscription,
    bytes: Bytes,
    tag: Option<Tag>,
    board: &Board,
    shelf: &Arc<Shelf>,
) -> (bool, bool) {
    let digest = match digest(bytes.clone()).await {
        Ok(digest) => digest,
        Err(message) => return (false, shelf.lose(subscription, message, board.now())),
    };
    // A tag is what a server says; the bytes are what counts.
    if shelf.is_there(subscription, &digest, &tag) {
        return (true, shelf.confirm(subscription, board.now()));
    }
    match read(subscription.clone(), bytes, board.now()).await {
        Ok(offer) => {
            tracing::debug!(bundle = subscription.name, digest, revision = offer.order().revision, "Bundle fetched");
            (true, shelf.offer(subscription, offer, tag, board.now()))
        }
        Err(message) => (false, shelf.refuse(subscription, &digest, message, board.now())),
    }
}

async fn digest(bytes: Bytes) -> Result<String, String> {
    tokio::task::spawn_blocking(move || sha256(&bytes)).await.map_err(|_| "reading it failed".to_owned())
}

/// Reads a bundle where that holds up nobody else.
async fn read(subscription: Subscription, bytes: Bytes, now: Timestamp) -> Result<Arc<Offer>, String> {
    let reading = tokio::task::spawn_blocking(move || Offer::read(&subscription, bytes, false, now));
    match timeout(READING, reading).await {
        Ok(Ok(read)) => read.map_err(|error| error.to_string()),
        Ok(Err(_)) => Err("reading it failed".to_owned()),
        Err(_) => Err(format!("reading it takes longer than {} s", READING.as_secs())),
    }
}

/// Any part of `span`.
fn share(span: Duration) -> Duration {
    span.mul_f64(f64::from(backoff::random()) / f64::from(u32::MAX))
}

const FIRST_RETRY: Duration = Duration::from_millis(500);
const LAST_RETRY: Duration = Duration::from_secs(300);
const FIRST_LOOK: Duration = Duration::from_secs(1);
/// How often a file is looked at.
const LOOK: Duration = Duration::from_millis(500);
/// Between two questions to a server that waits for news.
const BREATH: Duration = Duration::from_millis(50);
/// An answer that took less did not wait.
const BRIEF: Duration = Duration::from_millis(250);
const READING: Duration = Duration::from_secs(60);
