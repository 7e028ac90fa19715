//! What etcd's members hold: whether it is the same, and whether they take more.

use std::collections::BTreeMap;

use reenact::{
    detect::{Told, everywhere, hangs_now, holds},
    probe::Question,
};

use super::{
    super::signals::Hash,
    etcd::{has_leader, is_well},
    view::DiegoView,
};

/// What became of a small key that was written by a member.
pub const WRITE: &str = "etcd:write";

/// The members have one leader and answer, and by each of them a write hangs.
pub fn writes_stalled(view: &DiegoView) -> Told {
    let mut places = Vec::new();
    for member in view.members()?.iter().filter(|member| has_leader(member)) {
        let (name, now) = (member.name, view.now());
        let applied = member.said.map_or(0, |etcd| etcd.applied);
        let how = hangs_now(&member.record.write, now).map_err(|why| format!("{name}: {why}"))?;
        places.push(how.map(|how| format!("{name}: it answers and has a leader, at raft index {applied}; {how}")));
    }
    let lines = everywhere(places);
    let is_told = lines.is_empty() || !is_well(view)? || holds(alarmed(view, "NOSPACE"));
    Ok(if is_told { Vec::new() } else { lines })
}

/// Members have raised this alarm, such as that of a member over its quota.
pub fn alarmed(view: &DiegoView, alarm: &str) -> Told {
    let members = view.members()?;
    if members.iter().all(|member| member.said.is_err()) {
        return Err("no member of etcd answers".into());
    }
    let has = |alarms: &str| alarms.split_whitespace().any(|raised| raised == alarm);
    let raised = members.iter().filter(|member| member.said.is_ok_and(|etcd| has(&etcd.alarms)));
    Ok(raised.map(|member| format!("{}: etcd's alarm {alarm} is raised", member.name)).collect())
}

/// Members hold other data at the same revision.
pub fn differences(view: &DiegoView) -> Told {
    let mut lines = alarmed(view, "CORRUPT")?;
    let (mut known, mut unknown) = (0, None);
    for member in view.members()? {
        match member.record.hash(view.now()) {
            Ok(Some(_)) => known += 1,
            Ok(None) => {}
            Err(why) => unknown = Some(format!("{}: {why}", member.name)),
        }
    }
    lines.extend(odd(view)?);
    match unknown {
        _ if !lines.is_empty() => Ok(lines),
        Some(why) => Err(why),
        None if known < 2 => Err(format!("{}: fewer than two members tell it", Hash::OF)),
        None => Ok(lines),
    }
}

/// The newest revision of which members have told different sums.
fn odd(view: &DiegoView) -> Told {
    let mut sums: BTreeMap<(u64, u64, &str), BTreeMap<u64, Vec<&str>>> = BTreeMap::new();
    let members = view.members()?;
    for member in &members {
        for (_, cluster, Hash { hash, revision, compacted }) in &member.record.hashes {
            // Nothing was ever written: there is nothing to differ.
            if *revision <= 1 {
                continue;
            }
            sums.entry((*revision, *compacted, cluster)).or_default().entry(*hash).or_default().push(member.name);
        }
    }
    let Some(((revision, ..), sums)) = sums.iter().rfind(|(_, sums)| sums.len() > 1) else { return Ok(Vec::new()) };
    let lines = sums.iter().map(|(sum, names)| {
        let names = names.join(" and ");
        format!("{names}: its data as of revision {revision} come to {sum}, the others' do not")
    });
    Ok(lines.collect())
}
