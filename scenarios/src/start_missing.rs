//! The recovery of processes that monit takes for running, and that are gone.

use std::{fmt, time::Duration};

use async_trait::async_trait;
use reenact::{
    Result,
    poll::{self, Look},
    runbook::{Conclusion, Operator, Runbook},
};

/// How long monit may take to start them: it looks each second, and gives a start ten.
const LIMIT: Duration = Duration::from_secs(30);

/// Of jobs, each `NAME=PATTERN` of its process's command line, prints those that monit says run and that
/// no process is at. monit 5.33 prints a table, older ones `Process 'NAME'  running`.
const MISSING: &str = r#"
for job in "$@"; do
  name=${job%%=*}
  pgrep -f -- "${job#*=}" >/dev/null && continue
  monit summary | grep -qE "(^| |')$name('| ) *(OK|[Rr]unning)" && echo "$name"
done
true"#;

/// Has monit forget the processes that it takes for those that are gone, and start them. monit 5.33
/// keeps the pid that it read last for as long as any process has it, whatever the pid file says by now;
/// for the same reason its `restart` waits in vain for the end of somebody else's process (both measured).
#[derive(Debug)]
pub(crate) struct StartMissing(
    /// The jobs, each `NAME=PATTERN` of its process's command line.
    pub(crate) &'static [&'static str],
);

impl fmt::Display for StartMissing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("have monit forget what it takes for processes that are gone, and start them")
    }
}

#[async_trait]
impl Runbook for StartMissing {
    async fn run(&self, operator: &Operator) -> Result<Conclusion> {
        let missing = self.missing(operator).await?;
        if missing.is_empty() {
            return Ok(Conclusion::Refused { why: "every process that monit takes for running is there".into() });
        }
        for (node, name) in &missing {
            let start = format!("monit unmonitor {name} && monit start {name}");
            let what = format!("have monit forget {name} on {node}, and start it");
            operator.step(&what, operator.must(node, &["bash", "-c", &start])).await?;
        }
        poll::until("every process to be there", LIMIT, || async {
            match self.missing(operator).await {
                Ok(missing) if missing.is_empty() => Look::Ready(()),
                Ok(missing) => Look::NotYet(format!("{missing:?} are not there")),
                Err(error) => Look::NotYet(error.to_string()),
            }
        })
        .await?;
        Ok(Conclusion::Done)
    }
}

impl StartMissing {
    /// What is missing, each with its node. A machine that is off has no monit, nor has one of which it
    /// supervises nothing.
    async fn missing(&self, operator: &Operator<'_>) -> Result<Vec<(String, String)>> {
        let mut missing = Vec::new();
        for node in operator.nodes() {
            if !operator.is_up(node).await? {
                continue;
            }
            let command = ["bash", "-c", MISSING, "bash"].into_iter().chain(self.0.iter().copied());
            let said = operator.run(node, &command.collect::<Vec<_>>()).await?;
            let names = said.text.lines().filter(|line| self.0.iter().any(|job| job.split('=').next() == Some(line)));
            missing.extend(names.map(|name| (node.to_owned(), name.to_owned())));
        }
        Ok(missing)
    }
}

#[cfg(test)]
mod tests {
    use reenact::runbook::{
        Output,
        testing::{Bench, Nodes},
    };

    use super::*;

    const JOBS: StartMissing = StartMissing(&["director=[d]irector serve", "worker_2=worker_2"]);

    /// The jobs without a process, on the first of two machines, the second of which is off.
    struct Jobs(Vec<&'static str>);

    impl Nodes for Jobs {
        fn names(&self) -> Vec<&'static str> {
            vec!["director", "db"]
        }

        fn is_up(&self, node: &str) -> bool {
            node == "director"
        }

        fn run(&mut self, node: &str, command: &[&str]) -> Output {
            assert_eq!(node, "director");
            if command.contains(&MISSING) {
                return Output { code: 0, text: format!("bash: a warning\n{}", self.0.join("\n")) };
            }
            let script = command.last().copied().unwrap_or_default();
            self.0.retain(|name| script != format!("monit unmonitor {name} && monit start {name}"));
            Output { code: 0, text: String::new() }
        }
    }

    #[tokio::test]
    async fn what_is_missing_is_forgotten_and_started_and_nothing_else() {
        let bench = Bench::new(Jobs(vec!["director", "worker_2"]));
        assert!(bench.call_killed(&JOBS, 1).await.is_err());
        assert_eq!(bench.nodes().0, ["worker_2"], "killed after its first");
        assert_eq!(bench.call(&JOBS).await.expect("works"), Conclusion::Done);
        assert!(bench.nodes().0.is_empty());
    }

    #[tokio::test]
    async fn where_all_are_there_it_refuses() {
        let bench = Bench::new(Jobs(Vec::new()));
        let said = bench.call(&JOBS).await.expect("works");
        assert!(matches!(said, Conclusion::Refused { .. }), "{said:?}");
        assert_eq!(bench.commands().len(), 1);
    }

    /// The script itself, with a monit and a pgrep of the test's.
    #[test]
    fn only_what_monit_says_runs_and_no_process_is_at_is_missing() {
        let folder = tempfile::tempdir().expect("a folder");
        let tool = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, format!("#!/bin/bash\n{text}\n")).expect("written");
            std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("its mode");
        };
        tool("pgrep", "[[ $3 == there ]]");
        tool(
            "monit",
            "echo ' gone       OK                Process '\necho \"Process 'old'    running\"\n\
             echo ' there      OK                Process '\necho ' failing    Execution failed  Process '\n\
             echo ' unmonitored  Not monitored   Process '",
        );
        let path = format!("{}:{}", folder.path().display(), std::env::var("PATH").expect("a path"));
        let jobs = ["gone=x", "old=x", "there=there", "failing=x", "unmonitored=x", "unknown=x", "one=x"];
        let said = std::process::Command::new("bash")
            .env("PATH", path)
            .args(["-c", MISSING, "bash"])
            .args(jobs)
            .output()
            .expect("bash");
        assert_eq!(String::from_utf8_lossy(&said.stdout), "gone\nold\n");
    }
}
