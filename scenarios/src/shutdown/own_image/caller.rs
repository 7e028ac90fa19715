//! The workload's client: one request of the file an update.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use reenact::workload::{Ack, Client, Write};
use reqwest::{Response, header::CONTENT_TYPE};

use super::{
    super::router::Router,
    file::{File, Request},
    place::fill_request,
};

/// How long a request may take; less than the workload grants it.
const LIMIT: Duration = Duration::from_secs(7);

/// Sends requests to whichever replica is next.
pub(super) struct Caller {
    router: Arc<Router>,
    http: reqwest::Client,
    file: &'static File,
    /// The replica of the last request; empty if there was none.
    node: String,
}

impl Caller {
    pub(super) fn new(router: Arc<Router>, file: &'static File) -> Self {
        Self { router, http: reqwest::Client::new(), file, node: String::new() }
    }

    async fn send(&self, url: String, write: Write) -> Result<Response, reqwest::Error> {
        let Request { method, headers, body, .. } = self.file.request.get_ref();
        let fill = |text: &str| fill_request(text, write.id, write.value);
        let mut request = self.http.request(method.0.clone(), url).timeout(LIMIT);
        let own_type = headers.keys().any(|name| name.eq_ignore_ascii_case(CONTENT_TYPE.as_str()));
        if !own_type && !body.0.is_empty() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        for (name, value) in headers {
            request = request.header(name, fill(&value.0));
        }
        if !body.0.is_empty() {
            request = request.body(fill(&body.0));
        }
        request.send().await
    }
}

#[async_trait]
impl Client for Caller {
    async fn write(&mut self, write: Write) -> Ack {
        let Some((node, ip)) = self.router.pick() else {
            self.node.clear();
            return Ack::Failed { why: "no replica is ready".into() };
        };
        self.node = node;
        let request = self.file.request.get_ref();
        let path = fill_request(&request.path.0.0, write.id, write.value);
        match self.send(format!("http://{ip}:{}{path}", self.file.service.port), write).await {
            Ok(response) => {
                let status = response.status();
                let acknowledged = request.acknowledged.iter().any(|good| good.0 == status.as_u16());
                // Whether an error came before or after the work, only the service knows.
                if acknowledged { Ack::Ok } else { Ack::Unknown { why: status.to_string() } }
            }
            Err(error) if error.is_connect() => Ack::Failed { why: "no connection".into() },
            Err(error) if error.is_builder() => Ack::Failed { why: format!("no valid request: {error}") },
            Err(error) if error.is_timeout() => Ack::Unknown { why: format!("no answer in {LIMIT:?}") },
            Err(_) => Ack::Unknown { why: "the connection broke".into() },
        }
    }

    fn node(&self) -> &str {
        &self.node
    }
}
