//! JSON over HTTP to any of Diego's parts, with honest words for what came back.

use std::{net::Ipv4Addr, time::Duration};

use reenact::probe::Answer;
use reqwest::{Client, Method};
use serde_json::Value;

use crate::answer;

/// A client; cheap to clone. Each request goes over a connection of its own, so that none
/// dies with a machine that is gone.
#[derive(Debug, Clone)]
pub(super) struct Http(Client);

/// One request.
#[derive(Debug)]
pub(super) struct Request<'a> {
    method: Method,
    path: &'a str,
    body: Option<String>,
    kind: &'static str,
    limit: Duration,
}

impl<'a> Request<'a> {
    /// Reads.
    pub(super) fn get(path: &'a str, limit: Duration) -> Self {
        Self { method: Method::GET, path, body: None, kind: "application/json", limit }
    }

    /// Posts JSON.
    pub(super) fn post(path: &'a str, body: &Value, limit: Duration) -> Self {
        Self { method: Method::POST, body: Some(body.to_string()), ..Self::get(path, limit) }
    }

    /// Puts a text as it is.
    pub(super) fn put(path: &'a str, body: impl Into<String>, limit: Duration) -> Self {
        Self { method: Method::PUT, body: Some(body.into()), kind: "text/plain", ..Self::get(path, limit) }
    }

    /// Puts a form's fields, whose values need no escapes.
    pub(super) fn form(path: &'a str, fields: impl Into<String>, limit: Duration) -> Self {
        Self { kind: "application/x-www-form-urlencoded", ..Self::put(path, fields, limit) }
    }
}

/// Who answers in a test, by address, port and path.
#[cfg(test)]
type InMemory = std::sync::Arc<dyn Fn(Ipv4Addr, u16, &str) -> Result<Value, Answer> + Send + Sync>;

#[cfg(test)]
tokio::task_local! {
    /// What a test's task speaks to instead of the network.
    pub(super) static IN_MEMORY: InMemory;
}

impl Http {
    pub(super) fn new() -> Self {
        // It fails only where a TLS library cannot be set up, and there is none.
        Self(Client::builder().pool_max_idle_per_host(0).build().unwrap_or_default())
    }

    /// Asks, and gives what is answered with a status that means success; an empty answer
    /// is [`Value::Null`].
    ///
    /// # Errors
    /// Anything else, as an [`Answer`] that is none.
    pub(super) async fn ask(&self, ip: Ipv4Addr, port: u16, request: Request<'_>) -> Result<Value, Answer> {
        #[cfg(test)]
        if let Ok(answer) = IN_MEMORY.try_with(|answers| answers(ip, port, request.path)) {
            return answer;
        }
        let Request { method, path, body, kind, limit } = request;
        let mut sent = self.0.request(method, format!("http://{ip}:{port}{path}")).timeout(limit);
        if let Some(body) = body {
            sent = sent.header("content-type", kind).body(body);
        }
        let response = sent.send().await.map_err(|error| answer::of_error(&error))?;
        let status = response.status();
        let text = response.text().await.map_err(|error| answer::of_error(&error))?;
        if !status.is_success() {
            return Err(Answer::Error { code: status.as_str().into(), text: text.trim().into() });
        }
        // What is no JSON is a text, such as Consul's plain answers.
        Ok(match text.trim() {
            "" => Value::Null,
            text => serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.into())),
        })
    }
}
