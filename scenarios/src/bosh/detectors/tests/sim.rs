//! A director on paper: what the probes would record of it, at their real intervals, with
//! jitter.

use std::collections::BTreeMap;

use reenact::{
    detect::testing::{EPOCH_MS, Tape, World, error, machine, on_tape, query, values},
    probe::{Answer, Signal, Tried},
};

/// 0.02 of production: a second takes 20 ms.
pub const SCALE: u64 = 20;
pub const EXPIRY: u64 = 241 * SCALE;
pub const RENEW: u64 = 120 * SCALE;
pub const CHECKPOINT: u64 = 30 * SCALE;
pub const PAASTA: &str = "lock:deployment:paasta";

/// What a task's main thread is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doing {
    /// A CPI call that never ends, for each of its instances.
    Hang,
    /// A CPI call after the other, each of which takes so long; a cancel ends it after one.
    Slow(u64),
    /// So many tries of so long, with no look at a cancel between.
    Retry(u32, u64),
    /// Pings; a cancel ends it at once.
    Ping,
    /// Nothing, and no CPI call either.
    Sit,
    /// Polls an agent for the end of what it told it; a cancel ends a drain.
    Agent(&'static str),
}

#[derive(Debug, Clone)]
pub struct Call {
    pub task: u64,
    pub instance: String,
    pub ip: String,
    pub az: String,
    pub pid: u32,
    pub begun: u64,
    pub lives: bool,
}

#[derive(Debug, Clone)]
pub struct Task {
    pub id: u64,
    pub state: &'static str,
    pub deployment: &'static str,
    pub az: u8,
    pub worker: usize,
    pub doing: Doing,
    pub pid: u32,
    pub lives: bool,
    pub suspended: bool,
    pub uid: Option<String>,
    pub renews: bool,
    pub renew_at: u64,
    pub checkpoints: bool,
    pub checkpoint_at: u64,
    pub checkpoint: u64,
    pub gives_up_at: u64,
    pub next: u64,
    pub tries: u32,
    /// Its job is in the queue's table.
    pub queued: bool,
}

#[derive(Debug, Clone)]
pub struct Row {
    pub uid: String,
    pub task: u64,
    pub expired: u64,
}

pub struct Sim {
    pub tape: Tape,
    /// 0.02 of production.
    pub scale: &'static str,
    pub database: bool,
    /// Since when a write by the API hangs.
    pub stalled: Option<u64>,
    pub serves: bool,
    /// Whether the director's machine is off.
    pub off: bool,
    pub logs: bool,
    pub workers: Vec<bool>,
    /// Whether those that live wait for a database that they were cut off from.
    pub deaf: bool,
    pub tasks: Vec<Task>,
    pub queue: Vec<(u64, u64, Task)>,
    pub locks: BTreeMap<String, Row>,
    pub events: Vec<String>,
    pub calls: BTreeMap<String, Call>,
    pub vms: BTreeMap<String, (String, bool)>,
    pub counter: u32,
    /// Processes beside those of the tasks.
    pub others: Vec<String>,
    /// A task that is not among the last.
    pub pushed_out: Option<u64>,
}

pub const QUESTIONS: [&str; 7] =
    ["sql:locks", "sql:tasks", "sql:events", "sql:jobs", "sql:vms", "iaas:inflight", "iaas:vms"];

on_tape!(Sim);

impl World for Sim {
    fn live(&mut self) {
        self.take_jobs();
        for index in 0..self.tasks.len() {
            if self.tasks[index].lives && !self.tasks[index].suspended {
                self.act(index);
            }
        }
        for of in QUESTIONS {
            if self.looks("db", of, 250) {
                let answer = self.answer(of);
                self.emit("db", query(of, answer));
            }
        }
        if self.looks("director", "write", 1_000) {
            let answer = self.tries();
            self.emit("director", query("director:write", answer));
        }
        if self.looks("director", "machine", 250) {
            let signal = machine(!self.off, false, None);
            self.emit("director", signal);
        }
        if !self.off && self.looks("director", "processes", 250) {
            let commands = self.commands();
            self.emit("director", Signal::Processes { commands });
        }
        if self.looks("director", "config", 1_000) {
            let answer = self.config();
            self.emit("director", query("director:config", answer));
        }
    }
}

impl Sim {
    /// A director with three idle workers and a VM in the first zone.
    pub fn new(seed: u64) -> Self {
        let mut sim = Self {
            tape: Tape::new("bosh/", seed),
            scale: "0.02",
            database: true,
            stalled: None,
            serves: true,
            off: false,
            logs: true,
            workers: vec![true; 3],
            deaf: false,
            tasks: Vec::new(),
            queue: Vec::new(),
            locks: BTreeMap::new(),
            events: Vec::new(),
            calls: BTreeMap::new(),
            vms: BTreeMap::new(),
            counter: 1_000,
            others: Vec::new(),
            pushed_out: None,
        };
        sim.vms.insert("vm-old".into(), ("paasta|web/old|10.0.1.2|z1".into(), true));
        sim.run(1_000);
        sim
    }

    /// The incident: task 100 hangs in the third zone.
    pub fn stuck(seed: u64) -> Self {
        let mut sim = Self::new(seed);
        sim.deploy(100, "paasta", 3, Doing::Hang);
        sim
    }

    pub fn number(&mut self) -> u32 {
        self.counter += 1;
        self.counter
    }

    pub fn say(&mut self, task: u64, thread: &str, text: &str) {
        if self.logs {
            let line = format!("D, [2026-01-01T00:00:00 #14640] [{thread}] DEBUG -- DirectorJobRunner: {text}");
            self.log("director", &format!("task {task} debug: {line}"));
        }
    }

    pub fn event(&mut self, text: String) {
        self.events.push(text);
    }

    /// Queues a deploy of three instances in a zone; a worker takes it when one is free.
    pub fn deploy(&mut self, id: u64, deployment: &'static str, az: u8, doing: Doing) {
        let task = Task {
            id,
            state: "queued",
            deployment,
            az,
            worker: 0,
            doing,
            pid: self.number(),
            lives: false,
            suspended: false,
            uid: None,
            renews: true,
            renew_at: 0,
            checkpoints: true,
            checkpoint_at: 0,
            checkpoint: self.now,
            gives_up_at: 0,
            next: 0,
            tries: 0,
            queued: true,
        };
        self.queue.push((id, self.now, task));
    }

    pub fn task(&mut self, id: u64) -> &mut Task {
        let waits = self.queue.iter_mut().map(|(_, _, task)| task);
        self.tasks.iter_mut().chain(waits).find(|task| task.id == id).expect("a task")
    }

    pub fn cancel(&mut self, id: u64) {
        self.task(id).state = "cancelling";
    }

    /// Kills a task's process; its CPI calls live on.
    pub fn kill(&mut self, id: u64) {
        self.task(id).lives = false;
    }

    /// The worker is killed with the task's process, and its calls too.
    pub fn kill_all(&mut self, id: u64) {
        self.kill(id);
        self.calls.values_mut().filter(|call| call.task == id).for_each(|call| call.lives = false);
    }

    /// The task ends now, without a word of its own.
    pub fn ends(&mut self, id: u64, state: &'static str) {
        let mut task = self.task(id).clone();
        self.end(&mut task, state);
        *self.task(id) = task;
    }

    /// The whole director is killed in a deploy, and is back when its lock is about to expire.
    pub fn restart_with_a_dead_task(&mut self) {
        self.deploy(100, "paasta", 1, Doing::Ping);
        self.run(3_000);
        self.kill_all(100);
        self.serves = false;
        let expires = self.lock().expired;
        self.run(expires - self.now - 900);
        self.serves = true;
    }

    pub fn lock(&self) -> &Row {
        &self.locks[PAASTA]
    }

    pub fn take_jobs(&mut self) {
        for worker in 0..self.workers.len() {
            let is_free = !self.tasks.iter().any(|task| task.worker == worker && task.lives);
            if !(self.workers[worker] && is_free && self.database && self.serves && !self.deaf) || self.queue.is_empty()
            {
                continue;
            }
            let (_, _, mut task) = self.queue.remove(0);
            let now = self.now;
            (task.worker, task.lives, task.state) = (worker, true, "processing");
            (task.checkpoint_at, task.checkpoint, task.gives_up_at) = (now + CHECKPOINT, now, now + 10 * SCALE);
            self.tasks.push(task);
        }
    }

    pub fn act(&mut self, index: usize) {
        let mut task = self.tasks[index].clone();
        self.threads(&mut task);
        if task.uid.is_none() {
            self.acquire(&mut task);
        } else {
            self.work(&mut task);
        }
        self.tasks[index] = task;
    }

    pub fn threads(&mut self, task: &mut Task) {
        let (now, id, name) = (self.now, task.id, format!("lock:deployment:{}", task.deployment));
        if task.checkpoints && task.checkpoint_at <= now {
            task.checkpoints = self.database;
            task.checkpoint_at = now + CHECKPOINT;
            if self.database {
                task.checkpoint = now;
                for text in ["BEGIN", r#"UPDATE "tasks" SET "checkpoint_time" = 'x' WHERE ("id" = 100)"#, "COMMIT"] {
                    self.say(id, &format!("task:{id}-checkpoint"), &format!("(0.000437s) (conn: 2100) {text}"));
                }
            }
        }
        let Some(uid) = task.uid.clone().filter(|_| task.renews && task.renew_at <= now) else { return };
        task.renew_at = now + RENEW;
        self.say(id, "", &format!("Renewing lock: {name}"));
        if !self.database {
            task.renews = false;
            return;
        }
        self.say(id, "", &format!(r#"(0.000647s) (conn: 2320) UPDATE "locks" SET "expired_at" = 'x' WHERE (("name" = '{name}') AND ("uid" = '{uid}'))"#));
        match self.locks.get_mut(&name).filter(|row| row.uid == uid) {
            Some(row) => row.expired = now + EXPIRY,
            None => {
                (task.renews, task.state) = (false, "cancelling");
                self.event(format!("lost|lock|{name}|{id}|{}|Lock renewal thread exiting", task.deployment));
                self.say(id, "", "Lock renewal thread exiting");
            }
        }
    }

    pub fn acquire(&mut self, task: &mut Task) {
        let (now, name) = (self.now, format!("lock:deployment:{}", task.deployment));
        let row = self.locks.get(&name);
        if row.is_some_and(|row| row.expired >= now) || !self.database {
            if now > task.gives_up_at {
                (task.state, task.lives) = ("error", false);
            }
            return;
        }
        let inserted = row.map_or(task.id, |row| row.task);
        let uid = format!("uid-{}", self.number());
        self.locks.insert(name.clone(), Row { uid: uid.clone(), task: inserted, expired: now + EXPIRY });
        (task.uid, task.renew_at, task.next) = (Some(uid), now + RENEW, now + 40);
        self.event(format!("acquire|lock|{name}|{}|{}|", task.id, task.deployment));
        self.say(task.id, &format!("task:{}", task.id), &format!("Acquired lock: {name}"));
        let text = r#"(0.0s) (conn: 2080) UPDATE "link_consumer_intents" SET "metadata" = 'x'"#;
        self.say(task.id, &format!("task:{}", task.id), text);
        if task.doing == Doing::Hang {
            (1..=3).for_each(|instance| self.ask(task, instance));
        }
    }

    pub fn ask(&mut self, task: &Task, instance: u64) {
        let (id, pid) = (format!("cpi-{}", self.number()), self.number());
        let thread = format!("create_missing_vm(web/u{instance} ({instance})/3)");
        self.say(
            task.id,
            &thread,
            &format!(r#"[external-cpi] [{id}] request: {{"method":"create_vm"}} with command: /director cpi"#),
        );
        let (ip, az) = (format!("10.0.{}.{}", task.az, 10 + instance), format!("z{}", task.az));
        let instance = format!("{}/u{instance}", task.deployment);
        self.calls.insert(id, Call { task: task.id, instance, ip, az, pid, begun: self.now, lives: true });
    }

    /// Ends the task's calls, which make their VMs.
    pub fn answer_calls(&mut self, task: u64, makes: bool) {
        let ids: Vec<_> = self.calls.iter().filter(|(_, call)| call.task == task).map(|(id, _)| id.clone()).collect();
        for id in ids {
            let call = self.calls.remove(&id).expect("a call");
            let parent = self.tasks.iter().find(|other| other.id == task).expect("a task").clone();
            if parent.lives {
                self.say(task, "create_missing_vm(x)", &format!("[external-cpi] [{id}] response: {{}}, err: "));
            }
            if makes {
                let vm = format!("{}|{}|{}|{}", parent.deployment, call.instance, call.ip, call.az);
                self.vms.insert(format!("vm-{id}"), (vm, parent.lives));
            }
        }
    }

    pub fn work(&mut self, task: &mut Task) {
        if task.next > self.now {
            return;
        }
        let cancelled = task.state == "cancelling" || task.state == "timeout";
        match task.doing {
            Doing::Hang | Doing::Sit => {}
            Doing::Agent("drain") if cancelled => self.end(task, "cancelled"),
            Doing::Agent(method) => {
                task.next = self.now + 5 * SCALE;
                let method = if task.tries == 0 { method } else { "get_task" };
                task.tries = 1;
                self.poll(task, method);
            }
            Doing::Ping if cancelled => self.end(task, "cancelled"),
            Doing::Ping => {
                task.next = self.now + 5 * SCALE;
                self.say(task.id, "create_missing_vm(x)", r#"SENT: agent.a {"method":"ping"}"#);
            }
            Doing::Slow(takes) => {
                self.answer_calls(task.id, true);
                task.tries += 1;
                match task.tries {
                    _ if cancelled => self.end(task, "cancelled"),
                    4.. => self.end(task, "done"),
                    instance => {
                        self.ask(task, instance.into());
                        task.next = self.now + takes;
                    }
                }
            }
            Doing::Retry(tries, takes) => {
                self.answer_calls(task.id, false);
                task.tries += 1;
                if task.tries > tries {
                    return self.end(task, "error");
                }
                self.ask(task, 1);
                task.next = self.now + takes;
            }
        }
    }

    pub fn end(&mut self, task: &mut Task, state: &'static str) {
        let name = format!("lock:deployment:{}", task.deployment);
        if self.locks.get(&name).is_some_and(|row| Some(&row.uid) == task.uid.as_ref()) {
            self.locks.remove(&name);
        }
        self.event(format!("release|lock|{name}|{}|{}|", task.id, task.deployment));
        (task.state, task.lives, task.queued) = (state, false, false);
    }

    /// Says what is sent to an agent, and that it answers `running`.
    pub fn poll(&mut self, task: &Task, method: &str) {
        let id = task.id;
        let sent = format!(r#"SENT: agent.a {{"protocol":3,"method":"{method}","arguments":["1ab1"],"reply_to":"d"}}"#);
        self.say(id, "canary_update(worker/u (0))", &sent);
        self.say(id, "", r#"RECEIVED: director.d {"value":{"agent_task_id":"1ab1","state":"running"}}"#);
        let looks = format!(r#"(0.0003s) (conn: 2080) SELECT * FROM "tasks" WHERE "id" = {id}"#);
        self.say(id, "canary_update(worker/u (0))", &looks);
    }

    /// What comes of a config that is stored by the API.
    pub fn tries(&self) -> Answer {
        let tried = |done, ms| Answer::of(&Tried { done, ms, waits_for: "an answer".into() });
        match self.stalled {
            _ if !self.serves => Answer::Refused,
            _ if !self.database => error("500", "the database is away"),
            Some(since) => tried(false, self.now - since),
            None => tried(true, 12),
        }
    }

    pub fn answer(&self, of: &str) -> Answer {
        match of {
            _ if of.starts_with("sql:") && !self.database => Answer::Refused,
            "sql:locks" => self.with_now(self.locks.iter().map(|(name, row)| {
                (name.clone(), format!("{}|{}|{}", row.uid, row.task, EPOCH_MS + row.expired as i64))
            })),
            "sql:tasks" => {
                let all = self.queue.iter().map(|(_, _, task)| task).chain(&self.tasks);
                self.with_now(all.filter(|task| Some(task.id) != self.pushed_out).map(task_row))
            }
            "sql:events" => {
                let rows = self.events.iter().enumerate().rev().take(50);
                values(rows.map(|(id, text)| ((id + 1).to_string(), text)))
            }
            "sql:jobs" => self.jobs(),
            "iaas:inflight" => self.with_now(self.calls.iter().map(|(id, call)| {
                let Call { task, instance, ip, az, pid, begun, .. } = call;
                let begun = EPOCH_MS + *begun as i64;
                (id.clone(), format!("create_vm|{task}|{instance}|{ip}|{az}|{pid}|{begun}"))
            })),
            "iaas:vms" => values(self.vms.iter().map(|(cid, (vm, _))| (cid, vm))),
            _ => {
                let known = self.vms.iter().filter(|(_, (_, known))| *known);
                values(known.map(|(cid, _)| (cid, "web/u|10.0.1.2")))
            }
        }
    }

    pub fn commands(&self) -> Vec<String> {
        let mut commands = ["tail -f /dev/null pid=1 ppid=0", "director watch pid=5 ppid=1"].map(String::from).to_vec();
        if self.serves {
            commands.push("/usr/bin/director serve pid=2 ppid=1".into());
            let workers = self.workers.iter().enumerate().filter(|(_, lives)| **lives);
            commands
                .extend(workers.map(|(index, _)| format!("director worker --name worker_{} pid=3 ppid=1", index + 1)));
        }
        let jobs = self.tasks.iter().filter(|task| task.lives);
        commands.extend(jobs.map(|Task { id, worker, pid, .. }| {
            format!("director run-job --task {id} --worker worker_{} --scale 0.02 pid={pid} ppid=3", worker + 1)
        }));
        let calls = self.calls.values().filter(|call| call.lives);
        commands.extend(calls.map(|call| format!("director cpi --iaas /iaas pid={} ppid=4", call.pid)));
        commands.extend(self.others.iter().cloned());
        commands
    }

    pub fn with_now(&self, said: impl Iterator<Item = (String, String)>) -> Answer {
        let now = ("now_ms".to_owned(), (EPOCH_MS + self.now as i64).to_string());
        values(said.chain([now]))
    }

    pub fn config(&self) -> Answer {
        let millis = [("renew_ms", RENEW), ("checkpoint_ms", CHECKPOINT)].map(|(name, ms)| (name, ms.to_string()));
        let subnets = ["1", "2", "3"].map(|az| (format!("subnet:z{az}"), format!("10.0.{az}.0/24")));
        let said = millis.map(|(name, ms)| (name.to_owned(), ms)).into_iter().chain(subnets);
        values(said.chain([("scale".to_owned(), self.scale.to_owned())]))
    }

    pub fn jobs(&self) -> Answer {
        let waits =
            self.queue.iter().map(|(id, at, _)| (id.to_string(), format!("normal||{}|{id}", EPOCH_MS + *at as i64)));
        // The job of a task that was killed stays its worker's.
        let taken = self.tasks.iter().filter(|task| task.lives || task.queued);
        let taken = taken
            .map(|Task { id, worker, .. }| (id.to_string(), format!("normal|worker_{}|{EPOCH_MS}|{id}", worker + 1)));
        let workers = ("workers".to_owned(), "worker_1 worker_2 worker_3".to_owned());
        self.with_now(waits.chain(taken).chain([workers]))
    }
}

pub fn task_row(task: &Task) -> (String, String) {
    let Task { id, state, deployment, checkpoint, .. } = task;
    let checkpoint = EPOCH_MS + *checkpoint as i64;
    (id.to_string(), format!("{state}|update_deployment|{deployment}|{checkpoint}||create deployment"))
}
