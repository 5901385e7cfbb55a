//! Runs again whenever a file changes, until it is interrupted.

use std::{path::PathBuf, time::Duration};

use anyhow::Context;
use notify::{RecursiveMode, Watcher};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::mpsc,
};

use crate::cli::exit::Exit;

/// Runs `run` now and after each change below `paths`. Ends at SIGINT or SIGTERM with what the last run ended with.
pub(super) fn watch(paths: &[PathBuf], mut run: impl FnMut() -> anyhow::Result<Exit>) -> anyhow::Result<Exit> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let (changed, mut changes) = mpsc::channel(1);
        let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            // To read a file changes nothing; an error may hide a change.
            if event.is_ok_and(|event| event.kind.is_access()) {
                return;
            }
            // One word is as good as many.
            let _ = changed.try_send(());
        })
        .context("files cannot be watched")?;
        for path in paths {
            let mode = if path.is_dir() { RecursiveMode::Recursive } else { RecursiveMode::NonRecursive };
            // A file is replaced more often than it is written.
            let place = if path.is_dir() { path.clone() } else { parent(path) };
            watcher.watch(&place, mode).with_context(|| format!("{} cannot be watched", place.display()))?;
        }
        let mut interrupt = signal(SignalKind::interrupt()).context("SIGINT cannot be caught")?;
        let mut terminate = signal(SignalKind::terminate()).context("SIGTERM cannot be caught")?;
        loop {
            let ended = run()?;
            tokio::select! {
                _ = interrupt.recv() => return Ok(ended),
                _ = terminate.recv() => return Ok(ended),
                _ = changes.recv() => {}
            }
            // An editor writes several times.
            tokio::time::sleep(SETTLE).await;
            while changes.try_recv().is_ok() {}
        }
    })
}

fn parent(path: &std::path::Path) -> PathBuf {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    parent.map_or_else(|| PathBuf::from("."), std::path::Path::to_path_buf)
}

const SETTLE: Duration = Duration::from_millis(100);
