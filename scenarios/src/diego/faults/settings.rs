//! What goes wrong with how a job is told to start.

use std::fmt;

use async_trait::async_trait;
use reenact::{
    Result,
    fault::{Effect, Fault, OnTestbed, Undo},
};

/// A machine's settings file; see `docker/diego/vm` and `etcd_ctl`.
const SETTINGS: &str = "/var/vcap/jobs/settings";

/// A job's settings say so from its next start on. They stay: to correct them is an
/// operator's business.
#[derive(Debug, Clone)]
pub(in super::super) struct ToldTo {
    node: &'static str,
    /// As lines of the file.
    lines: Vec<String>,
}

impl ToldTo {
    /// What etcd is told of its cluster, whatever its data are: `state` is new or existing,
    /// `cluster` `self` or the members as etcd wants them.
    pub(in super::super) fn start(node: &'static str, state: &str, cluster: &str) -> Self {
        Self { node, lines: vec![format!("INITIAL_STATE={state}"), format!("INITIAL_CLUSTER={cluster}")] }
    }
}

#[async_trait]
impl<S: OnTestbed> Fault<S> for ToldTo {
    async fn inject(&self, system: &S) -> Result<Undo> {
        let bed = system.bed();
        let file = bed.node(self.node)?.reach(SETTINGS).await?;
        bed.shell().must(&format!("cat >>{file} <<'END'\n{}\nEND\n", self.lines.join("\n"))).await?;
        Ok(Undo::none())
    }

    /// The file holds the lines.
    async fn effect(&self, system: &S) -> Result<Effect> {
        let bed = system.bed();
        let settings = bed.node(self.node)?.read(bed.shell(), SETTINGS).await?.unwrap_or_default();
        let held = self.lines.iter().filter(|line| settings.lines().any(|held| held == **line)).count();
        Ok(Effect::new(held == self.lines.len(), format!("{held} of {} lines", self.lines.len())))
    }
}

impl fmt::Display for ToldTo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "etcd on {} is told {}", self.node, self.lines.join(" "))
    }
}
