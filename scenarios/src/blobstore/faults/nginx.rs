//! nginx: what keeps it from starting.

use std::fmt;

use async_trait::async_trait;
use reenact::{
    Error, Result,
    fault::{Effect, Fault, OnTestbed, Undo},
};
use schemars::JsonSchema;
use serde::Deserialize;

use super::super::{Blobstore, VM, runbooks::TEST};

/// A configuration with a value that nginx does not take, as a deploy renders it from a wrong
/// property. nginx reads it at its next start.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ConfigurationBroken {}

impl fmt::Display for ConfigurationBroken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value in nginx's configuration that nginx does not take")
    }
}

const BREAK: &str = "sed -i 's/worker_connections 256;/worker_connections 256k;/' \
    /var/vcap/jobs/blobstore/config/nginx.conf";

#[async_trait]
impl Fault<Blobstore> for ConfigurationBroken {
    async fn inject(&self, system: &Blobstore) -> Result<Undo> {
        let broken = system.bed().node(VM)?.exec(&["bash", "-c", BREAK]).await?;
        match broken.code {
            0 => Ok(Undo::none()),
            _ => Err(Error::inconclusive(format!("the configuration was not changed: {}", broken.text.trim()))),
        }
    }

    /// nginx's own test of it, which starts nothing.
    async fn effect(&self, system: &Blobstore) -> Result<Effect> {
        let tested = system.bed().node(VM)?.exec(&["bash", "-c", TEST]).await?;
        let line = tested.text.lines().find(|line| line.contains("[emerg]")).unwrap_or("it is taken");
        Ok(Effect::new(line.contains(" in /var/vcap/jobs/blobstore/config/nginx.conf:"), format!("nginx -t: {line}")))
    }

    fn is_lasting(&self) -> bool {
        true
    }
}

/// nginx is gone, and with it the folder of its pid file: what a crash of the VM leaves, where
/// that folder is in memory and monit starts nginx without the pre-start scripts.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RunFolderGone {}

impl fmt::Display for RunFolderGone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("nginx and the folder of its pid file gone")
    }
}

#[async_trait]
impl Fault<Blobstore> for RunFolderGone {
    async fn inject(&self, system: &Blobstore) -> Result<Undo> {
        let script = "rm -rf /var/vcap/sys/run/blobstore; pkill -KILL -x nginx";
        let gone = system.bed().node(VM)?.exec(&["bash", "-c", script]).await?;
        match gone.code {
            0 => Ok(Undo::none()),
            _ => Err(Error::inconclusive("no nginx ran that could be killed")),
        }
    }

    async fn effect(&self, system: &Blobstore) -> Result<Effect> {
        let bed = system.bed();
        let folder = bed.node(VM)?.reach("/var/vcap/sys/run/blobstore").await?;
        let code = bed.shell().run(&format!("[ -d {folder} ]")).await?.0;
        Ok(Effect::new(code != 0, if code == 0 { "the folder is there" } else { "there is no such folder" }))
    }

    fn is_lasting(&self) -> bool {
        true
    }
}
