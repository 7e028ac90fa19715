//! The report's second step.

use std::fmt;

use async_trait::async_trait;
use futures::future::try_join_all;
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

/// "Run monit stop etcd on each etcd node. Delete the etcd storage directory. Run monit
/// start etcd on each etcd node": the members found a new cluster, with nothing in it.
///
/// Whatever the Cloud Controller does not know is lost, so it is only done where no member
/// answers and every machine was looked at. `forced` does it as written.
#[derive(Debug)]
pub(crate) struct WipeAll {
    pub(crate) setup: Setup,
    pub(crate) forced: bool,
}

impl fmt::Display for WipeAll {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("wipe every member of etcd and start anew")?;
        if self.forced { f.write_str(", whatever they hold") } else { Ok(()) }
    }
}

#[async_trait]
impl Runbook for WipeAll {
    async fn run(&self, operator: &Operator) -> Result<Conclusion> {
        let survey = Survey::take(operator, self.setup).await?;
        if !self.forced {
            if survey.is_whole() {
                return Ok(Conclusion::NothingToDo);
            }
            if let Some(why) = refuses(&survey) {
                return Ok(Conclusion::Refused { why });
            }
        }
        let down: Vec<_> = survey.members.iter().filter(|found| !found.up).map(|found| found.node).collect();
        if !down.is_empty() {
            let on = try_join_all(down.iter().map(|node| operator.power_on(node)));
            operator.step(&format!("switch on {}", down.join(", ")), on).await?;
        }
        let stopped = try_join_all(ETCDS.map(|node| etcd::end(operator, node)));
        operator.step("monit stop etcd on each", stopped).await?;
        operator.step("delete the data of each", try_join_all(ETCDS.map(|node| wipe(operator, node)))).await?;
        let started = try_join_all(ETCDS.map(|node| etcd::start(operator, self.setup, node)));
        operator.step("monit start etcd on each", started).await?;
        Ok(Conclusion::Done)
    }
}

/// Why it must not be done.
fn refuses(survey: &Survey) -> Option<String> {
    let unlike = |what: &str, names: Vec<&str>| {
        (!names.is_empty()).then(|| format!("{} {what}: {}", names.join(" and "), survey.says()))
    };
    let named = |which: fn(&super::survey::Found) -> bool| {
        survey.members.iter().filter(|found| which(found)).map(|found| found.node).collect::<Vec<_>>()
    };
    unlike("can be read, and holds what would be lost", named(|found| found.status.is_ok()))
        .or_else(|| unlike("is down, and may hold what would be lost", named(|found| !found.up)))
}

/// A node without data is one that was never deployed: all of them found one cluster.
async fn wipe(operator: &Operator<'_>, node: &str) -> Result<()> {
    etcd::wipe(operator, node).await?;
    vm::shell(operator, node, "rm -f /var/vcap/jobs/etcd_deployed").await.map(drop)
}
