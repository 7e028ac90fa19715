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

use super::super::{
    Diego, ETCDS,
    etcd::{CLIENTS, Member},
    http::Request,
};
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

    fn is_lasting(&self) -> bool {
        true
    }
}

/// Another member is told to remove this one from the cluster, as somebody does who mistakes
/// it for the broken one. Nothing takes it back: a member's id never comes again.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct MemberRemoved {
    /// The member.
    pub(crate) node: String,
}

impl fmt::Display for MemberRemoved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is removed from etcd's cluster", self.node)
    }
}

impl MemberRemoved {
    /// Another member, which is asked.
    fn other<'d>(&self, system: &'d Diego) -> Result<(&'d str, Member)> {
        let other = system.members().find(|(node, _)| node.name() != self.node);
        other.map(|(node, member)| (node.name(), member)).ok_or_else(|| Error::inconclusive("etcd has no other member"))
    }
}

#[async_trait]
impl Fault<Diego> for MemberRemoved {
    async fn inject(&self, system: &Diego) -> Result<Undo> {
        let id = system.member(&self.node)?.status(LIMIT).await.map_err(failed(&self.node))?.id;
        let (by, member) = self.other(system)?;
        member.v3("cluster/member/remove", &json!({"ID": id.to_string()}), LIMIT).await.map_err(failed(by))?;
        Ok(Undo::none())
    }

    /// The other's list of members has its address no more.
    async fn effect(&self, system: &Diego) -> Result<Effect> {
        let (by, member) = self.other(system)?;
        let left = member.members(LIMIT).await.map_err(failed(by))?;
        let own = format!("{}:", system.member(&self.node)?.ip);
        let listed = left.iter().any(|peer| peer.contains(&own));
        Ok(Effect::new(!listed, format!("{by} lists {}", left.join(", "))))
    }

    fn is_lasting(&self) -> bool {
        true
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

    fn is_lasting(&self) -> bool {
        true
    }
}

/// What etcd says to a write that has no room.
pub(crate) const NO_SPACE: &str = "mvcc: database space exceeded";
