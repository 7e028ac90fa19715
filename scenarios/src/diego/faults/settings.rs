//! What goes wrong with how a job is told to start.

use std::fmt;

use async_trait::async_trait;
use reenact::{
    Result,
    fault::{Effect, Fault, Undo},
};
use schemars::JsonSchema;
use serde::Deserialize;

use super::super::{Diego, ETCDS, etcd};

/// A machine's settings file; see `docker/diego/vm` and `etcd_ctl`.
const SETTINGS: &str = "/var/vcap/jobs/settings";

/// A member's settings say to found a new cluster of all, as at the very first start, whatever
/// its data are. They hold from its next start. To correct them is an operator's business.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ToldToFound {
    /// The member.
    pub(crate) node: String,
}

impl ToldToFound {
    /// As lines of the file.
    fn lines(system: &Diego) -> Result<[String; 2]> {
        let peer = |name| Ok(format!("{name}=http://{}:{}", system.member(name)?.ip, etcd::PEERS));
        let all = ETCDS.into_iter().map(peer).collect::<Result<Vec<_>>>()?;
        Ok(["INITIAL_STATE=new".into(), format!("INITIAL_CLUSTER={}", all.join(","))])
    }
}

#[async_trait]
impl Fault<Diego> for ToldToFound {
    async fn inject(&self, system: &Diego) -> Result<Undo> {
        let bed = &system.bed;
        let file = bed.node(&self.node)?.reach(SETTINGS).await?;
        bed.shell().must(&format!("cat >>{file} <<'END'\n{}\nEND\n", Self::lines(system)?.join("\n"))).await?;
        Ok(Undo::none())
    }

    /// The file holds the lines.
    async fn effect(&self, system: &Diego) -> Result<Effect> {
        let (bed, lines) = (&system.bed, Self::lines(system)?);
        let settings = bed.node(&self.node)?.read(bed.shell(), SETTINGS).await?.unwrap_or_default();
        let held = lines.iter().filter(|line| settings.lines().any(|held| held == **line)).count();
        Ok(Effect::new(held == lines.len(), format!("{held} of {} lines", lines.len())))
    }
}

impl fmt::Display for ToldToFound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "etcd on {} is told to found a new cluster of all", self.node)
    }
}
