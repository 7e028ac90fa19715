//! A lab: everything that belongs to one run of one scenario. It needs no Docker.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::{
    contract::{Proof, Step},
    metrics::Recording,
    score::Score,
};
use reenact_core::{
    Error, Result,
    detect::{self, Board, Episode},
    journal::Journal,
    metrics::Phase,
    probe::{Clock, Moment, StateChange, Stream},
    workload::Ledger,
};
use reenact_testbed::Testbed;

/// How a scenario is to be run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// Every random choice of the run is drawn from it.
    pub seed: u64,
    /// Also the controls, the wrong runbooks, and kills after each step.
    pub full: bool,
    /// The no-fault control: the faults themselves are left out, and the run must come to
    /// nothing.
    pub no_fault: bool,
    /// Also what a Prometheus would scrape; what is broken is held for a while then.
    pub metrics: bool,
}

/// One run of one scenario; cheap to clone.
#[derive(Clone)]
pub struct Lab(Arc<Inner>);

struct Inner {
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
    metrics: Mutex<Option<Recording>>,
}

impl Lab {
    /// Makes the run's folder. `id` labels all that the run makes; `expected` are the
    /// detectors that may fire.
    ///
    /// # Errors
    /// [`Error::File`] if the folder cannot be made.
    pub fn open(dir: PathBuf, id: String, plan: Plan, expected: Vec<&'static str>) -> Result<Self> {
        fs::create_dir_all(&dir).map_err(Error::file("create", &dir))?;
        let clock = Clock::start();
        let board = Arc::new(Mutex::new(Board::new(detect::all())));
        let seen = Arc::clone(&board);
        let listener = Box::new(move |observation: &_| {
            lock(&seen).observe(observation);
        });
        Ok(Self(Arc::new(Inner {
            id,
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
            metrics: Mutex::default(),
        })))
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
    pub fn record(&self, kind: &str, text: impl AsRef<str>) {
        self.0.journal.record(kind, text);
    }

    /// Says what is going on now, to those who watch and in the journal.
    pub fn phase(&self, what: impl AsRef<str>) {
        self.record("phase", what.as_ref());
        what.as_ref().clone_into(&mut lock(&self.0.phase));
    }

    /// What is going on now.
    pub(crate) fn current_phase(&self) -> String {
        lock(&self.0.phase).clone()
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

    /// Says which step of the contract begins.
    pub(crate) fn begins(&self, step: Step) {
        self.score(|score| score.step = Some(step));
    }

    /// Puts down that a step is proved; nothing takes that back.
    pub(crate) fn proved(&self, step: Step) {
        self.score(|score| _ = score.contract.insert(step, Proof::Proved));
    }

    /// Puts down why a step is not tried, unless another act has proved it.
    pub(crate) fn left_out(&self, step: Step, why: &str) {
        self.score(|score| _ = score.contract.entry(step).or_insert_with(|| Proof::Reason(why.into())));
    }

    /// Holds that no step of the contract was skipped without a reason. The last one, the
    /// removal, is the caller's.
    pub(crate) fn nothing_skipped(&self) -> Result<()> {
        let contract = lock(&self.0.score).contract.clone();
        match Step::ALL.iter().find(|step| **step != Step::Clean && !contract.contains_key(step)) {
            None => Ok(()),
            Some(step) => Err(Error::Bug(format!("the step \"{step}\" was skipped without a reason"))),
        }
    }

    /// Takes the testbed into the run's care: its evidence is kept and it is removed
    /// however the run ends.
    pub fn adopt(&self, bed: &Testbed) {
        *lock(&self.0.bed) = Some(bed.clone());
    }

    /// The testbed, if one was taken into care.
    pub(crate) fn bed(&self) -> Option<Testbed> {
        lock(&self.0.bed).clone()
    }

    /// Takes a recording of the metrics into the run's care.
    pub(crate) fn record_metrics(&self, recording: Recording) {
        *lock(&self.0.metrics) = Some(recording);
    }

    /// Looks at the recording of the metrics, if there is one.
    pub(crate) fn metrics<T>(&self, look: impl FnOnce(&mut Recording) -> T) -> Option<T> {
        lock(&self.0.metrics).as_mut().map(look)
    }

    /// Says that a phase of the story begins, where metrics are recorded.
    pub(crate) fn enters(&self, phase: Phase) {
        if self.metrics(|recording| recording.enters(phase)) == Some(true) {
            self.record("story", phase.name());
        }
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

    /// The testbed, if it was taken into care and nobody took it out yet.
    pub(crate) fn take_bed(&self) -> Option<Testbed> {
        lock(&self.0.bed).take()
    }

    /// Closes the run's books: from here on nothing is seen. Gives the score, and the first
    /// thing that could not be kept. To be called however the run ended.
    pub fn close(&self) -> (Score, Result<()>) {
        // First, so that what is kept is what the detectors saw, and no more.
        let closed = self.0.stream.close(&self.0.dir.join("observations.jsonl"));
        let score = self.final_score();
        let states = self.keep_states();
        let saved = self.0.ledger.save(&self.0.dir.join("ledger.jsonl"));
        let saved = saved.and(self.0.ledger.save_history(&self.0.dir.join("history.jsonl")));
        let metrics = lock(&self.0.metrics).take().map_or(Ok(()), Recording::end);
        (score, closed.and(saved).and(states).and(metrics))
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
        let line = |turn: &StateChange| serde_json::to_string(turn).unwrap_or_default() + "\n";
        let states: String = self.0.stream.turns().iter().map(line).collect();
        let path = self.0.dir.join("states.jsonl");
        fs::write(&path, states).map_err(Error::file("write", path))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
