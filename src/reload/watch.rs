//! Notices that files change: by the kernel's word at once, by looking every second, and when told to.

use std::{
    collections::BTreeSet,
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
    sync::{Arc, mpsc},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use notify::{RecommendedWatcher, RecursiveMode, Watcher};

use super::{Loader, retire::Retired};
use crate::server::{Shared, Snapshot};

/// The thread that keeps the snapshot as the files are.
#[derive(Debug)]
pub struct Watch(JoinHandle<()>);

/// Wakes the thread.
#[derive(Clone, Debug)]
pub struct Nudge(mpsc::Sender<Word>);

/// What the thread is told, once it is there to hear.
#[derive(Debug)]
pub struct Words(mpsc::Receiver<Word>);

/// The one that asks for most comes last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Word {
    /// Something under a watched directory may have changed, which shows there.
    Changed,
    /// Something came over a network.
    News,
    /// Load everything again (SIGHUP).
    Reload,
    /// End.
    Stop,
}

impl Watch {
    /// Starts watching. The first snapshot is loaded on the new thread.
    ///
    /// # Errors
    /// If the thread cannot be started.
    pub fn start(loader: Loader, shared: Arc<Shared>, nudge: Nudge, words: Words) -> io::Result<Self> {
        let thread = std::thread::Builder::new()
            .name("reload".to_owned())
            .stack_size(STACK)
            .spawn(move || run(loader, &shared, &nudge.0, &words.0))?;
        Ok(Self(thread))
    }

    /// Waits for the thread's end, which a file that cannot be read to its end puts off for ever: it is left behind after `within`.
    pub fn finish(self, within: Duration) {
        let end = Instant::now() + within;
        while !self.0.is_finished() {
            if Instant::now() >= end {
                tracing::warn!("Reload thread did not end in time and is left behind");
                return;
            }
            std::thread::park_timeout(Duration::from_millis(1));
        }
        if self.0.join().is_err() {
            tracing::error!("Reload thread panicked");
        }
    }
}

impl Nudge {
    /// A way to tell a thread that is not there yet.
    pub fn new() -> (Self, Words) {
        let (sender, words) = mpsc::channel();
        (Self(sender), Words(words))
    }

    /// Loads what has changed, which something has that does not show in files.
    pub fn changed(&self) {
        self.say(Word::News);
    }

    /// Loads everything again, changed or not.
    pub fn reload(&self) {
        self.say(Word::Reload);
    }

    /// Ends the thread.
    pub fn stop(&self) {
        self.say(Word::Stop);
    }

    fn say(&self, word: Word) {
        if self.0.send(word).is_err() {
            tracing::debug!("Reload thread has ended already");
        }
    }
}

fn run(mut loader: Loader, shared: &Arc<Shared>, sender: &mpsc::Sender<Word>, words: &mpsc::Receiver<Word>) {
    let mut eyes = Eyes::open(sender.clone());
    let mut word = Some(Word::Reload);
    let mut retired = Retired::default();
    while word != Some(Word::Stop) {
        eyes.look_at(loader.directories());
        // What one set of files does to a reader must not end the reading of the next.
        let refreshed = catch_unwind(AssertUnwindSafe(|| {
            if word == Some(Word::News) {
                loader.hear();
            }
            loader.refresh(word == Some(Word::Reload), shared.clock.now())
        }));
        match refreshed {
            Ok(snapshot) => {
                retired.take(publish(snapshot, shared));
                loader.in_effect(shared.clock.now());
            }
            Err(_) => tracing::error!("Loading panicked: the last good snapshot stays"),
        }
        retired.sweep();
        word = if loader.is_behind() { Some(Word::Changed) } else { next(words) };
    }
}

/// Publishes a snapshot, and gives back the one before, which Checks under way may still hold.
fn publish(snapshot: Option<Snapshot>, shared: &Shared) -> Option<Arc<Snapshot>> {
    let snapshot = snapshot?;
    let revisions = Arc::clone(&snapshot.authorizer.revisions);
    let before = shared.snapshot.swap(Some(Arc::new(snapshot)));
    tracing::info!(
        revision = revisions.snapshot,
        trust = revisions.trust,
        store = revisions.store,
        policy = revisions.policy,
        config = revisions.config,
        "Snapshot swapped"
    );
    before
}

/// The next word, after what came with it has settled; `None` after a second of silence.
fn next(words: &mpsc::Receiver<Word>) -> Option<Word> {
    let mut word = match words.recv_timeout(LOOK) {
        Ok(word) => word,
        Err(mpsc::RecvTimeoutError::Timeout) => return None,
        Err(mpsc::RecvTimeoutError::Disconnected) => return Some(Word::Stop),
    };
    // An editor's save and a link swap are several events; whoever writes without a pause is not waited for.
    let end = Instant::now() + SETTLE_AT_MOST;
    while word != Word::Stop && Instant::now() < end {
        match words.recv_timeout(SETTLE) {
            Ok(more) => word = word.max(more),
            Err(_) => break,
        }
    }
    Some(word)
}

/// The kernel's watches. Without them the look every second remains.
struct Eyes {
    watcher: Option<RecommendedWatcher>,
    on: BTreeSet<PathBuf>,
}

impl Eyes {
    fn open(sender: mpsc::Sender<Word>) -> Self {
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            // Our own reading is no change.
            if event.is_ok_and(|event| !event.kind.is_access()) && sender.send(Word::Changed).is_err() {
                tracing::debug!("Files change while the reload thread ends");
            }
        });
        let watcher = watcher
            .inspect_err(|error| tracing::warn!(%error, "Files are not watched, only looked at every second"))
            .ok();
        Self { watcher, on: BTreeSet::new() }
    }

    fn look_at(&mut self, directories: BTreeSet<PathBuf>) {
        let Some(watcher) = &mut self.watcher else { return };
        for gone in self.on.difference(&directories) {
            if let Err(error) = watcher.unwatch(gone) {
                tracing::debug!(%error, directory = %gone.display(), "Directory was not watched");
            }
        }
        let mut on = BTreeSet::new();
        for directory in directories {
            // A directory that does not exist yet is tried again each time.
            if self.on.contains(&directory) || watcher.watch(&directory, RecursiveMode::NonRecursive).is_ok() {
                on.insert(directory);
            }
        }
        self.on = on;
    }
}

/// How often files are looked at without the kernel's word.
const LOOK: Duration = Duration::from_secs(1);
/// How long it must be quiet.
const SETTLE: Duration = Duration::from_millis(20);
/// How long quiet is waited for.
const SETTLE_AT_MOST: Duration = Duration::from_millis(200);
/// A new policy is evaluated here for the first time.
const STACK: usize = 16 * 1024 * 1024;
