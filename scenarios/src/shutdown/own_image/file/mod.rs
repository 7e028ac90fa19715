//! The file that describes a service, in TOML: see `docs/try.md`.

mod check;
mod service;
mod stop;
mod update;

use std::{ops::Range, path::Path};

use serde::Deserialize;
use toml::Spanned;

pub(super) use self::{
    service::{Database, Env, Other, Ready, Service, Tls},
    stop::{Load, PreStop, Signal, Stop},
    update::{Command, Effects, Grpc, Http, Queue, Request, Update},
};
use super::{
    super::{APPS, DB},
    tls::Trust,
};

/// The whole file.
#[derive(Debug)]
pub(super) struct File {
    pub service: Service,
    /// Whom its clients trust, where it speaks TLS.
    pub trust: Option<Trust>,
    pub database: Option<Database>,
    pub with: Vec<Other>,
    pub update: Update,
    pub effects: Spanned<Effects>,
    pub stop: Stop,
    pub load: Load,
}

/// The same as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    service: Service,
    database: Option<Database>,
    #[serde(default)]
    with: Vec<Other>,
    request: Option<Spanned<Request>>,
    grpc: Option<Spanned<Grpc>>,
    queue: Option<Spanned<Queue>>,
    effects: Spanned<Effects>,
    #[serde(default)]
    stop: Stop,
    #[serde(default)]
    load: Load,
}

/// What is wrong, and where.
type Wrong = (Range<usize>, String);

impl File {
    /// Reads a file; paths in it begin at its folder.
    ///
    /// # Errors
    /// What is wrong with it, with line, caret and what is allowed.
    pub(super) fn parse(text: &str, folder: &Path) -> Result<Self, String> {
        let written: Written = toml::from_str(text).map_err(|error| error.to_string())?;
        Self::of(written, folder).map_err(|(place, why)| point(text, place, &why))
    }

    fn of(written: Written, folder: &Path) -> Result<Self, Wrong> {
        let Written { service, database, with, request, grpc, queue, effects, stop, load } = written;
        let extra = queue.as_ref().map(Spanned::span).or(grpc.as_ref().map(Spanned::span));
        let update = Update::only(request, grpc, queue).map_err(|why| (extra.unwrap_or(effects.span()), why))?;
        let trust = service.tls.as_ref().map(|tls| Trust::read(tls.get_ref(), folder).map_err(|why| (tls.span(), why)));
        let trust = trust.transpose()?;
        let place = update.span();
        let update = update.into_inner();
        let file = Self { service, trust, database, with, update, effects, stop, load };
        file.check(place)?;
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
        let others = self.with.iter().map(|other| other.name.get_ref().as_str());
        self.database.iter().map(|_| DB).chain(others).chain(self.replicas().iter().copied()).collect()
    }

    /// The names of the service's replicas.
    pub(super) fn replicas(&self) -> &'static [&'static str] {
        &APPS[..(*self.stop.replicas.get_ref()).clamp(1, APPS.len())]
    }

    /// Whether a queue acknowledges the updates, and not a replica.
    pub(super) fn has_queue(&self) -> bool {
        matches!(self.update, Update::Queue(_))
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
