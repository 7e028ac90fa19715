//! The observation stream of one run: in memory for the detectors, on disk as
//! JSON lines for whoever reads the run's folder later.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, BufWriter, Write},
    path::Path,
    sync::{
        Mutex, MutexGuard, PoisonError,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread::{self, JoinHandle},
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Clock, Moment, Observation, Signal};
use crate::{Error, Result};

/// How many observations of a run are kept in memory, some 300 bytes each: twenty times those
/// of the longest run that was measured. All that come are kept on disk and shown to the
/// detectors; but a run with more of them proves nothing, since those who read the stream
/// would not see its end.
pub const MOST: usize = 200_000;

/// How many lines may wait for the disk before those who record wait for it too.
const WAITING: usize = 4096;

/// A change of a node's state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateChange {
    /// When it was noticed.
    pub at: Moment,
    /// Which node.
    pub node: String,
    /// Its state from then on, in a few words.
    pub state: String,
}

/// One observation as JSON, with its line's end.
type Line = io::Result<Vec<u8>>;

/// Called with every observation, in the stream's order.
type Listener = Box<dyn FnMut(&Observation) + Send>;

/// A run's observations, in the order in which they were made.
///
/// What is done for each under one lock is what gives it its place: it gets its stamp, is
/// shown to the detectors, and kept. It becomes JSON before, and is written by a thread of its
/// own: neither a large mount table nor a slow disk keeps another probe waiting.
pub struct Stream {
    clock: Clock,
    most: usize,
    inner: Mutex<Inner>,
    people: Mutex<People>,
    writer: Mutex<Option<JoinHandle<io::Result<()>>>>,
}

struct Inner {
    observations: Vec<Observation>,
    /// How many came when there was no room for more.
    beyond: usize,
    /// To the thread that writes; `None`: the run is over, and what is seen later is no part
    /// of it.
    lines: Option<SyncSender<Line>>,
    listener: Listener,
}

/// What people who watch are told.
#[derive(Default)]
struct People {
    states: BTreeMap<String, String>,
    /// Each change of a node's state.
    turns: Vec<StateChange>,
}

/// The part of an observation that is known before it has its place.
#[derive(Serialize)]
struct Seen<'a> {
    node: &'a str,
    signal: &'a Signal,
}

/// The other part.
#[derive(Serialize)]
struct Stamps {
    at: Moment,
    wall: Timestamp,
}

impl Stream {
    /// An empty stream, kept at `path` too.
    ///
    /// # Errors
    /// [`Error::File`] if the file cannot be created, [`Error::Environment`] if there can be
    /// no thread to write it.
    pub fn create(path: &Path, clock: Clock, listener: Listener) -> Result<Self> {
        Self::of_at_most(MOST, path, clock, listener)
    }

    fn of_at_most(most: usize, path: &Path, clock: Clock, listener: Listener) -> Result<Self> {
        let file = File::create(path).map_err(Error::file("create", path))?;
        let (lines, written) = sync_channel(WAITING);
        let writer = thread::Builder::new().name("observations".into()).spawn(move || write_out(&written, file));
        let writer =
            writer.map_err(|error| Error::environment(format!("no thread: {error}"), "are threads allowed here?"))?;
        let inner = Inner { observations: Vec::new(), beyond: 0, lines: Some(lines), listener };
        let (inner, people, writer) = (Mutex::new(inner), Mutex::default(), Mutex::new(Some(writer)));
        Ok(Self { clock, most, inner, people, writer })
    }

    /// Stamps what a probe saw and passes it on; nothing, once the stream is closed.
    pub fn record(&self, node: &str, signal: Signal) {
        let seen = json(&Seen { node, signal: &signal });
        let mut inner = lock(&self.inner);
        let Inner { observations, beyond, lines: Some(lines), listener } = &mut *inner else { return };
        // Stamped under the lock, so that the order of the stream is that of its moments.
        let observation = Observation { at: self.clock.now(), wall: Timestamp::now(), node: node.into(), signal };
        let stamps = json(&Stamps { at: observation.at, wall: observation.wall });
        // It fails only when the thread has ended, and then the thread knows why.
        let _ = lines.send(joined(stamps, seen));
        listener(&observation);
        if observations.len() < self.most {
            observations.push(observation);
        } else {
            *beyond += 1;
        }
    }

    /// The run's present moment.
    pub fn now(&self) -> Moment {
        self.clock.now()
    }

    /// Reads all observations so far, up to [`MOST`]. Recording waits meanwhile: be quick.
    pub fn read<T>(&self, look: impl FnOnce(&[Observation]) -> T) -> T {
        look(&lock(&self.inner).observations)
    }

    /// Notes a node's state in a few words, for people who watch.
    pub fn set_state(&self, node: &str, state: String) {
        let mut people = lock(&self.people);
        if people.states.get(node) != Some(&state) {
            people.turns.push(StateChange { at: self.clock.now(), node: node.into(), state: state.clone() });
            people.states.insert(node.into(), state);
        }
    }

    /// Each change of a node's state, in order.
    pub fn turns(&self) -> Vec<StateChange> {
        lock(&self.people).turns.clone()
    }

    /// The nodes' states in a few words.
    pub fn states(&self) -> BTreeMap<String, String> {
        lock(&self.people).states.clone()
    }

    /// Takes no more observations, and waits until all are written.
    ///
    /// # Errors
    /// [`Error::File`] if any observation could not be written; [`Error::Inconclusive`] if
    /// there were more than [`MOST`].
    pub fn close(&self, path: &Path) -> Result<()> {
        let beyond = {
            let mut inner = lock(&self.inner);
            inner.lines = None;
            inner.beyond
        };
        if let Some(writer) = lock(&self.writer).take() {
            let written =
                writer.join().map_err(|_| Error::Bug("the thread that writes observations panicked".into()))?;
            written.map_err(Error::file("write", path))?;
        }
        match beyond {
            0 => Ok(()),
            _ => Err(Error::inconclusive(format!(
                "there were {beyond} observations more than the {} that are kept in memory: what was read of them is \
                 not the whole run",
                self.most
            ))),
        }
    }
}

/// Writes each line that comes, to the end of the run.
fn write_out(lines: &Receiver<Line>, file: File) -> io::Result<()> {
    let mut file = BufWriter::new(file);
    for line in lines {
        file.write_all(&line?)?;
    }
    file.flush()
}

fn json(part: &impl Serialize) -> Line {
    serde_json::to_vec(part).map_err(io::Error::from)
}

/// An observation's two parts as one object.
fn joined(stamps: Line, seen: Line) -> Line {
    let mut line = stamps?;
    line.pop();
    line.push(b',');
    line.extend_from_slice(&seen?[1..]);
    line.push(b'\n');
    Ok(line)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::{
        fs,
        io::Read,
        os::fd::AsRawFd,
        path::PathBuf,
        sync::{Arc, atomic::AtomicUsize, atomic::Ordering},
    };

    use super::*;

    fn line(text: impl Into<String>) -> Signal {
        Signal::Log { line: text.into() }
    }

    /// A stream of at most so many, and how often its listener was called.
    fn stream(most: usize, path: &Path) -> (Stream, Arc<AtomicUsize>) {
        let heard = Arc::new(AtomicUsize::new(0));
        let listener = Arc::clone(&heard);
        let listener = Box::new(move |_: &_| _ = listener.fetch_add(1, Ordering::SeqCst));
        (Stream::of_at_most(most, path, Clock::start(), listener).expect("a stream"), heard)
    }

    fn kept(path: &Path) -> Vec<Observation> {
        let text = fs::read_to_string(path).expect("the file");
        text.lines().map(|line| serde_json::from_str(line).expect("an observation")).collect()
    }

    fn folder() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("observations.jsonl");
        (folder, path)
    }

    #[test]
    fn what_is_written_is_what_was_seen_in_the_order_of_its_moments() {
        let (_folder, path) = folder();
        let (stream, heard) = stream(MOST, &path);
        thread::scope(|scope| {
            for probe in 0..8 {
                let stream = &stream;
                scope.spawn(move || (0..200).for_each(|look| stream.record("n1", line(format!("{probe} {look}\n\"")))));
            }
        });
        let seen = stream.read(<[_]>::to_vec);
        stream.close(&path).expect("all is written");
        assert_eq!((seen.len(), heard.load(Ordering::SeqCst)), (1600, 1600));
        assert_eq!(kept(&path), seen);
        assert!(seen.windows(2).all(|pair| pair[0].at <= pair[1].at));
    }

    #[test]
    fn a_line_is_the_observation_s_own_json() {
        let (_folder, path) = folder();
        let (stream, _) = stream(MOST, &path);
        stream.record("n1", line("x"));
        stream.close(&path).expect("it is written");
        let own = stream.read(|seen| serde_json::to_string(&seen[0]).expect("JSON"));
        assert_eq!(fs::read_to_string(&path).expect("the file"), own + "\n");
    }

    #[test]
    fn beyond_the_limit_all_is_written_and_shown_and_the_run_proves_nothing() {
        let (_folder, path) = folder();
        let (stream, heard) = stream(3, &path);
        (0..5).for_each(|look| stream.record("n1", line(look.to_string())));
        let told = stream.close(&path).expect_err("it was too much");
        assert!(matches!(told, Error::Inconclusive(_)), "{told}");
        assert!(told.to_string().contains("2 observations more than the 3"), "{told}");
        assert_eq!((stream.read(<[_]>::len), kept(&path).len(), heard.load(Ordering::SeqCst)), (3, 5, 5));
    }

    #[test]
    fn at_the_limit_nothing_is_wrong() {
        let (_folder, path) = folder();
        let (stream, _) = stream(3, &path);
        (0..3).for_each(|look| stream.record("n1", line(look.to_string())));
        stream.close(&path).expect("just enough");
        stream.record("n1", line("late"));
        assert_eq!((stream.read(<[_]>::len), kept(&path).len()), (3, 3), "what comes later is no part of it");
    }

    #[test]
    fn a_full_disk_is_told() {
        let path = Path::new("/dev/full");
        let (stream, _) = stream(MOST, path);
        stream.record("n1", line("x"));
        assert!(matches!(stream.close(path), Err(Error::File { .. })));
    }

    /// A pipe that nobody reads is a disk that hangs: it takes 64 KiB and then nothing.
    #[test]
    fn a_disk_that_hangs_keeps_no_probe_waiting() {
        let (mut reader, writer) = io::pipe().expect("a pipe");
        let path = PathBuf::from(format!("/proc/self/fd/{}", writer.as_raw_fd()));
        let (stream, heard) = stream(MOST, &path);
        drop(writer);
        let (text, lines) = ("x".repeat(200), 2000);
        (0..lines).for_each(|_| stream.record("n1", line(text.clone())));
        assert_eq!(heard.load(Ordering::SeqCst), lines, "all were shown while the disk hung");
        let read = thread::spawn(move || {
            let mut all = String::new();
            reader.read_to_string(&mut all).map(|_| all.lines().count())
        });
        stream.close(&path).expect("it is written after all");
        assert_eq!(read.join().expect("no panic").expect("the pipe"), lines);
    }
}
