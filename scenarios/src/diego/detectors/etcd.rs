//! etcd's members together: whether they have a leader, and one only.

use std::collections::{BTreeMap, BTreeSet};

use reenact::{detect::Told, probe::Question};

use super::{
    super::signals::Etcd,
    records::{Member, Seen},
    view::DiegoView,
};

/// Whether a majority of the members has one leader, and no other is amiss.
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
pub fn has_leader(member: &Seen<'_, Member, Etcd>) -> bool {
    member.said.is_ok_and(|etcd| etcd.has_leader)
}

/// Whether members that cannot start are too many for a quorum of the others.
pub fn refused_for_a_quorum(view: &DiegoView, members: &[Seen<'_, Member, Etcd>]) -> bool {
    let refused = members.iter().filter(|member| member.record.refusal(view.now()).is_some()).count();
    members.len() - refused < majority(members.len())
}

/// Nobody has a leader, and members that cannot start are not the whole reason.
pub fn leaderless(view: &DiegoView) -> Told {
    let members = view.members()?;
    if members.iter().any(has_leader) || refused_for_a_quorum(view, &members) {
        return Ok(Vec::new());
    }
    if !view.etcd_led && view.may_be_set_up() {
        return Err(format!("{}: there never was a leader; it may be being set up", Etcd::OF));
    }
    let mut lines = vec![format!("none of etcd's {} members has a leader", members.len())];
    lines.extend(members.iter().map(|member| match member.said {
        Ok(etcd) => format!("{}: it answers, as of raft index {}, and has no leader", member.name, etcd.applied),
        Err(how) => match member.record.refusal(view.now()) {
            Some(refusal) => format!("{}: etcd does not start: {}", member.name, refusal.line),
            None => format!("{}: etcd {how}", member.name),
        },
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

/// Members answer for several clusters.
pub fn several(view: &DiegoView) -> Told {
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

/// A member without a leader answers beside those that have one.
pub fn cut_off(view: &DiegoView) -> Told {
    let members = view.members()?;
    let led = || members.iter().filter(|member| has_leader(member)).filter_map(|member| member.said.ok());
    let clusters: BTreeSet<_> = led().map(|etcd| &etcd.cluster).collect();
    let newest = led().map(|etcd| etcd.applied).max().unwrap_or_default();
    let alone = members.iter().filter(|member| !has_leader(member));
    let lines = alone.filter_map(|member| {
        let etcd = member.said.ok().filter(|etcd| clusters.contains(&etcd.cluster))?;
        if !member.record.has_lost_its_leader(view.now()) {
            return None;
        }
        let behind = newest.saturating_sub(etcd.applied);
        // By a log alone it is not known how far anybody has come.
        let behind = if newest > 0 { format!("; it is {behind} entries behind") } else { String::new() };
        Some(format!("{}: it answers and has no leader, while others have{behind}", member.name))
    });
    Ok(lines.collect())
}
