//! A single member of etcd: whether it can start, and who started it.

use reenact::detect::Told;

use super::{
    super::{signals::Etcd, words::Why},
    etcd::{has_leader, majority, refused_for_a_quorum},
    records::{Member, Seen},
    view::DiegoView,
};

/// Members cannot start for that reason. Where nobody leads because others are away as
/// well, those are brought back first: without a quorum no member can be replaced.
pub fn refusing(view: &DiegoView, why: Why) -> Told {
    let members = view.members()?;
    let leads = members.iter().any(has_leader);
    if !leads && !refused_for_a_quorum(view, &members) {
        return Ok(Vec::new());
    }
    let mut lines = Vec::new();
    for member in &members {
        let Some(refusal) = member.record.refusal(view.now()) else { continue };
        if refusal.why == why {
            lines.push(format!("{}: etcd does not start: {}", member.name, refusal.line));
        }
    }
    // Of one member alone it is not known what the others are.
    if !lines.is_empty() && !leads && members.len() > 1 {
        let answer = members.iter().filter(|member| member.said.is_ok()).count();
        let from = if answer > 0 {
            "rebuild it from a member that answers"
        } else {
            "keep every member's files, and restore a snapshot, or what can be saved of the newest"
        };
        let (all, needed) = (members.len(), majority(members.len()));
        lines.push(format!("{answer} of {all} members answer, {needed} are needed: no quorum is left; {from}"));
    }
    Ok(lines)
}

/// An etcd answers that its supervisor does not know.
pub fn unowned(view: &DiegoView) -> Told {
    let mut lines = Vec::new();
    for member in view.members()? {
        lines.extend(unowned_member(view, &member)?);
    }
    Ok(lines)
}

fn unowned_member(view: &DiegoView, member: &Seen<'_, Member, Etcd>) -> Told {
    // One that waits for its peers is not written down yet.
    if !has_leader(member) {
        return Ok(Vec::new());
    }
    let name = member.name;
    let process = match member.record.process.fresh(view.now()).map_err(|why| format!("{name}: {why}"))? {
        Ok(process) => process,
        Err(how) => return Err(format!("{name}: its processes: {how}")),
    };
    let Some(listener) = process.listener.filter(|listener| process.pidfile != Some(*listener)) else {
        return Ok(Vec::new());
    };
    let known = process.pidfile.map_or_else(|| "none".into(), |pid| format!("pid {pid}"));
    let mut lines =
        vec![format!("{name}: pid {listener} listens and answers with a leader; its supervisor knows {known}")];
    lines.extend(member.record.port_taken.iter().map(|line| format!("{name}: {line}")));
    Ok(lines)
}
