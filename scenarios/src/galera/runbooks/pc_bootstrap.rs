//! To declare the part at hand primary: right where it is all there is, wrong on a minority.

use std::{fmt, time::Duration};

use async_trait::async_trait;
use futures::future::try_join_all;
use mysql_async::prelude::Queryable;
use reenact::{
    Error, Result,
    poll::{self, Look},
    runbook::{Conclusion, Operator, Runbook},
};

use super::{
    super::node,
    survey::{self, Survey},
};

/// Sets `pc.bootstrap` on a living non-primary node, starts the servers that have given up
/// waiting, and waits until all serve. Refuses while any other node could be primary without
/// it; forced, it only sets it, and there are two primary components.
#[derive(Debug)]
pub(crate) struct PcBootstrap {
    pub(crate) node: &'static str,
    pub(crate) force: bool,
}

impl fmt::Display for PcBootstrap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "set pc.bootstrap on {}{}", self.node, if self.force { " whatever the others do" } else { "" })
    }
}

#[async_trait]
impl Runbook for PcBootstrap {
    async fn run(&self, operator: &Operator) -> Result<Conclusion> {
        if self.force {
            operator.step("set pc.bootstrap", set(operator, self.node)).await?;
            return Ok(Conclusion::Done);
        }
        let survey = match Survey::take(operator).await {
            Err(Error::Failed(why)) => return Ok(Conclusion::Refused { why }),
            survey => survey?,
        };
        if survey.all_serve() {
            return Ok(Conclusion::NothingToDo);
        }
        let bootstrapped = survey.primary().iter().any(|found| found.name == self.node);
        if !bootstrapped {
            if let Some(primary) = survey.primary().first() {
                return Ok(Conclusion::Refused { why: format!("{} is primary already", primary.name) });
            }
            if let Some((from, to)) = survey::cut_link(operator).await? {
                return Ok(Conclusion::Refused { why: format!("{from} does not reach {to}") });
            }
            operator.step("set pc.bootstrap", set(operator, self.node)).await?;
        }
        operator.step("start the servers that have given up", start_all(operator)).await?;
        let nodes = operator.nodes();
        survey::until_serving(operator, &nodes, nodes.len(), survey::START).await?;
        Ok(Conclusion::Done)
    }
}

/// How long members may take to agree on who they are: a node that has just booted joins the
/// others within two seconds.
const AGREED: Duration = Duration::from_secs(20);

/// Galera takes it between two views only: while a node joins it answers `ERROR 1210, Incorrect
/// arguments to SET` (2 of 9 runs in which n3 had just booted).
async fn set(operator: &Operator<'_>, node: &str) -> Result<()> {
    let ip = operator.ip(node)?;
    poll::until(&format!("{node} to take pc.bootstrap"), AGREED, || async {
        let mut conn = match node::connect(ip).await {
            Ok(conn) => conn,
            Err(answer) => return Look::NotYet(node::describe(&answer)),
        };
        let set = conn.query_drop("SET GLOBAL wsrep_provider_options = 'pc.bootstrap=YES'").await;
        set.map_or_else(|error| Look::NotYet(error.to_string()), Look::Ready)
    })
    .await
}

/// A node that booted meanwhile waits for a primary component for 30 s, and then ends.
async fn start_all(operator: &Operator<'_>) -> Result<()> {
    try_join_all(operator.nodes().into_iter().map(|node| survey::start(operator, node))).await.map(drop)
}
