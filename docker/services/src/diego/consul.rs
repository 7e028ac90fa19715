//! The local Consul agent: sessions, the lock's key, and the service's registration.
//! Requests and limits are those of Consul's own Go client.

use std::{fmt, time::Duration};

use axum::http::{Method, StatusCode};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::json;

use super::http::{self, Answer, Request};

/// What tells a lock's key from any other: Consul's own client refuses keys without it.
pub const LOCK_FLAGS: u64 = 0x2ddc_cbc0_77b4_a30d;

/// The longest blocking read, as Consul's client asks for it.
pub const LONGEST_WAIT: Duration = Duration::from_secs(15);

/// How long anything else may take. An agent without servers says so after 7 s.
const LIMIT: Duration = Duration::from_secs(10);

/// The lock delay that Diego asked for was one nanosecond; Consul's client made the
/// least there is of it.
const LOCK_DELAY: &str = "1ms";

/// Why the agent did not do as it was asked.
#[derive(Debug)]
pub enum Failure {
    /// It does not answer.
    Http(http::Failure),
    /// It answered that it cannot.
    Refused {
        /// The answer's status.
        status: StatusCode,
        /// What it says.
        text: String,
    },
    /// Its answer makes no sense.
    Garbled(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Http(error) => error.fmt(f),
            Self::Refused { status, text } => write!(f, "Unexpected response code: {} ({text})", status.as_u16()),
            Self::Garbled(why) => write!(f, "the answer makes no sense: {why}"),
        }
    }
}

impl std::error::Error for Failure {}

impl From<http::Failure> for Failure {
    fn from(error: http::Failure) -> Self {
        Self::Http(error)
    }
}

/// A key's entry.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Entry {
    /// The session that holds it.
    #[serde(default)]
    pub session: Option<String>,
    /// What its maker meant it for.
    pub flags: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Created {
    #[serde(rename = "ID")]
    id: String,
}

/// A Consul agent.
#[derive(Debug, Clone)]
pub struct Agent {
    authority: String,
}

impl Agent {
    /// The agent at this address, such as `127.0.0.1:8500`.
    pub fn at(authority: impl Into<String>) -> Self {
        Self { authority: authority.into() }
    }

    async fn put(&self, path: &str, body: &serde_json::Value) -> Result<Answer, Failure> {
        Ok(Request::json(Method::PUT, path, LIMIT, body).send(&self.authority).await?)
    }

    /// Creates a session without health checks, whose keys are deleted with it.
    ///
    /// # Errors
    /// If there is none then, as far as is known.
    pub async fn create_session(&self, name: &str, ttl: Duration) -> Result<String, Failure> {
        let session = json!({
            "Name": name,
            "TTL": format!("{}ms", ttl.as_millis()),
            "Behavior": "delete",
            "LockDelay": LOCK_DELAY,
            "Checks": [],
        });
        let created: Created = parsed(&accepted(self.put("/v1/session/create", &session).await?)?)?;
        Ok(created.id)
    }

    /// Renews a session; false if there is none of that id any more.
    ///
    /// # Errors
    /// If it is not known to be renewed.
    pub async fn renew_session(&self, id: &str) -> Result<bool, Failure> {
        let answer = self.put(&format!("/v1/session/renew/{id}"), &json!({})).await?;
        if answer.status == StatusCode::NOT_FOUND {
            return Ok(false);
        }
        accepted(answer).map(|_| true)
    }

    /// Ends a session, and with it what it holds.
    ///
    /// # Errors
    /// If it is not known to be ended.
    pub async fn destroy_session(&self, id: &str) -> Result<(), Failure> {
        accepted(self.put(&format!("/v1/session/destroy/{id}"), &json!({})).await?).map(drop)
    }

    /// Reads a key, and its index for the next read. With `after`, not before that
    /// index has passed, or [`LONGEST_WAIT`]. `consistent`: as the leader knows it, who
    /// has asked the others.
    ///
    /// # Errors
    /// If it cannot be read.
    pub async fn read(&self, key: &str, after: u64, consistent: bool) -> Result<(Option<Entry>, u64), Failure> {
        let mode = if consistent { "&consistent" } else { "" };
        let path = format!("/v1/kv/{key}?index={after}&wait={}ms{mode}", LONGEST_WAIT.as_millis());
        // The agent adds up to a sixteenth of the wait.
        let limit = LIMIT + LONGEST_WAIT + LONGEST_WAIT / 16;
        let answer = Request::new(Method::GET, path, limit).send(&self.authority).await?;
        let index = answer.headers.get("x-consul-index").and_then(|value| value.to_str().ok()?.parse().ok());
        if answer.status == StatusCode::NOT_FOUND {
            return Ok((None, index.unwrap_or(0)));
        }
        let mut entries: Vec<Entry> = parsed(&accepted(answer)?)?;
        Ok((entries.pop(), index.unwrap_or(0)))
    }

    /// Takes the key for a session; false if it cannot be had.
    ///
    /// # Errors
    /// If it is not known whether it was taken.
    pub async fn acquire(&self, key: &str, session: &str, value: &[u8]) -> Result<bool, Failure> {
        let path = format!("/v1/kv/{key}?acquire={session}&flags={LOCK_FLAGS}");
        let request = Request::new(Method::PUT, path, LIMIT).with_body("application/octet-stream", value);
        parsed(&accepted(request.send(&self.authority).await?)?)
    }

    /// Registers a service with a check that is passed by saying so.
    ///
    /// # Errors
    /// If it is not known to be registered.
    pub async fn register(&self, name: &str, port: u16, ttl: Duration) -> Result<(), Failure> {
        let check = json!({ "TTL": format!("{}ms", ttl.as_millis()) });
        let service = json!({ "ID": name, "Name": name, "Port": port, "Check": check });
        accepted(self.put("/v1/agent/service/register", &service).await?).map(drop)
    }

    /// Says that a registered service is well.
    ///
    /// # Errors
    /// If the agent is not known to have heard.
    pub async fn pass(&self, name: &str) -> Result<(), Failure> {
        accepted(self.put(&format!("/v1/agent/check/pass/service:{name}"), &json!({})).await?).map(drop)
    }

    /// Takes a service's registration back.
    ///
    /// # Errors
    /// If it may still be registered.
    pub async fn deregister(&self, name: &str) -> Result<(), Failure> {
        accepted(self.put(&format!("/v1/agent/service/deregister/{name}"), &json!({})).await?).map(drop)
    }
}

fn accepted(answer: Answer) -> Result<Answer, Failure> {
    if answer.status.is_success() {
        return Ok(answer);
    }
    Err(Failure::Refused { status: answer.status, text: answer.text() })
}

fn parsed<T: DeserializeOwned>(answer: &Answer) -> Result<T, Failure> {
    answer.parse().map_err(|error| Failure::Garbled(error.to_string()))
}
