//! The first thing to do where machines are off.

use std::fmt;

use async_trait::async_trait;
use reenact::{
    Result,
    runbook::{Conclusion, Operator, Runbook},
};

use super::survey::{self, Survey};

/// Switches the machines on that are off. Whether that is all that was wrong, the cluster
/// shows then by itself: a node that comes back may be what the others wait for.
#[derive(Debug)]
pub(crate) struct PowerOnMachines;

impl fmt::Display for PowerOnMachines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("power on the machines that are off")
    }
}

#[async_trait]
impl Runbook for PowerOnMachines {
    async fn run(&self, operator: &Operator) -> Result<Conclusion> {
        let off = survey::off(operator).await?;
        if off.is_empty() {
            return Ok(match Survey::take(operator).await?.all_serve() {
                true => Conclusion::NothingToDo,
                false => Conclusion::Refused { why: "every machine is on: it is not power that is missing".into() },
            });
        }
        for node in off {
            operator.step(&format!("power on {node}"), operator.power_on(node)).await?;
        }
        Ok(Conclusion::Done)
    }
}
