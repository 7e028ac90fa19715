//! How a replica ends, and the load meanwhile.

use std::time::Duration;

use reenact::{campaign::Span, workload::Traffic};
use serde::{Deserialize, Deserializer};
use toml::Spanned;

use super::super::{
    super::{APPS, faults::Unrouted},
    text::{Either, text_or_table},
};

/// The signal that ends a replica.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(in super::super) enum Signal {
    Term,
    Kill,
}

/// How a replica ends.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(in super::super) struct Stop {
    pub signal: Signal,
    /// From the deletion to SIGKILL.
    pub grace: Spanned<Span>,
    /// What comes before the signal.
    pub pre_stop: Option<Spanned<PreStop>>,
    /// From the deletion until no request comes any more.
    pub unrouted_after: Option<Spanned<Unrouted>>,
    pub replicas: Spanned<usize>,
    /// How long effects may take with no more load.
    pub settle: Span,
    /// Whether the replica is started again before that.
    pub restart: bool,
}

/// The preStop hook.
#[derive(Debug)]
pub(in super::super) enum PreStop {
    /// A pause.
    Pause(Duration),
    /// A command in the replica that ends.
    Command(Vec<String>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Hook {
    command: Vec<String>,
}

impl<'de> Deserialize<'de> for PreStop {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match text_or_table(deserializer, "a time such as \"2s\", or { command = [\"…\"] }")? {
            Either::Text(Span(pause)) => Self::Pause(pause),
            Either::Table(Hook { command }) => Self::Command(command),
        })
    }
}

impl Stop {
    pub(in super::super) fn grace(&self) -> Duration {
        self.grace.get_ref().0
    }

    /// The preStop hook, if there is one.
    pub(in super::super) fn hook(&self) -> Option<&PreStop> {
        self.pre_stop.as_ref().map(Spanned::get_ref)
    }

    /// The pause between the deletion and the signal.
    pub(in super::super) fn pause(&self) -> Duration {
        match self.hook() {
            Some(PreStop::Pause(pause)) => *pause,
            Some(PreStop::Command(_)) | None => Duration::ZERO,
        }
    }

    /// From the deletion until no request comes any more: none, unless the file says so.
    pub(in super::super) fn unrouted_after(&self) -> Unrouted {
        self.unrouted_after.as_ref().map(|after| *after.get_ref()).unwrap_or_default()
    }
}

impl Default for Stop {
    fn default() -> Self {
        Self {
            signal: Signal::Term,
            grace: Spanned::new(0..0, seconds(30)),
            pre_stop: None,
            unrouted_after: None,
            replicas: Spanned::new(0..0, APPS.len()),
            settle: seconds(5),
            restart: false,
        }
    }
}

/// The clients.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(in super::super) struct Load {
    pub clients: Spanned<u32>,
    /// A client's pause between two requests.
    pub think: Option<Span>,
    /// Instead of it: how many requests a second all clients send together.
    pub rate: Option<Spanned<f64>>,
    /// How long before the deletion.
    pub before: Span,
    /// How long after it.
    pub after: Span,
}

impl Default for Load {
    fn default() -> Self {
        Self { clients: Spanned::new(0..0, 6), think: None, rate: None, before: seconds(3), after: seconds(1) }
    }
}

impl Load {
    /// A pause of 75 ms unless the file says otherwise, drawn a fifth to either side, so
    /// that the clients do not march in step.
    pub(in super::super) fn traffic(&self) -> Traffic {
        let clients = *self.clients.get_ref();
        let of_rate = self.rate.as_ref().map(|rate| Duration::from_secs_f64(f64::from(clients) / rate.get_ref()));
        let think = of_rate.or(self.think.map(|think| think.0)).unwrap_or(Duration::from_millis(75));
        Traffic { clients, think: (think * 4 / 5, think * 6 / 5) }
    }
}

const fn seconds(seconds: u64) -> Span {
    Span(Duration::from_secs(seconds))
}
