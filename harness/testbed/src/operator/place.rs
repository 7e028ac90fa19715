//! A box: a container on the testbed's network, from which an operator reaches the nodes and
//! nothing else. No daemon, no route out.

use std::{net::Ipv4Addr, path::Path};

use bollard::models::{ContainerCreateBody, HostConfig, NetworkingConfig};

use super::{DOOR, Desk, OPERATOR, mount, shared};
use crate::{Exporter, Exporting, Node, bed, node::exec};
use reenact_core::{Error, Result, runbook::Output};

/// The image.
const IMAGE: &str = "box";
/// Where the caller's folder is in it.
const WORK: &str = "/work";
/// The last address of a testbed's network; the nodes have the first ones.
const LAST: u32 = 14;

/// A box, with a door open on each node for as long as it is there.
pub struct Place {
    container: String,
    docker: bollard::Docker,
    _doors: Exporting,
}

impl Place {
    /// Sets one beside a testbed whose desk that is; it has `folder` to read.
    ///
    /// # Errors
    /// As [`crate::Session::image`]; [`Error::Docker`] if it cannot be started.
    pub async fn set(desk: &Desk, folder: &Path) -> Result<Self> {
        let (bed, session) = (desk.bed(), desk.bed().session());
        let listen = |node: &Node| Exporter {
            node: node.name().into(),
            command: vec![DOOR.into(), "listen".into()],
            env: Vec::new(),
        };
        let doors = bed.run_exporters(bed.nodes().iter().map(listen).collect()).await?;
        let first = bed.nodes().first().map_or(Ipv4Addr::LOCALHOST, Node::ip);
        let ip = Ipv4Addr::from((u32::from(first) & !15) + LAST);
        let network = bed.network().to_owned();
        let programs = session.operator().get().cloned().unwrap_or_default();
        let hosts = bed.nodes().iter().map(|node| format!("{}:{}", node.name(), node.ip())).collect();
        let body = ContainerCreateBody {
            image: Some(session.image(IMAGE).await?),
            hostname: Some("box".into()),
            labels: Some(bed::labels(session, bed.lab())),
            networking_config: Some(NetworkingConfig {
                endpoints_config: Some([(network.clone(), bed::endpoint(ip))].into()),
            }),
            host_config: Some(HostConfig {
                init: Some(true),
                network_mode: Some(network.clone()),
                extra_hosts: Some(hosts),
                binds: Some(vec![format!("{}:{WORK}:ro", folder.display())]),
                mounts: Some(vec![mount(programs, OPERATOR, true), shared(&network)]),
                ..Default::default()
            }),
            ..Default::default()
        };
        let container = format!("{network}-box");
        bed::start(session, &container, body).await?;
        Ok(Self { container, docker: session.docker().clone(), _doors: doors })
    }

    /// Its container.
    pub fn container(&self) -> &str {
        &self.container
    }

    /// Writes a file in it that only root may read.
    ///
    /// # Errors
    /// [`Error::Docker`] if it is gone.
    pub async fn write(&self, path: &str, text: &str) -> Result<()> {
        let script = "umask 077; mkdir -p \"$(dirname \"$0\")\" && printf %s \"$1\" >\"$0\"";
        self.run(&["sh", "-c", script, path, text]).await
    }

    /// Kills all that runs in it.
    ///
    /// # Errors
    /// [`Error::Docker`] if it is gone.
    pub async fn clear(&self) -> Result<()> {
        self.run(&["sh", "-c", "kill -KILL -1; :"]).await
    }

    async fn run(&self, command: &[&str]) -> Result<()> {
        let ran = exec(&self.docker, &self.container, command).await;
        match ran.map_err(Error::docker("reach the operator's box"))? {
            Output { code: 0 | 137, .. } => Ok(()),
            Output { code, text } => Err(Error::Bug(format!("in the box, {command:?} ended with {code}: {text}"))),
        }
    }
}
