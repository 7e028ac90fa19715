//! What holds of the lock whatever happens in whichever order: two claims, a Consul that
//! ends sessions as it may, requests and answers that are lost or late.

use std::time::Duration;

use proptest::prelude::*;
use tokio::time::Instant;

use super::{Event, Machine, News, Order, Renewal, Rules};
use crate::diego::consul::{Entry, LOCK_FLAGS};

const RULES: Rules = Rules {
    ttl: Duration::from_secs(10),
    retry: Duration::from_secs(5),
    renew_retry: Duration::from_secs(1),
    strict: false,
};

/// Consul as it may be: a session ends between one and two times to live after its last
/// renewal, and its keys with it.
struct Consul {
    sessions: Vec<(String, Instant)>,
    holder: Option<String>,
    index: u64,
    made: usize,
}

impl Consul {
    fn create(&mut self, now: Instant) -> String {
        self.made += 1;
        let id = format!("s{}", self.made);
        self.sessions.push((id.clone(), now));
        id
    }

    fn renew(&mut self, id: &str, now: Instant) -> bool {
        let found = self.sessions.iter_mut().find(|(known, _)| known == id);
        found.map(|(_, renewed)| *renewed = now).is_some()
    }

    fn acquire(&mut self, id: &str) -> bool {
        let alive = self.sessions.iter().any(|(known, _)| known == id);
        let free = self.holder.as_deref().is_none_or(|holder| holder == id);
        if alive && free {
            self.holder = Some(id.to_owned());
            self.index += 1;
        }
        alive && free
    }

    fn end(&mut self, ended: impl Fn(&(String, Instant)) -> bool) {
        self.sessions.retain(|session| !ended(session));
        let alive = |holder: &String| self.sessions.iter().any(|(known, _)| known == holder);
        if self.holder.take_if(|holder| !alive(holder)).is_some() {
            self.index += 1;
        }
    }

    fn read(&self) -> Event {
        let entry = self.holder.clone().map(|holder| Entry { session: Some(holder), flags: LOCK_FLAGS });
        Event::Read(entry, self.index)
    }
}

/// A process: its claim, and what it has under way.
struct Process {
    machine: Machine,
    order: Order,
    since: Instant,
    renewal: Option<(Renewal, Instant)>,
    /// A renewal that Consul has seen and this process has no answer to yet.
    unanswered: Option<(Instant, bool)>,
    gone: bool,
}

impl Process {
    fn start(now: Instant, strict: bool) -> Self {
        let (machine, order) = Machine::new(Rules { strict, ..RULES });
        Self { machine, order, since: now, renewal: None, unanswered: None, gone: false }
    }

    fn tell(&mut self, event: Event, now: Instant) {
        let step = self.machine.on(event, now);
        if let Some(order) = step.order {
            (self.order, self.since) = (order, now);
        }
        match (step.renewal, &step.news) {
            (Some(renewal), _) => self.renewal = Some((renewal, now)),
            (None, Some(News::Failed(_) | News::Lost(_))) => self.renewal = None,
            (None, _) => {}
        }
        self.gone = matches!(step.news, Some(News::Lost(_)));
    }

    /// Its next request about the key is answered; with `fails` by an error.
    fn work(&mut self, consul: &mut Consul, now: Instant, fails: bool) {
        let event = match self.order.clone() {
            Order::Wait(time) if now < self.since + time => return,
            Order::Wait(_) => Event::Due,
            Order::Stop => return,
            _ if fails => Event::Failed("500".into()),
            Order::Create { instead_of } => {
                consul.end(|(id, _)| instead_of.as_ref() == Some(id));
                Event::Created(consul.create(now), now)
            }
            Order::Read { after, .. } if after != 0 && after >= consul.index => return,
            Order::Read { .. } => consul.read(),
            Order::Acquire(session) => Event::Acquired(consul.acquire(&session)),
        };
        self.tell(event, now);
    }

    /// Its renewal reaches Consul if it is due, and unless `lost`; the answer comes later.
    fn ask(&mut self, consul: &mut Consul, now: Instant, lost: bool) {
        let due = self.renewal.as_ref().filter(|(renewal, since)| now >= *since + renewal.wait);
        if let (Some((renewal, _)), None) = (due, self.unanswered) {
            let renewed = !lost && consul.renew(&renewal.session, now);
            self.unanswered = Some((now, renewed || lost));
            if lost {
                self.unanswered = None;
                self.tell(Event::NotRenewed("500".into()), now);
            }
        }
    }

    /// The answer comes.
    fn hear(&mut self, now: Instant) {
        if let (Some((asked, renewed)), true) = (self.unanswered.take(), self.renewal.is_some()) {
            self.tell(if renewed { Event::Renewed(asked) } else { Event::SessionGone }, now);
        }
    }

    /// What its timer does: a renewal is given up when the session may have ended.
    fn tick(&mut self, now: Instant) {
        if self.renewal.as_ref().is_some_and(|(renewal, _)| now >= renewal.until) {
            self.unanswered = None;
            self.tell(Event::NotRenewed("late".into()), now);
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum Act {
    Pass(u16),
    Work(usize, bool),
    Ask(usize, bool),
    Hear(usize),
    /// Consul ends the sessions that it may.
    Reap,
    /// A process is killed without a word and starts anew.
    Kill(usize),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        3 => (1..4000u16).prop_map(Act::Pass),
        6 => (0..2usize, prop::bool::weighted(0.15)).prop_map(|(who, fails)| Act::Work(who, fails)),
        4 => (0..2usize, prop::bool::weighted(0.25)).prop_map(|(who, lost)| Act::Ask(who, lost)),
        4 => (0..2usize).prop_map(Act::Hear),
        3 => Just(Act::Reap),
        1 => (0..2usize).prop_map(Act::Kill),
    ]
}

struct World {
    strict: bool,
    now: Instant,
    consul: Consul,
    processes: [Process; 2],
}

impl World {
    fn new(strict: bool) -> Self {
        let now = Instant::now();
        let consul = Consul { sessions: Vec::new(), holder: None, index: 1, made: 0 };
        Self { strict, now, consul, processes: [Process::start(now, strict), Process::start(now, strict)] }
    }

    fn play(&mut self, act: Act) {
        let Self { strict, now, consul, processes } = self;
        match act {
            Act::Pass(ms) => {
                *now += Duration::from_millis(ms.into());
                processes.iter_mut().for_each(|process| process.tick(*now));
            }
            Act::Work(who, fails) => processes[who].work(consul, *now, fails),
            Act::Ask(who, lost) => processes[who].ask(consul, *now, lost),
            Act::Hear(who) => processes[who].hear(*now),
            Act::Reap => consul.end(|(_, renewed)| *now >= *renewed + RULES.ttl),
            Act::Kill(who) => processes[who] = Process::start(*now, *strict),
        }
        for process in processes.iter_mut().filter(|process| process.gone) {
            *process = Process::start(*now, *strict);
        }
    }

    fn holders(&self) -> usize {
        self.processes.iter().filter(|process| process.machine.holds()).count()
    }

    /// A minute in which nothing fails.
    fn recover(&mut self) {
        for _ in 0..600 {
            self.play(Act::Pass(100));
            for who in 0..2 {
                self.play(Act::Ask(who, false));
                self.play(Act::Hear(who));
                self.play(Act::Work(who, false));
            }
            let now = self.now;
            self.consul.end(|(_, renewed)| now >= *renewed + 2 * RULES.ttl);
        }
    }
}

proptest! {
    /// Never two, and never one without end: a claim holds only what Consul has not
    /// given to the other, and when all is well again exactly one holds.
    #[test]
    fn one_holds(strict: bool, acts in prop::collection::vec(act(), 1..200)) {
        let mut world = World::new(strict);
        for act in acts {
            world.play(act);
            prop_assert!(world.holders() <= 1, "after {act:?}");
        }
        world.recover();
        prop_assert_eq!(world.holders(), 1);
    }
}
