//! A database and two replicas of a service on paper: what the probes would record of
//! them, at their real intervals, with jitter.

use std::collections::{BTreeSet, VecDeque};

use reenact::{
    detect::testing::{EPOCH_MS, Tape, World, error, hung, machine, on_tape, query, values},
    probe::{Answer, PortState, Signal, Tried},
};

/// The replicas' places in [`Sim::apps`].
pub const APP1: usize = 0;
pub const APP2: usize = 1;
pub const NAMES: [&str; 2] = ["app1", "app2"];
/// The connections of a worker that lost the database are tried again after this.
pub const RETRY: u64 = 200;

/// What each variant does with the work, and at SIGTERM.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Variant {
    Spawn,
    Queue,
    Tracker,
    Outbox,
    AckFirst,
    /// Spring's executors.
    Simple,
    Pool,
    Pool40,
    WaitNoAwait,
    AwaitOnly,
    WaitAwait,
}

pub use Variant::{AckFirst, AwaitOnly, Outbox, Pool, Pool40, Queue, Simple, Spawn, Tracker, WaitAwait, WaitNoAwait};

impl Variant {
    pub fn setting(self) -> &'static str {
        match self {
            Spawn => "variant=spawn",
            Queue => "variant=queue",
            Tracker => "variant=tracker",
            Outbox => "variant=outbox",
            AckFirst => "variant=ackfirst",
            Simple => "executor=simple",
            Pool | Pool40 => "executor=pool",
            WaitNoAwait => "executor=wait_no_await",
            AwaitOnly => "executor=await_only",
            WaitAwait => "executor=wait_await",
        }
    }

    pub fn is_spring(self) -> bool {
        matches!(self, Simple | Pool | Pool40 | WaitNoAwait | AwaitOnly | WaitAwait)
    }

    pub fn keeps_intents(self) -> bool {
        matches!(self, Outbox | AckFirst)
    }

    /// How many works may be in flight at once.
    pub fn workers(self) -> usize {
        match self {
            Spawn | Tracker | Simple => usize::MAX,
            Pool40 => 40,
            _ => 8,
        }
    }

    pub fn interrupts(self) -> bool {
        matches!(self, Pool | Pool40 | AwaitOnly)
    }

    pub fn waits(self) -> bool {
        matches!(self, Tracker | Outbox | AckFirst | WaitAwait)
    }
}

#[derive(Debug, Clone)]
pub struct Row {
    pub id: u64,
    pub is_order: bool,
    pub created: u64,
    pub app: usize,
    pub flag: bool,
    pub effects: u64,
}

/// How far a replica is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    Off,
    /// It listens from then on.
    Starting(u64),
    Up,
    /// Its requests end at the first moment, and its drain at the second.
    Stopping(u64, u64),
}

#[derive(Debug)]
pub struct App {
    pub phase: Phase,
    pub paused: bool,
    pub routed: bool,
    /// When SIGKILL comes.
    pub grace: Option<u64>,
    pub exit: Option<(i64, bool, u64)>,
    /// Works in flight, and when they end.
    pub works: Vec<(u64, u64)>,
    pub queue: VecDeque<u64>,
    /// No worker claims before then: it met an error.
    pub idle_until: u64,
    pub drained: bool,
    pub next_request: u64,
}

pub struct Sim {
    pub tape: Tape,
    pub variant: Variant,
    /// How long a work takes, between two requests of one replica, the limits.
    pub work: u64,
    pub every: u64,
    pub drain: u64,
    pub age_limit: u64,
    pub database: bool,
    /// Since when requests hang, with every replica.
    pub stalled: Option<u64>,
    /// Whether the services log their works one by one.
    pub logs_work: bool,
    /// Whether they log anything.
    pub logs: bool,
    pub rows: Vec<Row>,
    /// Intents that are open, and those that a worker of the outbox has.
    pub intents: BTreeSet<u64>,
    pub claimed: BTreeSet<u64>,
    pub apps: [App; 2],
}

on_tape!(Sim);

impl World for Sim {
    fn live(&mut self) {
        for app in [APP1, APP2] {
            self.act(app);
        }
        if self.looks("db", "reconcile", 250) {
            let answer = self.reconcile();
            self.emit("db", query("sql:reconcile", answer));
        }
        if self.looks("router", "write", 1_000) {
            let answer = self.tries();
            self.emit("router", query("request:write", answer));
        }
        if self.looks("db", "machine", 250) {
            self.emit("db", machine(true, false, None));
        }
        for (app, name) in NAMES.into_iter().enumerate() {
            let App { phase, paused, exit, .. } = self.apps[app];
            let running = phase != Phase::Off;
            if self.looks(name, "machine", 250) {
                self.emit(name, machine(running, paused, exit.filter(|_| !running)));
            }
            if self.looks(name, "metrics", 250) {
                let answer = self.metrics(app);
                self.emit(name, query("http:metrics", answer));
            }
            if self.looks(name, "port", 250) {
                let state = if phase == Phase::Up { PortState::Open } else { PortState::Closed };
                self.emit(name, Signal::Port { port: 8080, state });
            }
        }
    }
}

impl Sim {
    /// A service of which both replicas are up and have served for two seconds.
    pub fn healthy(variant: Variant, seed: u64) -> Self {
        Self::with(variant, seed, |_| {})
    }

    pub fn with(variant: Variant, seed: u64, set: impl FnOnce(&mut Self)) -> Self {
        let app = || App {
            phase: Phase::Off,
            paused: false,
            routed: true,
            grace: None,
            exit: None,
            works: Vec::new(),
            queue: VecDeque::new(),
            idle_until: 0,
            drained: false,
            next_request: 0,
        };
        let mut sim = Self {
            tape: Tape::new("shutdown/", seed),
            variant,
            work: if variant.workers() == 8 { 150 } else { 500 },
            every: 20,
            drain: 25_000,
            age_limit: 3_000,
            database: true,
            stalled: None,
            logs_work: true,
            logs: true,
            rows: Vec::new(),
            intents: BTreeSet::new(),
            claimed: BTreeSet::new(),
            apps: [app(), app()],
        };
        set(&mut sim);
        sim.start(APP1);
        sim.start(APP2);
        sim.run(if variant.is_spring() { 3_600 } else { 2_000 });
        sim
    }

    pub fn say(&mut self, app: usize, line: String) {
        if self.logs && (self.logs_work || !line.starts_with("work ")) {
            self.log(NAMES[app], &line);
        }
    }

    pub fn gauges(&self, app: usize) -> String {
        let app = &self.apps[app];
        format!("bg_inflight={} queued={} telemetry=3", app.works.len(), app.queue.len())
    }

    pub fn act(&mut self, app: usize) {
        let now = self.now;
        if self.apps[app].grace.is_some_and(|at| at <= now) {
            return self.kill(app, false);
        }
        if self.apps[app].paused {
            return;
        }
        match self.apps[app].phase {
            Phase::Off => return,
            Phase::Starting(at) if at <= now => {
                self.apps[app].phase = Phase::Up;
                self.apps[app].next_request = now;
                self.say(app, format!("started, {} port=8080 work_ms={}", self.variant.setting(), self.work));
            }
            Phase::Starting(_) => return,
            Phase::Up => self.serve(app),
            Phase::Stopping(..) => {}
        }
        self.end_works(app);
        self.begin_works(app);
        self.shut_down(app);
    }

    pub fn serve(&mut self, app: usize) {
        while self.apps[app].next_request <= self.now {
            self.apps[app].next_request += self.every;
            if !self.apps[app].routed || !self.database || self.stalled.is_some() {
                continue;
            }
            let id = self.rows.len() as u64;
            // Every ninth is telemetry or a draft, which nobody promised to flag.
            let is_order = id % 9 != 4;
            self.rows.push(Row { id, is_order, created: self.now, app, flag: false, effects: 0 });
            if !is_order {
                continue;
            }
            if self.variant.keeps_intents() {
                self.intents.insert(id);
            } else {
                self.apps[app].queue.push_back(id);
            }
        }
    }

    pub fn begin_works(&mut self, app: usize) {
        let stops = matches!(self.apps[app].phase, Phase::Stopping(..));
        while self.apps[app].works.len() < self.variant.workers() {
            let next = match self.variant {
                Outbox | AckFirst if stops || !self.database || self.apps[app].idle_until > self.now => None,
                Outbox => self.intents.iter().copied().find(|id| self.claimed.insert(*id)),
                AckFirst => self.intents.pop_first(),
                _ => self.apps[app].queue.pop_front(),
            };
            let Some(id) = next else { return };
            self.say(app, format!("work begun id={id}"));
            let ends = self.now + self.work;
            self.apps[app].works.push((id, ends));
        }
    }

    pub fn end_works(&mut self, app: usize) {
        let due: Vec<_> = self.apps[app].works.iter().filter(|(_, at)| *at <= self.now).map(|(id, _)| *id).collect();
        for id in due {
            if !self.database && self.variant == Tracker {
                self.say(app, format!("work retried id={id}: connection refused"));
                let next = self.now + RETRY;
                self.apps[app].works.iter_mut().filter(|work| work.0 == id).for_each(|work| work.1 = next);
                continue;
            }
            self.apps[app].works.retain(|work| work.0 != id);
            if self.database {
                self.say(app, format!("work done id={id}"));
                self.effect(id);
                self.intents.remove(&id);
            } else {
                self.say(app, format!("work failed id={id}: connection refused"));
                self.claimed.remove(&id);
                self.apps[app].idle_until = self.now + RETRY;
            }
        }
    }

    pub fn effect(&mut self, id: u64) {
        let row = &mut self.rows[id as usize];
        (row.flag, row.effects) = (true, row.effects + 1);
    }

    /// The signal that a stop begins with, and SIGKILL after the grace.
    pub fn sigterm(&mut self, app: usize, grace: u64) {
        let now = self.now;
        self.say(app, format!("graceful shutdown begins, {}", self.gauges(app)));
        self.apps[app].phase = Phase::Stopping(now + 30, now + self.drain);
        (self.apps[app].grace, self.apps[app].drained) = (Some(now + grace), false);
    }

    pub fn shut_down(&mut self, app: usize) {
        let Phase::Stopping(requests, limit) = self.apps[app].phase else { return };
        if self.now < requests {
            return;
        }
        if !self.apps[app].drained {
            self.apps[app].drained = true;
            self.say(app, format!("graceful shutdown complete (requests), {}", self.gauges(app)));
            if self.variant.interrupts() {
                for (id, _) in std::mem::take(&mut self.apps[app].works) {
                    let why = "java.lang.InterruptedException: sleep interrupted";
                    self.say(app, format!("work failed id={id}: {why}"));
                }
            }
        }
        let is_empty = self.apps[app].works.is_empty() && self.apps[app].queue.is_empty();
        if self.variant.waits() && !is_empty && self.now < limit {
            return;
        }
        let gauges = self.gauges(app);
        match self.variant {
            Spawn | Queue => {}
            Tracker | Outbox | AckFirst if is_empty => self.say(app, format!("drain complete, {gauges}")),
            Tracker | Outbox | AckFirst => self.say(app, format!("drain timed out after {} ms, {gauges}", self.drain)),
            _ => self.say(app, format!("context closed, {gauges}")),
        }
        self.end(app, if self.variant.is_spring() { 143 } else { 0 }, false);
    }

    pub fn kill(&mut self, app: usize, oom: bool) {
        self.end(app, 137, oom);
    }

    /// The machine ends; whoever had claimed something in the table has no more.
    pub fn end(&mut self, app: usize, code: i64, oom: bool) {
        let now = self.now;
        let app = &mut self.apps[app];
        (app.phase, app.grace, app.paused, app.exit) = (Phase::Off, None, false, Some((code, oom, now)));
        for (id, _) in std::mem::take(&mut app.works) {
            self.claimed.remove(&id);
        }
        app.queue.clear();
    }

    /// It starts, and ends by an error at once.
    pub fn fails_to_start(&mut self, app: usize, line: &str) {
        self.log(NAMES[app], line);
        self.end(app, 1, false);
    }

    pub fn start(&mut self, app: usize) {
        let takes = if self.variant.is_spring() { 1_600 } else { 100 };
        self.apps[app].phase = Phase::Starting(self.now + takes);
    }

    /// Executes the work of the rows that are overdue, but for those that somebody will
    /// execute still.
    pub fn replay(&mut self) {
        let is_held = |id: &u64| {
            self.intents.contains(id)
                || self.apps.iter().any(|app| app.queue.contains(id) || app.works.iter().any(|(work, _)| work == id))
        };
        let overdue =
            self.rows.iter().filter(|row| row.is_order && !row.flag && row.created + self.age_limit < self.now);
        let ids: Vec<_> = overdue.map(|row| row.id).filter(|id| !is_held(id)).collect();
        ids.into_iter().for_each(|id| self.effect(id));
    }

    pub fn lost(&self, app: usize) -> usize {
        self.rows.iter().filter(|row| row.app == app && row.is_order && !row.flag).count()
    }

    pub fn metrics(&self, app: usize) -> Answer {
        let app = &self.apps[app];
        match app.phase {
            Phase::Up if app.paused => hung("request"),
            Phase::Up => {
                values([("bg_inflight", app.works.len()), ("bg_queued", app.queue.len()), ("telemetry_inflight", 3)])
            }
            _ => Answer::Refused,
        }
    }

    /// What comes of a request that has no work.
    pub fn tries(&self) -> Answer {
        let tried = |done, ms| Answer::of(&Tried { done, ms, waits_for: "an answer to the request".into() });
        let is_ready = |app: &App| app.phase == Phase::Up && app.routed && !app.paused;
        match self.stalled {
            _ if !self.apps.iter().any(is_ready) => Answer::Refused,
            _ if !self.database => error("503", "the database does not answer"),
            Some(since) => tried(false, self.now - since),
            None => tried(true, 4),
        }
    }

    pub fn reconcile(&self) -> Answer {
        if !self.database {
            return Answer::Refused;
        }
        let duplicates = self.rows.iter().filter(|row| row.effects > 1).count() as i64;
        let now_ms = EPOCH_MS + self.now as i64;
        let mut said = vec![("now_ms".to_owned(), now_ms)];
        said.extend([("age_limit_ms".into(), self.age_limit as i64), ("duplicates".into(), duplicates)]);
        for (app, name) in NAMES.into_iter().enumerate() {
            let rows = self.rows.iter().filter(|row| row.app == app && row.is_order && !row.flag);
            let (overdue, young): (Vec<_>, Vec<_>) = rows.partition(|row| row.created + self.age_limit < self.now);
            if !overdue.is_empty() || !young.is_empty() {
                said.push((format!("{name}.overdue"), overdue.len() as i64));
                said.push((format!("{name}.young"), young.len() as i64));
            }
            if let (Some(first), Some(last)) = (overdue.first(), overdue.last()) {
                said.push((format!("{name}.first_ms"), EPOCH_MS + first.created as i64));
                said.push((format!("{name}.last_ms"), EPOCH_MS + last.created as i64));
            }
        }
        values(said)
    }
}
