//! Mistakes that people make in the director's own data.

use std::fmt;

use async_trait::async_trait;
use reenact::{
    Error, Result,
    fault::{Effect, Fault, Undo},
};
use schemars::JsonSchema;
use serde::Deserialize;

use super::super::{Director, manifest, probes};

/// The report's mistake: the cloud-config's subnet of z3 is one that cannot be reached.
/// Nothing takes it back: to correct the cloud-config is the operator's business.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WrongSubnet {}

/// A lock's row is deleted, as the report's first fix does, under whoever holds it. Nobody
/// brings it back: a renewal of a row that is gone changes no row.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LockStolen {
    /// The lock, such as `lock:deployment:paasta`.
    pub(crate) lock: String,
}

#[async_trait]
impl Fault<Director> for WrongSubnet {
    async fn inject(&self, director: &Director) -> Result<Undo> {
        director.api.update_cloud_config(&manifest::wrong_cloud_config()).await?;
        Ok(Undo::none())
    }

    /// A subnet of the cloud-config is none that the IaaS reaches.
    async fn effect(&self, director: &Director) -> Result<Effect> {
        let behaviour = director.iaas.behaviour().await?;
        let reaches =
            |range: &str| behaviour["reachable"].as_array().is_some_and(|all| all.iter().any(|one| one == range));
        let subnets = probes::subnets(&director.database.cloud_config().await?);
        let lost: Vec<_> = subnets.iter().filter(|(_, range)| !reaches(range)).collect();
        Ok(Effect::new(!lost.is_empty(), format!("subnets that the IaaS does not reach: {lost:?}")))
    }

    fn is_lasting(&self) -> bool {
        true
    }
}

#[async_trait]
impl Fault<Director> for LockStolen {
    async fn inject(&self, director: &Director) -> Result<Undo> {
        let sql = format!("DELETE FROM locks WHERE name = '{}' RETURNING uid", self.lock);
        match director.database.rows(&sql).await?.len() {
            1 => Ok(Undo::none()),
            _ => Err(Error::inconclusive(format!("there is no {}", self.lock))),
        }
    }

    /// There is no such row.
    async fn effect(&self, director: &Director) -> Result<Effect> {
        let row = director.database.lock(&self.lock).await?;
        Ok(Effect::new(row.is_none(), format!("{}: {row:?}", self.lock)))
    }

    fn is_lasting(&self) -> bool {
        true
    }
}

impl fmt::Display for WrongSubnet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the cloud-config has z3 in a subnet that cannot be reached")
    }
}

impl fmt::Display for LockStolen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the row of {} is deleted", self.lock)
    }
}
