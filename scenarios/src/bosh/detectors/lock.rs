//! Locks and those who hold them, held them, or died with them.

use std::time::Duration;

use reenact::{
    detect::{FRESH, Told, any, seconds},
    probe::Moment,
};

use super::{
    process::{Process, Role},
    view::{DirectorView, Held, Track},
};

/// A CPI request without an answer for so many seconds of production is suspect.
pub const ASKED_LONG: u64 = 600;

/// Nothing that a task does takes it so many seconds of production without a word: the
/// wait for an agent is 600 s, and says a word a second.
pub const SILENT_LONG: u64 = 900;

/// A task without its lock that stops by itself does so within a ping and a `delete_vm`:
/// 1.6 s and a few. Longer than so many seconds of production it works on.
pub const ZOMBIE_AFTER: u64 = 30;

/// A process that is away for so many seconds of production is not coming.
pub const DEAD_AFTER: u64 = 30;

/// A lock that expires within so many seconds of production is waited for.
pub const SOON: u64 = 60;

/// Two looks, whatever the scale.
pub const TWO_LOOKS: Duration = Duration::from_millis(500);

/// A task that is done deletes its lock's row first and tells of it afterwards: at most so
/// much later, on a busy machine (0.47 s was seen).
pub const RELEASE_TOLD: Duration = Duration::from_millis(600);

/// A lock is held, and its task lives and does nothing.
pub fn stuck(view: &DirectorView) -> Told {
    any(view.held()?.iter().map(|lock| stuck_holder(view, lock)))
}

fn stuck_holder(view: &DirectorView, lock: &Held<'_>) -> Told {
    let config = view.config()?;
    let owner = owner(lock)?;
    let Some(task) = view.task_rows()?.get(&owner) else { return Err(format!("task {owner} is not seen")) };
    let (Some((process, worker)), Some(track)) = (view.job(owner)?, view.track(owner)) else { return Ok(Vec::new()) };
    let silent = view.now().since(track.progress);
    let asked = oldest_request(view, track);
    let waits = asked.as_ref().is_some_and(|(_, age)| *age >= config.production(ASKED_LONG));
    let limit = config.production(if waits { ASKED_LONG } else { SILENT_LONG });
    if !task.is_open() || silent < limit {
        return Ok(Vec::new());
    }
    if !is_heard(view, track)? {
        return Err(format!("task {owner}: its debug log is not seen"));
    }
    let mut lines = whose(lock);
    lines.push(lives(owner, &task.state, process, worker));
    let checkpoint = view.checkpoint_age(task).map_or_else(|| "none".into(), |age| format!("{} ago", seconds(age)));
    lines.push(format!(
        "task {owner}: nothing but renewals and checkpoints for {}; its last checkpoint: {checkpoint}",
        seconds(silent)
    ));
    lines.extend(asked.map(|(what, age)| format!("task {owner}: {what} is without an answer for {}", seconds(age))));
    Ok(lines)
}

/// A task lost its lock, and works on.
pub fn zombie(view: &DirectorView) -> Told {
    let history = view.history()?;
    any(history.locks().flat_map(|lock| {
        let robbed = history.formers(lock).into_iter().map(move |former| {
            let how = match former.successor {
                Some(next) => format!("task {next} took it over (event {})", former.event),
                None => format!("its renewal found it lost (event {})", former.event),
            };
            zombie_of(view, lock, former.task, Duration::ZERO, || Ok(Some((former.since, how))))
        });
        // Who says that it has given the lock back ends, however late the event of it comes.
        let keeps = |task: u64| view.track(task).is_none_or(|track| track.gave_back.as_deref() != Some(lock));
        let bereft = history.owner(lock).filter(|(task, ..)| keeps(*task)).map(|(task, _, acquired)| {
            let how = || "its row is gone or has expired".to_owned();
            let lapsed = || Ok(view.lapsed(lock)?.map(|since| (since.max(acquired), how())));
            zombie_of(view, lock, task, RELEASE_TOLD, lapsed)
        });
        robbed.chain(bereft).collect::<Vec<_>>()
    }))
}

/// `lost`: since when, and how; `told`: how much later an event would tell that it was given
/// back.
fn zombie_of(
    view: &DirectorView,
    lock: &str,
    id: u64,
    told: Duration,
    lost: impl FnOnce() -> Result<Option<(Moment, String)>, String>,
) -> Told {
    let config = view.config()?;
    // A task that is not among the last has ended long ago.
    let Some(task) = view.task_rows()?.get(&id).filter(|task| task.is_open()) else { return Ok(Vec::new()) };
    let Some((since, how)) = lost()? else { return Ok(Vec::new()) };
    let Some((process, worker)) = view.job(id)? else { return Ok(Vec::new()) };
    let looks = view.looks();
    let without = looks.locks.min(looks.tasks).min(looks.events).min(looks.processes).since(since);
    if without < config.production(ZOMBIE_AFTER).max(TWO_LOOKS) + told {
        return Ok(Vec::new());
    }
    let mut lines = vec![
        format!("task {id}: {lock} is not its any more: {how}, {} ago", seconds(without)),
        lives(id, &task.state, process, worker),
    ];
    let calls = view.calls().unwrap_or_default();
    let its = calls.iter().filter(|(_, call, _)| call.task == Some(id));
    lines.extend(its.map(|(request, call, age)| {
        format!("task {id}: {} {request} for {} is in flight for {}", call.method, call.instance, seconds(*age))
    }));
    Ok(lines)
}

/// A lock is held, and its task has no process.
pub fn stale(view: &DirectorView) -> Told {
    any(view.held()?.iter().map(|lock| stale_lock(view, lock)))
}

fn stale_lock(view: &DirectorView, lock: &Held<'_>) -> Told {
    let config = view.config()?;
    let running = view.running()?;
    let id = owner(lock)?;
    let is_up = running.iter().any(|process| process.role == Role::Serve);
    if !is_up || view.job(id)?.is_some() || lock.left < config.production(SOON) {
        return Ok(Vec::new());
    }
    let Some(track) = view.track(id) else { return Err(format!("task {id} is not seen")) };
    let (Some(gone), looks) = (track.gone.0, view.looks()) else { return Ok(Vec::new()) };
    let since = lock.owner.map_or(gone, |owner| owner.since.max(gone)).max(lock.marked);
    // Whoever has just acquired it may be in no look at the processes yet, or, where it
    // took an expired row over, in no look at the events; and who ends gives it back before
    // its process is gone, which a look at the locks may still miss.
    let away = looks.locks.min(looks.events).since(since);
    if looks.processes < since || away < config.production(DEAD_AFTER).max(TWO_LOOKS) {
        return Ok(Vec::new());
    }
    let state = view.task_rows()?.get(&id).map_or("not among the last tasks", |task| task.state.as_str()).to_owned();
    let mut lines = whose(lock);
    lines.push(format!("task {id}: it is {state}, and has no process for {}", seconds(away)));
    lines.push(format!("{}: nobody renews it; it expires in {}", lock.name, seconds(lock.left)));
    let calls = view.calls().unwrap_or_default();
    let orphans = calls.iter().filter(|(_, call, _)| call.task == Some(id));
    lines.extend(orphans.map(|(request, call, _)| {
        format!("task {id}: {} {request} outlives it (pid {}): end it first", call.method, call.pid)
    }));
    Ok(lines)
}

/// That a task's process lives, whatever its row says.
pub fn lives(task: u64, state: &str, process: &Process, worker: &str) -> String {
    let pid = process.pid.map_or_else(String::new, |pid| format!(", pid {pid}"));
    format!("task {task}: it is {state}, and its process lives ({worker}{pid})")
}

fn owner(lock: &Held<'_>) -> Result<u64, String> {
    lock.owner.map(|owner| owner.task).ok_or_else(|| format!("{}: whose it is is not known", lock.name))
}

/// Whose the lock is, and whether `locks` says so too.
fn whose(lock: &Held<'_>) -> Vec<String> {
    let Some(owner) = lock.owner else { return Vec::new() };
    let by =
        owner.event.map_or_else(|| "by the uid in its log".into(), |event| format!("by its acquire event {event}"));
    let mut lines = vec![format!("{}: task {} holds it, {by}", lock.name, owner.task)];
    if lock.row.task_id != owner.task.to_string() {
        let named = &lock.row.task_id;
        lines.push(format!("{}: `locks` names task {named}, which does not hold it", lock.name));
    }
    lines
}

/// The oldest request of a task without an answer: what, and for how long.
fn oldest_request(view: &DirectorView, track: &Track) -> Option<(String, Duration)> {
    let (id, (method, at)) = track.asked.iter().min_by_key(|(_, (_, at))| *at)?;
    Some((format!("{method} {id}"), view.now().since(*at)))
}

/// Whether the task's log can be seen: it says a word at each renewal and checkpoint.
pub fn is_heard(view: &DirectorView, track: &Track) -> Result<bool, String> {
    let limit = view.config()?.heartbeat() + FRESH;
    Ok(track.said.is_some_and(|said| view.now().since(said) <= limit))
}
