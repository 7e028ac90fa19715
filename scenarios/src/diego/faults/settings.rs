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

    fn is_lasting(&self) -> bool {
        true
    }
}

/// A member is given a flag that no etcd knows, as a typo in its job's template would, and is
/// restarted. To correct it is an operator's business.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WrongFlag {
    /// The member.
    pub(crate) node: String,
}

/// A typo for `--quota-backend-bytes`.
const WRONG_FLAG: &str = "FLAGS='--quota-backend-byte=8589934592'";

#[async_trait]
impl Fault<Diego> for WrongFlag {
    async fn inject(&self, system: &Diego) -> Result<Undo> {
        let node = system.bed.node(&self.node)?;
        let file = node.reach(SETTINGS).await?;
        system.bed.shell().must(&format!("cat >>{file} <<'END'\n{WRONG_FLAG}\nEND\n")).await?;
        node.exec(&["killall", "etcd"]).await?;
        Ok(Undo::none())
    }

    /// The file holds it, and no etcd runs as the host's process table has it.
    async fn effect(&self, system: &Diego) -> Result<Effect> {
        let (bed, node) = (&system.bed, system.bed.node(&self.node)?);
        let settings = node.read(bed.shell(), SETTINGS).await?.unwrap_or_default();
        let told = settings.lines().any(|line| line == WRONG_FLAG);
        let pid = node.state().await?.pid;
        let script = format!(
            "namespace=$(readlink /proc/{pid}/ns/pid)
            for one in /proc/[0-9]*; do
                [ \"$(cat $one/comm 2>/dev/null)\" = etcd ] && [ \"$(readlink $one/ns/pid)\" = \"$namespace\" ] && echo $one
            done; true"
        );
        let living = bed.shell().must(&script).await?;
        let (holds, living) = (told && living.trim().is_empty(), living.trim().to_owned());
        Ok(Effect::new(holds, format!("told so: {told}; processes of etcd: {living:?}")))
    }

    fn is_lasting(&self) -> bool {
        true
    }
}

impl fmt::Display for WrongFlag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "etcd on {} is started with a flag that it does not know", self.node)
    }
}

impl fmt::Display for ToldToFound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "etcd on {} is told to found a new cluster of all", self.node)
    }
}
