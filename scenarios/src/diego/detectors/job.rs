//! A job that its supervisor starts in vain, whatever it is.

use std::time::Duration;

use reenact::{
    detect::{Missing, Told, seconds},
    probe::Moment,
};

use super::{
    etcd::{has_leader, refused_for_a_quorum},
    view::DiegoView,
};

/// monit looks each second, gives a start ten seconds, and tries again: after this time it
/// has tried three times (measured: a start of etcd that fails is repeated each 11 s).
pub const IN_VAIN: Duration = Duration::from_secs(30);

/// Its last words come before a look finds its port closed, in ms.
const LOOK: u64 = 2_000;

/// Machines run, their jobs' ports are closed, and it is not their operator who stopped them.
pub fn down(view: &DiegoView) -> Told {
    let mut lines = Vec::new();
    for (node, job, closed) in view.closed_ports()? {
        if view.now().since(closed) < IN_VAIN {
            continue;
        }
        let Some(runs) = view.runs(node)? else { continue };
        let lasts = view.now().since(closed.max(runs));
        if lasts < IN_VAIN || view.is_unmonitored(node, job)? || is_explained(view, node, job)? {
            continue;
        }
        let sign = format!("{job}'s port has been closed for {}, and monit starts it", seconds(lasts));
        let just_before = Moment(closed.0.saturating_sub(LOOK));
        let why = view.last_words(node, just_before).map(str::to_owned);
        lines.extend(Missing { node: node.into(), signs: vec![sign], why }.lines());
    }
    Ok(lines)
}

/// Whether a more precise diagnosis is why: a member of etcd opens its port only when it has
/// met a leader, and one that cannot start says so.
fn is_explained(view: &DiegoView, node: &str, job: &str) -> Result<bool, String> {
    if job != "etcd" {
        return Ok(false);
    }
    let members = view.members()?;
    let says_why = |name: &str| {
        let member = members.iter().find(|member| member.name == name);
        member.is_some_and(|member| member.record.refusal(view.now()).is_some())
    };
    Ok(says_why(node) || refused_for_a_quorum(view, &members) || !members.iter().any(has_leader))
}
