//! The journal: what the harness did, apart from what its probes saw. Detectors
//! never see it.

use std::{
    fs::File,
    io::Write,
    path::Path,
    sync::{Mutex, PoisonError},
};

use serde::Serialize;

use crate::{
    Error, Result,
    probe::{Clock, Moment},
};

#[derive(Serialize)]
struct Note<'a> {
    at: Moment,
    kind: &'a str,
    text: &'a str,
}

/// The events of one run, kept as JSON lines.
pub struct Journal {
    clock: Clock,
    file: Mutex<File>,
}

impl Journal {
    pub(super) fn create(path: &Path, clock: Clock) -> Result<Self> {
        let file = File::create(path).map_err(Error::file("create", path))?;
        Ok(Self { clock, file: Mutex::new(file) })
    }

    /// Notes an event, for people and for the timeline.
    pub fn note(&self, kind: &str, text: impl AsRef<str>) {
        let note = Note { at: self.clock.now(), kind, text: text.as_ref() };
        tracing::debug!(kind, text = note.text);
        let line = serde_json::to_string(&note).unwrap_or_default();
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        // One write a line, unbuffered: a run that is killed keeps its journal.
        if let Err(error) = file.write_all(format!("{line}\n").as_bytes()) {
            tracing::warn!(%error, "an event could not be kept");
        }
    }
}
