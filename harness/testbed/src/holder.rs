//! Containers that hold something in the kernel which outlives every process.
//!
//! A frozen file system stays frozen when whoever froze it is gone, and what waits for it
//! cannot be ended, not even by SIGKILL: the daemon could not remove its node. So it is held
//! by a container of its own, which gives it back at SIGTERM, and whose label has every
//! removal, of the testbed's, the reaper's, or the next start's, end it in order and first.

use std::collections::HashMap;

use bollard::{
    Docker,
    models::{ContainerCreateBody, HostConfig},
    query_parameters::{
        CreateContainerOptionsBuilder, ListContainersOptionsBuilder, LogsOptionsBuilder, RemoveContainerOptionsBuilder,
        StopContainerOptionsBuilder,
    },
};
use futures::{StreamExt, future::join_all};

use crate::{HOLDER_LABEL, Session};
use reenact_core::{Error, Result};

/// How long one may take to give back what it holds, in seconds. A thaw takes milliseconds.
const GRACE_S: i32 = 10;

/// A container that holds something.
pub(crate) struct Holder {
    docker: Docker,
    container: String,
}

impl Holder {
    /// Runs a program of the helper's image, with its rights, and waits until it says `ready`.
    ///
    /// # Errors
    /// [`Error::Inconclusive`] with the program's last word if it ends before, and
    /// [`Error::Docker`] if it cannot be run.
    pub(super) async fn start(
        session: &Session,
        container: String,
        mut labels: HashMap<String, String>,
        command: Vec<String>,
        ready: &str,
    ) -> Result<Self> {
        labels.insert(HOLDER_LABEL.into(), "true".into());
        let body = ContainerCreateBody {
            image: Some(session.image("helper").await?),
            cmd: Some(command),
            labels: Some(labels),
            network_disabled: Some(true),
            host_config: Some(HostConfig {
                pid_mode: Some("host".into()),
                cap_add: Some(["SYS_ADMIN", "SYS_PTRACE"].map(String::from).into()),
                security_opt: Some(vec!["apparmor=unconfined".into()]),
                ..Default::default()
            }),
            ..Default::default()
        };
        let making = session.making();
        let holder = Self { docker: session.docker().clone(), container };
        let options = CreateContainerOptionsBuilder::new().name(&holder.container).build();
        let cannot = || Error::docker(format!("start {}", holder.container));
        holder.docker.create_container(Some(options), body).await.map_err(cannot())?;
        holder.docker.start_container(&holder.container, None).await.map_err(cannot())?;
        making.done();
        match holder.says(ready).await {
            Ok(()) => Ok(holder),
            Err(error) => holder.end().await.and(Err(error)),
        }
    }

    async fn says(&self, ready: &str) -> Result<()> {
        let options = LogsOptionsBuilder::new().follow(true).stdout(true).stderr(true).build();
        let (mut said, mut last) = (self.docker.logs(&self.container, Some(options)), String::new());
        while let Some(chunk) = said.next().await {
            let chunk = chunk.map_err(Error::docker(format!("read what {} says", self.container)))?.to_string();
            for line in chunk.lines() {
                if line == ready {
                    return Ok(());
                }
                line.clone_into(&mut last);
            }
        }
        Err(Error::inconclusive(format!("{} ended at once: {last}", self.container)))
    }

    /// Has it give back what it holds, and removes it.
    ///
    /// # Errors
    /// [`Error::Docker`] if the daemon cannot end it.
    pub(crate) async fn end(&self) -> Result<()> {
        let cannot = || Error::docker(format!("end {}", self.container));
        stop(&self.docker, &self.container).await.map_err(cannot())?;
        let options = RemoveContainerOptionsBuilder::new().force(true).v(true).build();
        self.docker.remove_container(&self.container, Some(options)).await.map_err(cannot())
    }
}

async fn stop(docker: &Docker, container: &str) -> Result<(), bollard::errors::Error> {
    docker.stop_container(container, Some(StopContainerOptionsBuilder::new().t(GRACE_S).build())).await
}

/// Has those of these containers that hold something give it back.
pub(super) async fn release(docker: &Docker, containers: &[String]) {
    let filters = HashMap::from([("label", vec![HOLDER_LABEL])]);
    let options = ListContainersOptionsBuilder::new().filters(&filters).build();
    let holders = docker.list_containers(Some(options)).await.unwrap_or_default();
    let ids = holders.into_iter().filter_map(|holder| holder.id).filter(|id| containers.contains(id));
    join_all(ids.map(async |id| {
        if let Err(error) = stop(docker, &id).await {
            tracing::warn!(%error, container = id, "what a container holds may not be given back");
        }
    }))
    .await;
}
