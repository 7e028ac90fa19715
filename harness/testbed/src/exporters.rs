//! Exporters: the programs of monitoring that run in a node beside its own processes, so that
//! they see its mounts and its 127.0.0.1, stand still with it and die with it.
//!
//! Their programs come from one read-only volume, so that a node of any image has them.

use std::{collections::HashMap, pin::pin};

use bollard::{
    Docker,
    exec::{CreateExecOptions, StartExecOptions},
    models::{ContainerCreateBody, HostConfig, Mount, MountType, VolumeCreateRequest},
    query_parameters::{CreateContainerOptionsBuilder, EventsOptionsBuilder, RemoveContainerOptionsBuilder},
};
use futures::{StreamExt, future::join_all};
use tokio::task::JoinHandle;

use super::{LAB_LABEL, Node, Session, Testbed, bed::lab_of};
use reenact_core::{Error, Result};

/// The folder of a node that has the exporters' programs.
pub const EXPORTERS: &str = "/opt/exporters";

/// A program that runs in a node from each of its machine's starts on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exporter {
    /// The node.
    pub node: String,
    /// The program, with its whole path, and its arguments.
    pub command: Vec<String>,
    /// Its environment, as `NAME=VALUE`.
    pub env: Vec<String>,
}

/// Exporters that are started with their nodes, until this is dropped.
#[must_use = "what is dropped starts no exporter any more"]
#[derive(Debug)]
pub struct Exporting(JoinHandle<()>);

impl Drop for Exporting {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Session {
    /// Has all nodes that are made from now on find the exporters' programs.
    ///
    /// # Errors
    /// As [`Session::image`]; [`Error::Docker`] if the volume cannot be made.
    pub async fn offer_exporters(&self) -> Result<()> {
        self.exporters().get_or_try_init(|| self.fill_volume("exporters", EXPORTERS)).await.map(drop)
    }

    /// Makes a volume of what that image has in that folder: a new volume takes it over when a
    /// container is made with it.
    pub(super) async fn fill_volume(&self, name: &str, folder: &str) -> Result<String> {
        let image = self.image(name).await?;
        let volume = format!("reenact-{}-{name}", self.id());
        let making = self.making();
        let cannot = || Error::docker(format!("make the volume of the {name}"));
        let request =
            VolumeCreateRequest { name: Some(volume.clone()), labels: Some(self.labels()), ..Default::default() };
        self.docker().create_volume(request).await.map_err(cannot())?;
        let body = ContainerCreateBody {
            image: Some(image),
            // Never started: the image has no command, and a container must have one.
            cmd: Some(vec![folder.into()]),
            labels: Some(self.labels()),
            host_config: Some(HostConfig { mounts: Some(vec![mount(&volume, folder, false)]), ..Default::default() }),
            ..Default::default()
        };
        let options = CreateContainerOptionsBuilder::new().name(&volume).build();
        self.docker().create_container(Some(options), body).await.map_err(cannot())?;
        let options = RemoveContainerOptionsBuilder::new().force(true).build();
        self.docker().remove_container(&volume, Some(options)).await.map_err(cannot())?;
        making.done();
        Ok(volume)
    }

    /// How a node has the exporters' programs, where they are offered.
    pub(super) fn exporters_mount(&self) -> Option<Mount> {
        self.exporters().get().map(|volume| mount(volume, EXPORTERS, true))
    }
}

fn mount(volume: &str, folder: &str, read_only: bool) -> Mount {
    Mount {
        typ: Some(MountType::VOLUME),
        source: Some(volume.into()),
        target: Some(folder.into()),
        read_only: Some(read_only),
        ..Default::default()
    }
}

impl Testbed {
    /// Starts exporters in those of their nodes that run, and in each at each later start.
    /// Where one cannot be started, its scrapes tell.
    ///
    /// # Errors
    /// [`Error::Docker`] if a container's state cannot be had.
    pub async fn run_exporters(&self, exporters: Vec<Exporter>) -> Result<Exporting> {
        let docker = self.session().docker().clone();
        let mut running = Vec::new();
        for node in self.nodes() {
            if node.state().await?.running {
                running.push(node);
            }
        }
        join_all(running.into_iter().map(|node| start_all(&docker, node, &exporters))).await;
        let label = format!("{LAB_LABEL}={}", lab_of(self.session(), self.lab()));
        let filters = [("type", "container"), ("event", "start"), ("label", label.as_str())];
        let filters: HashMap<_, _> = filters.into_iter().map(|(name, value)| (name, vec![value])).collect();
        let options = EventsOptionsBuilder::new().filters(&filters).build();
        let nodes = self.nodes().to_vec();
        Ok(Exporting(tokio::spawn(async move {
            let mut starts = pin!(docker.events(Some(options)));
            while let Some(started) = starts.next().await {
                let Some(id) = started.ok().and_then(|event| event.actor?.id) else { continue };
                if let Some(node) = nodes.iter().find(|node| node.id() == id) {
                    start_all(&docker, node, &exporters).await;
                }
            }
        })))
    }
}

async fn start_all(docker: &Docker, node: &Node, exporters: &[Exporter]) {
    for exporter in exporters.iter().filter(|exporter| exporter.node == node.name()) {
        if let Err(error) = start(docker, node, exporter).await {
            tracing::warn!(%error, node = node.name(), command = exporter.command.join(" "), "an exporter does not start");
        }
    }
}

async fn start(docker: &Docker, node: &Node, exporter: &Exporter) -> Result<(), bollard::errors::Error> {
    let options = CreateExecOptions {
        cmd: Some(exporter.command.clone()),
        env: Some(exporter.env.clone()),
        ..Default::default()
    };
    let exec = docker.create_exec(node.container(), options).await?;
    let detached = StartExecOptions { detach: true, ..Default::default() };
    docker.start_exec(&exec.id, Some(detached)).await.map(drop)
}
