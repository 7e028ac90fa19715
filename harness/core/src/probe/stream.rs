//! The observation stream of one run: in memory for the detectors, on disk as
//! JSON lines for whoever reads the run's folder later.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{BufWriter, Write},
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Clock, Moment, Observation, Signal};
use crate::{Error, Result};

/// A change of a node's state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Turn {
    /// When it was noticed.
    pub at: Moment,
    /// Which node.
    pub node: String,
    /// Its state from then on, in a few words.
    pub state: String,
}

/// Called with every observation, in the stream's order.
type Listener = Box<dyn FnMut(&Observation) + Send>;

/// A run's observations, in the order in which they were made.
pub struct Stream {
    clock: Clock,
    inner: Mutex<Inner>,
}

struct Inner {
    observations: Vec<Observation>,
    file: BufWriter<File>,
    /// The first write that failed; told at [`Stream::close`].
    lost: Option<std::io::Error>,
    /// Whether the run is over: what is seen later is no part of it.
    closed: bool,
    listener: Listener,
    states: BTreeMap<String, String>,
    /// Each change of a node's state.
    turns: Vec<Turn>,
}

impl Stream {
    /// An empty stream, kept at `path` too.
    ///
    /// # Errors
    /// [`Error::File`] if the file cannot be created.
    pub fn create(path: &Path, clock: Clock, listener: Listener) -> Result<Self> {
        let file = BufWriter::new(File::create(path).map_err(Error::file("create", path))?);
        let (observations, states, turns) = Default::default();
        let inner = Inner { observations, file, lost: None, closed: false, listener, states, turns };
        Ok(Self { clock, inner: Mutex::new(inner) })
    }

    /// Stamps what a probe saw and passes it on; nothing, once the stream is closed.
    pub fn record(&self, node: &str, signal: Signal) {
        let mut inner = self.lock();
        if inner.closed {
            return;
        }
        // Stamped under the lock, so that the order of the stream is that of its moments.
        let observation = Observation { at: self.clock.now(), wall: Timestamp::now(), node: node.into(), signal };
        let written = serde_json::to_writer(&mut inner.file, &observation)
            .map_err(std::io::Error::from)
            .and_then(|()| inner.file.write_all(b"\n"));
        if let Err(error) = written {
            inner.lost.get_or_insert(error);
        }
        (inner.listener)(&observation);
        inner.observations.push(observation);
    }

    /// The run's present moment.
    pub fn now(&self) -> Moment {
        self.clock.now()
    }

    /// Reads all observations so far. Recording waits meanwhile: be quick.
    pub fn read<T>(&self, look: impl FnOnce(&[Observation]) -> T) -> T {
        look(&self.lock().observations)
    }

    /// Notes a node's state in a few words, for people who watch.
    pub fn set_state(&self, node: &str, state: String) {
        let mut inner = self.lock();
        if inner.states.get(node) != Some(&state) {
            inner.turns.push(Turn { at: self.clock.now(), node: node.into(), state: state.clone() });
            inner.states.insert(node.into(), state);
        }
    }

    /// Each change of a node's state, in order.
    pub fn turns(&self) -> Vec<Turn> {
        self.lock().turns.clone()
    }

    /// The nodes' states in a few words.
    pub fn states(&self) -> BTreeMap<String, String> {
        self.lock().states.clone()
    }

    /// Takes no more observations, and writes out what is buffered.
    ///
    /// # Errors
    /// [`Error::File`] if any observation could not be written.
    pub fn close(&self, path: &Path) -> Result<()> {
        let mut inner = self.lock();
        inner.closed = true;
        let flushed = inner.file.flush();
        inner.lost.take().map_or(flushed, Err).map_err(Error::file("write", path))
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
