//! What nginx makes of it: its workers, its refusals, and that it does not serve at all.

use std::time::Duration;

use reenact::{
    detect::{Missing, Told, any, holds},
    probe::Answer,
};

use super::{
    absent,
    disk::State,
    node::{Node, NodesView, services},
    stalled,
};

/// How long the port may refuse while monit knows no process: a migration moves the blobs of a
/// small disk meanwhile, and an operator works. Where a copy or a check is seen it may take
/// any time.
const UNTENDED: Duration = Duration::from_secs(60);

/// What became of a blob that was put and read back, however long it took.
pub const WRITE: &str = "blob:write";

/// The evidence that a service that is said to be well stores nothing, and does not refuse it.
pub fn stalled_writes(node: &Node<'_>) -> Told {
    let Some(how) = node.write_hangs()? else { return Ok(Vec::new()) };
    let health = node.answer("http:health").ok_or_else(|| format!("{}: its health is not known", node.name))?;
    if health.get("status") != Some("200") || is_explained(node) {
        return Ok(Vec::new());
    }
    Ok(vec![format!("{}: GET /health: 200; {how}", node.name)])
}

/// Whether this is the case of any node that has the service.
pub fn any_service(case: fn(&Node<'_>) -> Told) -> impl Fn(&NodesView) -> Told {
    move |view| any(services(view)?.iter().map(case))
}

/// The evidence that nginx's workers run and its master does not.
pub fn workers_alone(node: &Node<'_>) -> Told {
    let commands = node.commands().ok_or_else(|| format!("{}: its processes are not known", node.name))?;
    let count = |what: &str| commands.iter().filter(|command| command.starts_with(what)).count();
    let workers = count("nginx: worker process");
    if workers == 0 || count("nginx: master process") > 0 {
        return Ok(Vec::new());
    }
    let monit = monit_says(node);
    Ok(vec![format!("{}: {workers} workers of nginx run without a master; monit says {monit}", node.name)])
}

/// What monit says of nginx.
fn monit_says(node: &Node<'_>) -> String {
    let supervised = node.supervised().unwrap_or_default();
    let nginx = supervised.iter().find(|(name, _)| name.contains("nginx"));
    nginx.map_or_else(|| "nothing of nginx".to_owned(), |(name, status)| format!("{name} {status}"))
}

/// The evidence that a service that is said to be well refuses to store anything.
pub fn refused_writes(node: &Node<'_>) -> Told {
    let unknown = |what: &str| format!("{}: {what} is not known", node.name);
    let put = node.round_trip().ok_or_else(|| unknown("what becomes of a blob"))?;
    let Answer::Error { code, text } = put else { return Ok(Vec::new()) };
    if !text.starts_with("PUT") || !is_refusal(code) {
        return Ok(Vec::new());
    }
    let health = node.answer("http:health").ok_or_else(|| unknown("whether the service is healthy"))?;
    node.answer("monit:summary").ok_or_else(|| unknown("what monit says"))?;
    let processes = node.supervised().unwrap_or_default();
    let all_ok = !processes.is_empty() && processes.values().all(|status| is_ok(status));
    if health.get("status") != Some("200") || !all_ok {
        return Ok(Vec::new());
    }
    let lines = [
        format!("{text}: {code}"),
        "GET /health: 200".into(),
        format!("monit: all {} processes are OK", processes.len()),
    ];
    Ok(lines.map(|line| format!("{}: {line}", node.name)).into())
}

/// Whether a service said this, and not the connection to it.
fn is_refusal(status: &str) -> bool {
    status.parse::<u16>().is_ok_and(|status| (400..600).contains(&status))
}

/// The evidence that the machine is off, that nobody answers at the service's port, or that monit does not get a process
/// to run, and that no diagnosis says why.
pub fn does_not_start(node: &Node<'_>) -> Told {
    if node.is_off() {
        return Ok(vec![format!("{}: its machine is off", node.name)]);
    }
    let processes = node.supervised().unwrap_or_default();
    let failing: Vec<_> = processes.iter().filter(|(_, status)| !is_ok(status)).collect();
    let health = node.answer("http:health");
    let is_silent = match health {
        Some(answer) => *answer == Answer::Refused && (!processes.is_empty() || is_untended(node)),
        None if failing.is_empty() => return Err(format!("{}: whether anybody serves is not known", node.name)),
        None => false,
    };
    if is_explained(node) || (!is_silent && failing.is_empty()) {
        return Ok(Vec::new());
    }
    let silent = is_silent.then(|| format!("nobody answers at the service's port; monit says {}", monit_says(node)));
    let failing = failing.into_iter().map(|(name, status)| format!("monit: {name}: {status}"));
    let pre_start = node.pre_start_end().map(|line| format!("pre-start ended with: {line}"));
    let signs = silent.into_iter().chain(failing).chain(pre_start).collect();
    let why = node.last_words().map(str::to_owned);
    Ok(Missing { node: node.name.into(), signs, why }.lines().collect())
}

/// Monit 5.33 says OK; 5.2.5, the report's, `running`.
fn is_ok(status: &str) -> bool {
    matches!(status, "OK" | "running")
}

/// Whether a more precise diagnosis holds. What cannot be told explains nothing.
fn is_explained(node: &Node<'_>) -> bool {
    let disks = node.disks().unwrap_or_default();
    let is_well = |state: State| matches!(state, State::Fine | State::Untold(_));
    disks.iter().any(|disk| !is_well(disk.state()))
        || [absent::absent, stalled::stalled, workers_alone].into_iter().any(|case| holds(case(node)))
}

/// Whether monit knows no process and nobody has told it any for long, nor works on a disk.
fn is_untended(node: &Node<'_>) -> bool {
    node.refused() >= UNTENDED && !absent::works_on_disks(node)
}
