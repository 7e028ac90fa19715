//! The report's first step.

use std::fmt;

use async_trait::async_trait;
use futures::future::try_join_all;
use reenact::{
    Result,
    runbook::{Conclusion, Operator, Runbook},
};

use super::{
    super::{BBSES, CONSULS, ETCDS, Setup},
    etcd,
    survey::{Found, Survey},
    vm,
};

/// "Restart all the VMs of the Consul, ETCD and Diego BBS nodes in that order": those of a
/// job at once.
///
/// A member of etcd that is restarted without a quorum answers no client, not even for what
/// it has. So it is only done where none of them answers anyway, and spares those that are
/// led. `forced` does it as written, and does not look what came of it.
#[derive(Debug)]
pub(crate) struct RestartVms {
    pub(crate) setup: Setup,
    pub(crate) forced: bool,
}

impl fmt::Display for RestartVms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("restart the VMs of Consul, etcd and the BBS, in that order")?;
        if self.forced { f.write_str(", whatever still answers") } else { Ok(()) }
    }
}

#[async_trait]
impl Runbook for RestartVms {
    async fn run(&self, operator: &Operator) -> Result<Conclusion> {
        if self.forced {
            restart_all(operator, &ETCDS).await?;
            return Ok(Conclusion::Done);
        }
        let survey = Survey::take(operator, self.setup).await?;
        if survey.is_whole() {
            return Ok(Conclusion::NothingToDo);
        }
        if let Some(why) = refuses(&survey) {
            return Ok(Conclusion::Refused { why });
        }
        let silent: Vec<_> = survey.members.iter().filter(|found| !found.is_led()).map(|found| found.node).collect();
        restart_all(operator, &silent).await?;
        let led = try_join_all(ETCDS.map(|node| etcd::until_led(operator, self.setup, node)));
        operator.step("wait until all members of etcd are led", led).await?;
        Ok(Conclusion::Done)
    }
}

/// Why it must not be done: what can still be read could not be read any more.
fn refuses(survey: &Survey) -> Option<String> {
    let led = survey.members.iter().any(Found::is_led);
    let readable: Vec<_> = survey.members.iter().filter(|found| found.status.is_ok()).map(|found| found.node).collect();
    (!led && !readable.is_empty()).then(|| {
        let names = readable.join(" and ");
        format!("{names} can still be read, and could not after a restart without a quorum: {}", survey.says())
    })
}

async fn restart_all(operator: &Operator<'_>, etcds: &[&str]) -> Result<()> {
    for (job, nodes) in [("Consul", &CONSULS[..]), ("etcd", etcds), ("the BBS", &BBSES)] {
        let restarts = try_join_all(nodes.iter().map(|node| vm::restart(operator, node)));
        operator.step(&format!("restart the VMs of {job}: {}", nodes.join(", ")), restarts).await?;
    }
    Ok(())
}
