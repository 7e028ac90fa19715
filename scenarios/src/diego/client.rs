//! The workload's client: the platform's users.
//!
//! Most of what they ask for is a task, which only etcd holds and nobody desires again.
//! One write in ten is an application, which the Cloud Controller keeps, and which nsync
//! brings back whatever etcd loses. Both are named `ledger-ID-VALUE`.
//!
//! Tasks are read as well, from etcd's members in turn, each time by the quorum.

use std::time::Duration;

use async_trait::async_trait;
use reenact::{
    probe::Answer,
    workload::{Ack, Client, Seen, Write},
};

use super::{
    BBSES, CC, ETCDS,
    bbs::{Bbs, CloudController},
    etcd::Member,
};
use crate::answer::describe;

/// Longer than etcd takes to say that it cannot: 7 s.
const LIMIT: Duration = Duration::from_millis(7500);

/// Whether a write is a task, which only etcd holds.
pub(super) const fn is_task(id: u64) -> bool {
    id % 10 != 5
}

fn guid(Write { id, value, .. }: Write) -> String {
    format!("ledger-{id}-{value}")
}

/// A client of the BBS and of the Cloud Controller.
pub(super) struct User {
    bbses: Vec<Bbs>,
    cloud_controller: CloudController,
    members: Vec<Member>,
    /// Which BBS listened last.
    current: usize,
    node: &'static str,
}

impl User {
    pub(super) fn new(bbses: Vec<Bbs>, cloud_controller: CloudController, members: Vec<Member>) -> Self {
        Self { bbses, cloud_controller, members, current: 0, node: BBSES[0] }
    }

    /// Whichever BBS listens is asked: where nobody does, nothing was sent.
    async fn desire_task(&mut self, guid: &str) -> Result<(), Answer> {
        for turn in 0..self.bbses.len() {
            let at = (self.current + turn) % self.bbses.len();
            match self.bbses[at].desire_task(guid, LIMIT).await {
                Err(Answer::Refused) => {}
                other => {
                    (self.current, self.node) = (at, BBSES[at]);
                    return other;
                }
            }
        }
        Err(Answer::Refused)
    }
}

#[async_trait]
impl Client for User {
    async fn write(&mut self, write: Write) -> Ack {
        let guid = guid(write);
        let written = if is_task(write.id) {
            self.desire_task(&guid).await
        } else {
            self.node = CC;
            self.cloud_controller.push(&guid, LIMIT).await
        };
        match written {
            Ok(()) => Ack::Ok,
            Err(Answer::Refused) => Ack::Failed { why: "connection refused".into() },
            Err(answer) => Ack::Unknown { why: describe(&answer) },
        }
    }

    /// An application becomes desired some time after it was pushed: only tasks are read.
    async fn read(&mut self, of: Write) -> Option<Seen> {
        if !is_task(of.id) {
            return None;
        }
        let at = usize::try_from(of.value).ok()? % self.members.len();
        let is_there = self.members[at].has_task(&guid(of)).await.ok()?;
        Some(Seen { node: ETCDS[at].into(), value: is_there.then_some(of.value) })
    }

    fn node(&self) -> &str {
        self.node
    }
}
