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
    survey::Survey,
    vm,
};

/// Gives a member that does not answer the flags that all the others have, and starts it. Its
/// data stay as they are.
#[derive(Debug)]
pub(crate) struct SameFlags {
    pub(crate) setup: Setup,
    pub(crate) node: &'static str,
}

impl fmt::Display for SameFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "give etcd on {} the flags that the other members have, and start it", self.node)
    }
}

#[async_trait]
impl Runbook for SameFlags {
    async fn run(&self, operator: &Operator) -> Result<Conclusion> {
        let Self { setup, node } = *self;
        let survey = Survey::take(operator, setup).await?;
        if survey.is_whole() {
            return Ok(Conclusion::NothingToDo);
        }
        let Some(found) = survey.of(node) else {
            return Ok(Conclusion::Refused { why: format!("{node} is no member of etcd") });
        };
        if !found.up || found.status.is_ok() || found.cannot_start() || !complains(operator, node).await? {
            return Ok(Conclusion::Refused { why: format!("its flags are not what ails {node}: {}", survey.says()) });
        }
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
        operator.step(&format!("start etcd on {node}"), etcd::start(operator, setup, node)).await?;
        Ok(Conclusion::Done)
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
