//! The lock's rules, apart from any network: what happened goes in, what to do next
//! comes out. They are those of Consul's own Go client and of Diego's `locket` around it.

use std::time::Duration;

use tokio::time::Instant;

use crate::diego::consul::{Entry, LOCK_FLAGS};

/// The times that the rules are made of.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    /// How long a session lives without a renewal, at least. (Consul ends it after up to
    /// twice this.)
    pub ttl: Duration,
    /// How long to wait after any failure before all is begun again.
    pub retry: Duration,
    /// How long to wait after a renewal that failed, or a holder's look at its key.
    pub renew_retry: Duration,
    /// Whether a holder that cannot look at its key has lost it, as in Consul's client
    /// of the time; else it has when its session may have ended.
    pub strict: bool,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The wait that was ordered is over.
    Due,
    /// There is a session. It was asked for at that time, so it lives at least a time to
    /// live from then.
    Created(String, Instant),
    /// The key was read: its entry, and the index to wait from.
    Read(Option<Entry>, u64),
    /// Whether the key was taken.
    Acquired(bool),
    /// What was ordered failed: creating, reading or taking.
    Failed(String),
    /// The session was renewed; that was asked for at that time.
    Renewed(Instant),
    /// It is not known to be renewed.
    NotRenewed(String),
    /// There is no such session any more.
    SessionGone,
}

/// What to do next about the key. Whatever else is under way about it is dropped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Order {
    /// Destroy the session that there may be, and create one.
    Create {
        /// The session to destroy.
        instead_of: Option<String>,
    },
    /// Read the key, not before it has passed this index.
    Read {
        /// 0: at once.
        after: u64,
        /// Not from a leader that may have been replaced.
        consistent: bool,
    },
    /// Take the key for the session.
    Acquire(String),
    /// Wait, then say [`Event::Due`].
    Wait(Duration),
    /// Nothing any more.
    Stop,
}

/// When to renew the session next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Renewal {
    /// The session.
    pub session: String,
    /// How long to wait before it.
    pub wait: Duration,
    /// When it is no use any more: the session may have ended.
    pub until: Instant,
}

/// What the owner of the lock should know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// It is ours.
    Acquired,
    /// It cannot be had yet; it is tried again.
    Failed(String),
    /// It was ours and may be another's now.
    Lost(String),
}

/// What follows from an event.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Step {
    /// What to do about the key; `None`: what is under way goes on.
    pub order: Option<Order>,
    /// The next renewal, if there is to be another.
    pub renewal: Option<Renewal>,
    /// What is new.
    pub news: Option<News>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Creating,
    /// Waiting for the key to be free.
    Reading,
    Acquiring,
    /// Looking why the key could not be had.
    Refused,
    /// It is free and cannot be had: Consul's delay after a holder's end.
    Delayed,
    /// A wait after a failure.
    Retrying,
    Held,
    Lost,
}

#[derive(Debug)]
struct Session {
    id: String,
    /// When the last renewal that succeeded was asked for.
    renewed: Instant,
}

/// The state of one process's claim to the lock.
#[derive(Debug)]
pub struct Machine {
    pub(super) rules: Rules,
    phase: Phase,
    session: Option<Session>,
}

impl Machine {
    /// A claim that begins by creating a session.
    #[must_use]
    pub fn new(rules: Rules) -> (Self, Order) {
        (Self { rules, phase: Phase::Creating, session: None }, Order::Create { instead_of: None })
    }

    /// Whether the lock is ours, as far as can be known without asking.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.phase == Phase::Held
    }

    /// The session that must be destroyed at the end.
    #[must_use]
    pub fn session(&self) -> Option<&str> {
        self.session.as_ref().map(|session| session.id.as_str())
    }

    /// Takes note of what happened.
    pub fn on(&mut self, event: Event, now: Instant) -> Step {
        match event {
            _ if self.phase == Phase::Lost => Step { order: Some(Order::Stop), ..Step::default() },
            Event::Due => self.due(),
            Event::Created(id, asked) => self.created(id, asked),
            Event::Read(entry, index) => self.read(entry, index),
            Event::Acquired(true) => self.acquired(),
            Event::Acquired(false) => self.look(Phase::Refused, 0),
            Event::Failed(_) if self.holds() && !self.rules.strict => {
                Step { order: Some(Order::Wait(self.rules.renew_retry)), ..Step::default() }
            }
            Event::Failed(why) => self.give_up(why),
            Event::Renewed(asked) => self.renewed(asked),
            Event::NotRenewed(why) => self.not_renewed(&why, now),
            Event::SessionGone => self.give_up("session expired".into()),
        }
    }

    fn due(&mut self) -> Step {
        match self.phase {
            Phase::Retrying => {
                self.phase = Phase::Creating;
                let instead_of = self.session.take().map(|session| session.id);
                Step { order: Some(Order::Create { instead_of }), ..Step::default() }
            }
            Phase::Delayed => self.look(Phase::Reading, 0),
            Phase::Held => self.look(Phase::Held, 0),
            // Nothing was to wait for.
            _ => Step::default(),
        }
    }

    fn created(&mut self, id: String, asked: Instant) -> Step {
        self.session = Some(Session { id, renewed: asked });
        Step { renewal: self.next_renewal(self.rules.ttl / 2), ..self.look(Phase::Reading, 0) }
    }

    fn look(&mut self, phase: Phase, after: u64) -> Step {
        self.phase = phase;
        Step { order: Some(Order::Read { after, consistent: phase == Phase::Held }), ..Step::default() }
    }

    fn read(&mut self, entry: Option<Entry>, index: u64) -> Step {
        if self.phase == Phase::Held {
            return self.watch(entry, index);
        }
        if entry.as_ref().is_some_and(|entry| entry.flags != LOCK_FLAGS) {
            return self.give_up("Existing key does not match lock use".into());
        }
        let holder = entry.and_then(|entry| entry.session).filter(|session| !session.is_empty());
        match (holder, self.session()) {
            (Some(holder), Some(own)) if holder == own => self.acquired(),
            (Some(_), _) => self.look(Phase::Reading, index),
            (None, _) if self.phase == Phase::Refused => {
                self.phase = Phase::Delayed;
                Step { order: Some(Order::Wait(self.rules.retry)), ..Step::default() }
            }
            (None, Some(own)) => {
                let order = Order::Acquire(own.to_owned());
                self.phase = Phase::Acquiring;
                Step { order: Some(order), ..Step::default() }
            }
            (None, None) => self.give_up("there is no session".into()),
        }
    }

    /// The holder's look: whether the key is still that of its session.
    fn watch(&mut self, entry: Option<Entry>, index: u64) -> Step {
        let holder = entry.and_then(|entry| entry.session);
        if holder.is_some() && holder.as_deref() == self.session() {
            return self.look(Phase::Held, index);
        }
        self.give_up(match holder {
            Some(other) => format!("the key is session {other}'s"),
            None => "the key is nobody's".into(),
        })
    }

    fn acquired(&mut self) -> Step {
        Step { news: Some(News::Acquired), ..self.look(Phase::Held, 0) }
    }

    fn renewed(&mut self, asked: Instant) -> Step {
        if let Some(session) = &mut self.session {
            session.renewed = session.renewed.max(asked);
        }
        Step { renewal: self.next_renewal(self.rules.ttl / 2), ..Step::default() }
    }

    fn not_renewed(&mut self, why: &str, now: Instant) -> Step {
        match &self.session {
            Some(session) if now < session.renewed + self.rules.ttl => {
                Step { renewal: self.next_renewal(self.rules.renew_retry), ..Step::default() }
            }
            Some(_) => self.give_up(format!("the session was not renewed in time: {why}")),
            None => Step::default(),
        }
    }

    fn next_renewal(&self, wait: Duration) -> Option<Renewal> {
        let Session { id, renewed } = self.session.as_ref()?;
        Some(Renewal { session: id.clone(), wait, until: *renewed + self.rules.ttl })
    }

    /// The claim has failed: for good if the lock was ours, else until the next try.
    fn give_up(&mut self, why: String) -> Step {
        if self.phase == Phase::Held {
            self.phase = Phase::Lost;
            return Step { order: Some(Order::Stop), news: Some(News::Lost(why)), renewal: None };
        }
        self.phase = Phase::Retrying;
        Step { order: Some(Order::Wait(self.rules.retry)), news: Some(News::Failed(why)), renewal: None }
    }
}
