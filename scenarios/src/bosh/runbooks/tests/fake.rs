//! A director in memory: its tables, processes and IaaS, and the commands that runbooks give
//! it. What somebody else does meanwhile is a race: it comes in just before a command.

use std::collections::{BTreeMap, BTreeSet};

use super::super::super::manifest::{self, PAASTA_LOCK};

/// What happens at a command, and when.
type Race = (&'static str, usize, fn(&mut World));

/// A row of `locks`; it has expired if it is not held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Lock {
    pub(super) id: u64,
    pub(super) name: &'static str,
    pub(super) uid: &'static str,
    pub(super) task_id: u64,
    pub(super) expired_at: &'static str,
}

/// A process of the director's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Process {
    pub(super) pid: u32,
    pub(super) task: u64,
    pub(super) role: &'static str,
    pub(super) parent: u32,
}

/// The director.
#[derive(Debug, Default)]
pub(super) struct World {
    pub(super) locks: Vec<Lock>,
    /// The report's deployment's tasks: their states.
    pub(super) tasks: BTreeMap<u64, &'static str>,
    /// What became of its lock: the action and the task.
    pub(super) events: Vec<(&'static str, u64)>,
    pub(super) processes: Vec<Process>,
    /// How many lines each task has logged.
    pub(super) logs: BTreeMap<u64, usize>,
    /// The IaaS's VMs, and those that the director knows.
    pub(super) vms: Vec<&'static str>,
    pub(super) known: Vec<&'static str>,
    /// Whether the cloud-config is the report's.
    pub(super) is_misconfigured: bool,
    /// Tasks whose processes go on without their CPI calls.
    pub(super) stubborn: BTreeSet<u64>,
    /// Every command, in order.
    pub(super) said: Vec<String>,
    /// The drain scripts: their pids, and for how many seconds each has run.
    pub(super) drains: Vec<(u32, u64)>,
    /// What is done by others just before so many more commands with these words.
    pub(super) races: Vec<Race>,
}

/// The lock as task 100 holds it.
pub(super) const HELD: Lock =
    Lock { id: 7, name: PAASTA_LOCK, uid: "u100", task_id: 100, expired_at: "2026-01-01 00:00:10" };

impl World {
    /// A task that hangs in the CPI, with its worker, its job and one call.
    #[must_use]
    pub(super) fn hanging(mut self, task: u64, state: &'static str) -> Self {
        self.tasks.insert(task, state);
        let job = u32::try_from(task).expect("a small number") * 10;
        self.processes.push(Process { pid: job, task, role: "run-job", parent: 2 });
        self.processes.push(Process { pid: job + 1, task, role: "cpi", parent: job });
        self
    }

    /// A CPI call that its task has left behind.
    #[must_use]
    pub(super) fn orphan(mut self, task: u64, pid: u32) -> Self {
        self.processes.push(Process { pid, task, role: "cpi", parent: 1 });
        self
    }

    /// The lock's row as that task inserted it, and its events.
    #[must_use]
    pub(super) fn locked(mut self, lock: Lock, events: &[(&'static str, u64)]) -> Self {
        self.locks.push(lock);
        self.events.extend(events);
        self
    }

    /// Somebody does that just before the first, second, … command with these words.
    #[must_use]
    pub(super) fn before(mut self, nth: usize, words: &'static str, race: fn(&mut World)) -> Self {
        self.races.push((words, nth, race));
        self
    }

    /// Whether a process of that pid lives.
    pub(super) fn lives(&self, pid: u32) -> bool {
        self.processes.iter().any(|process| process.pid == pid)
    }

    /// Whether any command said that.
    pub(super) fn was_told(&self, words: &str) -> bool {
        self.said.iter().any(|said| said.contains(words))
    }

    /// Does what a command says; gives its exit code and what it prints.
    pub(super) fn run(&mut self, command: &[&str]) -> (i64, String) {
        let text = command.join(" ");
        for (words, left, _) in &mut self.races {
            *left -= usize::from(text.contains(*words));
        }
        while let Some(at) = self.races.iter().position(|(_, left, _)| *left == 0) {
            let (_, _, race) = self.races.remove(at);
            race(self);
        }
        self.said.push(text);
        let last = command.last().copied().unwrap_or_default();
        match command[0] {
            "psql" => (0, self.sql(last)),
            "bash" => (0, self.script(last)),
            "curl" => (0, self.http(command[command.iter().position(|word| *word == "-X").expect("-X") + 1], last)),
            "pgrep" => {
                let orphans = self.processes.iter().filter(|one| one.role == "cpi" && one.parent == 1);
                let orphans: Vec<_> = orphans.map(|one| one.pid.to_string()).collect();
                (i64::from(orphans.is_empty()), orphans.join("\n"))
            }
            other => panic!("nobody knows `{other}` here"),
        }
    }

    fn sql(&mut self, sql: &str) -> String {
        if sql.starts_with("DELETE FROM locks WHERE ") {
            return self.delete(sql);
        }
        let of_paasta = |lock: &&Lock| lock.name == PAASTA_LOCK;
        let lock = self.locks.iter().find(of_paasta);
        let open = self.tasks.iter().filter(|(_, state)| sql.contains(&format!("'{state}'")));
        let id_of = |from: &str| sql.split(from).nth(1).and_then(|rest| rest.split(' ').next()?.parse::<u64>().ok());
        match sql {
            _ if sql.starts_with("SELECT id, uid, task_id, expired_at FROM locks") => {
                lock.map_or_else(String::new, |l| format!("{}|{}|{}|{}", l.id, l.uid, l.task_id, l.expired_at))
            }
            _ if sql.contains("FROM locks") => {
                lock.map_or_else(String::new, |l| format!("{}|{}", l.task_id, l.expired_at))
            }
            _ if sql.starts_with("SELECT state FROM tasks") => {
                self.tasks.values().last().copied().unwrap_or_default().into()
            }
            _ if sql.starts_with("SELECT state, result FROM tasks") => {
                format!("{}|", id_of("WHERE id = ").and_then(|id| self.tasks.get(&id).copied()).unwrap_or("none"))
            }
            _ if sql.contains("FROM tasks WHERE id IN (") => {
                let ids = sql.split("IN (").nth(1).and_then(|rest| rest.split(')').next()).unwrap_or_default();
                let ids: BTreeSet<_> = ids.split(", ").filter_map(|id| id.parse::<u64>().ok()).collect();
                rows(open.filter(|(id, _)| ids.contains(id)).map(|(id, state)| format!("{id}|{state}")))
            }
            _ if sql.starts_with("SELECT id FROM tasks") => rows(open.map(|(id, _)| id.to_string())),
            _ if sql.contains("FROM tasks WHERE deployment_name") => {
                rows(open.map(|(id, state)| format!("{id}|{state}")))
            }
            _ if sql.starts_with("SELECT DISTINCT task FROM events") => {
                rows(self.events.iter().filter(|(action, _)| *action == "acquire").map(|(_, task)| task.to_string()))
            }
            _ if sql.contains("action = 'lost'") => {
                let is_lost = |(action, task): &&(&str, u64)| *action == "lost" && sql.contains(&format!("'{task}'"));
                rows(self.events.iter().filter(is_lost).map(|_| "9".to_owned()))
            }
            _ if sql.contains("FROM events") => {
                rows(self.events.iter().map(|(action, task)| format!("{action}|{task}")))
            }
            _ if sql.contains("FROM configs") => {
                let config =
                    if self.is_misconfigured { manifest::wrong_cloud_config() } else { manifest::right_cloud_config() };
                config.to_string()
            }
            _ if sql.contains("FROM vms") => self.known.join("\n"),
            other => panic!("nobody knows this statement here: {other}"),
        }
    }

    /// Deletes the rows for which every condition of the statement holds.
    fn delete(&mut self, sql: &str) -> String {
        let (conditions, returning) = sql.split_once(" RETURNING ").unwrap_or((sql, ""));
        let conditions = conditions.trim_start_matches("DELETE FROM locks WHERE ").split(" AND ");
        let conditions: Vec<_> = conditions.map(|one| one.split_once(" = ").expect("a comparison")).collect();
        let holds = |lock: &Lock| {
            conditions.iter().all(|(column, value)| {
                let is = match *column {
                    "id" => lock.id.to_string(),
                    "name" => lock.name.to_owned(),
                    "uid" => lock.uid.to_owned(),
                    "expired_at" => lock.expired_at.to_owned(),
                    other => panic!("locks has no {other}"),
                };
                is == value.trim_matches('\'')
            })
        };
        let (gone, left): (Vec<_>, Vec<_>) = self.locks.drain(..).partition(holds);
        self.locks = left;
        if returning.is_empty() { String::new() } else { rows(gone.iter().map(|lock| lock.id.to_string())) }
    }

    fn script(&mut self, script: &str) -> String {
        if let Some(pids) = script.strip_prefix("kill -KILL ") {
            let pids: BTreeSet<u32> = pids.split(' ').map_while(|pid| pid.parse().ok()).collect();
            self.kill(&pids);
        } else if let Some(task) = script.strip_prefix("monit stop worker_") {
            let task = task.parse().ok();
            let job = |one: &&Process| one.role == "run-job" && Some(one.task) == task;
            let job = self.processes.iter().find(job).map(|one| one.pid);
            self.kill(&job.into_iter().collect());
        } else if script.contains("director drain ") {
            return rows(self.drains.iter().map(|(pid, seconds)| format!("{pid} {seconds} director drain --agent a")));
        } else if script.contains("run/director/$name.pid") {
            // Whoever hangs from init is nobody's whom monit knows.
            let spare = self.processes.iter().filter(|one| one.role == "worker" && one.parent == 1);
            return rows(spare.map(|one| one.pid.to_string()));
        } else if script.contains("/proc/[0-9]*") {
            let line = |one: &Process| {
                let Process { pid, task, role, .. } = one;
                format!("{pid} {task} {role} director {role} --task {task} --worker worker_{task}")
            };
            return rows(self.processes.iter().map(line));
        } else if script.contains("iaas/vms") {
            return self.vms.join("\n");
        } else if script.contains("delete_vm") {
            self.vms.retain(|cid| !script.contains(cid));
        } else if script.starts_with("grep -cvE") {
            let task = script.rsplit('/').nth(1).and_then(|task| task.parse().ok()).expect("a task's log");
            return self.logs.get(&task).copied().unwrap_or_default().to_string();
        } else if let Some(pid) = script.split("kill -TERM ").nth(1) {
            let pid = pid.split(' ').next().and_then(|pid| pid.parse().ok()).expect("a pid");
            self.kill(&BTreeSet::from([pid]));
        } else if script.contains("DIRECTOR_CLOCK_SKEW") {
            let wrong = self.processes.iter().filter(|one| one.role == "worker");
            return rows(wrong.map(|one| format!("{} worker_2", one.pid)));
        }
        String::new()
    }

    /// What lives on of killed processes hangs from init; a job whose calls have all ended
    /// comes to its end, and gives its lock back.
    fn kill(&mut self, pids: &BTreeSet<u32>) {
        self.drains.retain(|(pid, _)| !pids.contains(pid));
        self.processes.retain(|one| !pids.contains(&one.pid));
        for one in self.processes.iter_mut().filter(|one| pids.contains(&one.parent)) {
            one.parent = 1;
        }
        let calls: BTreeSet<_> = self.processes.iter().filter(|one| one.role == "cpi").map(|one| one.task).collect();
        let stays =
            |one: &Process| one.role != "run-job" || calls.contains(&one.task) || self.stubborn.contains(&one.task);
        self.processes.retain(stays);
        let living: BTreeSet<_> = self.processes.iter().map(|one| one.task).collect();
        for (task, state) in self.tasks.iter_mut().filter(|(task, _)| !living.contains(task)) {
            *state = match *state {
                "queued" | "processing" => "error",
                "cancelling" => "cancelled",
                other => other,
            };
            self.locks.retain(|lock| lock.uid != format!("u{task}"));
        }
    }

    fn http(&mut self, method: &str, url: &str) -> String {
        let path = url.trim_start_matches("https://127.0.0.1:25555");
        let status = match (method, path.rsplit_once('/')) {
            ("DELETE", Some(("/task", id))) => {
                let task = id.parse().ok().and_then(|id| self.tasks.get_mut(&id)).expect("a task");
                let can = matches!(*task, "queued" | "processing");
                if can {
                    *task = "cancelling";
                }
                if can { "204 " } else { "400 " }
            }
            ("POST", _) if path == "/deployments" => {
                let task = self.tasks.keys().last().map_or(1, |last| last + 1);
                self.tasks.insert(task, "done");
                return format!("\n302 https://127.0.0.1:25555/tasks/{task}");
            }
            ("POST", _) if path == "/cloud_configs" => {
                self.is_misconfigured = false;
                "201 "
            }
            _ => "200 ",
        };
        format!("\n{status}")
    }
}

fn rows(rows: impl Iterator<Item = String>) -> String {
    rows.collect::<Vec<_>>().join("\n")
}
