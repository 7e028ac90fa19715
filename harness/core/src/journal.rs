//! The journal: what the harness did, apart from what its probes saw. Detectors
//! never see it.

use std::{
    fs::File,
    io::Write,
    path::Path,
    sync::{Mutex, PoisonError},
};

use serde::{Deserialize, Serialize};

use crate::{
    Error, Result,
    probe::{Clock, Moment},
};

/// One event of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// When it was noted.
    pub at: Moment,
    /// What kind of event: `phase`, `fault`, `heal`, `step`, `judge`, …
    pub kind: String,
    /// What happened.
    pub text: String,
}

impl Event {
    /// What it is about: the text up to its first colon.
    pub fn subject(&self) -> &str {
        self.text.split_once(": ").map_or(&self.text, |(subject, _)| subject)
    }
}

/// The events of one run, kept as JSON lines.
pub struct Journal {
    clock: Clock,
    kept: Mutex<(File, Vec<Event>)>,
}

impl Journal {
    /// An empty journal, kept at `path` too.
    ///
    /// # Errors
    /// [`Error::File`] if the file cannot be created.
    pub fn create(path: &Path, clock: Clock) -> Result<Self> {
        let file = File::create(path).map_err(Error::file("create", path))?;
        Ok(Self { clock, kept: Mutex::new((file, Vec::new())) })
    }

    /// Notes an event, for people and for the timeline.
    pub fn record(&self, kind: &str, text: impl AsRef<str>) {
        let event = Event { at: self.clock.now(), kind: kind.into(), text: text.as_ref().into() };
        tracing::debug!(kind, text = event.text);
        let line = serde_json::to_string(&event).unwrap_or_default();
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        // One write a line, unbuffered: a run that is killed keeps its journal.
        if let Err(error) = kept.0.write_all(format!("{line}\n").as_bytes()) {
            tracing::warn!(%error, "an event could not be kept");
        }
        kept.1.push(event);
    }

    /// All events so far.
    pub fn events(&self) -> Vec<Event> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).1.clone()
    }
}
