//! The director as the stream of observations shows it.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use reenact::{
    detect::{Asked, FRESH, Latest, Since, View, hangs_now},
    probe::{Answer, Moment, Observation, Question, Signal, Tried},
};

use super::{
    super::signals::{Call, Config, Events, IaasVms, Inflight, Jobs, LockRow, Locks, SqlVms, Task, Tasks},
    agent::Agents,
    down::Parts,
    history::History,
    log::{self, Said},
    process::{self, Process, Role},
    writes::WRITE,
};

/// So many tasks are followed: as many as an answer may hold, thrice.
const TASKS_KEPT: usize = 64;

/// What is known of one task beside its row.
#[derive(Debug)]
pub struct Track {
    /// When it last got on or polled an agent, or was first seen.
    pub progress: Moment,
    /// When it last got on otherwise than by polls.
    pub advanced: Moment,
    /// When its debug log last said anything.
    pub said: Option<Moment>,
    /// Since when a look at the processes shows none of its own.
    pub gone: Since,
    /// Since when it is seen `cancelling`.
    pub cancelling: Since,
    /// Since when it is seen to have ended, or is not among those that have not.
    pub ended: Since,
    /// What it waits for at its agents.
    pub agents: Agents,
    /// Its CPI requests without an answer: the method, and when each was seen.
    pub asked: BTreeMap<String, (String, Moment)>,
    /// The mark under which it renews its lock, by its own log.
    pub uid: Option<String>,
    /// The lock that it gave back last, by its own log.
    pub gave_back: Option<String>,
    /// Its newest event.
    event: u64,
}

/// A lock that has not expired.
#[derive(Debug, Clone, Copy)]
pub struct Held<'v> {
    /// `lock:deployment:paasta`
    pub name: &'v str,
    /// Its row.
    pub row: &'v LockRow,
    /// How long it lives without a renewal.
    pub left: Duration,
    /// When this holder's mark was first seen on the row: an event from before may be of
    /// the holder before.
    pub marked: Moment,
    /// Whose it is, with what shows it and when that was first seen.
    pub owner: Option<Owner>,
}

/// Who holds a lock.
#[derive(Debug, Clone, Copy)]
pub struct Owner {
    /// The task.
    pub task: u64,
    /// Its acquire event; `None`: its own log shows it.
    pub event: Option<u64>,
    /// When it was first seen.
    pub since: Moment,
}

/// When each signal was last looked at: what two of them say together holds only as of
/// the earlier look.
#[derive(Debug, Clone, Copy)]
pub struct Looks {
    /// `sql:locks`
    pub locks: Moment,
    /// `sql:tasks`
    pub tasks: Moment,
    /// `sql:events`
    pub events: Moment,
    /// `sql:jobs`
    pub jobs: Moment,
    /// The processes.
    pub processes: Moment,
}

/// Everything that was seen.
#[derive(Debug, Default)]
pub struct DirectorView {
    now: Moment,
    config: Asked<Config>,
    locks: Asked<Locks>,
    tasks: Asked<Tasks>,
    events: Asked<Events>,
    jobs: Asked<Jobs>,
    inflight: Asked<Inflight>,
    vms: Asked<IaasVms>,
    known_vms: Asked<SqlVms>,
    write: Asked<Tried>,
    /// Whether each node's machine is off.
    off: BTreeMap<String, Latest<bool>>,
    /// Where the director runs, and what was last seen of it there.
    processes: Option<(String, Moment, Vec<Process>)>,
    history: History,
    tracks: BTreeMap<u64, Track>,
    parts: Parts,
    /// Locks without a living row, and since when.
    lapsed: BTreeMap<String, Moment>,
    /// The uid on each lock's row, and since when.
    marks: BTreeMap<String, (String, Moment)>,
    /// The IaaS's VMs, and when each was first seen.
    made: BTreeMap<String, Moment>,
}

impl View for DirectorView {
    fn observe(&mut self, observation: &Observation) {
        let at = observation.at;
        // Probes run side by side: an observation may be a little late.
        self.now = self.now.max(at);
        match &observation.signal {
            Signal::Query { of, answer } => self.answered(at, of, answer),
            Signal::Log { line } => match log::parse(line) {
                Some((task, said)) => self.said(at, task, said),
                None => self.parts.hear(&observation.node, at, line),
            },
            Signal::Processes { commands } => self.processes(&observation.node, at, commands),
            Signal::Machine { running, .. } => {
                self.off.entry(observation.node.clone()).or_default().see(at, !running);
            }
            _ => {}
        }
    }

    fn is_blank(&self) -> bool {
        let Self { config, locks, tasks, events, jobs, inflight, vms, known_vms, write, processes, tracks, .. } = self;
        let tables = config.is_asked() || locks.is_asked() || tasks.is_asked() || events.is_asked() || jobs.is_asked();
        let iaas = inflight.is_asked() || vms.is_asked() || known_vms.is_asked();
        !tables && !iaas && !write.is_asked() && processes.is_none() && tracks.is_empty()
    }
}

impl DirectorView {
    fn answered(&mut self, at: Moment, of: &str, answer: &Answer) {
        match of {
            Config::OF => _ = self.config.take(at, answer),
            Locks::OF => self.locks(at, answer),
            Tasks::OF => self.tasks(at, answer),
            Events::OF => self.events(at, answer),
            Jobs::OF => _ = self.jobs.take(at, answer),
            Inflight::OF => _ = self.inflight.take(at, answer),
            IaasVms::OF => {
                // What was there from the first was made before.
                let first = if self.vms.is_asked() { at } else { Moment::default() };
                let Some(IaasVms(vms)) = self.vms.take(at, answer) else { return };
                self.made.retain(|cid, _| vms.contains_key(cid));
                for cid in vms.keys() {
                    self.made.entry(cid.clone()).or_insert(first);
                }
            }
            SqlVms::OF => _ = self.known_vms.take(at, answer),
            WRITE => _ = self.write.take(at, answer),
            _ => {}
        }
    }

    fn locks(&mut self, at: Moment, answer: &Answer) {
        let Some(seen) = self.locks.take(at, answer) else { return self.lapsed.clear() };
        let lives = |name: &str| seen.rows.get(name).is_some_and(|row| row.expired_ms > seen.now_ms);
        self.lapsed.retain(|name, _| !lives(name));
        self.marks.retain(|name, (uid, _)| seen.rows.get(name).is_some_and(|row| row.uid == *uid));
        for (name, row) in &seen.rows {
            self.marks.entry(name.clone()).or_insert_with(|| (row.uid.clone(), at));
        }
        let known = self.history.locks().chain(seen.rows.keys().map(String::as_str));
        let gone: Vec<_> = known.filter(|name| !lives(name)).map(str::to_owned).collect();
        for name in gone {
            self.lapsed.entry(name).or_insert(at);
        }
    }

    fn tasks(&mut self, at: Moment, answer: &Answer) {
        let Some(seen) = self.tasks.take(at, answer) else { return };
        self.parts.database_is_there(at);
        for (id, task) in &seen.rows {
            let track = track(&mut self.tracks, *id, at);
            track.cancelling.note(task.state == "cancelling", at);
            track.ended.note(!task.is_open(), at);
        }
        // All that have not ended are told; one that is newer may have come since.
        let Some(newest) = seen.rows.keys().next_back().copied() else { return };
        for (_, track) in self.tracks.range_mut(..newest).filter(|(id, _)| !seen.rows.contains_key(id)) {
            track.ended.note(true, at);
        }
    }

    fn events(&mut self, at: Moment, answer: &Answer) {
        let Some(Events(rows)) = self.events.take(at, answer) else { return };
        for (id, event) in rows {
            self.history.take(*id, event, at);
            let Some(task) = event.task.filter(|_| event.object_type != "lock") else { continue };
            let track = track(&mut self.tracks, task, at);
            if *id > track.event {
                (track.event, track.progress) = (*id, track.progress.max(at));
                track.advanced = track.advanced.max(at);
            }
        }
    }

    fn said(&mut self, at: Moment, task: u64, said: Said<'_>) {
        let track = track(&mut self.tracks, task, at);
        track.said = track.said.max(Some(at));
        match said {
            Said::Lives | Said::Continued => return,
            Said::Renews { uid } => return track.uid = Some(uid.into()),
            Said::Asks { id, method } => _ = track.asked.insert(id.into(), (method.into(), at)),
            Said::Answered { id } => _ = track.asked.remove(id),
            Said::Tells { thread, method } => track.agents.tell(thread, method),
            Said::Polls { thread, agent_task } => {
                track.agents.poll(thread, agent_task, at);
                return track.progress = track.progress.max(at);
            }
            Said::Runs { .. } | Said::Looks => return track.progress = track.progress.max(at),
            Said::GivesBack { lock } => track.gave_back = Some(lock.into()),
            Said::GetsOn => {}
        }
        track.progress = track.progress.max(at);
        track.advanced = track.advanced.max(at);
    }

    fn processes(&mut self, node: &str, at: Moment, commands: &[String]) {
        let seen: Vec<_> = commands.iter().filter_map(|command| process::parse(command)).collect();
        for process in &seen {
            if let Role::Job { task, .. } = process.role {
                track(&mut self.tracks, task, at);
            }
        }
        // Other nodes have processes too.
        if !seen.is_empty() || self.processes.as_ref().is_some_and(|(home, ..)| home == node) {
            for (id, track) in &mut self.tracks {
                let lives = seen.iter().any(|process| matches!(process.role, Role::Job { task, .. } if task == *id));
                track.gone.note(!lives, at);
            }
            self.processes = Some((node.into(), at, seen));
            if self.is_whole() {
                self.parts.director_is_there(at);
            }
        }
    }

    /// Whether the API's process and every worker run.
    fn is_whole(&self) -> bool {
        let running = self.processes.iter().flat_map(|(_, _, seen)| seen);
        let roles: Vec<_> = running.map(|process| &process.role).collect();
        let workers = self.workers().iter().cloned().map(Role::Worker);
        [Role::Serve].into_iter().chain(workers).all(|role| roles.contains(&&role))
    }

    /// How long ago an answer came.
    fn age<T: Question>(&self, asked: &Asked<T>) -> Duration {
        asked.at().map_or(Duration::ZERO, |at| self.now.since(at))
    }

    /// When each was last looked at.
    pub fn looks(&self) -> Looks {
        let processes = self.processes.as_ref().map(|(_, at, _)| *at).unwrap_or_default();
        let [locks, tasks, events, jobs] =
            [self.locks.at(), self.tasks.at(), self.events.at(), self.jobs.at()].map(Option::unwrap_or_default);
        Looks { locks, tasks, events, jobs, processes }
    }

    /// How the write that is tried hangs, if it does.
    pub fn write_hangs(&self) -> Result<Option<String>, String> {
        hangs_now(&self.write, self.now)
    }

    /// The present moment.
    pub fn now(&self) -> Moment {
        self.now
    }

    /// The director's intervals and subnets. They do not change while it runs, and are
    /// believed for longer than what does.
    pub fn config(&self) -> Result<&Config, String> {
        self.config.told().map_or_else(|| self.config.known(self.now), Ok)
    }

    /// The rows of `tasks`.
    pub fn task_rows(&self) -> Result<&BTreeMap<u64, Task>, String> {
        self.tasks.known(self.now).map(|tasks| &tasks.rows)
    }

    /// How old a task's checkpoint is.
    pub fn checkpoint_age(&self, task: &Task) -> Option<Duration> {
        let tasks = self.tasks.known(self.now).ok()?;
        Some(span(task.checkpoint_ms?, tasks.now_ms) + self.age(&self.tasks))
    }

    /// What is known of a task beside its row.
    pub fn track(&self, task: u64) -> Option<&Track> {
        self.tracks.get(&task)
    }

    /// The tasks that are followed.
    pub fn tracks(&self) -> impl Iterator<Item = (u64, &Track)> {
        self.tracks.iter().map(|(id, track)| (*id, track))
    }

    /// The director's processes.
    pub fn running(&self) -> Result<&[Process], String> {
        match &self.processes {
            None => Err("the director's processes were never seen".into()),
            Some((_, at, _)) if self.now.since(*at) > FRESH => Err("the director's processes are not fresh".into()),
            Some((_, _, seen)) => Ok(seen),
        }
    }

    /// Whether the director's machine is known to be off.
    pub fn is_off(&self) -> bool {
        self.off.get(self.home()).and_then(|off| off.fresh(self.now)) == Some(&true)
    }

    /// Where the director's processes are; empty: that was not seen.
    pub fn home(&self) -> &str {
        self.processes.as_ref().map_or("", |(home, ..)| home)
    }

    /// The workers that there should be, as far as that is known.
    pub fn workers(&self) -> &[String] {
        self.jobs.told().map_or(&[], |jobs| &jobs.workers)
    }

    /// What is known of the director's parts.
    pub fn parts(&self) -> &Parts {
        &self.parts
    }

    /// How the database is silent, if no question is answered.
    pub fn database_is_silent(&self) -> Result<Option<&str>, String> {
        let locks = self.locks.fresh(self.now)?.is_err();
        Ok(self.tasks.fresh(self.now)?.err().filter(|_| locks))
    }

    /// A task's process and the worker that made it.
    pub fn job(&self, wanted: u64) -> Result<Option<(&Process, &str)>, String> {
        Ok(self.running()?.iter().find_map(|process| match &process.role {
            Role::Job { task, worker } if *task == wanted => Some((process, worker.as_str())),
            _ => None,
        }))
    }

    /// The lock events.
    pub fn history(&self) -> Result<&History, String> {
        self.events.known(self.now).map(|_| &self.history)
    }

    /// The locks that have not expired, each with its owner: by the events, or by the
    /// mark that a task's log renews.
    pub fn held(&self) -> Result<Vec<Held<'_>>, String> {
        let (locks, since) = (self.locks.known(self.now)?, self.age(&self.locks));
        let history = self.history()?;
        let held = locks.rows.iter().filter_map(|(name, row)| {
            let left = span(locks.now_ms, row.expired_ms).checked_sub(since).filter(|left| !left.is_zero())?;
            let by_event = || {
                let (task, event, since) = history.owner(name)?;
                Some(Owner { task, event: Some(event), since })
            };
            let renews = |(task, track): (&u64, &Track)| {
                let is_its = track.uid.as_ref() == Some(&row.uid);
                is_its.then_some(Owner { task: *task, event: None, since: track.said? })
            };
            let owner = by_event().or_else(|| self.tracks.iter().find_map(renews));
            let marked = self.marks.get(name).map(|(_, since)| *since).unwrap_or_default();
            Some(Held { name, row, left, marked, owner })
        });
        Ok(held.collect())
    }

    /// Since when a lock has no living row.
    pub fn lapsed(&self, lock: &str) -> Result<Option<Moment>, String> {
        self.locks.known(self.now).map(|_| self.lapsed.get(lock).copied())
    }

    /// The jobs, and what time it is by their clock.
    pub fn jobs(&self) -> Result<(&Jobs, i64), String> {
        let jobs = self.jobs.known(self.now)?;
        Ok((jobs, later(jobs.now_ms, self.age(&self.jobs))))
    }

    /// The CPI calls in flight whose processes live, with their ages.
    pub fn calls(&self) -> Result<Vec<(&str, &Call, Duration)>, String> {
        let inflight = self.inflight.known(self.now)?;
        let running = self.running()?;
        let pids: BTreeSet<_> =
            running.iter().filter(|process| process.role == Role::Cpi).filter_map(|process| process.pid).collect();
        let now_ms = later(inflight.now_ms, self.age(&self.inflight));
        let living = inflight.rows.iter().filter(|(_, call)| pids.contains(&call.pid));
        Ok(living.map(|(id, call)| (id.as_str(), call, span(call.begun_ms, now_ms))).collect())
    }

    /// The IaaS's VMs, and when each was first seen.
    pub fn vms(&self) -> Result<(&IaasVms, &BTreeMap<String, Moment>), String> {
        self.vms.known(self.now).map(|vms| (vms, &self.made))
    }

    /// The cids that the director knows, and when that was looked at.
    pub fn known_vms(&self) -> Result<(&SqlVms, Moment), String> {
        Ok((self.known_vms.known(self.now)?, self.known_vms.at().unwrap_or_default()))
    }
}

/// A task's track; the oldest tasks' are forgotten.
fn track(tracks: &mut BTreeMap<u64, Track>, task: u64, at: Moment) -> &mut Track {
    while tracks.len() >= TASKS_KEPT && !tracks.contains_key(&task) {
        tracks.pop_first();
    }
    tracks.entry(task).or_insert_with(|| Track {
        progress: at,
        advanced: at,
        said: None,
        gone: Since::default(),
        cancelling: Since::default(),
        ended: Since::default(),
        agents: Agents::default(),
        asked: BTreeMap::new(),
        uid: None,
        gave_back: None,
        event: 0,
    })
}

/// From one moment of the wall clock to another; zero if that is not later.
fn span(from_ms: i64, to_ms: i64) -> Duration {
    Duration::from_millis(u64::try_from(to_ms.saturating_sub(from_ms)).unwrap_or(0))
}

fn later(ms: i64, by: Duration) -> i64 {
    ms.saturating_add(i64::try_from(by.as_millis()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use reenact::detect::testing::{log, seen};

    use super::*;

    #[test]
    fn the_last_sixty_four_tasks_are_followed() {
        let mut view = DirectorView::default();
        for task in 0..100 {
            view.observe(&seen(task, "director", log(&format!("task {task} event: {{}}"))));
        }
        assert_eq!((view.tracks.len(), view.track(35).is_some(), view.track(36).is_some()), (64, false, true));
    }
}
