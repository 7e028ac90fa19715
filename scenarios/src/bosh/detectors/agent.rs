//! Tasks that wait for an agent.

use std::{collections::BTreeMap, time::Duration};

use reenact::{
    detect::{FRESH, Told, any, seconds},
    probe::Moment,
};

use super::{
    super::signals::Config,
    view::{DirectorView, Track},
};

/// A drain that runs for so many seconds of production does not end by itself: what a
/// platform waits for in one, an evacuation, takes 10 to 20 minutes.
pub const DRAIN_LONG: u64 = 1_800;

/// Anything else that an agent was told, after so many.
pub const AGENT_LONG: u64 = 3_600;

/// What is known to take hours, after so many.
pub const WORK_LONG: u64 = 14_400;

/// What is known to take hours.
const WORK: [&str; 5] =
    ["compile_package", "compile_package_with_signed_url", "run_errand", "migrate_disk", "fetch_logs"];

/// A poll comes each second. One that is so many seconds of production old was the last.
const POLLED: u64 = 60;

/// So many tasks of agents are followed at once: as many as a director has threads, twice.
const FOLLOWED: usize = 64;

/// What a task's threads wait for at its agents.
#[derive(Debug, Default)]
pub struct Agents {
    /// By thread, what it told an agent last.
    told: BTreeMap<String, String>,
    /// By the agent's number.
    tasks: BTreeMap<String, AgentTask>,
}

/// What an agent was told, and is asked after.
#[derive(Debug)]
struct AgentTask {
    thread: String,
    /// `drain`; `None`: that was not seen.
    method: Option<String>,
    since: Moment,
    last: Moment,
}

impl Agents {
    /// A thread tells an agent something.
    pub fn tell(&mut self, thread: &str, method: &str) {
        while self.told.len() >= FOLLOWED && !self.told.contains_key(thread) {
            self.told.pop_first();
        }
        self.told.insert(thread.into(), method.into());
    }

    /// A thread asks after it.
    pub fn poll(&mut self, thread: &str, agent_task: &str, at: Moment) {
        if let Some(task) = self.tasks.get_mut(agent_task) {
            task.last = task.last.max(at);
            return;
        }
        while self.tasks.len() >= FOLLOWED {
            let oldest = self.tasks.iter().min_by_key(|(_, task)| task.last).map(|(id, _)| id.clone());
            oldest.map(|id| self.tasks.remove(&id));
        }
        let method = self.told.get(thread).cloned();
        self.tasks.insert(agent_task.into(), AgentTask { thread: thread.into(), method, since: at, last: at });
    }
}

/// A task polls an agent, and neither comes to an end nor gets on otherwise.
pub fn endless(view: &DirectorView) -> Told {
    let config = view.config()?;
    any(view.tracks().map(|(id, track)| Ok(waits(view, config, id, track))))
}

fn waits(view: &DirectorView, config: &Config, id: u64, track: &Track) -> Vec<String> {
    let mut lines = Vec::new();
    if view.task_rows().is_ok_and(|rows| rows.get(&id).is_some_and(|task| !task.is_open())) {
        return lines;
    }
    for (number, task) in &track.agents.tasks {
        // Up to the last poll: what came of it afterwards is not known.
        let lasts = task.last.since(task.since.max(track.advanced));
        let is_polled = view.now().since(task.last) <= config.production(POLLED) + FRESH;
        if !is_polled || lasts < limit(config, task.method.as_deref()) {
            continue;
        }
        let what = task.method.as_deref().unwrap_or("something that was not seen");
        lines.push(format!(
            "task {id}: an agent was told {what}, and says `running` of its task {number} for {}",
            seconds(lasts)
        ));
        lines.push(format!("task {id}: no event and no other word meanwhile; look at the VM of {}", task.thread));
    }
    lines
}

fn limit(config: &Config, method: Option<&str>) -> Duration {
    config.production(match method {
        Some("drain") => DRAIN_LONG,
        Some(method) if WORK.contains(&method) => WORK_LONG,
        _ => AGENT_LONG,
    })
}
