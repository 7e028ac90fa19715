//! What a person on call types on a machine: monit, files, processes.

use std::time::Duration;

use reenact::{
    Error, Result,
    poll::{self, Look},
    runbook::Operator,
};

/// How long monit may take to stop a process: its own limit is 20 s, and it listens to nobody
/// while it waits for a start, 20 s at most.
const STOP: Duration = Duration::from_secs(45);
/// How long a machine may take to shut down.
const DOWN: Duration = Duration::from_secs(40);

/// Runs a shell script on a machine; it must succeed.
pub(super) async fn shell(operator: &Operator<'_>, node: &str, script: &str) -> Result<String> {
    operator.must(node, &["bash", "-c", script]).await
}

/// Tells monit to start, stop, restart, monitor or unmonitor a job. Just booted it may
/// not listen yet.
pub(super) async fn monit(operator: &Operator<'_>, node: &str, action: &str, job: &str) -> Result<()> {
    poll::until(&format!("monit on {node} to {action} {job}"), STOP, || async {
        match operator.run(node, &["monit", action, job]).await {
            Ok(said) if said.code == 0 => Look::Ready(()),
            Ok(said) => Look::NotYet(said.text),
            Err(error) => Look::Never(error),
        }
    })
    .await
}

/// Whether a process of that name runs on a machine.
pub(super) async fn runs(operator: &Operator<'_>, node: &str, process: &str) -> Result<bool> {
    Ok(operator.run(node, &["pgrep", "-x", process]).await?.code == 0)
}

/// `monit stop JOB`, until monit has given the job up and no process of that name is left.
///
/// # Errors
/// [`Error::Failed`] if one still runs: monit stops only what its pid file names.
pub(super) async fn stop(operator: &Operator<'_>, node: &str, job: &str, process: &str) -> Result<()> {
    give_up(operator, node, job).await?;
    poll::until(&format!("{job} on {node} to stop"), STOP, || async {
        match runs(operator, node, process).await {
            Ok(false) => Look::Ready(()),
            Ok(true) => Look::NotYet(format!("a process {process} still runs; monit knows only the pid file's")),
            Err(error) => Look::Never(error),
        }
    })
    .await
}

/// `monit stop JOB`, until monit has given the job up: from then on it starts no other one,
/// and whatever it does not know runs on. Just booted monit may take the word and forget it,
/// so it is told again while it neither obeys nor means to.
pub(super) async fn give_up(operator: &Operator<'_>, node: &str, job: &str) -> Result<()> {
    poll::until(&format!("monit on {node} to give {job} up"), STOP, || async {
        let said = match operator.run(node, &["monit", "summary"]).await {
            Ok(said) => said.text,
            Err(error) => return Look::Never(error),
        };
        match said.lines().find(|line| line.contains(job)) {
            // It cuts a long state short: "Initializing - stop pen...".
            Some(line) if line.contains("- stop p") => Look::NotYet("monit is at it".into()),
            Some(line) if line.contains("Not monitored") => Look::Ready(()),
            state => match operator.run(node, &["monit", "stop", job]).await {
                Ok(_) => Look::NotYet(format!("monit still has it: {state:?}")),
                Err(error) => Look::Never(error),
            },
        }
    })
    .await
}

/// Ends every process of that name, whoever owns it.
pub(super) async fn killall(operator: &Operator<'_>, node: &str, process: &str) -> Result<()> {
    shell(operator, node, &format!("killall -q {process}; timeout 10 bash -c 'while pgrep -x {process}; do sleep 0.05; done' || killall -9 {process}; true")).await?;
    Ok(())
}

/// Puts a setting into a job's file; an empty value takes it back. It holds from the job's
/// next start.
pub(super) async fn set(operator: &Operator<'_>, node: &str, name: &str, value: &str) -> Result<()> {
    let file = "/var/vcap/jobs/settings";
    let line = if value.is_empty() { String::new() } else { format!("echo {name}=\\'{value}\\' >>{file}.new; ") };
    let script = format!("grep -v '^{name}=' {file} >{file}.new; {line}mv {file}.new {file}");
    shell(operator, node, &script).await.map(drop)
}

/// Restarts a whole machine in good order: its first process ends the jobs, and it boots.
pub(super) async fn restart(operator: &Operator<'_>, node: &str) -> Result<()> {
    if operator.is_up(node).await? {
        // The shell dies with the machine, so its end says nothing.
        let _ = operator.run(node, &["kill", "-TERM", "1"]).await;
    }
    poll::until(&format!("{node} to be down"), DOWN, || async {
        match operator.is_up(node).await {
            Ok(false) => Look::Ready(()),
            Ok(true) => Look::NotYet("it still runs".into()),
            Err(error) => Look::Never(error),
        }
    })
    .await?;
    operator.power_on(node).await
}

/// What must be true before a runbook goes on, as an error that says what is not.
pub(super) fn must(holds: bool, why: impl Into<String>) -> Result<()> {
    if holds { Ok(()) } else { Err(Error::failed(why.into())) }
}
