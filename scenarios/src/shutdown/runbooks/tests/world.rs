//! A service as the runbooks meet it: replicas that run or do not, and a database that knows
//! the statements of these runbooks. A condition that it does not know is a panic, and not an
//! answer. `postgres.rs` holds its answers against a real PostgreSQL.

use std::{
    collections::BTreeMap,
    net::Ipv4Addr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use reenact::{
    Error, Result,
    probe::Clock,
    runbook::{Conclusion, Hands, Operator, Output, Runbook},
};
use tokio::time::Instant;

use super::tables::Tables;

/// What else happens, once, when its time has come.
type Happening = Box<dyn FnOnce(&mut State) + Send>;

/// The world at a moment.
pub(super) struct State {
    pub(super) tables: Tables,
    /// The replicas that run, and since when, in milliseconds; negative: before the test.
    pub(super) up: BTreeMap<&'static str, i64>,
    /// Every change that was made: a replica that was started, a statement that writes.
    pub(super) changes: Vec<String>,
    /// What psql says to the statements that hold these words, instead of running them.
    pub(super) instead: Vec<(&'static str, Output)>,
    /// What happens at a time.
    timed: Vec<(i64, Happening)>,
    /// What happens just before a statement that holds these words.
    before: Vec<(&'static str, Happening)>,
    /// What a replica does with the tables when it starts.
    pub(super) on_start: fn(&mut Tables),
    began: Instant,
}

impl State {
    fn now(&self) -> i64 {
        self.began.elapsed().as_millis() as i64
    }

    /// Lets everything happen whose time has come.
    fn catch_up(&mut self) {
        let now = self.now();
        for (at, happens) in std::mem::take(&mut self.timed) {
            if at <= now { happens(self) } else { self.timed.push((at, happens)) }
        }
        self.tables.now = now;
    }

    fn psql(&mut self, sql: &str) -> Output {
        if let Some((_, said)) = self.instead.iter().find(|(words, _)| sql.contains(words)) {
            return said.clone();
        }
        for (words, happens) in std::mem::take(&mut self.before) {
            if sql.contains(words) { happens(self) } else { self.before.push((words, happens)) }
        }
        if sql.contains("UPDATE") {
            self.changes.push("replay".into());
        }
        Output { code: 0, text: self.tables.run(sql) }
    }

    /// As the kernel tells of a container's first process.
    fn first_process(&self, node: &str) -> String {
        let started = self.up[node];
        let uptime = 1_000_000 + self.now();
        let start = (1_000_000 + started) / 10;
        let zeros = "0 ".repeat(18);
        format!("{:.2} 5.00\n1 (a ) name) S {zeros}{start} 0 0", uptime as f64 / 1000.0)
    }
}

/// The same, shared by a test and its operator's hands.
#[derive(Clone)]
pub(super) struct World(Arc<Mutex<State>>);

impl World {
    /// These tables, and replicas that have run for an hour.
    pub(super) fn new(tables: Tables, up: &[&'static str]) -> Self {
        let up = up.iter().map(|&name| (name, -3_600_000)).collect();
        Self(Arc::new(Mutex::new(State {
            tables,
            up,
            changes: Vec::new(),
            instead: Vec::new(),
            timed: Vec::new(),
            before: Vec::new(),
            on_start: |_| (),
            began: Instant::now(),
        })))
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// This happens after so many milliseconds.
    pub(super) fn at(&self, ms: i64, happens: impl FnOnce(&mut State) + Send + 'static) {
        self.state().timed.push((ms, Box::new(happens)));
    }

    /// This happens just before the first statement that holds these words.
    pub(super) fn before(&self, words: &'static str, happens: impl FnOnce(&mut State) + Send + 'static) {
        self.state().before.push((words, Box::new(happens)));
    }

    /// Runs a runbook to its end, or until it is killed after so many steps.
    pub(super) async fn call(&self, runbook: &dyn Runbook, limit: Option<usize>) -> Result<Conclusion> {
        let folder = tempfile::tempdir().expect("a folder");
        let journal = reenact::journal::Journal::create(&folder.path().join("events.jsonl"), Clock::start());
        let journal = journal.expect("a journal");
        let operator = Operator::new(Box::new(self.clone()), &journal, limit);
        runbook.run(&operator).await
    }

    /// Lets all the time pass that anything still waits for.
    pub(super) async fn end(&self) {
        tokio::time::sleep(Duration::from_secs(3600)).await;
        self.state().catch_up();
    }

    /// How often each request took effect.
    pub(super) fn effects(&self) -> BTreeMap<i64, usize> {
        let mut counted = BTreeMap::new();
        for id in &self.state().tables.effects {
            *counted.entry(*id).or_default() += 1;
        }
        counted
    }
}

#[async_trait]
impl Hands for World {
    fn nodes(&self) -> Vec<&str> {
        vec!["db", "app1", "app2"]
    }

    fn ip(&self, _: &str) -> Result<Ipv4Addr> {
        Ok(Ipv4Addr::LOCALHOST)
    }

    async fn is_up(&self, node: &str) -> Result<bool> {
        let mut state = self.state();
        state.catch_up();
        Ok(state.up.contains_key(node))
    }

    async fn power_on(&self, node: &str) -> Result<()> {
        let mut state = self.state();
        state.catch_up();
        let (name, now) = (["app1", "app2"].into_iter().find(|name| *name == node).expect("a replica"), state.now());
        state.up.insert(name, now);
        state.changes.push(format!("start {node}"));
        let work = state.on_start;
        work(&mut state.tables);
        Ok(())
    }

    async fn run(&self, node: &str, command: &[&str]) -> Result<Output> {
        let mut state = self.state();
        state.catch_up();
        match command {
            ["psql", .., "-v", "ON_ERROR_STOP=1", "-c", sql] if node == "db" => Ok(state.psql(sql)),
            ["cat", "/proc/uptime", "/proc/1/stat"] if state.up.contains_key(node) => {
                let instead = state.instead.iter().find(|(words, _)| *words == "/proc/1/stat");
                let said = instead.map(|(_, said)| said.clone());
                Ok(said.unwrap_or_else(|| Output { code: 0, text: state.first_process(node) }))
            }
            _ => Err(Error::failed(format!("{node} cannot run {command:?}"))),
        }
    }
}
