//! The recovery of a single member that has lost its data, or has wrong ones.

use std::fmt;

use async_trait::async_trait;
use reenact::{
    Result,
    runbook::{Conclusion, Operator, Runbook},
};

use super::{super::Setup, etcd, survey::Survey};

/// Takes a member out of the cluster, wipes it alone, and adds it again: it comes back
/// empty, under a new id, and is sent everything by the leader. Only beside a quorum of
/// others.
#[derive(Debug)]
pub(crate) struct ReplaceMember {
    pub(crate) setup: Setup,
    pub(crate) node: &'static str,
}

impl fmt::Display for ReplaceMember {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "remove {} from etcd's cluster, wipe it alone, add it again", self.node)
    }
}

#[async_trait]
impl Runbook for ReplaceMember {
    async fn run(&self, operator: &Operator) -> Result<Conclusion> {
        let Self { setup, node } = *self;
        let survey = Survey::take(operator, setup).await?;
        if survey.is_whole() {
            return Ok(Conclusion::NothingToDo);
        }
        if let Some(why) = self.refuses(&survey) {
            return Ok(Conclusion::Refused { why });
        }
        let Some(by) = survey.quorum().into_iter().map(|found| found.node).find(|name| *name != node) else {
            return Ok(Conclusion::Refused { why: format!("there is no quorum: {}", survey.says()) });
        };
        etcd::replace(operator, setup, by, node).await?;
        Ok(Conclusion::Done)
    }
}

impl ReplaceMember {
    /// Why it must not be done. Without this member all others are needed; and what is
    /// different from most is what is wrong.
    fn refuses(&self, survey: &Survey) -> Option<String> {
        let node = self.node;
        let (quorum, odd) = (survey.quorum(), survey.odd());
        let others: Vec<_> = survey.members.iter().filter(|found| found.node != node).collect();
        let lacks = others.iter().filter(|other| !quorum.iter().any(|found| found.node == other.node)).count();
        if lacks > 0 {
            return Some(format!("there is no quorum beside {node}: {}", survey.says()));
        }
        let differs: Vec<_> = odd.into_iter().filter(|name| *name != node).collect();
        (!differs.is_empty()).then(|| format!("not {node} but {} holds other data than most", differs.join(" and ")))
    }
}
