//! What no single field of the file tells.

use std::{ops::Range, time::Duration};

use toml::Spanned;

use super::{
    super::{
        super::{APPS, DB},
        place, protoscope,
        text::RequestText,
    },
    File, PreStop, Queue, Ready, Signal, Update, Wrong,
};

/// The daemon's client waits no longer than two minutes for an answer to `stop`.
const LONGEST_GRACE: Duration = Duration::from_secs(100);
/// How many clients may send at once.
const MOST_CLIENTS: u32 = 500;
/// How many further containers may run beside the service: the testbed's network has 13
/// addresses.
const MOST_OTHERS: usize = 8;

/// Says that something is wrong unless it holds.
fn must(holds: bool, place: Range<usize>, why: impl Into<String>) -> Result<(), Wrong> {
    if holds { Ok(()) } else { Err((place, why.into())) }
}

impl File {
    /// Whether its parts fit together; the update is written at that place.
    pub(super) fn check(&self, update: Range<usize>) -> Result<(), Wrong> {
        self.check_load()?;
        self.check_stop()?;
        self.check_others()?;
        self.check_ready(&update)?;
        for (_, value) in self.service.env.iter().chain(self.with.iter().flat_map(|other| &other.env)) {
            self.check_places(value)?;
        }
        match &self.update {
            Update::Request(_) => {}
            Update::Grpc(grpc) => {
                // What stands for an id is a number or a text, so that any will do.
                let sample = place::fill_request(&grpc.message.get_ref().0, 1, 1);
                protoscope::encode(&sample).map(drop).map_err(|why| (grpc.message.span(), why))?;
            }
            Update::Queue(queue) => self.check_queue(queue, update.clone())?,
        }
        let why = "no text of it has {id} or {uuid}: no effect could be told from another";
        must(self.update.texts().into_iter().any(RequestText::has_id), update, why)?;
        self.check_effects()
    }

    fn check_load(&self) -> Result<(), Wrong> {
        let clients = &self.load.clients;
        let few = (1..=MOST_CLIENTS).contains(clients.get_ref());
        must(few, clients.span(), format!("expected 1 to {MOST_CLIENTS} clients"))?;
        let Some(rate) = &self.load.rate else { return Ok(()) };
        must(self.load.think.is_none(), rate.span(), "the load has think or rate, not both")?;
        let sane = (0.1..=10_000.0).contains(rate.get_ref());
        must(sane, rate.span(), "expected 0.1 to 10000 requests a second")
    }

    fn check_stop(&self) -> Result<(), Wrong> {
        let stop = &self.stop;
        let known = (1..=APPS.len()).contains(stop.replicas.get_ref());
        must(known, stop.replicas.span(), "expected 1 or 2 replicas")?;
        let grace = stop.grace();
        let whole = grace <= LONGEST_GRACE && grace.subsec_nanos() == 0;
        must(whole, stop.grace.span(), format!("expected whole seconds, {LONGEST_GRACE:?} at most"))?;
        let Some(hook) = &stop.pre_stop else { return Ok(()) };
        must(stop.signal == Signal::Term, hook.span(), "KILL comes with no warning, and after no hook: leave it out")?;
        match hook.get_ref() {
            PreStop::Pause(pause) => {
                let why = format!("it counts into the grace of {grace:?} and cannot be longer");
                must(*pause <= grace, hook.span(), why)
            }
            PreStop::Command(words) => must(!words.is_empty(), hook.span(), "the command is empty"),
        }
    }

    fn check_others(&self) -> Result<(), Wrong> {
        for (at, other) in self.with.iter().enumerate() {
            let (name, place) = (other.name.get_ref(), other.name.span());
            let letters = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-';
            let plain = name.starts_with(|letter: char| letter.is_ascii_lowercase()) && name.chars().all(letters);
            must(plain, place.clone(), "expected a name of lower-case letters, digits and dashes")?;
            let taken = [DB, APPS[0], APPS[1], "database", "name"].contains(&name.as_str())
                || self.with[..at].iter().any(|before| before.name.get_ref() == name);
            must(!taken, place.clone(), format!("the name {name} is taken"))?;
            must(at < MOST_OTHERS, place, format!("expected at most {MOST_OTHERS} further containers"))?;
        }
        Ok(())
    }

    /// Whether the replicas can be asked whether they are ready, and be reached at all.
    fn check_ready(&self, update: &Range<usize>) -> Result<(), Wrong> {
        if let Some(ready) = &self.service.ready {
            let (how, at) = (ready.get_ref(), ready.span());
            let asked = matches!(how, Ready::Path(_) | Ready::Grpc(_));
            must(!asked || self.service.port.is_some(), at.clone(), "it is asked at service.port: write that too")?;
            let speaks = matches!(how, Ready::Grpc(_)) == matches!(self.update, Update::Grpc(_));
            let why = "a gRPC service is asked with { grpc = \"\" }, any other with a path";
            must(!asked || speaks, at.clone(), why)?;
            must(!matches!(how, Ready::Run(words) if words.is_empty()), at, "the command is empty")?;
        }
        let sent = self.service.port.is_some() || self.has_queue();
        must(sent, update.clone(), "it is sent to service.port: write that too")
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

    fn check_queue(&self, queue: &Queue, place: Range<usize>) -> Result<(), Wrong> {
        let Queue { sql, command, answer } = queue;
        must(sql.is_some() != command.is_some(), place.clone(), "expected exactly one of sql, command")?;
        if sql.is_some() {
            let why = "sql is said to our database: write [database], or fill the queue with command";
            must(self.database.is_some(), place.clone(), why)?;
            must(
                answer.is_empty(),
                place.clone(),
                "answer is held against what a command prints, and sql prints nothing",
            )?;
        }
        let outlives = self.replicas().len() > 1 || self.stop.restart;
        let why = "nobody is left to take up what the queue holds: write stop.replicas = 2 or stop.restart = true";
        must(outlives, place, why)?;
        if let Some(after) = &self.stop.unrouted_after {
            return Err((after.span(), "a queue's consumer gets no requests: leave it out".into()));
        }
        let Some(command) = command else { return Ok(()) };
        self.check_container(&command.get_ref().on)?;
        must(!command.get_ref().run.is_empty(), command.span(), "the command is empty")
    }

    /// Whether there is such a container.
    fn check_container(&self, on: &Spanned<String>) -> Result<(), Wrong> {
        let known = self.names();
        let why = format!("there is no container {}; there are: {}", on.get_ref(), known.join(", "));
        must(known.contains(&on.get_ref().as_str()), on.span(), why)
    }

    fn check_effects(&self) -> Result<(), Wrong> {
        let (effects, place) = (self.effects.get_ref(), self.effects.span());
        let ways = [effects.sql.is_some(), effects.http.is_some(), effects.command.is_some()];
        let one = ways.iter().filter(|there| **there).count() == 1;
        must(one, place.clone(), "expected exactly one of sql, http, command")?;
        let there = effects.sql.is_none() || self.database.is_some();
        must(there, place.clone(), "sql is asked of our database: write [database], or count with command")?;
        if effects.http.is_some() {
            must(self.service.port.is_some(), place.clone(), "http is asked at service.port: write that too")?;
            let speaks = !matches!(self.update, Update::Grpc(_));
            must(speaks, place.clone(), "a gRPC service is not asked over HTTP: count with sql or command")?;
            let is_left = self.replicas().len() > 1 || self.stop.restart;
            let why = "no replica is left to ask: write stop.replicas = 2 or stop.restart = true";
            must(is_left, place.clone(), why)?;
        }
        let Some(command) = &effects.command else { return Ok(()) };
        self.check_container(&command.on)?;
        let on = command.on.get_ref();
        let ends = on == APPS[0] && !self.stop.restart;
        must(!ends, command.on.span(), format!("{on} is the one that ends: write stop.restart = true"))?;
        must(!command.run.is_empty(), place, "command.run is empty")
    }
}
