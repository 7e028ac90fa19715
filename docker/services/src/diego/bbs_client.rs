//! The BBS as its clients see it: whichever of its processes listens.

use std::{fmt, time::Duration};

use axum::http::Method;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::http::{self, Request};

/// How long an answer may take: longer than etcd's own limit, so that the BBS can say
/// what failed.
const LIMIT: Duration = Duration::from_secs(15);

/// Why the BBS did not do as it was asked.
#[derive(Debug)]
pub enum Failure {
    /// None of its processes listens.
    Nobody,
    /// It does not answer, or not with sense.
    Http(http::Failure),
    /// It answered with an error, of this type.
    Refused(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nobody => write!(f, "no BBS listens"),
            Self::Http(error) => error.fmt(f),
            Self::Refused(kind) => write!(f, "the BBS says {kind}"),
        }
    }
}

impl std::error::Error for Failure {}

/// The BBS's processes. Diego's clients ask Consul which of them listens; these try.
#[derive(Debug, Clone)]
pub struct BbsClient {
    processes: Vec<String>,
}

impl BbsClient {
    /// The BBS of these processes, such as `10.0.0.1:8889`.
    #[must_use]
    pub fn of(processes: Vec<String>) -> Self {
        Self { processes }
    }

    /// Asks, and gives what is under `name` in the answer.
    ///
    /// # Errors
    /// [`Failure`]; after any but [`Failure::Nobody`] it may have been done.
    pub async fn list<T: DeserializeOwned>(&self, path: &str, name: &str) -> Result<T, Failure> {
        let mut body = self.call(path, &Value::Null).await?;
        let found = body.get_mut(name).map(Value::take).unwrap_or_default();
        serde_json::from_value(found).map_err(|error| Failure::Refused(format!("what makes no sense: {error}")))
    }

    /// Asks, and gives the whole answer.
    ///
    /// # Errors
    /// [`Failure`]; after any but [`Failure::Nobody`] it may have been done.
    pub async fn call(&self, path: &str, body: &impl Serialize) -> Result<Value, Failure> {
        let request = Request::json(Method::POST, path, LIMIT, body);
        for process in &self.processes {
            match request.send(process).await {
                Err(http::Failure::Unreachable(_)) => {}
                Err(error) => return Err(Failure::Http(error)),
                Ok(answer) if !answer.status.is_success() => return Err(Failure::Refused(answer.status.to_string())),
                Ok(answer) => {
                    let body: Value = answer.parse().map_err(|error| Failure::Refused(error.to_string()))?;
                    return match body["error"]["type"].as_str() {
                        Some(kind) => Err(Failure::Refused(kind.to_owned())),
                        None => Ok(body),
                    };
                }
            }
        }
        Err(Failure::Nobody)
    }
}
