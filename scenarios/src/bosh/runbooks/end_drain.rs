//! The recovery from a drain script that never ends: the script is ended on its VM.

use std::{fmt, time::Duration};

use async_trait::async_trait;
use reenact::{
    Error, Result,
    runbook::{Conclusion, Operator, Runbook},
};

use super::{
    super::{Pace, manifest::PAASTA},
    bosh::{self, shell, until_none},
    end_stuck_task::{deploy, kill},
    survey::Survey,
};

/// How long the director may take for anything that does not hang.
const LIMIT: Duration = Duration::from_secs(20);

/// A drain that has run for so many seconds of production is not waited for any more.
const LONG: u64 = 1_200;

/// Prints `PID SECONDS` of each drain script: how long it has run. Here the VMs stand on the
/// director's machine; elsewhere it is `bosh ssh` to the VM that the task's log names, and
/// `ps` there.
const DRAINS: &str = "ps -eo pid=,etimes=,args= | grep -E 'director drain ' | grep -v grep || true";

/// Cancels the task that waits, which a director of 2026 notices between two polls, ends the
/// drain scripts that are left, and deploys again.
#[derive(Debug)]
pub(crate) struct EndDrain {
    /// The director's pace.
    pub(crate) pace: Pace,
}

impl fmt::Display for EndDrain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("end the drain script that hangs, and deploy again")
    }
}

/// A drain script.
struct Drain {
    pid: String,
    runs: Duration,
}

#[async_trait]
impl Runbook for EndDrain {
    async fn run(&self, operator: &Operator) -> Result<Conclusion> {
        let (drains, found) = (drains(operator).await?, Survey::take(operator).await?);
        if let Some(young) = drains.iter().find(|drain| drain.runs < self.pace.production(LONG)) {
            let why = format!("the drain {} runs for {:?} only: it may come to its end", young.pid, young.runs);
            return Ok(Conclusion::Refused { why });
        }
        if drains.is_empty() && found.open.is_empty() && found.last_deploy == "done" {
            return Ok(Conclusion::NothingToDo);
        }
        if let Some(task) = found.living().first().filter(|_| drains.is_empty()) {
            return Ok(Conclusion::Refused {
                why: format!("task {task} waits for no drain: find out what it waits for"),
            });
        }
        for (task, _) in found.open.iter().filter(|(_, state)| matches!(state.as_str(), "queued" | "processing")) {
            let path = format!("/task/{task}");
            operator.step(&format!("cancel task {task}"), bosh::ask(operator, "DELETE", &path, None)).await?;
        }
        self.end(operator).await?;
        operator.step("deploy", deploy(operator)).await?;
        Ok(Conclusion::Done)
    }
}

impl EndDrain {
    /// Waits until the tasks notice; ends the scripts that are left, which ends a task that does
    /// not.
    async fn end(&self, operator: &Operator<'_>) -> Result<()> {
        let open = format!(
            "SELECT id FROM tasks WHERE deployment_name = '{PAASTA}'
             AND state IN ('queued', 'processing', 'cancelling')"
        );
        let noticed = until_none(operator, "the cancel to be noticed", LIMIT / 4, &open).await;
        let left: Vec<_> = drains(operator).await?.into_iter().map(|drain| drain.pid).collect();
        if !left.is_empty() {
            operator.step(&format!("end {} drain scripts", left.len()), kill(operator, &left)).await?;
        }
        match noticed {
            Ok(()) => Ok(()),
            Err(_) => until_none(operator, "the task to end with its drain", LIMIT, &open).await,
        }
    }
}

async fn drains(operator: &Operator<'_>) -> Result<Vec<Drain>> {
    let said = shell(operator, DRAINS).await?;
    let drain = |line: &str| {
        let mut words = line.split_whitespace();
        let (pid, seconds) = (words.next()?, words.next()?.parse().ok()?);
        Some(Drain { pid: pid.into(), runs: Duration::from_secs(seconds) })
    };
    said.lines().map(|line| drain(line).ok_or_else(|| Error::failed(format!("cannot read {line:?}")))).collect()
}
