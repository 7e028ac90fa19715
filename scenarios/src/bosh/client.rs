//! The workload's client: the platform's other users.
//!
//! Most of what they do is done by the API at once: a config, `bosh update-config`. One in
//! ten is a deploy of a service instance of its own, one VM in z2, which needs a free
//! worker and the CPI, and is acknowledged when its task is `done`.

use std::time::Duration;

use async_trait::async_trait;
use reenact::workload::{Ack, Client, Write};
use serde_json::{Value, json};

use super::{
    DIRECTOR,
    api::{Api, Trouble},
    manifest,
};

/// Between two looks at a task.
const POLL: Duration = Duration::from_millis(100);

/// A client of the director.
pub(super) struct Platform {
    api: Api,
}

impl Platform {
    pub(super) fn new(api: Api) -> Self {
        Self { api }
    }

    async fn config(&self, write: Write) -> Ack {
        let Write { id, value, .. } = write;
        match self.api.update_config("ledger", &format!("ledger-{id}"), &json!({"value": value})).await {
            Ok(reply) if reply.status == 201 => Ack::Ok,
            Ok(reply) => Ack::Unknown { why: reply.status.to_string() },
            Err(trouble) => fate(trouble),
        }
    }

    async fn deploy(&self, write: Write) -> Ack {
        let manifest = manifest::service_instance(&format!("service-instance-{}", write.id), write.value);
        let task = match self.api.ask("POST", "/deployments", Some(&manifest)).await {
            Ok(reply) => reply.task,
            Err(trouble) => return fate(trouble),
        };
        let Some(task) = task else { return Ack::Unknown { why: "no task".into() } };
        loop {
            tokio::time::sleep(POLL).await;
            // The director may be away for a while; the workload's limit ends this.
            let Ok(reply) = self.api.ask("GET", &format!("/tasks/{task}"), None).await else { continue };
            let shown: Value = serde_json::from_str(&reply.body).unwrap_or_default();
            match shown["state"].as_str().unwrap_or_default() {
                "done" => return Ack::Ok,
                "queued" | "processing" => {}
                other => return Ack::Unknown { why: format!("task {task} is {other}: {}", shown["result"]) },
            }
        }
    }
}

fn fate(trouble: Trouble) -> Ack {
    match trouble {
        Trouble::Refused => Ack::Failed { why: "connection refused".into() },
        trouble => Ack::Unknown { why: trouble.why() },
    }
}

#[async_trait]
impl Client for Platform {
    async fn write(&mut self, write: Write) -> Ack {
        if write.id % 10 == 5 { self.deploy(write).await } else { self.config(write).await }
    }

    fn node(&self) -> &str {
        DIRECTOR
    }
}
