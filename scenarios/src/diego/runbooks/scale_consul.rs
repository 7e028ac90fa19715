//! The report's third step for Consul: scale it to one, deploy, scale it up again.

use std::{fmt, time::Duration};

use async_trait::async_trait;
use reenact::{
    Error, Result,
    poll::{self, Look},
    runbook::{Conclusion, Operator, Runbook},
};

use super::{
    super::{BBSES, CONSULS},
    consul::{self, START},
    vm,
};

/// How long the one may take to lead: 3.8 s where it can. One that cannot says nothing.
const ALONE: Duration = Duration::from_secs(15);

/// Lets all servers leave but one, tells every agent of that one only, and, if it leads,
/// lets the others join again; else the settings are taken back.
#[derive(Debug)]
pub(crate) struct ScaleToOne;

impl fmt::Display for ScaleToOne {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("scale Consul to one server, deploy, scale it up again")
    }
}

#[async_trait]
impl Runbook for ScaleToOne {
    async fn run(&self, operator: &Operator) -> Result<Conclusion> {
        let [one, others @ ..] = CONSULS;
        // The manifest's addresses.
        let ips = CONSULS.iter().map(|node| Ok(operator.ip(node)?.to_string())).collect::<Result<Vec<_>>>()?;
        let (all, alone) = (ips.join(","), &ips[0]);
        for node in others {
            operator.step(&format!("let {node} leave"), leave(operator, node)).await?;
        }
        operator.step(&format!("deploy with {one} alone"), deploy(operator, one, alone)).await?;
        let led = operator.step(&format!("wait until {one} leads"), consul::until_led(operator, one, ALONE)).await;
        operator.step("deploy with all", deploy(operator, one, &all)).await?;
        match led {
            Err(Error::Failed(why)) => return Ok(Conclusion::Refused { why: format!("{why}; it is taken back") }),
            led => led?,
        }
        for node in others {
            operator.step(&format!("let {node} join"), consul::start(operator, node)).await?;
        }
        operator.step("wait until all are led and vote", consul::until_whole(operator, START)).await?;
        Ok(Conclusion::Done)
    }
}

/// As BOSH removes a machine: the supervisor lets go, and the drain script leaves.
async fn leave(operator: &Operator<'_>, node: &str) -> Result<()> {
    if !operator.is_up(node).await? {
        return Ok(());
    }
    vm::monit(operator, node, "unmonitor", "consul_agent").await?;
    operator.run(node, &["consul", "leave"]).await?;
    poll::until(&format!("Consul on {node} to end"), START, || async {
        match vm::runs(operator, node, "consul").await {
            Ok(false) => Look::Ready(()),
            Ok(true) => Look::NotYet("it still runs".into()),
            Err(error) => Look::Never(error),
        }
    })
    .await
}

/// The server and the BBSes' agents get the list, and are restarted with it, one by one.
async fn deploy(operator: &Operator<'_>, one: &str, servers: &str) -> Result<()> {
    for node in [&[one], &BBSES[..]].concat() {
        consul::configure(operator, node, "CONSUL_SERVERS", servers).await?;
        consul::restart(operator, node).await?;
    }
    Ok(())
}
