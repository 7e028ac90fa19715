//! JSON over HTTP to any of Diego's parts, with honest words for what came back.

use std::{net::Ipv4Addr, time::Duration};

use reenact::probe::Answer;
use reqwest::{Client, ClientBuilder, Method, Response};
use serde_json::Value;

use crate::answer;

/// A client; cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Http {
    /// Reads over connections that are kept: for each new one the daemon pays once more when the
    /// network is removed (0.9 s of processor time in `consul_quorum_lost`).
    kept: Client,
    /// Over a connection of its own for each request: it cannot have died with its machine.
    fresh: Client,
}

/// How long a connection is kept that nobody uses.
const IDLE: Duration = Duration::from_secs(5);

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
        let built = |builder: ClientBuilder| builder.build().unwrap_or_default();
        Self {
            kept: built(Client::builder().pool_idle_timeout(IDLE).pool_max_idle_per_host(1)),
            fresh: built(Client::builder().pool_max_idle_per_host(0)),
        }
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
        let response = self.send(ip, port, &request).await.map_err(|error| answer::of_error(&error))?;
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

    /// Only reads are sent twice: a write that was answered by nothing may have been done.
    async fn send(&self, ip: Ipv4Addr, port: u16, request: &Request<'_>) -> Result<Response, reqwest::Error> {
        let Request { method, path, body, kind, limit } = request;
        let over = |client: &Client| {
            let sent = client.request(method.clone(), format!("http://{ip}:{port}{path}")).timeout(*limit);
            match body {
                Some(body) => sent.header("content-type", *kind).body(body.clone()).send(),
                None => sent.send(),
            }
        };
        if method != Method::GET {
            return over(&self.fresh).await;
        }
        match over(&self.kept).await {
            // The connection had died before: what is there now only a new one tells.
            Err(error) if !error.is_connect() && !error.is_timeout() => over(&self.fresh).await,
            answered => answered,
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };

    use super::*;

    const LIMIT: Duration = Duration::from_secs(5);

    /// Answers the first request on each connection, and closes it at the second.
    async fn answers_once(listener: TcpListener) {
        while let Ok((mut connection, _)) = listener.accept().await {
            let _ = connection.read(&mut [0; 1024]).await;
            let _ = connection.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n1").await;
            let _ = connection.read(&mut [0; 1024]).await;
        }
    }

    #[tokio::test]
    async fn a_read_outlives_the_connection_that_was_kept() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("its address").port();
        let server = tokio::spawn(answers_once(listener));
        let http = Http::new();
        for number in 1..4 {
            let read = http.ask(Ipv4Addr::LOCALHOST, port, Request::get("/", LIMIT)).await;
            assert_eq!(read, Ok(Value::from(1)), "{number}");
        }
        server.abort();
        let _ = server.await;
        let refused = http.ask(Ipv4Addr::LOCALHOST, port, Request::get("/", LIMIT)).await;
        assert_eq!(refused, Err(Answer::Refused));
    }
}
