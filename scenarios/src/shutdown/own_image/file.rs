//! The file that describes a service, in TOML: see `docs/try.md`.

use std::{collections::BTreeMap, ops::Range, time::Duration};

use reenact::{campaign::Span, workload::Traffic};
use serde::Deserialize;
use toml::Spanned;

use super::{
    super::{APPS, DB, faults::Unrouted},
    place,
    text::{PlainPath, RequestPath, RequestText, Status, Verb},
};

/// The daemon's client waits no longer than two minutes for an answer to `stop`.
const LONGEST_GRACE: Duration = Duration::from_secs(100);
/// How many clients may send at once.
const MOST_CLIENTS: u32 = 500;
/// How many further containers may run beside the service: the testbed's network has 13
/// addresses.
const MOST_OTHERS: usize = 8;

/// The whole file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    pub service: Service,
    pub database: Option<Database>,
    #[serde(default)]
    pub with: Vec<Other>,
    pub request: Spanned<Request>,
    pub effects: Spanned<Effects>,
    #[serde(default)]
    pub stop: Stop,
    #[serde(default)]
    pub load: Load,
}

/// An environment, whose values may hold placeholders.
pub(super) type Env = BTreeMap<String, Spanned<String>>;

/// The service itself.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Service {
    pub image: String,
    pub port: u16,
    #[serde(default)]
    pub env: Env,
    /// What it runs instead of its image's command.
    #[serde(default)]
    pub command: Vec<String>,
    /// Answers 2xx when the service may get requests.
    pub ready: PlainPath,
    #[serde(default = "minute")]
    pub ready_within: Span,
}

/// A PostgreSQL of ours.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Database {
    #[serde(default = "postgres")]
    pub image: String,
    /// SQL that is run before the service starts.
    #[serde(default)]
    pub init: String,
}

/// A further container.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Other {
    pub name: Spanned<String>,
    pub image: String,
    #[serde(default)]
    pub env: Env,
    #[serde(default)]
    pub command: Vec<String>,
    /// The service starts when this port accepts.
    pub port: Option<u16>,
}

/// An update.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Request {
    #[serde(default = "post")]
    pub method: Verb,
    pub path: RequestPath,
    #[serde(default)]
    pub headers: BTreeMap<String, RequestText>,
    #[serde(default)]
    pub body: RequestText,
    /// The answers that promise the effect.
    #[serde(default = "acknowledged")]
    pub acknowledged: Vec<Status>,
}

/// How the updates that took effect are found. Exactly one of the first three.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Effects {
    /// Gives their ids in the first column.
    pub sql: Option<String>,
    pub http: Option<Http>,
    pub command: Option<Command>,
    /// Whether the effect is there before the answer, so that none is ever waited for.
    #[serde(default)]
    pub before_answer: bool,
}

/// A replica is asked for each update.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Http {
    pub path: RequestPath,
    /// The text that an answer has if the update took effect.
    pub shows: RequestText,
}

/// A command prints their ids, a line each.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Command {
    /// The container that it runs in.
    pub on: Spanned<String>,
    pub run: Vec<String>,
}

/// The signal that ends a replica.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(super) enum Signal {
    Term,
    Kill,
}

/// How a replica ends.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Stop {
    pub signal: Signal,
    /// From the deletion to SIGKILL.
    pub grace: Spanned<Span>,
    /// From the deletion to the signal.
    pub pre_stop: Spanned<Span>,
    /// From the deletion until no request comes any more.
    pub unrouted_after: Unrouted,
    pub replicas: Spanned<usize>,
    /// How long effects may take with no more load.
    pub settle: Span,
    /// Whether the replica is started again before that.
    pub restart: bool,
}

impl Stop {
    pub(super) fn grace(&self) -> Duration {
        self.grace.get_ref().0
    }

    pub(super) fn pre_stop(&self) -> Duration {
        self.pre_stop.get_ref().0
    }
}

impl Default for Stop {
    fn default() -> Self {
        Self {
            signal: Signal::Term,
            grace: Spanned::new(0..0, seconds(30)),
            pre_stop: Spanned::new(0..0, seconds(0)),
            unrouted_after: Unrouted(Some(Duration::ZERO)),
            replicas: Spanned::new(0..0, APPS.len()),
            settle: seconds(5),
            restart: false,
        }
    }
}

/// The clients.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Load {
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

const fn seconds(seconds: u64) -> Span {
    Span(Duration::from_secs(seconds))
}

fn minute() -> Span {
    seconds(60)
}

fn postgres() -> String {
    "reenact:postgres".into()
}

fn post() -> Verb {
    Verb(reqwest::Method::POST)
}

fn acknowledged() -> Vec<Status> {
    [200, 201, 202].map(Status).into()
}

impl Load {
    /// A pause of 75 ms unless the file says otherwise, drawn a fifth to either side, so
    /// that the clients do not march in step.
    pub(super) fn traffic(&self) -> Traffic {
        let clients = *self.clients.get_ref();
        let of_rate = self.rate.as_ref().map(|rate| Duration::from_secs_f64(f64::from(clients) / rate.get_ref()));
        let think = of_rate.or(self.think.map(|think| think.0)).unwrap_or(Duration::from_millis(75));
        Traffic { clients, think: (think * 4 / 5, think * 6 / 5) }
    }
}

/// What is wrong, and where.
type Wrong = (Range<usize>, String);

impl File {
    /// Reads a file.
    ///
    /// # Errors
    /// What is wrong with it, with line, caret and what is allowed.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let file: Self = toml::from_str(text).map_err(|error| error.to_string())?;
        file.check().map_err(|(place, why)| point(text, place, &why))?;
        Ok(file)
    }

    /// Every image.
    pub(super) fn images(&self) -> Vec<&str> {
        let database = self.database.iter().map(|database| &database.image);
        let others = self.with.iter().map(|other| &other.image);
        std::iter::once(&self.service.image).chain(database).chain(others).map(String::as_str).collect()
    }

    /// The names of the containers, those of the service's replicas last.
    pub(super) fn names(&self) -> Vec<&str> {
        let database = self.database.iter().map(|_| DB);
        let others = self.with.iter().map(|other| other.name.get_ref().as_str());
        database.chain(others).chain(self.replicas().iter().copied()).collect()
    }

    /// The names of the service's replicas.
    pub(super) fn replicas(&self) -> &'static [&'static str] {
        &APPS[..(*self.stop.replicas.get_ref()).clamp(1, APPS.len())]
    }

    /// What no single field tells.
    fn check(&self) -> Result<(), Wrong> {
        self.check_load()?;
        self.check_stop()?;
        self.check_others()?;
        for (_, value) in self.service.env.iter().chain(self.with.iter().flat_map(|other| &other.env)) {
            self.check_places(value)?;
        }
        let request = self.request.get_ref();
        let texts = request.headers.values().chain([&request.path.0, &request.body]);
        if !texts.into_iter().any(RequestText::has_id) {
            let why = "no text of the request has {id} or {uuid}: no effect could be told from another";
            return Err((self.request.span(), why.into()));
        }
        self.check_effects()
    }

    fn check_load(&self) -> Result<(), Wrong> {
        let clients = &self.load.clients;
        if !(1..=MOST_CLIENTS).contains(clients.get_ref()) {
            return Err((clients.span(), format!("expected 1 to {MOST_CLIENTS} clients")));
        }
        let Some(rate) = &self.load.rate else { return Ok(()) };
        if self.load.think.is_some() {
            return Err((rate.span(), "the load has think or rate, not both".into()));
        }
        let sane = (0.1..=10_000.0).contains(rate.get_ref());
        if sane { Ok(()) } else { Err((rate.span(), "expected 0.1 to 10000 requests a second".into())) }
    }

    fn check_stop(&self) -> Result<(), Wrong> {
        let stop = &self.stop;
        let at = stop.replicas.span();
        if !(1..=APPS.len()).contains(stop.replicas.get_ref()) {
            return Err((at, "expected 1 or 2 replicas".into()));
        }
        let (grace, pre_stop) = (stop.grace(), stop.pre_stop());
        if grace > LONGEST_GRACE || grace.subsec_nanos() != 0 {
            return Err((stop.grace.span(), format!("expected whole seconds, {LONGEST_GRACE:?} at most")));
        }
        if pre_stop > grace {
            return Err((stop.pre_stop.span(), format!("it counts into the grace of {grace:?} and cannot be longer")));
        }
        Ok(())
    }

    fn check_others(&self) -> Result<(), Wrong> {
        for (at, other) in self.with.iter().enumerate() {
            let (name, place) = (other.name.get_ref(), other.name.span());
            let letters = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-';
            if !name.starts_with(|letter: char| letter.is_ascii_lowercase()) || !name.chars().all(letters) {
                return Err((place, "expected a name of lower-case letters, digits and dashes".into()));
            }
            let taken = [DB, APPS[0], APPS[1], "database", "name"].contains(&name.as_str());
            if taken || self.with[..at].iter().any(|before| before.name.get_ref() == name) {
                return Err((place, format!("the name {name} is taken")));
            }
            if at >= MOST_OTHERS {
                return Err((place, format!("expected at most {MOST_OTHERS} further containers")));
            }
        }
        Ok(())
    }

    /// Placeholders of an environment: addresses of containers, and one's own name.
    fn check_places(&self, value: &Spanned<String>) -> Result<(), Wrong> {
        let database = self.database.iter().map(|_| "database");
        let others = self.with.iter().map(|other| other.name.get_ref().as_str());
        let known: Vec<_> = std::iter::once("name").chain(database).chain(others).collect();
        let Some(unknown) = place::names(value.get_ref()).find(|name| !known.contains(name)) else { return Ok(()) };
        let there: Vec<_> = known.iter().map(|name| format!("{{{name}}}")).collect();
        let hint = if unknown == "database" { "; write [database] for one" } else { "" };
        Err((value.span(), format!("there is no {{{unknown}}}{hint}; there are: {}", there.join(", "))))
    }

    fn check_effects(&self) -> Result<(), Wrong> {
        let (effects, place) = (self.effects.get_ref(), self.effects.span());
        let ways = [effects.sql.is_some(), effects.http.is_some(), effects.command.is_some()];
        if ways.iter().filter(|there| **there).count() != 1 {
            return Err((place, "expected exactly one of sql, http, command".into()));
        }
        if effects.sql.is_some() && self.database.is_none() {
            return Err((place, "sql is asked of our database: write [database], or count with command".into()));
        }
        let alone = self.replicas().len() == 1 && !self.stop.restart;
        if effects.http.is_some() && alone {
            return Err((place, "no replica is left to ask: write stop.replicas = 2 or stop.restart = true".into()));
        }
        let Some(command) = &effects.command else { return Ok(()) };
        let (on, known) = (command.on.get_ref().as_str(), self.names());
        if !known.contains(&on) {
            return Err((command.on.span(), format!("there is no container {on}; there are: {}", known.join(", "))));
        }
        if on == APPS[0] && !self.stop.restart {
            return Err((command.on.span(), format!("{on} is the one that ends: write stop.restart = true")));
        }
        if command.run.is_empty() { Err((place, "command.run is empty".into())) } else { Ok(()) }
    }
}

/// Shows a mistake as the TOML reader shows its own.
fn point(text: &str, place: Range<usize>, why: &str) -> String {
    let start = place.start.min(text.len());
    let begin = text[..start].rfind('\n').map_or(0, |at| at + 1);
    let line = text[begin..].lines().next().unwrap_or_default();
    let (number, column) = (text[..begin].matches('\n').count() + 1, text[begin..start].chars().count());
    let wide = (place.len()).min(line.chars().count().saturating_sub(column)).max(1);
    let margin = " ".repeat(number.to_string().len());
    format!(
        "error at line {number}, column {}\n{margin} |\n{number} | {line}\n{margin} | {}{}\n{why}",
        column + 1,
        " ".repeat(column),
        "^".repeat(wide)
    )
}
