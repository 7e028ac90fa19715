//! Another primary on purpose: a runbook that loses nothing, and the bare command, which does.

use std::{fmt, time::Duration};

use async_trait::async_trait;
use reenact::{
    Error, Result,
    fault::{Effect, Fault, OnTestbed, Undo},
    runbook::{Conclusion, Operator, Runbook},
    wait::{self, Look},
};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::{
    Redis,
    redis::{self, SENTINEL},
};

/// Hands over from a primary that is to be maintained.
#[derive(Debug)]
pub struct Planned {
    pub from: &'static str,
}

impl fmt::Display for Planned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "stop writes on {}, and have Sentinel promote a replica", self.from)
    }
}

#[async_trait]
impl Runbook for Planned {
    async fn run(&self, operator: &Operator) -> Result<Conclusion> {
        let from = self.from;
        match &primaries(operator).await?[..] {
            [only] if *only == from => {}
            [_] => return Ok(Conclusion::NothingToDo),
            all => return Ok(Conclusion::Refused { why: format!("not one primary, but: [{}]", all.join(", ")) }),
        }
        let cli = |words: &str| ["redis-cli", "-e"].into_iter().chain(words.split(' ')).map(str::to_owned).collect();
        let say = async |words: &str| {
            let command: Vec<String> = cli(words);
            operator.must(from, &command.iter().map(String::as_str).collect::<Vec<_>>()).await
        };
        operator.step("let no write begin", say("CLIENT PAUSE 10000 WRITE")).await?;
        if say("WAIT 2 2000").await? != "2" {
            say("CLIENT UNPAUSE").await?;
            return Ok(Conclusion::Refused { why: "not every replica has all writes".into() });
        }
        operator.step("order the failover", say("-p 26379 SENTINEL FAILOVER mymaster")).await?;
        let promoted = wait::until("a second primary", Duration::from_secs(10), || async {
            match primaries(operator).await {
                Ok(all) => all.iter().find(|node| **node != from).map_or(Look::NotYet("none".into()), |node| Look::Ready(*node)),
                Err(error) => Look::Never(error),
            }
        });
        // Sentinel would do so too, ten seconds later.
        let promoted = operator.ip(promoted.await?)?;
        operator.step("demote the old primary", say(&format!("REPLICAOF {promoted} 6379"))).await?;
        say("CLIENT UNPAUSE").await?;
        Ok(Conclusion::Done)
    }
}

async fn primaries<'o>(operator: &'o Operator<'_>) -> Result<Vec<&'o str>> {
    let mut all = Vec::new();
    for node in operator.nodes() {
        let told = redis::replication(operator.ip(node)?).await;
        let told = told.map_err(|why| Error::failed(format!("{node} does not tell its role: {why}")))?;
        all.extend((told["role"] == "master").then_some(node));
    }
    Ok(all)
}

/// `SENTINEL FAILOVER` and nothing else: Sentinel takes the primary for dead, and lets it go on.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Unplanned {
    /// The primary.
    pub from: String,
}

impl fmt::Display for Unplanned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "failed over from {}, which lives", self.from)
    }
}

#[async_trait]
impl Fault<Redis> for Unplanned {
    async fn inject(&self, system: &Redis) -> Result<Undo> {
        let ip = system.bed().node(&self.from)?.ip();
        let done = redis::ask(ip, SENTINEL, &["SENTINEL", "FAILOVER", "mymaster"]).await;
        done.map(|_| Undo::none()).map_err(|why| Error::inconclusive(format!("Sentinel does not fail over: {why}")))
    }

    /// By the Sentinel's own state, which no detector sees.
    async fn effect(&self, system: &Redis) -> Result<Effect> {
        let ip = system.bed().node(&self.from)?.ip();
        let told = redis::ask(ip, SENTINEL, &["SENTINEL", "MASTER", "mymaster"]).await;
        let told = told.map_err(|why| Error::inconclusive(format!("Sentinel does not answer: {why}")))?;
        let moved = !told.contains(&ip.to_string());
        Ok(Effect::new(moved || told.iter().any(|word| word.contains("failover_in_progress")), told[..10].join(" ")))
    }
}
