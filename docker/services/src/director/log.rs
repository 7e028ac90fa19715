//! A task's debug log, in the real director's format:
//! `D, [2026-11-20T09:15:26.344252 #14640] [task:100] DEBUG -- DirectorJobRunner: …`.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::clock::{self, Clock};
use super::error::{During as _, Result};

/// Where lines go, under the name of the thread that writes them.
#[derive(Debug, Clone)]
pub struct Logger {
    sink: Sink,
    thread: String,
}

#[derive(Debug, Clone)]
enum Sink {
    /// The API and the workers: nobody reads their statements.
    Nowhere,
    Debug {
        file: Arc<File>,
        clock: Clock,
    },
}

impl Logger {
    /// Drops everything.
    pub fn nowhere() -> Self {
        Self { sink: Sink::Nowhere, thread: String::new() }
    }

    /// Appends to `path`.
    ///
    /// # Errors
    /// When the file can't be opened.
    pub fn to_file(path: &Path, clock: Clock) -> Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(path);
        let file = file.during(|| format!("cannot open the debug log {}", path.display()))?;
        Ok(Self { sink: Sink::Debug { file: Arc::new(file), clock }, thread: String::new() })
    }

    /// The same log, under another thread's name.
    pub fn in_thread(&self, name: impl Into<String>) -> Self {
        Self { sink: self.sink.clone(), thread: name.into() }
    }

    /// A line at DEBUG.
    pub fn debug(&self, message: impl AsRef<str>) {
        self.line('D', "DEBUG", message.as_ref());
    }

    /// A line at INFO.
    pub fn info(&self, message: impl AsRef<str>) {
        self.line('I', "INFO", message.as_ref());
    }

    /// A line at ERROR.
    pub fn error(&self, message: impl AsRef<str>) {
        self.line('E', "ERROR", message.as_ref());
    }

    /// A statement as Sequel logs it, with what it took and the connection's number.
    pub fn statement(&self, took: Duration, connection: u64, sql: &str) {
        self.debug(format!("({:.6}s) (conn: {connection}) {sql}", took.as_secs_f64()));
    }

    /// One write a line: the checkpoint, the renewal and the job share the file. A full disk loses lines, not the job.
    fn line(&self, letter: char, level: &str, message: &str) {
        let Sink::Debug { file, clock } = &self.sink else { return };
        let (at, pid, thread) = (clock::logged(clock.now()), std::process::id(), &self.thread);
        let line = format!("{letter}, [{at} #{pid}] [{thread}] {level:>5} -- DirectorJobRunner: {message}\n");
        let _ = (&**file).write_all(line.as_bytes());
    }
}
