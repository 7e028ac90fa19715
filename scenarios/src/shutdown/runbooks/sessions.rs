//! The recovery of rows that a dead machine keeps from everybody.

use std::fmt;

use async_trait::async_trait;
use reenact::{
    Result,
    runbook::{Conclusion, Operator, Runbook},
};

use super::{super::DB, sql};

/// Ends the database's sessions of machines that are off. Who was cut off before it lost its power has
/// told nobody that it goes: its transaction stays open, with the rows that it has locked, until the
/// kernel gives the connection up. PostgreSQL's `tcp_keepalives_idle` is the kernel's two hours by default.
#[derive(Debug)]
pub(crate) struct EndDeadSessions;

impl fmt::Display for EndDeadSessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("end the database's sessions of the machines that are off")
    }
}

#[async_trait]
impl Runbook for EndDeadSessions {
    async fn run(&self, operator: &Operator) -> Result<Conclusion> {
        let mut ended = 0;
        for node in operator.off().await?.into_iter().filter(|node| *node != DB) {
            let of = format!("FROM pg_stat_activity WHERE client_addr = '{}'", operator.ip(node)?);
            if sql::count(operator, &format!("SELECT count(*) {of}")).await? == 0 {
                continue;
            }
            let end = format!("SELECT count(pg_terminate_backend(pid)) {of}");
            operator.step(&format!("end the sessions of {node}"), sql::count(operator, &end)).await?;
            ended += 1;
        }
        Ok(match ended {
            0 => Conclusion::Refused { why: "the database has no session of a machine that is off".into() },
            _ => Conclusion::Done,
        })
    }
}

#[cfg(test)]
mod tests {
    use reenact::runbook::{
        Output,
        testing::{Bench, Nodes},
    };

    use super::*;

    /// How many sessions the database has of a replica that is off.
    struct Sessions(u32);

    impl Nodes for Sessions {
        fn names(&self) -> Vec<&'static str> {
            vec!["db", "app1", "app2"]
        }

        fn is_up(&self, node: &str) -> bool {
            node != "app2"
        }

        fn run(&mut self, node: &str, command: &[&str]) -> Output {
            assert_eq!(node, "db");
            let sessions = self.0;
            if command.iter().any(|part| part.contains("pg_terminate_backend")) {
                self.0 = 0;
            }
            Output { code: 0, text: format!("{sessions}\n") }
        }
    }

    #[tokio::test]
    async fn the_sessions_of_what_is_off_are_ended_once() {
        let bench = Bench::new(Sessions(3));
        assert_eq!(bench.call(&EndDeadSessions).await.expect("works"), Conclusion::Done);
        assert_eq!(bench.nodes().0, 0);
        let said = bench.call(&EndDeadSessions).await.expect("works");
        assert!(matches!(said, Conclusion::Refused { .. }), "{said:?}");
    }
}
