//! Harnesses in containers. Each is the first process of its own, and begins in the same
//! second as the other; killed with its container, it has no reaper.

use std::{
    collections::HashMap,
    env,
    path::Path,
    time::{Duration, Instant},
};

use bollard::{
    Docker,
    models::{ContainerCreateBody, HostConfig},
    query_parameters::{
        ListContainersOptionsBuilder, ListNetworksOptionsBuilder, ListVolumesOptionsBuilder, LogsOptionsBuilder,
        RemoveContainerOptionsBuilder,
    },
};
use futures::StreamExt;
use reenact::testbed::OWNER_LABEL;

use crate::{
    harness::reenact,
    marks::Snapshot,
    observer::{helper_image, own_labels},
    watch::{EVERY, SETTLED},
};

/// How long a harness may take until its testbed is made.
const MADE: Duration = Duration::from_secs(90);

/// The daemon's machine's own.
const HOST: &str = "host";

/// Its helper, a network, three nodes and the keeper of their disks at the least.
const TESTBED: usize = 6;

/// A harness in a container, on this machine's daemon.
pub(crate) struct Contained<'a> {
    docker: &'a Docker,
    id: String,
}

impl<'a> Contained<'a> {
    /// Runs an incident of Galera's from that network; an error says what is missing here.
    pub(crate) async fn start(docker: &'a Docker, results: &Path, network: &str) -> Result<Self, String> {
        let socket = env::var("DOCKER_HOST").unwrap_or_else(|_| "unix:///var/run/docker.sock".into());
        let socket = socket.strip_prefix("unix://").ok_or("the daemon is another machine's: nothing can be mounted")?;
        let binds = vec![
            format!("{}:/reenact:ro", env!("CARGO_BIN_EXE_reenact")),
            format!("{socket}:/var/run/docker.sock"),
            format!("{}:/results", results.display()),
        ];
        let command = ["/reenact", "--results", "/results", "run", "galera::minority_partition"];
        let body = ContainerCreateBody {
            image: Some(helper_image(docker).await.ok_or("the helper's image is not there")?),
            cmd: Some(command.map(Into::into).into()),
            // So that it is swept, should this test not come to its end.
            labels: Some(own_labels(docker).await?),
            host_config: Some(HostConfig {
                binds: Some(binds),
                network_mode: Some(network.into()),
                ..Default::default()
            }),
            ..Default::default()
        };
        let made = docker.create_container(None, body).await.map_err(|error| error.to_string())?;
        docker.start_container(&made.id, None).await.map_err(|error| error.to_string())?;
        Ok(Self { docker, id: made.id })
    }

    /// Waits until its testbed is made; an error says why it never was.
    pub(crate) async fn at_work(&self) -> Result<(), String> {
        let begun = Instant::now();
        while self.things().await.len() < TESTBED {
            if !self.runs().await || begun.elapsed() > MADE {
                return Err(format!("the harness in a container made nothing: {}", self.log().await));
            }
            tokio::time::sleep(EVERY).await;
        }
        Ok(())
    }

    /// Kills it, and waits until the daemon has done what it was asked for before.
    pub(crate) async fn kill(&self) {
        self.docker.kill_container(&self.id, None).await.expect("the kill");
        let (mut seen, mut since) = (Snapshot::new(), Instant::now());
        while since.elapsed() < SETTLED {
            let now = self.things().await;
            if now != seen {
                (seen, since) = (now, Instant::now());
            }
            tokio::time::sleep(EVERY).await;
        }
        assert!(!seen.is_empty(), "it left nothing: the kill came too late to show anything");
    }

    /// Removes its own container.
    pub(crate) async fn remove(&self) {
        let force = RemoveContainerOptionsBuilder::new().force(true).build();
        self.docker.remove_container(&self.id, Some(force)).await.expect("the harness's container removed");
    }

    async fn code(&self) -> Option<i64> {
        let found = self.docker.inspect_container(&self.id, None).await.ok();
        found.and_then(|found| found.state?.exit_code)
    }

    pub(crate) async fn runs(&self) -> bool {
        let found = self.docker.inspect_container(&self.id, None).await.ok();
        found.and_then(|found| found.state?.running).unwrap_or_default()
    }

    /// What it made: all whose label of the owner names its container.
    pub(crate) async fn things(&self) -> Snapshot {
        let filters = HashMap::from([("label", vec![OWNER_LABEL])]);
        let containers = ListContainersOptionsBuilder::new().all(true).filters(&filters).build();
        let networks = ListNetworksOptionsBuilder::new().filters(&filters).build();
        let volumes = ListVolumesOptionsBuilder::new().filters(&filters).build();
        let (containers, networks, volumes) = tokio::try_join!(
            self.docker.list_containers(Some(containers)),
            self.docker.list_networks(Some(networks)),
            self.docker.list_volumes(Some(volumes)),
        )
        .expect("the daemon lists its objects");
        let its =
            |labels: &HashMap<String, String>| labels.get(OWNER_LABEL).is_some_and(|owner| owner.contains(&self.id));
        let containers = containers.into_iter().filter(|one| one.labels.as_ref().is_some_and(its));
        let networks = networks.into_iter().filter(|one| one.labels.as_ref().is_some_and(its));
        let volumes = volumes.volumes.unwrap_or_default().into_iter().filter(|one| its(&one.labels));
        let containers = containers.map(|one| format!("container {}", one.names.unwrap_or_default().concat()));
        let networks = networks.map(|one| format!("network {}", one.name.unwrap_or_default()));
        containers.chain(networks).chain(volumes.map(|one| format!("volume {}", one.name))).collect()
    }

    async fn log(&self) -> String {
        let options = LogsOptionsBuilder::new().stdout(true).stderr(true).build();
        let mut lines = self.docker.logs(&self.id, Some(options));
        let mut log = String::new();
        while let Some(Ok(line)) = lines.next().await {
            log.push_str(&line.to_string());
        }
        log
    }
}

/// Two harnesses in containers, killed one after the other: what the dead one left is
/// swept, what the living one has stays, and it goes on.
pub(crate) async fn sweep_goes_by_the_container(docker: &Docker, results: &Path) -> Result<(), String> {
    let (one, other) =
        tokio::try_join!(Contained::start(docker, results, HOST), Contained::start(docker, results, HOST))?;
    let at_work = tokio::try_join!(one.at_work(), other.at_work());
    if let Err(why) = at_work {
        tokio::join!(one.remove(), other.remove());
        return Err(why);
    }
    one.kill().await;
    let living = other.things().await;
    clean().await;
    assert_eq!(one.things().await, Snapshot::new(), "left by the dead one");
    assert!(other.runs().await, "the living one ended: {}", other.log().await);
    let gone: Vec<_> = living.difference(&other.things().await).cloned().collect();
    assert!(gone.is_empty(), "taken from the living one: {gone:?}");
    one.remove().await;

    other.kill().await;
    other.remove().await;
    clean().await;
    assert_eq!(other.things().await, Snapshot::new(), "left by the removed one");
    Ok(())
}

/// A harness that reaches no testbed says so and what to do, once one is made, and leaves nothing.
pub(crate) async fn its_own_network_is_told(docker: &Docker, results: &Path) -> Result<(), String> {
    let harness = Contained::start(docker, results, "bridge").await?;
    let begun = Instant::now();
    while harness.runs().await && begun.elapsed() < MADE {
        tokio::time::sleep(EVERY).await;
    }
    let (code, log, left) = (harness.code().await, harness.log().await, harness.things().await);
    harness.remove().await;
    assert!(log.contains("is not reached from here") && log.contains("--network host"), "{log}");
    assert_eq!(left, Snapshot::new(), "left: {log}");
    // A scenario that this environment cannot run is skipped.
    assert_eq!(code, Some(0), "{log}");
    Ok(())
}

async fn clean() {
    let results = tempfile::tempdir().expect("a folder");
    let ended = reenact(results.path(), &["clean"]).status().await.expect("the binary");
    assert!(ended.code().is_some(), "clean was killed");
}
