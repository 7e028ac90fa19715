//! The ledger: what the clients were told of each write, and what they read.

use std::{
    collections::BTreeSet,
    fs::File,
    io::{BufWriter, Write as _},
    path::Path,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use reenact_history::{Action, History, Operation, Outcome};
use serde::{Deserialize, Serialize};

use super::{Seen, Write};
use crate::{
    Error, Result,
    probe::{Clock, Moment},
};

/// What a client knows of its write.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "ack", rename_all = "snake_case")]
pub enum Ack {
    /// Acknowledged: it must never be missing.
    Ok,
    /// It certainly did not happen: the request was never sent, or the system
    /// refused it before doing anything.
    Failed {
        /// The error.
        why: String,
    },
    /// It may or may not have happened. An error of a write is no proof that it did
    /// not: Galera was measured to answer 1180 for a write that did commit.
    Unknown {
        /// The error, or the time waited.
        why: String,
    },
}

/// One write and its fate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The write's id.
    pub id: u64,
    /// Who wrote.
    pub client: u32,
    /// What was written.
    pub value: u64,
    /// Where to.
    pub node: String,
    /// When it began.
    pub from: Moment,
    /// When the client knew.
    pub to: Moment,
    /// What it knew.
    pub ack: Ack,
}

/// One read that was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Read {
    /// The id of the write that was asked for.
    pub id: u64,
    /// Who read.
    pub client: u32,
    /// What was seen, and where.
    pub seen: Seen,
    /// When it began.
    pub from: Moment,
    /// When the client knew.
    pub to: Moment,
}

/// Every write of a run, in the order in which the clients knew of them, and every read.
#[derive(Debug)]
pub struct Ledger {
    clock: Clock,
    entries: Mutex<Vec<Entry>>,
    reads: Mutex<Vec<Read>>,
    in_flight: AtomicUsize,
}

impl Ledger {
    /// An empty one.
    pub fn new(clock: Clock) -> Self {
        Self { clock, entries: Mutex::default(), reads: Mutex::default(), in_flight: AtomicUsize::new(0) }
    }

    /// Counts a write, or a read, and gives the moment at which it begins; `None`, and nothing is
    /// counted, if it may not begin any more.
    ///
    /// It is counted first, and only then is looked whether it may begin: whoever closes
    /// the gate and then finds nothing in flight knows that nothing will be written. The
    /// other way round a client could be past the gate and not yet counted, and its write
    /// be judged lost.
    pub(super) fn begin(&self, may_begin: impl FnOnce() -> bool) -> Option<Moment> {
        self.in_flight.fetch_add(1, Ordering::SeqCst);
        if may_begin() {
            return Some(self.clock.now());
        }
        self.in_flight.fetch_sub(1, Ordering::SeqCst);
        None
    }

    pub(super) fn end(&self, from: Moment, node: &str, write: Write, ack: Ack) {
        let to = self.clock.now();
        let Write { id, client, value } = write;
        lock(&self.entries).push(Entry { id, client, value, node: node.into(), from, to, ack });
        self.in_flight.fetch_sub(1, Ordering::SeqCst);
    }

    /// Puts a read down, if it was answered.
    pub(super) fn end_read(&self, from: Moment, client: u32, of: Write, seen: Option<Seen>) {
        let to = self.clock.now();
        lock(&self.reads).extend(seen.map(|seen| Read { id: of.id, client, seen, from, to }));
        self.in_flight.fetch_sub(1, Ordering::SeqCst);
    }

    /// The write that ended last, or so many before it; the first one, if there are not so many.
    pub(super) fn newest(&self, back: usize) -> Option<Write> {
        self.read(|entries| {
            let entry = entries.get(entries.len().saturating_sub(1 + back))?;
            Some(Write { id: entry.id, client: entry.client, value: entry.value })
        })
    }

    /// How many writes and reads are under way.
    pub fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::SeqCst)
    }

    /// Reads the entries so far.
    pub fn read<T>(&self, look: impl FnOnce(&[Entry]) -> T) -> T {
        look(&lock(&self.entries))
    }

    /// How many writes were acknowledged.
    pub fn acknowledged(&self) -> usize {
        self.acknowledged_by(|_| true)
    }

    /// How many writes that fit were acknowledged.
    pub fn acknowledged_by(&self, fits: impl Fn(&Entry) -> bool) -> usize {
        self.read(|entries| entries.iter().filter(|entry| entry.ack == Ack::Ok && fits(entry)).count())
    }

    /// The reads, and the writes that they asked for. A key is a write's id: it is written once,
    /// and holds nothing before.
    ///
    /// # Errors
    /// [`Error::Bug`] if a client did two things at once.
    pub fn history(&self) -> Result<History> {
        let reads = lock(&self.reads).clone();
        let asked: BTreeSet<_> = reads.iter().map(|read| read.id).collect();
        let mut operations: Vec<_> = self
            .read(|entries| entries.iter().filter(|entry| asked.contains(&entry.id)).map(Operation::from).collect());
        operations.extend(reads.into_iter().map(Operation::from));
        operations.sort_by_key(|operation| (operation.from, operation.to));
        History::new(operations).map_err(|error| Error::Bug(format!("the clients' history: {error}")))
    }

    /// Keeps the history as JSON lines; without reads there is none.
    ///
    /// # Errors
    /// [`Error::File`] if it cannot be written; as [`Ledger::history`].
    pub fn save_history(&self, path: &Path) -> Result<()> {
        let history = self.history()?;
        if history.reads() == 0 {
            return Ok(());
        }
        let write = || history.to_json_lines(BufWriter::new(File::create(path)?));
        write().map_err(Error::file("write", path))
    }

    /// Keeps it as JSON lines.
    ///
    /// # Errors
    /// [`Error::File`] if it cannot be written.
    pub fn save(&self, path: &Path) -> Result<()> {
        let write = || -> std::io::Result<()> {
            let mut file = BufWriter::new(File::create(path)?);
            for entry in lock(&self.entries).iter() {
                serde_json::to_writer(&mut file, entry)?;
                file.write_all(b"\n")?;
            }
            file.flush()
        };
        write().map_err(Error::file("write", path))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl From<&Entry> for Operation {
    fn from(entry: &Entry) -> Self {
        let outcome = match entry.ack {
            Ack::Ok => Outcome::Ok,
            Ack::Failed { .. } => Outcome::Failed,
            Ack::Unknown { .. } => Outcome::Unknown,
        };
        let Entry { id, client, value, ref node, from, to, .. } = *entry;
        let (key, action) = (id.to_string(), Action::Write(value));
        Self { client, node: node.clone(), key, action, from: from.0, to: to.0, outcome }
    }
}

impl From<Read> for Operation {
    fn from(read: Read) -> Self {
        let Read { id, client, seen: Seen { node, value }, from, to } = read;
        let (key, action, outcome) = (id.to_string(), Action::Read(value), Outcome::Ok);
        Self { client, node, key, action, from: from.0, to: to.0, outcome }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whoever closes the gate while a client looks at it finds the client counted, and waits
    /// for it; whoever closes it before makes the client withdraw.
    #[test]
    fn a_client_is_counted_before_it_looks_at_the_gate() {
        let ledger = Ledger::new(Clock::start());
        for open in [false, true] {
            let mut seen = None;
            let begun = ledger.begin(|| {
                seen = Some(ledger.in_flight());
                open
            });
            assert_eq!(seen, Some(1), "it looks at the gate and is not counted");
            assert_eq!((begun.is_some(), ledger.in_flight()), (open, usize::from(open)));
        }
    }

    #[test]
    fn a_write_is_under_way_from_its_begin_to_its_end() {
        let ledger = Ledger::new(Clock::start());
        let from = ledger.begin(|| true).expect("the gate is open");
        assert_eq!(ledger.in_flight(), 1);
        ledger.end(from, "n1", Write { id: 1, client: 0, value: 7 }, Ack::Ok);
        assert_eq!((ledger.in_flight(), ledger.acknowledged()), (0, 1));
    }

    fn of(all: &[(u64, Ack)]) -> Ledger {
        let ledger = Ledger::new(Clock::start());
        for (id, ack) in all {
            let from = ledger.begin(|| true).expect("the gate is open");
            ledger.end(from, "n1", Write { id: *id, client: 0, value: 7 }, ack.clone());
        }
        ledger
    }

    fn each() -> Ledger {
        let why = || "why".to_owned();
        of(&[(1, Ack::Ok), (2, Ack::Unknown { why: why() }), (3, Ack::Failed { why: why() }), (4, Ack::Ok)])
    }

    #[test]
    fn only_what_was_acknowledged_counts_and_of_that_only_what_fits() {
        assert_eq!(each().acknowledged(), 2);
        assert_eq!(each().acknowledged_by(|entry| entry.id > 1), 1);
        assert_eq!(each().acknowledged_by(|entry| entry.id == 2), 0, "nobody knows of it");
    }

    #[test]
    fn it_is_kept_a_line_a_write() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("ledger.jsonl");
        each().save(&path).expect("it is kept");
        let text = std::fs::read_to_string(&path).expect("the file");
        let kept: Vec<Entry> = text.lines().map(|line| serde_json::from_str(line).expect("an entry")).collect();
        assert_eq!(kept, each_of(&kept), "as it was");
        assert!(matches!(each().save(folder.path()), Err(Error::File { .. })), "a folder is no file");
    }

    #[test]
    fn a_history_is_the_reads_and_the_writes_that_they_asked_for() {
        let (ledger, folder) = (each(), tempfile::tempdir().expect("a folder"));
        let path = folder.path().join("history.jsonl");
        ledger.save_history(&path).expect("there is none to keep");
        assert!(!path.exists(), "nobody read");
        let from = ledger.begin(|| true).expect("the gate is open");
        let seen = |value| Some(Seen { node: "n2".into(), value });
        for (id, seen) in [(2, seen(None)), (3, seen(Some(7))), (4, None)] {
            ledger.begin(|| true).expect("the gate is open");
            ledger.end_read(from, 1, Write { id, client: 0, value: 7 }, seen);
        }
        assert_eq!(ledger.in_flight(), 1, "that of the first moment");
        ledger.save_history(&path).expect("it is kept");
        let kept = History::from_json_lines(&std::fs::read_to_string(&path).expect("the file")).expect("a history");
        assert_eq!(kept, ledger.history().expect("a history"));
        let outcomes: Vec<_> = kept.operations().iter().map(|of| (&*of.key, of.action, of.outcome)).collect();
        for expected in [
            ("2", Action::Write(7), Outcome::Unknown),
            ("3", Action::Write(7), Outcome::Failed),
            ("2", Action::Read(None), Outcome::Ok),
            ("3", Action::Read(Some(7)), Outcome::Ok),
        ] {
            assert!(outcomes.contains(&expected), "no {expected:?} in {outcomes:?}");
        }
        assert_eq!(outcomes.len(), 4, "{outcomes:?}");
    }

    #[test]
    fn the_newest_write_is_the_one_that_ended_last() {
        let newest = |back| each().newest(back).map(|write| write.id);
        assert_eq!([0, 3, 9].map(newest), [Some(4), Some(1), Some(1)]);
        assert_eq!(of(&[]).newest(0), None);
    }

    /// The ids and fates of [`each`], at the moments at which these were written.
    fn each_of(kept: &[Entry]) -> Vec<Entry> {
        each().read(|all| {
            let at = |(entry, kept): (&Entry, &Entry)| Entry { from: kept.from, to: kept.to, ..entry.clone() };
            all.iter().zip(kept).map(at).collect()
        })
    }
}
