//! A database and two replicas of a service on paper: what the probes would record of
//! them, at their real intervals, with jitter. No detector knows that it is not real.

mod diagnoses;
mod look_alikes;
mod margins;
mod others_streams;
mod properties;
mod variants;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Duration,
};

use reenact::{
    detect::Verdict,
    probe::{Answer, Moment, Observation, PortState, Signal},
};

use crate::verdicts::{fired_of, verdicts_of, wall};

/// The replicas' places in [`Sim::apps`].
const APP1: usize = 0;
const APP2: usize = 1;
const NAMES: [&str; 2] = ["app1", "app2"];
/// 2026-01-01, where the simulated clocks begin.
const EPOCH_MS: i64 = 1_767_225_600_000;
/// The connections of a worker that lost the database are tried again after this.
const RETRY: u64 = 200;

/// What each variant does with the work, and at SIGTERM.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Variant {
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

use Variant::{AckFirst, AwaitOnly, Outbox, Pool, Pool40, Queue, Simple, Spawn, Tracker, WaitAwait, WaitNoAwait};

impl Variant {
    fn setting(self) -> &'static str {
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

    fn is_spring(self) -> bool {
        matches!(self, Simple | Pool | Pool40 | WaitNoAwait | AwaitOnly | WaitAwait)
    }

    fn keeps_intents(self) -> bool {
        matches!(self, Outbox | AckFirst)
    }

    /// How many works may be in flight at once.
    fn workers(self) -> usize {
        match self {
            Spawn | Tracker | Simple => usize::MAX,
            Pool40 => 40,
            _ => 8,
        }
    }

    fn interrupts(self) -> bool {
        matches!(self, Pool | Pool40 | AwaitOnly)
    }

    fn waits(self) -> bool {
        matches!(self, Tracker | Outbox | AckFirst | WaitAwait)
    }
}

#[derive(Debug, Clone)]
struct Row {
    id: u64,
    is_order: bool,
    created: u64,
    app: usize,
    flag: bool,
    effects: u64,
}

/// How far a replica is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Off,
    /// It listens from then on.
    Starting(u64),
    Up,
    /// Its requests end at the first moment, and its drain at the second.
    Stopping(u64, u64),
}

#[derive(Debug)]
struct App {
    phase: Phase,
    paused: bool,
    routed: bool,
    /// When SIGKILL comes.
    grace: Option<u64>,
    exit: Option<(i64, bool, u64)>,
    /// Works in flight, and when they end.
    works: Vec<(u64, u64)>,
    queue: VecDeque<u64>,
    /// No worker claims before then: it met an error.
    idle_until: u64,
    drained: bool,
    next_request: u64,
    log_at: u64,
}

struct Sim {
    now: u64,
    random: u64,
    variant: Variant,
    /// How long a work takes, between two requests of one replica, the limits.
    work: u64,
    every: u64,
    drain: u64,
    age_limit: u64,
    database: bool,
    /// Whether the services log their works one by one.
    logs_work: bool,
    /// Whether they log anything.
    logs: bool,
    rows: Vec<Row>,
    /// Intents that are open, and those that a worker of the outbox has.
    intents: BTreeSet<u64>,
    claimed: BTreeSet<u64>,
    apps: [App; 2],
    due: BTreeMap<(usize, &'static str), u64>,
    seen: BTreeMap<(usize, &'static str), u64>,
    /// How many of a hundred looks are lost; never more than 1.2 s in a row.
    loss: u64,
    observations: Vec<Observation>,
}

impl Sim {
    /// A service of which both replicas are up and have served for two seconds.
    fn healthy(variant: Variant, seed: u64) -> Self {
        Self::with(variant, seed, |_| {})
    }

    fn with(variant: Variant, seed: u64, set: impl FnOnce(&mut Self)) -> Self {
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
            log_at: 0,
        };
        let mut sim = Self {
            now: 0,
            random: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
            variant,
            work: if variant.workers() == 8 { 150 } else { 500 },
            every: 20,
            drain: 25_000,
            age_limit: 3_000,
            database: true,
            logs_work: true,
            logs: true,
            rows: Vec::new(),
            intents: BTreeSet::new(),
            claimed: BTreeSet::new(),
            apps: [app(), app()],
            due: BTreeMap::new(),
            seen: BTreeMap::new(),
            loss: 0,
            observations: Vec::new(),
        };
        set(&mut sim);
        sim.start(APP1);
        sim.start(APP2);
        sim.run(if variant.is_spring() { 3_600 } else { 2_000 });
        sim
    }

    /// A number below `end`, or 0 if there is none.
    fn below(&mut self, end: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 16).checked_rem(end).unwrap_or(0)
    }

    fn emit_at(&mut self, at: u64, node: &str, signal: Signal) {
        let wall = wall(at).parse().expect("a moment");
        self.observations.push(Observation { at: Moment(at), wall, node: node.into(), signal });
    }

    fn emit(&mut self, node: &str, signal: Signal) {
        self.emit_at(self.now, node, signal);
    }

    /// A line is read a little later than it is written, and in order.
    fn log(&mut self, app: usize, line: String) {
        if !self.logs || (!self.logs_work && line.starts_with("work ")) {
            return;
        }
        let at = self.apps[app].log_at.max(self.now + self.below(60));
        self.apps[app].log_at = at;
        self.emit_at(at, NAMES[app], Signal::Log { line });
    }

    fn gauges(&self, app: usize) -> String {
        let app = &self.apps[app];
        format!("bg_inflight={} queued={} telemetry=3", app.works.len(), app.queue.len())
    }

    /// Lets time pass: the service works, and every probe looks as often as it would.
    fn run(&mut self, milliseconds: u64) {
        let end = self.now + milliseconds;
        while self.now < end {
            self.now += 10;
            for app in [APP1, APP2] {
                self.live(app);
            }
            for (app, probe) in [(2, "reconcile"), (2, "machine"), (0, "machine"), (1, "machine")].into_iter().chain([
                (0, "metrics"),
                (1, "metrics"),
                (0, "port"),
                (1, "port"),
            ]) {
                self.poll(app, probe);
            }
        }
    }

    fn live(&mut self, app: usize) {
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
                self.log(app, format!("started, {} port=8080 work_ms={}", self.variant.setting(), self.work));
            }
            Phase::Starting(_) => return,
            Phase::Up => self.serve(app),
            Phase::Stopping(..) => {}
        }
        self.end_works(app);
        self.begin_works(app);
        self.shut_down(app);
    }

    fn serve(&mut self, app: usize) {
        while self.apps[app].next_request <= self.now {
            self.apps[app].next_request += self.every;
            if !self.apps[app].routed || !self.database {
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

    fn begin_works(&mut self, app: usize) {
        let stops = matches!(self.apps[app].phase, Phase::Stopping(..));
        while self.apps[app].works.len() < self.variant.workers() {
            let next = match self.variant {
                Outbox | AckFirst if stops || !self.database || self.apps[app].idle_until > self.now => None,
                Outbox => self.intents.iter().copied().find(|id| self.claimed.insert(*id)),
                AckFirst => self.intents.pop_first(),
                _ => self.apps[app].queue.pop_front(),
            };
            let Some(id) = next else { return };
            self.log(app, format!("work begun id={id}"));
            let ends = self.now + self.work;
            self.apps[app].works.push((id, ends));
        }
    }

    fn end_works(&mut self, app: usize) {
        let due: Vec<_> = self.apps[app].works.iter().filter(|(_, at)| *at <= self.now).map(|(id, _)| *id).collect();
        for id in due {
            if !self.database && self.variant == Tracker {
                self.log(app, format!("work retried id={id}: connection refused"));
                let next = self.now + RETRY;
                self.apps[app].works.iter_mut().filter(|work| work.0 == id).for_each(|work| work.1 = next);
                continue;
            }
            self.apps[app].works.retain(|work| work.0 != id);
            if self.database {
                self.log(app, format!("work done id={id}"));
                self.effect(id);
                self.intents.remove(&id);
            } else {
                self.log(app, format!("work failed id={id}: connection refused"));
                self.claimed.remove(&id);
                self.apps[app].idle_until = self.now + RETRY;
            }
        }
    }

    fn effect(&mut self, id: u64) {
        let row = &mut self.rows[id as usize];
        (row.flag, row.effects) = (true, row.effects + 1);
    }

    /// The signal that a stop begins with, and SIGKILL after the grace.
    fn sigterm(&mut self, app: usize, grace: u64) {
        let now = self.now;
        self.log(app, format!("graceful shutdown begins, {}", self.gauges(app)));
        self.apps[app].phase = Phase::Stopping(now + 30, now + self.drain);
        (self.apps[app].grace, self.apps[app].drained) = (Some(now + grace), false);
    }

    fn shut_down(&mut self, app: usize) {
        let Phase::Stopping(requests, limit) = self.apps[app].phase else { return };
        if self.now < requests {
            return;
        }
        if !self.apps[app].drained {
            self.apps[app].drained = true;
            self.log(app, format!("graceful shutdown complete (requests), {}", self.gauges(app)));
            if self.variant.interrupts() {
                for (id, _) in std::mem::take(&mut self.apps[app].works) {
                    let why = "java.lang.InterruptedException: sleep interrupted";
                    self.log(app, format!("work failed id={id}: {why}"));
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
            Tracker | Outbox | AckFirst if is_empty => self.log(app, format!("drain complete, {gauges}")),
            Tracker | Outbox | AckFirst => self.log(app, format!("drain timed out after {} ms, {gauges}", self.drain)),
            _ => self.log(app, format!("context closed, {gauges}")),
        }
        self.end(app, if self.variant.is_spring() { 143 } else { 0 }, false);
    }

    fn kill(&mut self, app: usize, oom: bool) {
        self.end(app, 137, oom);
    }

    /// The machine ends; whoever had claimed something in the table has no more.
    fn end(&mut self, app: usize, code: i64, oom: bool) {
        let now = self.now;
        let app = &mut self.apps[app];
        (app.phase, app.grace, app.paused, app.exit) = (Phase::Off, None, false, Some((code, oom, now)));
        for (id, _) in std::mem::take(&mut app.works) {
            self.claimed.remove(&id);
        }
        app.queue.clear();
    }

    fn start(&mut self, app: usize) {
        let takes = if self.variant.is_spring() { 1_600 } else { 100 };
        self.apps[app].phase = Phase::Starting(self.now + takes);
    }

    /// Executes the work of the rows that are overdue, but for those that somebody will
    /// execute still.
    fn replay(&mut self) {
        let is_held = |id: &u64| {
            self.intents.contains(id)
                || self.apps.iter().any(|app| app.queue.contains(id) || app.works.iter().any(|(work, _)| work == id))
        };
        let overdue =
            self.rows.iter().filter(|row| row.is_order && !row.flag && row.created + self.age_limit < self.now);
        let ids: Vec<_> = overdue.map(|row| row.id).filter(|id| !is_held(id)).collect();
        ids.into_iter().for_each(|id| self.effect(id));
    }

    fn lost(&self, app: usize) -> usize {
        self.rows.iter().filter(|row| row.app == app && row.is_order && !row.flag).count()
    }

    fn poll(&mut self, app: usize, probe: &'static str) {
        if self.due.get(&(app, probe)).is_some_and(|due| *due > self.now) {
            return;
        }
        let jitter = self.below(60);
        self.due.insert((app, probe), self.now + 250 + jitter);
        // Whatever is lost, what is looked at next will be within 1.2 s.
        let last = self.seen.get(&(app, probe)).copied().unwrap_or_default();
        let bearable = self.now + 320 < last + 1_200;
        if self.below(100) >= self.loss || !bearable {
            self.seen.insert((app, probe), self.now);
            self.look(app, probe);
        }
    }

    fn look(&mut self, app: usize, probe: &str) {
        let node = NAMES.get(app).copied().unwrap_or("db");
        let signal = match probe {
            "machine" if app == 2 => machine(true, false, None),
            "machine" => {
                let app = &self.apps[app];
                let running = app.phase != Phase::Off;
                machine(running, app.paused, app.exit.filter(|_| !running))
            }
            "port" => {
                let open = matches!(self.apps[app].phase, Phase::Up);
                Signal::Port { port: 8080, state: if open { PortState::Open } else { PortState::Closed } }
            }
            "metrics" => Signal::Query { of: "http:metrics".into(), answer: self.metrics(app) },
            _ => Signal::Query { of: "sql:reconcile".into(), answer: self.reconcile() },
        };
        self.emit(node, signal);
    }

    fn metrics(&self, app: usize) -> Answer {
        let app = &self.apps[app];
        match app.phase {
            Phase::Up if app.paused => Answer::Hung { during: "request".into() },
            Phase::Up => values(&[
                ("bg_inflight", app.works.len() as i64),
                ("bg_queued", app.queue.len() as i64),
                ("telemetry_inflight", 3),
            ]),
            _ => Answer::Refused,
        }
    }

    fn reconcile(&self) -> Answer {
        if !self.database {
            return Answer::Refused;
        }
        let duplicates = self.rows.iter().filter(|row| row.effects > 1).count() as i64;
        let now_ms = EPOCH_MS + self.now as i64;
        let mut said = vec![
            ("now_ms".into(), now_ms),
            ("age_limit_ms".into(), self.age_limit as i64),
            ("duplicates".into(), duplicates),
        ];
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
        let said: Vec<_> = said.iter().map(|(name, value)| (name.as_str(), *value)).collect();
        values(&said)
    }

    /// The observations in their order, to the present moment.
    fn stream(&self) -> Vec<Observation> {
        let seen = self.observations.iter().filter(|seen| seen.at <= Moment(self.now));
        let mut stream: Vec<_> = seen.cloned().collect();
        stream.sort_by_key(|seen| seen.at);
        stream
    }

    fn fired(&self) -> BTreeMap<&'static str, (Moment, Vec<String>)> {
        fired(&self.stream())
    }

    /// Which detectors ever fire.
    fn diagnoses(&self) -> Vec<&'static str> {
        self.fired().into_keys().collect()
    }

    /// Which detectors fire at the end.
    fn firing(&self) -> Vec<&'static str> {
        let last = |(id, verdict)| matches!(verdict, Verdict::Fired { .. }).then_some(id);
        verdicts(&self.stream()).into_iter().filter_map(last).collect()
    }
}

/// A machine's state; `exit`: its code, whether for want of memory, and when.
fn machine(running: bool, paused: bool, exit: Option<(i64, bool, u64)>) -> Signal {
    Signal::Machine {
        running,
        paused,
        exit_code: exit.map(|(code, _, _)| code),
        oom_killed: exit.is_some_and(|(_, oom, _)| oom),
        finished: exit.map(|(_, _, at)| wall(at).parse().expect("a moment")),
    }
}

fn values(said: &[(&str, i64)]) -> Answer {
    Answer::Values { values: said.iter().map(|&(name, value)| (name.into(), value.to_string())).collect() }
}

/// The registered detectors, of every system, that ever fire over a stream: when first,
/// and with what evidence.
fn fired_of_all(stream: &[Observation]) -> BTreeMap<&'static str, (Moment, Vec<String>)> {
    fired_of(stream, "")
}

fn fired(stream: &[Observation]) -> BTreeMap<&'static str, (Moment, Vec<String>)> {
    fired_of(stream, "shutdown/")
}

/// Asserts that `id` fired between `after` and `within` milliseconds after `from`, with
/// each of `lines` in its evidence.
#[track_caller]
fn assert_fired(sim: &Sim, id: &str, from: u64, (after, within): (u64, u64), lines: &[&str]) {
    let fired = sim.fired();
    let (at, evidence) = fired.get(id).unwrap_or_else(|| panic!("{id} did not fire, but {fired:#?}"));
    let took = at.since(Moment(from));
    let range = Duration::from_millis(after)..=Duration::from_millis(within);
    assert!(range.contains(&took), "{id} fired {took:?} after {from} ms: {evidence:#?}");
    for line in lines {
        assert!(evidence.iter().any(|seen| seen.contains(line)), "no '{line}' in {evidence:#?}");
    }
}

/// What each detector of this folder says at the end of a stream.
fn verdicts(stream: &[Observation]) -> BTreeMap<&'static str, Verdict> {
    verdicts_of(stream, "shutdown/")
}
