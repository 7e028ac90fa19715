//! The first thing to do where machines are off, whatever runs on them.

use std::fmt;

use async_trait::async_trait;

use super::{Conclusion, Operator, Runbook};
use crate::Result;

/// Switches the machines on that are off. Whether that is all that was wrong, the system
/// shows then by itself: what comes back may be what the others wait for.
#[derive(Debug)]
pub struct PowerOnMachines;

impl fmt::Display for PowerOnMachines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("power on the machines that are off")
    }
}

#[async_trait]
impl Runbook for PowerOnMachines {
    async fn run(&self, operator: &Operator) -> Result<Conclusion> {
        let off = operator.off().await?;
        if off.is_empty() {
            return Ok(Conclusion::Refused { why: "every machine is on: it is not power that is missing".into() });
        }
        for node in off {
            operator.step(&format!("power on {node}"), operator.power_on(node)).await?;
        }
        Ok(Conclusion::Done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runbook::{
        Output,
        testing::{Bench, Nodes},
    };

    /// Three machines, some of which are off.
    struct Machines(Vec<&'static str>);

    impl Nodes for Machines {
        fn names(&self) -> Vec<&'static str> {
            vec!["n1", "n2", "n3"]
        }

        fn run(&mut self, node: &str, command: &[&str]) -> Output {
            panic!("a command on {node}: {command:?}");
        }

        fn is_up(&self, node: &str) -> bool {
            !self.0.contains(&node)
        }

        fn power_on(&mut self, node: &str) {
            self.0.retain(|off| *off != node);
        }
    }

    #[tokio::test]
    async fn the_machines_that_are_off_are_powered_on_and_no_others() {
        let bench = Bench::new(Machines(vec!["n1", "n3"]));
        assert_eq!(bench.call(&PowerOnMachines).await.expect("works"), Conclusion::Done);
        assert_eq!(bench.commands(), ["n1 is switched on", "n3 is switched on"]);
    }

    #[tokio::test]
    async fn where_every_machine_is_on_power_is_not_what_is_missing() {
        let said = Bench::new(Machines(Vec::new())).call(&PowerOnMachines).await.expect("works");
        let Conclusion::Refused { why } = said else { panic!("it should refuse: {said:?}") };
        assert!(why.contains("every machine is on"), "{why}");
    }

    #[tokio::test]
    async fn killed_after_its_first_machine_it_goes_on_with_the_next() {
        let bench = Bench::new(Machines(vec!["n1", "n3"]));
        assert!(bench.call_killed(&PowerOnMachines, 1).await.is_err());
        assert_eq!(bench.call(&PowerOnMachines).await.expect("works"), Conclusion::Done);
        assert_eq!(bench.commands(), ["n1 is switched on", "n3 is switched on"]);
    }
}
