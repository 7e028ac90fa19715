//! Another primary for a maintenance. `SENTINEL FAILOVER` alone takes the primary for dead and
//! lets it acknowledge writes for ten seconds more, which are lost (redis/redis#6062).

use std::fmt;

use reenact::prelude::*;

/// Stops writes on n1, and only then has Sentinel promote n2, its first choice.
pub struct Planned;

const STEPS: [(&str, &str); 4] = [
    ("let no write begin", "redis-cli -e CLIENT PAUSE 10000 WRITE && [[ $(redis-cli WAIT 2 2000) == 2 ]]"),
    ("order the failover", "redis-cli -e -p 26379 SENTINEL FAILOVER mymaster"),
    ("wait until n2 leads", "until [[ $(redis-cli -h n2 ROLE) == master* ]]; do sleep 0.02; done"),
    ("have n1 follow it", "redis-cli -e REPLICAOF $(getent hosts n2 | cut -d' ' -f1) 6379 && redis-cli CLIENT UNPAUSE"),
];

impl fmt::Display for Planned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("stop writes on n1, and have Sentinel promote n2")
    }
}

#[async_trait]
impl Runbook for Planned {
    async fn run(&self, operator: &Operator) -> Result<Conclusion> {
        let mut primaries = Vec::new();
        for node in operator.nodes() {
            primaries.extend(operator.must(node, &["redis-cli", "ROLE"]).await?.starts_with("master").then_some(node));
        }
        match primaries[..] {
            ["n1"] => {}
            [_] => return Ok(Conclusion::NothingToDo),
            _ => return Ok(Conclusion::Refused { why: format!("the primaries are {primaries:?}") }),
        }
        for (name, script) in STEPS {
            operator.step(name, operator.must("n1", &["timeout", "10", "bash", "-c", script])).await?;
        }
        Ok(Conclusion::Done)
    }
}
