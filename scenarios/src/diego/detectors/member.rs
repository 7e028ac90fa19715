//! A single member of etcd: whether it can start, and who started it.

use reenact::detect::Told;

use super::{
    super::signals::Etcd,
    etcd::{has_leader, majority},
    records::{Member, Seen},
    view::DiegoView,
};

/// Members cannot start without their logs, or on damaged files.
pub fn refusing(view: &DiegoView, is_wiped: bool) -> Told {
    let members = view.members()?;
    let mut lines = Vec::new();
    for member in &members {
        let Some(refusal) = member.record.refusal(view.now()) else { continue };
        if refusal.is_wiped == is_wiped {
            lines.push(format!("{}: etcd does not start: {}", member.name, refusal.line));
        }
    }
    if !lines.is_empty() && !members.iter().any(has_leader) {
        let answer = members.iter().filter(|member| member.said.is_ok()).count();
        lines.push(format!(
            "{answer} of {} members answer, {} are needed: no quorum is left; rebuild it from a member that answers",
            members.len(),
            majority(members.len())
        ));
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
