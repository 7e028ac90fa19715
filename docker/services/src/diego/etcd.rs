//! etcd's keys as of its version 2, over HTTP. Every read asks the quorum: a member that
//! is cut off answers from its own copy otherwise, and does not say so.

use std::{
    fmt,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    time::Duration,
};

use axum::http::Method;
use form_urlencoded::Serializer;
use serde::{Deserialize, de::DeserializeOwned};

use super::http::{self, Answer, Request};

/// How long a member may take. One that has no leader says so after 7 s: five, and two
/// election timeouts.
const LIMIT: Duration = Duration::from_secs(10);

/// etcd's own error codes that mean something here.
mod code {
    pub const NOT_FOUND: u32 = 100;
    pub const COMPARE_FAILED: u32 = 101;
    pub const EXISTS: u32 = 105;
}

/// Why a request has no result.
#[derive(Debug)]
pub enum Failure {
    /// There is no such key.
    NotFound,
    /// There is such a key already.
    Exists,
    /// The key is not what it should be.
    Changed,
    /// The cluster cannot: what was asked for may happen or not.
    Cluster {
        /// Its own code; 300 is that of a quorum that does not answer.
        code: u32,
        /// What it says.
        text: String,
    },
    /// No member can be reached, or the one that was asked is silent.
    Http(http::Failure),
    /// The answer makes no sense.
    Garbled(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound => write!(f, "{}: Key not found", code::NOT_FOUND),
            Self::Exists => write!(f, "{}: Key already exists", code::EXISTS),
            Self::Changed => write!(f, "{}: Compare failed", code::COMPARE_FAILED),
            Self::Cluster { code, text } => write!(f, "{code}: {text}"),
            Self::Http(error) => write!(f, "501: All the given peers are not reachable: {error}"),
            Self::Garbled(why) => write!(f, "the answer makes no sense: {why}"),
        }
    }
}

impl std::error::Error for Failure {}

/// What a write depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Nothing.
    Always,
    /// There is no such key yet.
    Absent,
    /// The key is as it was at that index.
    Unchanged(u64),
}

/// A key or a folder, as etcd shows it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Node {
    /// Its path.
    pub key: String,
    /// Its value, if it is a key.
    pub value: Option<String>,
    /// What is in it, if it is a folder and was read with all below.
    pub nodes: Vec<Node>,
    /// The index of its last change.
    pub modified_index: u64,
}

impl Node {
    /// The values of all keys in it, at any depth.
    #[must_use]
    pub fn leaves(&self) -> Vec<&Self> {
        match &self.value {
            Some(_) => vec![self],
            None => self.nodes.iter().flat_map(Self::leaves).collect(),
        }
    }

    /// Its value, read as JSON.
    ///
    /// # Errors
    /// If it has none, or that is not what it should be.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        let value = self.value.as_deref().unwrap_or_default();
        serde_json::from_str(value).map_err(|error| Failure::Garbled(format!("{}: {error}", self.key)))
    }
}

#[derive(Deserialize)]
struct Found {
    node: Node,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Refusal {
    error_code: u32,
    message: String,
    #[serde(default)]
    cause: String,
}

/// A cluster. One member is asked as long as it can be connected to.
#[derive(Debug)]
pub struct Cluster {
    members: Vec<String>,
    current: AtomicUsize,
}

impl Cluster {
    /// The cluster of these members, such as `10.0.0.1:4001`.
    #[must_use]
    pub fn of(members: Vec<String>) -> Self {
        Self { members, current: AtomicUsize::new(0) }
    }

    /// Its members.
    #[must_use]
    pub fn members(&self) -> &[String] {
        &self.members
    }

    /// A key, or a folder with all below.
    ///
    /// # Errors
    /// [`Failure::NotFound`], or if the quorum does not answer.
    pub async fn read(&self, key: &str) -> Result<Node, Failure> {
        let path = format!("/v2/keys{key}?quorum=true&recursive=true");
        found(&self.ask(&Request::new(Method::GET, path, LIMIT)).await?)
    }

    /// The keys in a folder. One that is not there is empty, since etcd makes folders
    /// with their first key.
    ///
    /// # Errors
    /// If the quorum does not answer.
    pub async fn list(&self, folder: &str) -> Result<Node, Failure> {
        match self.read(folder).await {
            Err(Failure::NotFound) => Ok(Node::default()),
            other => other,
        }
    }

    /// Writes a key, to live for so many seconds if that is given.
    ///
    /// # Errors
    /// [`Failure::Exists`], [`Failure::NotFound`] or [`Failure::Changed`] if the condition does
    /// not hold; after any other it is not known whether it is written.
    pub async fn write(&self, key: &str, value: &str, when: When, ttl: Option<u64>) -> Result<(), Failure> {
        let condition = match when {
            When::Always => String::new(),
            When::Absent => "?prevExist=false".into(),
            When::Unchanged(index) => format!("?prevIndex={index}"),
        };
        let request = Request::new(Method::PUT, format!("/v2/keys{key}{condition}"), LIMIT)
            .with_body("application/x-www-form-urlencoded", form(value, ttl));
        found(&self.ask(&request).await?).map(drop)
    }

    /// Deletes a key, or a folder with all below.
    ///
    /// # Errors
    /// [`Failure::NotFound`]; after any other it is not known whether it is deleted.
    pub async fn delete(&self, key: &str) -> Result<(), Failure> {
        let request = Request::new(Method::DELETE, format!("/v2/keys{key}?recursive=true"), LIMIT);
        found(&self.ask(&request).await?).map(drop)
    }

    /// Which of the members says of itself that it leads and can tell of its followers,
    /// and the cluster's raft term. A member that only believes to lead cannot.
    pub async fn leader(&self, limit: Duration) -> Option<(usize, u64)> {
        for (position, member) in self.members.iter().enumerate() {
            let asked = Request::new(Method::GET, "/v2/stats/leader", limit).send(member).await;
            if asked.is_ok_and(|answer| answer.status.is_success()) {
                let keys = Request::new(Method::GET, "/v2/keys/", limit).send(member).await.ok()?;
                let term = keys.headers.get("x-raft-term")?.to_str().ok()?.parse().ok()?;
                return Some((position, term));
            }
        }
        None
    }

    /// Asks the current member, and the next where that cannot be reached.
    async fn ask(&self, request: &Request) -> Result<Answer, Failure> {
        let first = self.current.load(Relaxed);
        let mut tried = 0;
        loop {
            let position = (first + tried) % self.members.len().max(1);
            let Some(member) = self.members.get(position) else {
                return Err(Failure::Garbled("the cluster has no members".into()));
            };
            tried += 1;
            match request.send(member).await {
                // Nothing was sent, so another may be asked.
                Err(http::Failure::Unreachable(_)) if tried < self.members.len() => {}
                Ok(answer) => {
                    self.current.store(position, Relaxed);
                    return Ok(answer);
                }
                Err(error) => {
                    self.current.store(position + 1, Relaxed);
                    return Err(Failure::Http(error));
                }
            }
        }
    }
}

fn form(value: &str, ttl: Option<u64>) -> String {
    let mut form = Serializer::new(String::new());
    form.append_pair("value", value);
    if let Some(seconds) = ttl {
        form.append_pair("ttl", &seconds.to_string());
    }
    form.finish()
}

fn found(answer: &Answer) -> Result<Node, Failure> {
    if answer.status.is_success() {
        let found: Result<Found, _> = answer.parse();
        return found.map(|found| found.node).map_err(|error| Failure::Garbled(error.to_string()));
    }
    let Ok(refusal) = answer.parse::<Refusal>() else {
        return Err(Failure::Garbled(format!("{}: {}", answer.status, answer.text())));
    };
    Err(match refusal.error_code {
        code::NOT_FOUND => Failure::NotFound,
        code::COMPARE_FAILED => Failure::Changed,
        code::EXISTS => Failure::Exists,
        code => Failure::Cluster { code, text: format!("{} ({})", refusal.message, refusal.cause) },
    })
}

#[cfg(test)]
mod tests;
