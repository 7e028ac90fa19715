//! Wrong on a minority: to declare the part at hand primary.

use std::fmt;

use async_trait::async_trait;
use mysql_async::prelude::Queryable;
use reenact::{
    Error, Result,
    runbook::{Conclusion, Operator, Runbook},
};

use super::{super::node, survey};

/// Sets `pc.bootstrap` on a living non-primary node. Refuses while any other node
/// could be primary without it; forced, there are two primary components.
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
        let Self { node, force } = *self;
        if !force {
            let survey = survey::Survey::take(operator).await?;
            if let Some(primary) = survey.primary().first() {
                return Ok(Conclusion::Refused { why: format!("{} is primary already", primary.name) });
            }
            if let Some((from, to)) = survey::cut_link(operator).await? {
                return Ok(Conclusion::Refused { why: format!("{from} does not reach {to}") });
            }
        }
        operator
            .step("set pc.bootstrap", async {
                let refused = |why: String| Error::failed(format!("{node} does not take pc.bootstrap: {why}"));
                let mut conn =
                    node::connect(operator.ip(node)?).await.map_err(|answer| refused(node::describe(&answer)))?;
                let set = conn.query_drop("SET GLOBAL wsrep_provider_options = 'pc.bootstrap=YES'").await;
                set.map_err(|error| refused(error.to_string()))
            })
            .await?;
        Ok(Conclusion::Done)
    }
}
