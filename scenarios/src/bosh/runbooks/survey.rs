//! What a person on call finds before touching anything.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use reenact::{Error, Result, runbook::Operator};

use super::{
    super::{
        DIRECTOR,
        manifest::{PAASTA, PAASTA_LOCK},
    },
    bosh::{psql, shell},
};

/// Prints `PID TASK ROLE COMMAND` of each of the director's processes; a CPI's task is in
/// its environment, also when its parent is gone. No process is made for it: on a loaded
/// machine a hundred take half a minute.
const PROCESSES: &str = r#"
for folder in /proc/[0-9]*; do
  { mapfile -d '' -t words <$folder/cmdline; } 2>/dev/null || continue
  [[ ${words[0]##*/} == director && ${words[1]} =~ ^(run-job|cpi|worker)$ ]] || continue
  task=0 pairs=()
  { mapfile -d '' -t pairs <$folder/environ; } 2>/dev/null
  for pair in "${pairs[@]}"; do [[ $pair != DIRECTOR_TASK=* ]] || task=${pair#*=}; done
  [[ ${words[1]} != run-job || ${words[2]} != --task ]] || task=${words[3]}
  echo "${folder#/proc/} $task ${words[1]} ${words[*]}"
done"#;

/// A process of the director's.
#[derive(Debug, Clone)]
pub(super) struct Process {
    pub(super) pid: u32,
    /// 0: none.
    pub(super) task: u64,
    /// `run-job`, `cpi` or `worker`.
    pub(super) role: String,
    pub(super) command: String,
}

impl Process {
    /// The worker's name, of itself or of its child.
    pub(super) fn worker(&self) -> Option<&str> {
        let option = if self.role == "worker" { "--name" } else { "--worker" };
        self.command.split_whitespace().skip_while(|word| *word != option).nth(1)
    }
}

/// The deployment's tasks, its lock, and who runs.
#[derive(Debug)]
pub(super) struct Survey {
    /// Tasks of the deployment that have not ended, by number: the state. `timeout` is no
    /// end for one that lives.
    pub(super) open: BTreeMap<u64, String>,
    /// The lock's row, if it has not expired: `id|uid|task_id|expired_at`.
    pub(super) lock: Option<String>,
    /// Who acquired it last and has neither lost nor released it: by the events.
    pub(super) owner: Option<u64>,
    /// The state of the last deploy.
    pub(super) last_deploy: String,
    pub(super) processes: Vec<Process>,
}

impl Survey {
    /// Looks; nothing is changed by it.
    pub(super) async fn take(operator: &Operator<'_>) -> Result<Self> {
        let sql = format!(
            "SELECT id, state FROM tasks WHERE deployment_name = '{PAASTA}'
             AND state IN ('queued', 'processing', 'cancelling', 'timeout') ORDER BY id"
        );
        let pair = |row: &str| row.split_once('|').and_then(|(id, state)| Some((id.parse().ok()?, state.to_owned())));
        let open = psql(operator, &sql).await?;
        let open: BTreeMap<u64, String> = each(open.iter().map(String::as_str), pair)?.into_iter().collect();
        let lock = format!(
            "SELECT id, uid, task_id, expired_at FROM locks WHERE name = '{PAASTA_LOCK}'
             AND expired_at > now() AT TIME ZONE 'UTC'"
        );
        let last = format!(
            "SELECT state FROM tasks WHERE deployment_name = '{PAASTA}' AND type = 'update_deployment'
             ORDER BY id DESC LIMIT 1"
        );
        let lock = psql(operator, &lock).await?.into_iter().next();
        let last_deploy = psql(operator, &last).await?.join("");
        let processes = processes(operator).await?;
        // Of a task that has timed out, only the process tells whether it has ended.
        let lives = |task: &u64| processes.iter().any(|process| process.task == *task);
        let open = open.into_iter().filter(|(task, state)| state != "timeout" || lives(task)).collect();
        Ok(Self { open, lock, owner: owner(operator).await?, last_deploy, processes })
    }

    /// The processes of a task, its CPI's too.
    pub(super) fn of(&self, task: u64) -> impl Iterator<Item = &Process> {
        self.processes.iter().filter(move |process| process.task == task)
    }

    /// The pids of those of a task's processes that are of one kind.
    pub(super) fn pids(&self, tasks: &BTreeSet<u64>, role: &str) -> Vec<String> {
        let wanted = self.processes.iter().filter(|process| tasks.contains(&process.task) && process.role == role);
        wanted.map(|process| process.pid.to_string()).collect()
    }

    /// The open tasks that have processes.
    pub(super) fn living(&self) -> BTreeSet<u64> {
        self.open.keys().copied().filter(|task| self.of(*task).next().is_some()).collect()
    }
}

/// The deployment's tasks that have ended by their rows and have processes still, in two looks
/// a window apart: whoever ends writes so just before its process is gone.
pub(super) async fn ended_and_living(operator: &Operator<'_>, window: Duration) -> Result<BTreeMap<u64, String>> {
    let first = ended_with_processes(operator).await?;
    if first.is_empty() {
        return Ok(first);
    }
    tokio::time::sleep(window).await;
    let second = ended_with_processes(operator).await?;
    Ok(first.into_iter().filter(|(task, _)| second.contains_key(task)).collect())
}

async fn ended_with_processes(operator: &Operator<'_>) -> Result<BTreeMap<u64, String>> {
    let all = processes(operator).await?;
    let jobs: BTreeSet<_> = all.iter().filter(|process| process.role == "run-job").map(|job| job.task).collect();
    if jobs.is_empty() {
        return Ok(BTreeMap::new());
    }
    let ids: Vec<_> = jobs.iter().map(u64::to_string).collect();
    let sql = format!(
        "SELECT id, state FROM tasks WHERE id IN ({}) AND deployment_name = '{PAASTA}'
         AND state IN ('done', 'error', 'cancelled')",
        ids.join(", ")
    );
    let rows = psql(operator, &sql).await?;
    let pair = |row: &str| row.split_once('|').and_then(|(id, state)| Some((id.parse().ok()?, state.to_owned())));
    Ok(each(rows.iter().map(String::as_str), pair)?.into_iter().collect())
}

/// The director's processes.
pub(super) async fn processes(operator: &Operator<'_>) -> Result<Vec<Process>> {
    let said = shell(operator, PROCESSES).await?;
    let process = |line: &str| {
        let mut words = line.splitn(4, ' ');
        let (pid, task, role) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?, words.next()?.to_owned());
        Some(Process { pid, task, role, command: words.next()?.to_owned() })
    };
    each(said.lines(), process)
}

/// Reads each row. One that cannot be read is not left out: whoever acts on what is left
/// would act as if that task, or that process, were not there.
fn each<'a, T>(rows: impl Iterator<Item = &'a str>, read: impl Fn(&str) -> Option<T>) -> Result<Vec<T>> {
    rows.map(|row| read(row).ok_or_else(|| Error::failed(format!("cannot read {row:?}")))).collect()
}

/// The lock's owner by the events: `locks.task_id` names whoever inserted the row.
async fn owner(operator: &Operator<'_>) -> Result<Option<u64>> {
    let sql = format!(
        "SELECT action, task FROM events WHERE object_type = 'lock' AND object_name = '{PAASTA_LOCK}' ORDER BY id"
    );
    let mut owner = None;
    for row in psql(operator, &sql).await? {
        let Some((action, task)) = row.split_once('|') else { continue };
        let task = task.parse::<u64>().ok();
        match action {
            "acquire" => owner = task,
            _ if owner == task => owner = None,
            _ => {}
        }
    }
    Ok(owner)
}

/// How far each task has come: lines of its debug log that are neither renewals nor
/// checkpoints.
pub(super) async fn progress(operator: &Operator<'_>, tasks: &BTreeSet<u64>) -> Result<BTreeMap<u64, String>> {
    let mut marks = BTreeMap::new();
    for task in tasks {
        let script = format!(
            "grep -cvE -- '-checkpoint\\] DEBUG|Renewing lock: |UPDATE \"locks\" SET \"expired_at\"' \
             /var/vcap/store/director/tasks/{task}/debug"
        );
        marks.insert(*task, shell(operator, &script).await?);
    }
    Ok(marks)
}

/// VMs of the deployment that the IaaS has and the director does not know: they hold
/// addresses, and `bosh cck` cannot see them.
pub(super) async fn leaked(operator: &Operator<'_>) -> Result<Vec<String>> {
    let list =
        format!("cd /var/vcap/store/iaas/vms && grep -l '\"deployment\":\"{PAASTA}\"' *.json | sed 's/.json$//'");
    let there = shell(operator, &format!("{{ {list}; }} 2>/dev/null || true")).await?;
    let known: BTreeSet<String> =
        psql(operator, "SELECT cid FROM vms WHERE cid IS NOT NULL").await?.into_iter().collect();
    Ok(there.lines().filter(|cid| !known.contains(*cid)).map(str::to_owned).collect())
}

/// The pids of CPI calls whose task's process is gone: nobody waits for their answers, and
/// what they make nobody writes down. They hang from PID 1.
pub(super) async fn orphans(operator: &Operator<'_>) -> Result<Vec<String>> {
    let said = operator.run(DIRECTOR, &["pgrep", "-P", "1", "-f", "director cpi "]).await?;
    Ok(said.text.split_whitespace().map(str::to_owned).collect())
}
