//! The recovery of a director one of whose processes its supervisor takes for running.

use std::{fmt, time::Duration};

use async_trait::async_trait;
use reenact::{
    Result,
    poll::{self, Look},
    runbook::{Conclusion, Operator, Runbook},
};

use super::bosh::shell;

/// How long monit may take to start them: it looks each second, and a start takes a moment.
const LIMIT: Duration = Duration::from_secs(30);

/// Prints the jobs that monit is told of and that no process is at.
const MISSING: &str = "
for job in /var/vcap/monit/job/*.monitrc; do
  name=${job##*/} name=${name%.monitrc} role=\"worker --name $name\"
  [[ $name != director ]] || role=serve
  pgrep -f -- \"[d]irector $role( |$)\" >/dev/null || echo \"$name\"
done";

/// Has monit forget the processes that it takes for those that are gone, and start them. monit 5.33
/// keeps the pid that it read last for as long as any process has it, whatever the pid file says by now;
/// for the same reason its `restart` waits in vain for the end of somebody else's process (both measured).
#[derive(Debug)]
pub(crate) struct StartMissing;

impl fmt::Display for StartMissing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("have monit forget what it takes for the director's processes, and start those that are missing")
    }
}

#[async_trait]
impl Runbook for StartMissing {
    async fn run(&self, operator: &Operator) -> Result<Conclusion> {
        let missing = missing(operator).await?;
        if missing.is_empty() {
            return Ok(Conclusion::Refused { why: "every process that monit is told of is there".into() });
        }
        for name in &missing {
            let start = format!("monit unmonitor {name} && monit start {name}");
            operator.step(&format!("have monit forget {name}, and start it"), shell(operator, &start)).await?;
        }
        poll::until("every process to be there", LIMIT, || async {
            match self::missing(operator).await {
                Ok(missing) if missing.is_empty() => Look::Ready(()),
                Ok(missing) => Look::NotYet(format!("{} is not there", missing.join(", "))),
                Err(error) => Look::NotYet(error.to_string()),
            }
        })
        .await?;
        Ok(Conclusion::Done)
    }
}

async fn missing(operator: &Operator<'_>) -> Result<Vec<String>> {
    Ok(shell(operator, MISSING).await?.lines().map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use reenact::runbook::{
        Output,
        testing::{Bench, Nodes},
    };

    use super::*;

    /// The jobs without a process.
    struct Jobs(Vec<&'static str>);

    impl Nodes for Jobs {
        fn names(&self) -> Vec<&'static str> {
            vec!["director", "db"]
        }

        fn run(&mut self, node: &str, command: &[&str]) -> Output {
            assert_eq!(node, "director");
            let script = command.last().copied().unwrap_or_default();
            if script == MISSING {
                return Output { code: 0, text: self.0.join("\n") };
            }
            self.0.retain(|name| script != format!("monit unmonitor {name} && monit start {name}"));
            Output { code: 0, text: String::new() }
        }
    }

    #[tokio::test]
    async fn what_is_missing_is_forgotten_and_started_and_nothing_else() {
        let bench = Bench::new(Jobs(vec!["director", "worker_2"]));
        assert!(bench.call_killed(&StartMissing, 1).await.is_err());
        assert_eq!(bench.nodes().0, ["worker_2"], "killed after its first");
        assert_eq!(bench.call(&StartMissing).await.expect("works"), Conclusion::Done);
        assert!(bench.nodes().0.is_empty());
    }

    #[tokio::test]
    async fn where_all_are_there_it_refuses() {
        let bench = Bench::new(Jobs(Vec::new()));
        let said = bench.call(&StartMissing).await.expect("works");
        assert!(matches!(said, Conclusion::Refused { .. }), "{said:?}");
        assert_eq!(bench.commands().len(), 1);
    }
}
