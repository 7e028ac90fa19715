//! A job that its supervisor starts in vain, whatever it is.

use std::time::Duration;

use reenact::{
    detect::{Missing, Pieces, Told, any, seconds},
    probe::Moment,
};

use super::{
    etcd::{has_leader, refused_for_a_quorum},
    view::{ClosedPort, DiegoView, WHILE},
};

/// monit looks each second, gives a start ten seconds, and tries again: after this time it
/// has tried three times (measured: a start of etcd that fails is repeated each 11 s).
pub const IN_VAIN: Duration = Duration::from_secs(30);

/// One that dies soon after each start opens its port now and then: of the last minute it is closed
/// for most.
const OF_A_MINUTE: Duration = Duration::from_secs(45);
/// monit's cycle of a second, and the ten that it grants a start.
const LATELY: Duration = Duration::from_secs(11);

/// Its last words come before a look finds its port closed, in ms.
const LOOK: u64 = 2_000;

/// Machines are off; or they run, their jobs' ports are closed, and it is not their operator who stopped them.
pub fn down(view: &DiegoView) -> Told {
    let mut lines = any(view.ports().map(|(node, job)| off(view, node, job)))?;
    lines.extend(silent(view));
    for ClosedPort { node, job, since, pieces } in view.closed_ports()? {
        let Some(runs) = view.runs(node)? else { continue };
        let lasts = since.map_or(Duration::ZERO, |since| view.now().since(since.max(runs)));
        let held = pieces.held(view.now());
        if !(lasts >= IN_VAIN || dies_after_each_start(pieces, view.now()))
            || view.is_unmonitored(node, job)?
            || is_explained(view, node, job)?
        {
            continue;
        }
        let how_long = match lasts >= IN_VAIN {
            true => format!("has been closed for {}", seconds(lasts)),
            false => format!("was closed for {} of the last {}", seconds(held), seconds(WHILE)),
        };
        let sign = format!("{job}'s port {how_long}, and monit starts it");
        let just_before = Moment(view.now().0.saturating_sub((held.max(lasts).as_millis() as u64) + LOOK));
        let why = view.last_words(node, just_before).map(str::to_owned);
        lines.extend(Missing { node: node.into(), signs: vec![sign], why }.lines());
    }
    Ok(lines)
}

/// The machine is off for longer than a reboot takes, and that is not why its cluster has no leader:
/// who comes back with one has just been on its way.
fn off(view: &DiegoView, node: &str, job: &str) -> Told {
    let leads = match job {
        "etcd" => view.etcd_leads.0,
        "consul_agent" => view.consul_leads.0,
        _ => Some(Moment::default()),
    };
    let (Some(off), Some(leads)) = (view.off(node), leads) else { return Ok(Vec::new()) };
    let lasts = view.now().since(off.max(leads));
    if lasts < IN_VAIN || view.is_unmonitored(node, job)? || is_explained(view, node, job)? {
        return Ok(Vec::new());
    }
    Ok(vec![format!("{node}: its machine is off, and has been for {} at least", seconds(lasts))])
}

/// The Cloud Controller's machine runs, and it answers nobody: its database is away.
fn silent(view: &DiegoView) -> Option<String> {
    let (node, since, how) = view.apps_silent()?;
    let runs = view.runs(node).ok()??;
    let lasts = view.now().since(since.max(runs));
    (lasts >= IN_VAIN)
        .then(|| format!("{node}: the Cloud Controller {how}, and has answered nobody for {}", seconds(lasts)))
}

/// Whether it goes on: it died several times, lately too, and hardly lived in between. One that was
/// away for long, and is back, died once.
fn dies_after_each_start(closed: &Pieces, now: Moment) -> bool {
    let lately = closed.since(now).is_some_and(|ago| ago < LATELY);
    lately && closed.count() >= 3 && closed.held(now) >= OF_A_MINUTE
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
