//! A worker whose clock is wrong.

use std::fmt;

use async_trait::async_trait;
use reenact::{
    Error, Result,
    fault::{Effect, Fault, Undo},
    runbook::Output,
    testbed::{Process, Testbed},
};
use schemars::JsonSchema;
use serde::Deserialize;

use super::super::{DIRECTOR, Director};

/// A worker runs with a clock that is ahead of the others', for its process only. It is
/// started again for that, and drops the task that it has.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ClockSkewed {
    /// The worker, such as `worker_2`.
    pub(crate) worker: String,
    /// By how many seconds of production; negative: behind.
    pub(crate) seconds: i64,
}

/// The workers' processes.
async fn workers(bed: &Testbed) -> Result<Vec<Process>> {
    let all = bed.node(DIRECTOR)?.processes().await?;
    Ok(all.into_iter().filter(|process| process.command.contains("director worker --name ")).collect())
}

/// By how much each of these processes' clocks is ahead, as it was started; empty: by nothing.
async fn skews(bed: &Testbed, workers: &[Process]) -> Result<Vec<String>> {
    let look = |process: &Process| {
        // It may have ended meanwhile.
        format!(
            "tr '\\0' '\\n' 2>/dev/null </proc/{}/environ | sed -n 's/^DIRECTOR_CLOCK_SKEW=//p' | tr '\\n' ' '; echo",
            process.pid
        )
    };
    let script: Vec<_> = workers.iter().map(look).collect();
    Ok(bed.shell().run(&script.join("\n")).await?.1.lines().map(|line| line.trim().to_owned()).collect())
}

/// The first worker whose clock is wrong.
///
/// # Errors
/// If the processes cannot be looked at.
pub(crate) async fn skewed(bed: &Testbed) -> Result<Option<String>> {
    let workers = workers(bed).await?;
    let skews = skews(bed, &workers).await?;
    let wrong = workers.iter().zip(skews).find(|(_, skew)| !skew.is_empty());
    Ok(wrong.map(|(worker, skew)| format!("the clock of {} is {skew} s ahead", worker.command)))
}

#[async_trait]
impl Fault<Director> for ClockSkewed {
    async fn inject(&self, director: &Director) -> Result<Undo> {
        let (bed, name, seconds) = (&director.bed, &self.worker, self.seconds);
        let node = bed.node(DIRECTOR)?;
        let file = node.reach(&format!("/var/vcap/jobs/director/skew.{name}")).await?;
        let restart = |script: String| {
            let (bed, node, name) = (bed.clone(), node.clone(), name.clone());
            async move {
                bed.shell().must(&script).await?;
                // Its start program goes by the file.
                let Output { code, text } = node.exec(&["monit", "restart", &name]).await?;
                let failed = || Error::inconclusive(format!("monit restart {name} ended with {code}: {text}"));
                if code == 0 { Ok(()) } else { Err(failed()) }
            }
        };
        restart(format!("echo {seconds} >{file}")).await?;
        Ok(Undo::by(restart(format!("rm -f {file}"))))
    }

    /// What the worker was started with.
    async fn effect(&self, director: &Director) -> Result<Effect> {
        let words = format!("director worker --name {} ", self.worker);
        let mut workers = workers(&director.bed).await?;
        workers.retain(|process| format!("{} ", process.command).contains(&words));
        let skews = skews(&director.bed, &workers).await?;
        let seen = format!("{} runs with {skews:?}", self.worker);
        Ok(Effect::new(skews.first() == Some(&self.seconds.to_string()), seen))
    }
}

impl fmt::Display for ClockSkewed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}'s clock is {} s of production ahead", self.worker, self.seconds)
    }
}
