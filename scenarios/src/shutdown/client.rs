//! The workload's client: one request a write, to whichever replica is next.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use reenact::workload::{Ack, Client, Write};

use super::{PORT, router::Router};

/// How long a request may take.
const LIMIT: Duration = Duration::from_secs(5);

/// Sends requests.
pub(super) struct Requester {
    router: Arc<Router>,
    http: reqwest::Client,
    /// The replica of the last request.
    node: String,
}

impl Requester {
    pub(super) fn new(router: Arc<Router>) -> Self {
        Self { router, http: reqwest::Client::new(), node: String::new() }
    }
}

/// One request in ten promises nothing, and one in ten may be dropped: a reconciliation
/// must not mistake them for lost work.
pub(super) fn kind(id: u64) -> &'static str {
    match id % 10 {
        3 => "draft",
        7 => "telemetry",
        _ => "order",
    }
}

#[async_trait]
impl Client for Requester {
    async fn write(&mut self, write: Write) -> Ack {
        let Some((node, ip)) = self.router.pick() else {
            return Ack::Failed { why: "no replica is ready".into() };
        };
        self.node = node;
        let Write { id, value, .. } = write;
        let body = format!(r#"{{"id": {id}, "value": {value}, "kind": "{}"}}"#, kind(id));
        let request = self.http.post(format!("http://{ip}:{PORT}/requests"));
        let sent = request.header("content-type", "application/json").body(body).timeout(LIMIT).send().await;
        match sent {
            Ok(response) if response.status() == 201 => Ack::Ok,
            // Also an error of the database's may stand for a row that was committed.
            Ok(response) => Ack::Unknown { why: response.status().to_string() },
            Err(error) if error.is_connect() => Ack::Failed { why: "no connection".into() },
            Err(error) => Ack::Unknown { why: error.to_string() },
        }
    }

    fn node(&self) -> &str {
        &self.node
    }
}
