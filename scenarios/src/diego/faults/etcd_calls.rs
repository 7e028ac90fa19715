//! What a client of etcd's does to it by its own calls.

use std::{fmt, time::Duration};

use async_trait::async_trait;
use reenact::{
    Error, Result,
    fault::{Effect, Fault, Undo},
    probe::Answer,
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::{Diego, ETCDS, etcd::CLIENTS, http::Request};
use crate::answer::describe;

/// How long a call may take.
const LIMIT: Duration = Duration::from_secs(5);
/// More writes than any quota here bears.
const MOST_WRITES: usize = 20;

fn failed(node: &str) -> impl Fn(Answer) -> Error {
    move |answer| Error::inconclusive(format!("{node}: {}", describe(&answer)))
}

/// The leader hands over to another member, as before its machine is worked on.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LeaderMoved {
    /// A member.
    pub(crate) to: String,
}

impl fmt::Display for LeaderMoved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "etcd's leader hands over to {}", self.to)
    }
}

#[async_trait]
impl Fault<Diego> for LeaderMoved {
    /// Only the leader itself takes the call.
    async fn inject(&self, system: &Diego) -> Result<Undo> {
        let to = system.member(&self.to)?.status(LIMIT).await.map_err(failed(&self.to))?.id;
        for node in ETCDS {
            let member = system.member(node)?;
            let status = member.status(LIMIT).await.map_err(failed(node))?;
            if status.id == status.leader {
                let target = json!({"targetID": to.to_string()});
                member.v3("maintenance/transfer-leadership", &target, LIMIT).await.map_err(failed(node))?;
                return Ok(Undo::none());
            }
        }
        Err(Error::inconclusive("no member of etcd leads"))
    }

    /// What the member says of itself: true as long as all of them see each other.
    async fn effect(&self, system: &Diego) -> Result<Effect> {
        let asked = system.http.ask(system.member(&self.to)?.ip, CLIENTS, Request::get("/v2/stats/self", LIMIT)).await;
        let state = asked.map_err(failed(&self.to))?["state"].as_str().unwrap_or_default().to_owned();
        Ok(Effect::new(state == "StateLeader", format!("{} says {state}", self.to)))
    }
}

/// A client writes one large version 3 key over and over, until etcd's quota is used up by
/// its old revisions.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SpaceUsedUp {
    /// A member.
    pub(crate) by: String,
}

impl fmt::Display for SpaceUsedUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a client of {} rewrites a key of 400 kB until etcd's quota is used up", self.by)
    }
}

/// A version 3 key, in base64 as the gateway wants both: `large`, and that many `a`.
fn put(bytes: usize) -> Value {
    json!({"key": "bGFyZ2U=", "value": "YWFh".repeat(bytes / 3)})
}

#[async_trait]
impl Fault<Diego> for SpaceUsedUp {
    async fn inject(&self, system: &Diego) -> Result<Undo> {
        let member = system.member(&self.by)?;
        let large = put(400_000);
        for _ in 0..MOST_WRITES {
            match member.v3("kv/put", &large, LIMIT).await {
                Ok(_) => {}
                Err(Answer::Error { text, .. }) if text.contains(NO_SPACE) => return Ok(Undo::none()),
                Err(answer) => return Err(failed(&self.by)(answer)),
            }
        }
        Err(Error::inconclusive(format!("{MOST_WRITES} writes were taken")))
    }

    /// A small write is refused too.
    async fn effect(&self, system: &Diego) -> Result<Effect> {
        match system.member(&self.by)?.v3("kv/put", &put(3), LIMIT).await {
            Ok(_) => Ok(Effect::new(false, "a small write is taken")),
            Err(answer) => Ok(Effect::new(describe(&answer).contains(NO_SPACE), describe(&answer))),
        }
    }
}

/// What etcd says to a write that has no room.
pub(crate) const NO_SPACE: &str = "mvcc: database space exceeded";
