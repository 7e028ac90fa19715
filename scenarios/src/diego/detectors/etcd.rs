//! etcd's members together: whether they have a leader, and one only.

use std::collections::{BTreeMap, BTreeSet};

use reenact::detect::Finding;

use super::{
    answers::Etcd,
    records::{Asked, Member},
    seen::Read,
    told,
    view::DiegoView,
};

/// Nobody has a leader, and no damaged data are why.
pub fn quorum_lost(view: &DiegoView) -> Finding {
    told(leaderless(view))
}

/// Members answer for several clusters.
pub fn split(view: &DiegoView) -> Finding {
    told(several(view))
}

/// A member without a leader answers beside those that have one.
pub fn stale(view: &DiegoView) -> Finding {
    told(cut_off(view))
}

/// Whether a majority of the members has one leader, and no other is amiss.
///
/// # Errors
/// If that is not known.
pub fn is_well(view: &DiegoView) -> Result<bool, String> {
    let members = view.members()?;
    let led = members.iter().filter(|member| has_leader(member)).count();
    Ok(led >= majority(members.len()) && several(view)?.is_empty() && cut_off(view)?.is_empty())
}

/// So many of these are a quorum.
pub fn majority(count: usize) -> usize {
    count / 2 + 1
}

/// Whether it answers, and knows a leader.
pub fn has_leader(member: &Asked<'_, Member, Etcd>) -> bool {
    member.said.is_ok_and(|etcd| etcd.has_leader)
}

fn leaderless(view: &DiegoView) -> Result<Vec<String>, String> {
    let members = view.members()?;
    if members.iter().any(has_leader) {
        return Ok(Vec::new());
    }
    if !view.etcd_led {
        return Err(format!("{}: there never was a leader", Etcd::OF));
    }
    let refused = members.iter().filter(|member| member.record.refusal(view.now()).is_some()).count();
    if members.len() - refused < majority(members.len()) {
        return Ok(Vec::new());
    }
    let mut lines = vec![format!("none of etcd's {} members has a leader", members.len())];
    lines.extend(members.iter().map(|member| match member.said {
        Ok(etcd) => format!("{}: it answers, as of raft index {}, and has no leader", member.name, etcd.applied),
        Err(how) => format!("{}: etcd {how}", member.name),
    }));
    lines.extend(lies(view));
    Ok(lines)
}

/// What a BBS says meanwhile.
fn lies(view: &DiegoView) -> Vec<String> {
    let bbses = view.bbses().unwrap_or_default();
    let lies = bbses.iter().filter_map(|bbs| {
        bbs.said.ok()?;
        let how = bbs.record.list.fresh(view.now()).ok()?.err()?;
        Some(format!("{}: the BBS answers pings and its list {how}: that is etcd's fault", bbs.name))
    });
    lies.collect()
}

fn several(view: &DiegoView) -> Result<Vec<String>, String> {
    let mut clusters: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for member in view.members()? {
        if let Ok(etcd) = member.said {
            clusters.entry(&etcd.cluster).or_default().push(member.name);
        }
    }
    if clusters.len() < 2 {
        return Ok(Vec::new());
    }
    Ok(clusters.iter().map(|(id, names)| format!("{} is in cluster {id}", names.join(" and "))).collect())
}

fn cut_off(view: &DiegoView) -> Result<Vec<String>, String> {
    let members = view.members()?;
    let led = || members.iter().filter(|member| has_leader(member)).filter_map(|member| member.said.ok());
    let clusters: BTreeSet<_> = led().map(|etcd| &etcd.cluster).collect();
    let newest = led().map(|etcd| etcd.applied).max().unwrap_or_default();
    let alone = members.iter().filter(|member| !has_leader(member));
    let lines = alone.filter_map(|member| {
        let etcd = member.said.ok().filter(|etcd| clusters.contains(&etcd.cluster))?;
        Some(format!(
            "{}: it answers and has no leader, while others have; it is {} entries behind",
            member.name,
            newest.saturating_sub(etcd.applied)
        ))
    });
    Ok(lines.collect())
}
