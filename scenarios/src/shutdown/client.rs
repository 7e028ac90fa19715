//! The workload's client: one request a write, to whichever replica is next.

use std::{net::Ipv4Addr, sync::Arc, time::Duration};

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

/// The ids from here on are those of synthetic requests.
pub(super) const SYNTHETIC: u64 = 1 << 62;

/// Sends one request.
pub(super) async fn post(
    http: &reqwest::Client,
    ip: Ipv4Addr,
    id: u64,
    value: u64,
    kind: &str,
) -> reqwest::Result<reqwest::StatusCode> {
    let body = format!(r#"{{"id": {id}, "value": {value}, "kind": "{kind}"}}"#);
    let request = http.post(format!("http://{ip}:{PORT}/requests")).header("content-type", "application/json");
    Ok(request.body(body).timeout(LIMIT).send().await?.status())
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
        match post(&self.http, ip, id, value, kind(id)).await {
            Ok(status) if status == 201 => Ack::Ok,
            // Also an error of the database's may stand for a row that was committed.
            Ok(status) => Ack::Unknown { why: status.to_string() },
            Err(error) if error.is_connect() => Ack::Failed { why: "no connection".into() },
            Err(error) => Ack::Unknown { why: error.to_string() },
        }
    }

    fn node(&self) -> &str {
        &self.node
    }
}
