//! The containers: the service itself, the database, and those beside it.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use reenact::campaign::Span;
use serde::{Deserialize, Deserializer};
use toml::Spanned;

use super::super::text::{Either, Pattern, PlainPath, text_or_table};

/// An environment, whose values may hold placeholders.
pub(in super::super) type Env = BTreeMap<String, Spanned<String>>;

/// The service itself.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct Service {
    pub image: String,
    /// The port that takes requests; a queue's consumer need not have one.
    pub port: Option<u16>,
    /// Whether it speaks TLS.
    pub tls: Option<Spanned<Tls>>,
    #[serde(default)]
    pub env: Env,
    /// What it runs instead of its image's command.
    #[serde(default)]
    pub command: Vec<String>,
    /// How it says that it may get requests; `None`: its port accepts, or, without one, it
    /// runs.
    pub ready: Option<Spanned<Ready>>,
    #[serde(default = "minute")]
    pub ready_within: Span,
}

impl Service {
    /// How it says that it may get requests, where it does.
    pub(in super::super) fn ready(&self) -> Option<&Ready> {
        self.ready.as_ref().map(Spanned::get_ref)
    }
}

/// How its certificate is verified.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "{ ca = \"ca.pem\", name = \"orders.example\" }, or { verify = false }")]
pub(in super::super) struct Tls {
    /// The authority's certificate.
    pub ca: Option<PathBuf>,
    /// The name that the service's certificate bears.
    pub name: Option<String>,
    #[serde(default = "yes")]
    pub verify: bool,
}

/// How a replica says that it may get requests.
#[derive(Debug)]
pub(in super::super) enum Ready {
    /// This path answers 2xx.
    Path(PlainPath),
    /// A line of its log since its start matches.
    Log(Pattern),
    /// A command in it ends with 0.
    Run(Vec<String>),
    /// gRPC's health service says that this service of it serves; empty: all of it.
    Grpc(String),
}

/// Those that are written as a table.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Table {
    Log(Pattern),
    Run(Vec<String>),
    Grpc(String),
}

impl<'de> Deserialize<'de> for Ready {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let expected = "a path, { log = \"…\" }, { run = [\"…\"] } or { grpc = \"\" }";
        Ok(match text_or_table(deserializer, expected)? {
            Either::Text(path) => Self::Path(path),
            Either::Table(Table::Log(pattern)) => Self::Log(pattern),
            Either::Table(Table::Run(command)) => Self::Run(command),
            Either::Table(Table::Grpc(service)) => Self::Grpc(service),
        })
    }
}

/// A PostgreSQL of ours.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct Database {
    #[serde(default = "postgres")]
    pub image: String,
    /// SQL that is run before the service starts.
    #[serde(default)]
    pub init: String,
}

/// A further container.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct Other {
    pub name: Spanned<String>,
    pub image: String,
    #[serde(default)]
    pub env: Env,
    #[serde(default)]
    pub command: Vec<String>,
    /// The service starts when this port accepts.
    pub port: Option<u16>,
    /// A command that is run in it before the service starts.
    #[serde(default)]
    pub init: Vec<String>,
}

fn minute() -> Span {
    Span(Duration::from_secs(60))
}

fn postgres() -> String {
    "reenact:postgres".into()
}

fn yes() -> bool {
    true
}
