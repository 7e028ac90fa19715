//! The recovery of a quorum whose other members have no data any more: lossless, where the
//! report's recipe wipes all.

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

/// Makes a cluster of its own of the member that has come farthest
/// (`--force-new-cluster`), and adds the others to it one by one, each one empty.
///
/// The setting is kept on the machine until the cluster is one: who runs this again goes on
/// with the same member, though it may not answer just now.
#[derive(Debug)]
pub(crate) struct RebuildFromSurvivor {
    pub(crate) setup: Setup,
    /// The member to trust, by somebody who knows that the others' disks are not to be
    /// trusted; else all machines must be up, so that each is heard.
    pub(crate) from: Option<&'static str>,
}

impl fmt::Display for RebuildFromSurvivor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rebuild etcd's cluster from {}", self.from.unwrap_or("the member that has come farthest"))
    }
}

#[async_trait]
impl Runbook for RebuildFromSurvivor {
    async fn run(&self, operator: &Operator) -> Result<Conclusion> {
        let survey = Survey::take(operator, self.setup).await?;
        if survey.is_whole() {
            return Ok(Conclusion::NothingToDo);
        }
        if survey.clusters().len() > 1 {
            let why = format!("there are several clusters, and one must be chosen: {}", survey.says());
            return Ok(Conclusion::Refused { why });
        }
        let begun = begun(operator, &survey).await?;
        let survivor = match begun.map_or_else(|| self.choose(&survey), Ok) {
            Ok(survivor) => survivor,
            Err(why) => return Ok(Conclusion::Refused { why }),
        };
        if begun.is_none() || survey.of(survivor.node).is_some_and(|found| found.is_forced) {
            self.make_cluster(operator, survivor).await?;
        }
        for node in ETCDS.into_iter().filter(|node| *node != survivor.node) {
            if !survey.quorum().iter().any(|found| found.node == node) {
                etcd::replace(operator, self.setup, survivor.node, node).await?;
            }
        }
        Ok(Conclusion::Done)
    }
}

/// The member of which an earlier run has begun to make a cluster: it is told so, or its
/// cluster lacks members.
async fn begun<'s>(operator: &Operator<'_>, survey: &'s Survey) -> Result<Option<&'s Found>> {
    if let Some(forced) = survey.members.iter().find(|found| found.is_forced) {
        return Ok(Some(forced));
    }
    for found in survey.members.iter().filter(|found| found.status.is_ok()) {
        let listed = etcd::list(operator, found.node).await?;
        if listed.iter().filter(|listed| !listed.is_new).count() < ETCDS.len() {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

impl RebuildFromSurvivor {
    /// Whom to trust, or why nobody is.
    fn choose<'s>(&self, survey: &'s Survey) -> Result<&'s Found, String> {
        let says = survey.says();
        if !survey.quorum().is_empty() {
            return Err(format!("there is a quorum, which has everything: {says}"));
        }
        let known = survey.members.iter().filter(|found| found.index().is_some());
        let farthest = known.max_by_key(|found| found.index());
        if let Some(found) = self.from.and_then(|name| survey.of(name)) {
            let behind = farthest.filter(|farthest| found.up && found.index() < farthest.index());
            return behind.map_or(Ok(found), |farthest| Err(format!("{} is ahead of it: {says}", farthest.node)));
        }
        let hope = survey.members.iter().find(|found| found.index().is_none() && !found.cannot_start());
        if let Some(found) = hope {
            return Err(format!("{} may come back with more; bring it back first: {says}", found.node));
        }
        farthest.ok_or_else(|| format!("nobody has data: {says}"))
    }

    async fn make_cluster(&self, operator: &Operator<'_>, survivor: &Found) -> Result<()> {
        let (setup, node) = (self.setup, survivor.node);
        if !survivor.up {
            operator.step(&format!("switch {node} on"), operator.power_on(node)).await?;
        }
        if !survivor.is_forced {
            let flags = format!("{} --force-new-cluster", setup.flags);
            let told = vm::set(operator, node, "FLAGS", flags.trim_start());
            operator.step(&format!("tell {node} to be a cluster of its own"), told).await?;
        }
        if !(survivor.is_forced && survivor.is_led()) {
            operator.step(&format!("stop etcd on {node}"), etcd::end(operator, node)).await?;
            operator.step(&format!("start etcd on {node}"), etcd::start_alone(operator, setup, node)).await?;
        }
        let again = async {
            // Stopped first: started once more with the flag, it would forget its members.
            etcd::end(operator, node).await?;
            vm::set(operator, node, "FLAGS", setup.flags).await?;
            etcd::start_alone(operator, setup, node).await
        };
        operator.step(&format!("restart etcd on {node} as any other"), again).await
    }
}
