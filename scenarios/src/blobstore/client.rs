//! The workload's client: one PUT a write, and an honest word on its fate.

use async_trait::async_trait;
use reenact::{
    probe::Answer,
    testbed::Node,
    workload::{Ack, Client, Write},
};

use super::{blob::Sizes, http::Service};
use crate::answer::describe;

/// Puts blobs, each under its write's id.
pub(super) struct Uploader {
    node: String,
    service: Service,
    sizes: Sizes,
}

impl Uploader {
    pub(super) fn new(node: &Node, sizes: Sizes) -> Self {
        Self { node: node.name().into(), service: Service::of(node), sizes }
    }
}

#[async_trait]
impl Client for Uploader {
    async fn write(&mut self, write: Write) -> Ack {
        match self.service.put(&write.id.to_string(), self.sizes.body(write)).await {
            Ok(status) if status == 201 => Ack::Ok,
            // Also a 500 may stand for a blob that is there: nginx renames before it answers.
            Ok(status) => Ack::Unknown { why: status.to_string() },
            Err(Answer::Refused) => Ack::Failed { why: "connection refused".into() },
            Err(answer) => Ack::Unknown { why: describe(&answer) },
        }
    }

    fn node(&self) -> &str {
        &self.node
    }
}
