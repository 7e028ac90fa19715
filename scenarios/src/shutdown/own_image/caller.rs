//! The workload's clients of replicas: one HTTP request or one gRPC call an update.

use std::{collections::BTreeMap, net::Ipv4Addr, sync::Arc, time::Duration};

use async_trait::async_trait;
use http_body_util::Full;
use hyper::{
    body::Bytes,
    header::{ACCEPT, CONTENT_TYPE},
};
use reenact::workload::{Ack, Client, Write};

use super::{
    super::router::Router,
    fate::{Fate, Refused},
    file::{File, Grpc, Request, Update},
    grpc,
    place::fill_request,
    protoscope,
    text::RequestText,
    web::{Trouble, Web, no_request},
};

/// How long a request may take; less than the workload grants it.
const LIMIT: Duration = Duration::from_secs(7);

/// Sends requests to whichever replica is next.
pub(super) struct Caller {
    router: Arc<Router>,
    web: Web,
    file: &'static File,
    refused: Arc<Refused>,
    /// The replica of the last request; empty if there was none.
    node: String,
}

impl Caller {
    pub(super) fn new(router: Arc<Router>, file: &'static File, refused: Arc<Refused>) -> Self {
        Self { router, web: Web::new(file), file, refused, node: String::new() }
    }

    async fn send(&self, ip: Ipv4Addr, write: Write) -> Fate {
        let sent = match &self.file.update {
            Update::Request(request) => self.request(ip, request, write).await,
            Update::Grpc(grpc) => self.call(ip, grpc, write).await,
            Update::Queue(_) => Ok(Fate::NotSent("a queue is filled, and no replica asked".into())),
        };
        sent.unwrap_or_else(|trouble| match trouble {
            Trouble::NotSent(why) => Fate::NotSent(why),
            Trouble::NoAnswer(why) => Fate::NoAnswer(why),
        })
    }

    async fn request(&self, ip: Ipv4Addr, request: &Request, write: Write) -> Result<Fate, Trouble> {
        let fill = |text: &str| fill_request(text, write.id, write.value);
        let Request { method, path, headers, body, acknowledged, answer } = request;
        let mut sent = hyper::Request::builder().method(&method.0).uri(self.web.url(ip, &fill(&path.0.0)));
        let has = |name: &str| headers.keys().any(|known| known.eq_ignore_ascii_case(name));
        if !has(CONTENT_TYPE.as_str()) && !body.0.is_empty() {
            sent = sent.header(CONTENT_TYPE, "application/json");
        }
        if !has(ACCEPT.as_str()) {
            sent = sent.header(ACCEPT, "*/*");
        }
        for (name, value) in filled(headers, write) {
            sent = sent.header(name, value);
        }
        let sent = sent.body(Full::new(Bytes::from(fill(&body.0)))).map_err(|error| no_request(&error))?;
        let reply = self.web.send(sent, LIMIT).await?;
        if !acknowledged.iter().any(|good| good.0 == reply.status.as_u16()) {
            return Ok(Fate::Refused(reply.status.to_string()));
        }
        Ok(match answer.missing(&reply.text(), write.id, write.value) {
            None => Fate::Acknowledged,
            Some(why) => Fate::Refused(format!("{}, but {why}", reply.status)),
        })
    }

    async fn call(&self, ip: Ipv4Addr, grpc: &Grpc, write: Write) -> Result<Fate, Trouble> {
        let message = protoscope::encode(&fill_request(&grpc.message.get_ref().0, write.id, write.value));
        let message = message.map_err(|why| Trouble::NotSent(format!("no valid message: {why}")))?;
        let metadata: Vec<_> = filled(&grpc.metadata, write).collect();
        let reply = grpc::call(&self.web, ip, &grpc.method.0, &message, &metadata, LIMIT).await?;
        Ok(grpc::refusal(&reply)?.map_or(Fate::Acknowledged, Fate::Refused))
    }
}

/// Headers with their placeholders filled in.
fn filled(headers: &BTreeMap<String, RequestText>, write: Write) -> impl Iterator<Item = (&str, String)> {
    headers.iter().map(move |(name, value)| (name.as_str(), fill_request(&value.0, write.id, write.value)))
}

#[async_trait]
impl Client for Caller {
    async fn write(&mut self, write: Write) -> Ack {
        let Some((node, ip)) = self.router.pick() else {
            self.node.clear();
            return Ack::Failed { why: "no replica is ready".into() };
        };
        self.node = node;
        self.refused.ack(self.send(ip, write).await, write.id)
    }

    fn node(&self) -> &str {
        &self.node
    }
}
