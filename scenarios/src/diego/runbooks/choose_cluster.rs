//! The recovery of members that have each founded a cluster of their own.

use std::{collections::BTreeMap, fmt};

use async_trait::async_trait;
use reenact::{
    Error, Result,
    runbook::{Conclusion, Operator, Runbook},
};

use super::{
    super::{ETCDS, Setup},
    etcd,
    survey::{self, Survey},
};

/// Keeps one of the clusters, and makes the other nodes empty members of it. What only they
/// had is lost: where several have keys, it is not for a runbook to choose.
#[derive(Debug)]
pub(crate) struct ChooseCluster {
    pub(crate) setup: Setup,
    /// The member whose data are kept, by somebody who has decided so.
    pub(crate) keep: Option<&'static str>,
}

impl fmt::Display for ChooseCluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "keep the cluster of {}, and make the others its members", self.keep.unwrap_or("the one with keys"))
    }
}

/// How many keys each member has that answers.
type Keys = BTreeMap<&'static str, usize>;

#[async_trait]
impl Runbook for ChooseCluster {
    async fn run(&self, operator: &Operator) -> Result<Conclusion> {
        let survey = Survey::take(operator, self.setup).await?;
        if survey.is_whole() {
            return Ok(Conclusion::NothingToDo);
        }
        let keys = self.count(operator, &survey).await?;
        let kept = match self.choose(&survey, &keys) {
            Ok(kept) => kept,
            Err(why) => return Ok(Conclusion::Refused { why }),
        };
        for node in ETCDS.into_iter().filter(|node| *node != kept) {
            if !survey.quorum().iter().any(|found| found.node == node) {
                etcd::replace(operator, self.setup, kept, node).await?;
            }
        }
        Ok(Conclusion::Done)
    }
}

impl ChooseCluster {
    async fn count(&self, operator: &Operator<'_>, survey: &Survey) -> Result<Keys> {
        let mut keys = Keys::new();
        for found in survey.members.iter().filter(|found| found.status.is_ok()) {
            let held = survey::member(operator, self.setup, found.node)?.local_keys("/v1").await;
            let unread = |answer| Error::failed(format!("{}'s keys: {}", found.node, crate::answer::describe(&answer)));
            keys.insert(found.node, held.map_err(unread)?.len());
        }
        Ok(keys)
    }

    /// Whose data are kept, or why nobody's.
    fn choose(&self, survey: &Survey, keys: &Keys) -> Result<&'static str, String> {
        let quorum = survey.quorum();
        if let Some(found) = quorum.first() {
            // As after a run that did not come to its end.
            let kept = self.keep.unwrap_or(found.node);
            let is_in = quorum.iter().any(|found| found.node == kept);
            return is_in.then_some(kept).ok_or_else(|| format!("most are in a cluster without {kept}"));
        }
        let with_keys: Vec<_> = keys.iter().filter(|(_, count)| **count > 0).collect();
        let most = with_keys.iter().max_by_key(|(_, count)| *count).map(|(node, count)| (**node, **count));
        match (self.keep, most) {
            (Some(kept), Some((node, count))) if keys.get(kept).copied().unwrap_or_default() < count => {
                Err(format!("{node} has more keys than {kept}: {keys:?}"))
            }
            (Some(kept), _) if keys.contains_key(kept) => Ok(kept),
            (Some(kept), _) => Err(format!("{kept} does not answer")),
            (None, Some((node, _))) if with_keys.len() == 1 => Ok(node),
            (None, _) => Err(format!("several have keys, and one of them must be chosen: {keys:?}")),
        }
    }
}
