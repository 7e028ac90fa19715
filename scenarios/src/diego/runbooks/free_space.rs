//! The recovery of an etcd that has reached its quota.

use std::{fmt, time::Duration};

use async_trait::async_trait;
use reenact::{
    Error, Result,
    probe::Answer,
    runbook::{Conclusion, Operator, Runbook},
};
use serde_json::{Value, json};

use super::{
    super::{ETCDS, Setup, etcd::Member},
    survey::{self, Survey},
};
use crate::answer::describe;

/// How long a call may take: a defragmentation copies the whole database.
const LIMIT: Duration = Duration::from_secs(20);

/// Drops old revisions, gives their room back to the file system on each member, and then
/// takes the alarm back, which etcd never does by itself.
#[derive(Debug)]
pub(crate) struct FreeSpace {
    pub(crate) setup: Setup,
}

impl fmt::Display for FreeSpace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("compact etcd's revisions, defragment each member, disarm the alarm")
    }
}

#[async_trait]
impl Runbook for FreeSpace {
    async fn run(&self, operator: &Operator) -> Result<Conclusion> {
        let survey = Survey::take(operator, self.setup).await?;
        let Some(by) = survey.quorum().first().map(|found| found.node) else {
            return Ok(Conclusion::Refused { why: format!("etcd has no quorum: {}", survey.says()) });
        };
        let alarmed = |alarm: &str| {
            survey.members.iter().any(|found| found.status.as_ref().is_ok_and(|said| said.alarms.contains(alarm)))
        };
        if !alarmed("NOSPACE") {
            return Ok(Conclusion::NothingToDo);
        }
        if alarmed("CORRUPT") {
            return Ok(Conclusion::Refused { why: "members hold different data: that comes first".into() });
        }
        let leader = survey::member(operator, self.setup, by)?;
        operator.step("compact", compact(&leader)).await?;
        for node in ETCDS {
            let member = survey::member(operator, self.setup, node)?;
            let work = async { call(&member, "maintenance/defragment", &json!({})).await.map(drop) };
            operator.step(&format!("defragment {node}"), work).await?;
        }
        operator.step("disarm", disarm(&leader)).await?;
        Ok(Conclusion::Done)
    }
}

async fn call(member: &Member, path: &str, body: &Value) -> Result<Value> {
    let failed = |answer| Error::failed(format!("{} {path}: {}", member.ip, describe(&answer)));
    member.v3(path, body, LIMIT).await.map_err(failed)
}

/// Drops every revision but the newest of each key. Where that was done already, there is
/// nothing to drop.
async fn compact(member: &Member) -> Result<()> {
    let failed = |answer| Error::failed(format!("{}: {}", member.ip, describe(&answer)));
    let revision = member.hash(LIMIT).await.map_err(failed)?.revision;
    let body = json!({"revision": revision.to_string(), "physical": true});
    match member.v3("kv/compaction", &body, LIMIT).await {
        Err(Answer::Error { text, .. }) if text.contains("has been compacted") => Ok(()),
        said => said.map(drop).map_err(failed),
    }
}

/// Takes each member's alarm back.
async fn disarm(member: &Member) -> Result<()> {
    let said = call(member, "maintenance/alarm", &json!({"action": "GET"})).await?;
    for raised in said["alarms"].as_array().into_iter().flatten().filter(|raised| raised["alarm"] == "NOSPACE") {
        let body = json!({"action": "DEACTIVATE", "memberID": raised["memberID"], "alarm": "NOSPACE"});
        call(member, "maintenance/alarm", &body).await?;
    }
    Ok(())
}
