//! Tasks that have ended by their rows and not by their processes, and those that have two.

use std::collections::{BTreeMap, BTreeSet};

use reenact::detect::{Told, any, seconds};

use super::{
    lock::{TWO_LOOKS, lives},
    process::{Process, Role},
    view::DirectorView,
};

/// A task writes its end last of all, and its process is gone at once. One that is there
/// after so many seconds of production works on.
pub const LIVES_ON: u64 = 120;

/// A task has ended by its row, and its process works on.
pub fn lives_on(view: &DirectorView) -> Told {
    let jobs = view.running()?.iter().filter_map(|process| match process.role {
        Role::Job { task, .. } => Some(task),
        _ => None,
    });
    any(jobs.collect::<BTreeSet<_>>().into_iter().map(|task| ended(view, task)))
}

fn ended(view: &DirectorView, id: u64) -> Told {
    let (rows, config) = (view.task_rows()?, view.config()?);
    let (Some((process, worker)), Some(track)) = (view.job(id)?, view.track(id)) else { return Ok(Vec::new()) };
    let Some(since) = track.ended.0 else { return Ok(Vec::new()) };
    let for_long = view.looks().processes.since(since);
    if for_long < config.production(LIVES_ON).max(2 * TWO_LOOKS) {
        return Ok(Vec::new());
    }
    let state = rows.get(&id).map_or("not among those that have not ended", |task| task.state.as_str());
    let mut lines = vec![format!("{}, for {}", lives(id, state, process, worker), seconds(for_long))];
    let held = view.held().unwrap_or_default();
    let its = held.iter().filter(|lock| lock.owner.is_some_and(|owner| owner.task == id));
    lines.extend(its.map(|lock| format!("task {id}: it holds {}, which expires in {}", lock.name, seconds(lock.left))));
    let calls = view.calls().unwrap_or_default();
    let its = calls.iter().filter(|(_, call, _)| call.task == Some(id));
    lines.extend(its.map(|(request, call, age)| {
        format!("task {id}: {} {request} for {} is in flight for {}", call.method, call.instance, seconds(*age))
    }));
    Ok(lines)
}

/// Two processes are at one task.
pub fn runs_twice(view: &DirectorView) -> Told {
    let mut tasks: BTreeMap<u64, Vec<(&Process, &str)>> = BTreeMap::new();
    for process in view.running()? {
        if let Role::Job { task, worker } = &process.role {
            tasks.entry(*task).or_default().push((process, worker));
        }
    }
    for processes in tasks.values_mut() {
        // What a process has forked is called as it is, until it becomes the CPI or whatever else.
        let pids: BTreeSet<_> = processes.iter().filter_map(|(process, _)| process.pid).collect();
        processes.retain(|(process, _)| process.parent.is_none_or(|parent| !pids.contains(&parent)));
    }
    let twice = tasks.into_iter().filter(|(_, processes)| processes.len() > 1);
    Ok(twice
        .map(|(task, processes)| {
            let each = processes.iter().map(|(process, worker)| {
                process.pid.map_or_else(|| (*worker).to_owned(), |pid| format!("{worker}, pid {pid}"))
            });
            format!("task {task}: {} processes are at it: {}", processes.len(), each.collect::<Vec<_>>().join("; "))
        })
        .collect())
}
