//! Tasks that do not end, and tasks that do not begin.

use std::time::Duration;

use reenact::detect::{Told, any, seconds};

use super::{
    lock::{DEAD_AFTER, TWO_LOOKS, is_heard},
    process::Role,
    view::DirectorView,
};

/// A cancel is due after so many seconds of production, unless the task gets on.
pub const CANCEL_DUE: u64 = 300;

/// And after so many in any case.
pub const CANCEL_LATEST: u64 = 1_800;

/// A job that waits for so many seconds of production waits for a worker that does not
/// come, unless one gets on.
pub const QUEUED_LONG: u64 = 60;

/// A worker whose task says nothing for so many seconds of production does not get on.
pub const WORKER_SILENT: u64 = 300;

/// A task is `cancelling` and does not end.
pub fn cancel_overdue(view: &DirectorView) -> Told {
    any(view.task_rows()?.keys().map(|id| overdue(view, *id)))
}

fn overdue(view: &DirectorView, id: u64) -> Told {
    let config = view.config()?;
    let Some(track) = view.track(id) else { return Ok(Vec::new()) };
    let Some(since) = track.cancelling.0 else { return Ok(Vec::new()) };
    let cancelling = view.now().since(since);
    let due = config.production(CANCEL_DUE);
    if cancelling < due {
        return Ok(Vec::new());
    }
    let process = view.job(id)?;
    let silent = view.now().since(track.progress);
    let state = match process {
        // Who ends writes so before its process is gone, and the worker of one that is killed
        // just afterwards: the rows may have been looked at before.
        None if track.gone.0.is_none_or(|gone| view.looks().tasks.since(gone) < TWO_LOOKS) => return Ok(Vec::new()),
        // Nobody will: that is another diagnosis.
        None if view.jobs().is_ok() && !is_queued(view, id)? => return Ok(Vec::new()),
        None => "it has no process that could end it".to_owned(),
        Some(_) if cancelling >= config.production(CANCEL_LATEST) => "it has not come to an end".to_owned(),
        Some(_) if silent < due => return Ok(Vec::new()),
        Some(_) if !is_heard(view, track)? => return Err(format!("task {id}: its debug log is not seen")),
        Some(_) => format!("it has not got on for {}, to where it would notice", seconds(silent)),
    };
    Ok(vec![format!("task {id}: it is cancelling for {}", seconds(cancelling)), format!("task {id}: {state}")])
}

/// A task is `cancelling`, has no process, and is in no queue.
pub fn abandoned(view: &DirectorView) -> Told {
    any(view.task_rows()?.iter().filter(|(_, task)| task.state == "cancelling").map(|(id, _)| nobodys(view, *id)))
}

fn nobodys(view: &DirectorView, id: u64) -> Told {
    let Some(track) = view.track(id) else { return Ok(Vec::new()) };
    let (Some(since), Some(gone)) = (track.cancelling.0, track.gone.0) else { return Ok(Vec::new()) };
    let (config, looks) = (view.config()?, view.looks());
    let alone = looks.tasks.min(looks.processes).min(looks.jobs).since(since.max(gone));
    if view.job(id)?.is_some() || is_queued(view, id)? || alone < config.production(DEAD_AFTER).max(2 * TWO_LOOKS) {
        return Ok(Vec::new());
    }
    let mut lines = vec![
        format!("task {id}: it is cancelling, and has no process for {}", seconds(alone)),
        format!("task {id}: no job of it is queued, so no worker will take it"),
    ];
    let released = view.history().ok().and_then(|history| history.released_by(id));
    lines.extend(
        released.map(|event| format!("task {id}: it gave its lock back (event {event}): it had come to an end")),
    );
    Ok(lines)
}

/// Whether a worker has the task or may take it.
fn is_queued(view: &DirectorView, id: u64) -> Result<bool, String> {
    Ok(view.jobs()?.0.rows.values().any(|job| job.task == Some(id)))
}

/// A worker that was cut off from the database sees only with the next retransmission that it is not
/// any more: after eight seconds' cut four seconds later (measured), whatever the time scale.
const RECONNECTED: Duration = Duration::from_secs(10);

/// A job waits, and no worker is going to take it.
pub fn starved(view: &DirectorView) -> Told {
    let config = view.config()?;
    let (jobs, now_ms) = view.jobs()?;
    let running = view.running()?;
    let waiting: Vec<_> = jobs.rows.values().filter(|job| job.locked_by.is_empty()).collect();
    let Some(oldest) = waiting.iter().map(|job| job.run_at_ms).min() else { return Ok(Vec::new()) };
    let waits = Duration::from_millis(u64::try_from(now_ms.saturating_sub(oldest)).unwrap_or(0));
    if waits < config.production(QUEUED_LONG).max(2 * TWO_LOOKS) {
        return Ok(Vec::new());
    }
    let count = waiting.len();
    let mut lines = vec![format!("{count} jobs wait for a worker, the oldest for {}", seconds(waits))];
    for worker in &jobs.workers {
        let lives = running.iter().any(|process| process.role == Role::Worker(worker.clone()));
        let task = running.iter().find_map(|process| match &process.role {
            Role::Job { task, worker: its } if its == worker => Some(*task),
            _ => None,
        });
        let state = match task {
            _ if !lives => "it does not run".to_owned(),
            // Between two jobs it has none for a moment, which the hold outlasts.
            None if waits < RECONNECTED => return Ok(Vec::new()),
            None => "it has no task, and takes none".to_owned(),
            Some(task) => {
                let silent = view.track(task).map(|track| view.now().since(track.progress)).unwrap_or_default();
                if silent < config.production(WORKER_SILENT) {
                    return Ok(Vec::new());
                }
                format!("it is at task {task}, which has not got on for {}", seconds(silent))
            }
        };
        lines.push(format!("{worker}: {state}"));
    }
    Ok(lines)
}
