//! A lab: everything that belongs to one run of one scenario.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use crate::score::Score;
use reenact_core::{
    Error, Result,
    detect::{self, Board, Episode},
    journal::Journal,
    probe::{Clock, Moment, Stream, Turn},
    wait::{self, Look},
    workload::Ledger,
};
use reenact_testbed::{Session, Testbed};

/// How a scenario is to be run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// Every random choice of the run is drawn from it.
    pub seed: u64,
    /// Also the controls, the wrong runbooks, and kills after each step.
    pub full: bool,
    /// Leave the faults themselves out: the run must then come to nothing.
    pub sham: bool,
}

/// One run of one scenario; cheap to clone.
#[derive(Clone)]
pub struct Lab(Arc<Inner>);

struct Inner {
    session: Arc<Session>,
    id: String,
    dir: PathBuf,
    plan: Plan,
    expected: Vec<&'static str>,
    clock: Clock,
    stream: Arc<Stream>,
    board: Arc<Mutex<Board>>,
    journal: Journal,
    ledger: Arc<Ledger>,
    phase: Mutex<String>,
    score: Mutex<Score>,
    bed: Mutex<Option<Testbed>>,
}

impl Lab {
    /// Makes the run's folder `name` under the session's. `expected` are the
    /// detectors that may fire.
    ///
    /// # Errors
    /// [`Error::File`] if the folder cannot be made.
    pub fn open(session: &Arc<Session>, name: &str, plan: Plan, expected: Vec<&'static str>) -> Result<Self> {
        let dir = session.results().join(name);
        fs::create_dir_all(&dir).map_err(Error::file("create", &dir))?;
        let clock = Clock::start();
        let board = Arc::new(Mutex::new(Board::new(detect::all())));
        let seen = Arc::clone(&board);
        let listener = Box::new(move |observation: &_| {
            lock(&seen).observe(observation);
        });
        Ok(Self(Arc::new(Inner {
            session: Arc::clone(session),
            id: format!("{}-{}", name.replace(|c: char| !c.is_ascii_alphanumeric(), "-"), session.next()),
            stream: Arc::new(Stream::create(&dir.join("observations.jsonl"), clock, listener)?),
            journal: Journal::create(&dir.join("events.jsonl"), clock)?,
            dir,
            plan,
            expected,
            clock,
            board,
            ledger: Arc::new(Ledger::new(clock)),
            phase: Mutex::default(),
            score: Mutex::default(),
            bed: Mutex::default(),
        })))
    }

    /// The session that it belongs to.
    pub fn session(&self) -> &Arc<Session> {
        &self.0.session
    }

    /// Its id, which labels all that it makes.
    pub fn id(&self) -> &str {
        &self.0.id
    }

    /// The folder that it is kept in.
    pub fn dir(&self) -> &Path {
        &self.0.dir
    }

    /// How it is to be run.
    pub fn plan(&self) -> Plan {
        self.0.plan
    }

    /// The detectors that may fire: the incident's own, and those whose diagnosis
    /// is true as well.
    pub fn expected(&self) -> &[&'static str] {
        &self.0.expected
    }

    /// Its clock.
    pub fn clock(&self) -> Clock {
        self.0.clock
    }

    /// Its present moment.
    pub fn now(&self) -> Moment {
        self.0.clock.now()
    }

    /// What its probes see.
    pub fn stream(&self) -> &Arc<Stream> {
        &self.0.stream
    }

    /// What was done in it.
    pub fn journal(&self) -> &Journal {
        &self.0.journal
    }

    /// What the clients were told.
    pub fn ledger(&self) -> &Arc<Ledger> {
        &self.0.ledger
    }

    /// Notes an event.
    pub fn note(&self, kind: &str, text: impl AsRef<str>) {
        self.0.journal.note(kind, text);
    }

    /// Says what is going on now, to those who watch and in the journal.
    pub fn phase(&self, what: impl AsRef<str>) {
        self.note("phase", what.as_ref());
        what.as_ref().clone_into(&mut lock(&self.0.phase));
    }

    /// What is going on now, and each node's state, in one line.
    pub fn glance(&self) -> String {
        let states: Vec<_> =
            self.0.stream.states().into_iter().map(|(node, state)| format!("{node} {state}")).collect();
        format!("{}  [{}]", lock(&self.0.phase), states.join(", "))
    }

    /// Puts down a part of the score.
    pub fn score(&self, put: impl FnOnce(&mut Score)) {
        put(&mut lock(&self.0.score));
    }

    /// Every time that a detector fired so far.
    pub fn episodes(&self) -> Vec<Episode> {
        lock(&self.0.board).episodes().to_vec()
    }

    /// The detectors that fire now.
    pub fn firing(&self) -> Vec<&'static str> {
        lock(&self.0.board).firing().collect()
    }

    /// Takes the testbed into the run's care: its evidence is kept and it is removed
    /// however the run ends.
    pub fn adopt(&self, bed: &Testbed) {
        *lock(&self.0.bed) = Some(bed.clone());
    }

    /// Holds that no detector but the allowed ones ever fired.
    ///
    /// # Errors
    /// [`Error::Failed`] with the first one that did, and its evidence.
    pub fn no_false_alarm(&self, allowed: &[&str]) -> Result<()> {
        let alarm = self.episodes().into_iter().find(|episode| !allowed.contains(&episode.detector.as_str()));
        alarm.map_or(Ok(()), |Episode { detector, from, evidence, .. }| {
            Err(Error::failed(format!("false alarm: {detector} fired at {from}: {}", evidence.join("; "))))
        })
    }

    /// Watches for `time` and stops at the first false alarm.
    pub(super) async fn quiet_for(&self, time: Duration, allowed: &[&str]) -> Result<()> {
        let end = Instant::now() + time;
        while Instant::now() < end {
            self.no_false_alarm(allowed)?;
            tokio::time::sleep(wait::EVERY).await;
        }
        self.no_false_alarm(allowed)
    }

    /// Waits until no detector fires any more.
    pub(super) async fn falls_silent(&self, limit: Duration) -> Result<()> {
        wait::until("every detector to fall silent", limit, || async {
            let firing = self.firing();
            if firing.is_empty() { Look::Ready(()) } else { Look::NotYet(firing.join(", ")) }
        })
        .await
    }

    /// Ends the run: keeps the evidence, removes all that it made unless it is to be
    /// kept, and gives the score. To be called however the run ended.
    ///
    /// # Errors
    /// The first thing that could not be kept or removed, beside the score.
    pub async fn close(&self, keep: bool) -> (Score, Result<()>) {
        // First, so that what is kept is what the detectors saw, and no more.
        let closed = self.0.stream.close(&self.0.dir.join("observations.jsonl"));
        let score = self.final_score();
        let states = self.keep_states();
        self.phase("keep the evidence and clean up");
        let bed = lock(&self.0.bed).take();
        let kept = match bed {
            Some(bed) => bed.keep_evidence(&self.0.dir).await,
            None => Ok(()),
        };
        let removed = if keep { Ok(()) } else { Testbed::remove(&self.0.session, &self.0.id).await };
        let saved = self.0.ledger.save(&self.0.dir.join("ledger.jsonl"));
        (score, removed.and(closed).and(saved).and(kept).and(states))
    }

    fn final_score(&self) -> Score {
        let mut score = lock(&self.0.score).clone();
        score.expected = self.0.expected.iter().map(|id| (*id).to_owned()).collect();
        score.verdicts_of(&lock(&self.0.board));
        score.acked = self.0.ledger.acknowledged();
        score
    }

    /// Keeps the nodes' states, which no other file holds.
    fn keep_states(&self) -> Result<()> {
        let line = |turn: &Turn| serde_json::to_string(turn).unwrap_or_default() + "\n";
        let states: String = self.0.stream.turns().iter().map(line).collect();
        let path = self.0.dir.join("states.jsonl");
        fs::write(&path, states).map_err(Error::file("write", path))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
