//! The recovery of a member of etcd whose job has other flags than the others'.

use std::fmt;

use async_trait::async_trait;
use reenact::{
    Result,
    runbook::{Conclusion, Operator, Runbook},
};

use super::{
    super::{ETCDS, Setup},
    etcd,
    survey::{Found, Survey},
    vm,
};

/// Gives a member that does not answer the flags that all the others have, and starts it. Its
/// data stay as they are.
#[derive(Debug)]
pub(crate) struct SameFlags {
    pub(crate) setup: Setup,
    /// Which; else the one that complains of a flag.
    pub(crate) node: Option<&'static str>,
}

impl fmt::Display for SameFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let node =
            self.node.map_or_else(|| "the member that complains of one".to_owned(), |node| format!("etcd on {node}"));
        write!(f, "give {node} the flags that the other members have, and start it")
    }
}

#[async_trait]
impl Runbook for SameFlags {
    async fn run(&self, operator: &Operator) -> Result<Conclusion> {
        let survey = Survey::take(operator, self.setup).await?;
        if survey.is_whole() {
            return Ok(Conclusion::NothingToDo);
        }
        let Some(node) = self.ailing(operator, &survey).await? else {
            let node = self.node.unwrap_or("any member");
            return Ok(Conclusion::Refused { why: format!("its flags are not what ails {node}: {}", survey.says()) });
        };
        let own = flags(operator, node).await?;
        let mut others = Vec::new();
        for other in ETCDS.into_iter().filter(|other| *other != node) {
            others.push(flags(operator, other).await?);
        }
        if others.iter().any(|flags| *flags != others[0]) {
            return Ok(Conclusion::Refused { why: format!("the other members' flags differ: {}", others.join(" | ")) });
        }
        // An earlier call may have been killed after this step.
        if own != others[0] {
            operator.step(&format!("set {node}'s flags"), vm::set(operator, node, "FLAGS", &others[0])).await?;
        }
        operator.step(&format!("start etcd on {node}"), etcd::start(operator, self.setup, node)).await?;
        Ok(Conclusion::Done)
    }
}

impl SameFlags {
    /// The member that is meant, if it does not start and complains of a flag.
    async fn ailing(&self, operator: &Operator<'_>, survey: &Survey) -> Result<Option<&'static str>> {
        for node in ETCDS.into_iter().filter(|node| self.node.is_none_or(|meant| meant == *node)) {
            let fits = |found: &Found| found.up && found.status.is_err() && !found.cannot_start();
            if survey.of(node).is_some_and(fits) && complains(operator, node).await? {
                return Ok(Some(node));
            }
        }
        Ok(None)
    }
}

/// Whether etcd has lately ended for a flag that it does not know.
async fn complains(operator: &Operator<'_>, node: &str) -> Result<bool> {
    let script = "tail -n 400 /var/vcap/sys/log/etcd/etcd.log | grep -c 'flag provided but not defined'; true";
    Ok(vm::shell(operator, node, script).await?.trim() != "0")
}

/// The flags that a member's job has beside those of every member.
async fn flags(operator: &Operator<'_>, node: &str) -> Result<String> {
    let flags = vm::shell(operator, node, ". /var/vcap/jobs/settings; echo \"${FLAGS-}\"").await?;
    Ok(flags.trim().to_owned())
}
