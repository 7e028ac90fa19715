//! The daemon: connecting to it, and removing what bears a label.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bollard::{
    Docker,
    query_parameters::{
        ListContainersOptionsBuilder, ListNetworksOptionsBuilder, ListVolumesOptionsBuilder,
        RemoveContainerOptionsBuilder, RemoveVolumeOptionsBuilder,
    },
};

use reenact_core::{Error, Result};

/// Connects to the daemon that `DOCKER_HOST` names, or to the local one.
///
/// # Errors
/// [`Error::Environment`] if there is none, or it does not answer.
pub async fn connect() -> Result<Docker> {
    // Some of the client's errors do not say where it looked.
    let at = std::env::var("DOCKER_HOST").map_or_else(|_| String::new(), |host| format!(" at DOCKER_HOST={host}"));
    let missing = |error: bollard::errors::Error| {
        Error::environment(
            format!("no Docker daemon answers{at}: {error}"),
            "start Docker, or point DOCKER_HOST at its socket; your user must be allowed to use it \
             (`docker version` shows the same error)",
        )
    };
    let docker = Docker::connect_with_defaults().map_err(missing)?;
    // A newer client's version is refused by an older daemon: agree on one.
    let docker = tokio::time::timeout(Duration::from_secs(10), docker.negotiate_version())
        .await
        .map_err(|_| Error::environment(format!("the Docker daemon{at} does not answer within 10 s"), "restart it"))?
        .map_err(missing)?;
    Ok(docker)
}

/// What bears a label, by kind and name.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Leftovers {
    /// Containers' ids, running or not.
    pub containers: Vec<String>,
    /// Networks' ids.
    pub networks: Vec<String>,
    /// Volumes' names.
    pub volumes: Vec<String>,
}

impl Leftovers {
    /// Lists what bears `label`, which is `name` or `name=value`.
    ///
    /// # Errors
    /// [`Error::Docker`] if the daemon cannot tell.
    pub async fn find(docker: &Docker, label: &str) -> Result<Self> {
        let filters = HashMap::from([("label", vec![label])]);
        let containers = ListContainersOptionsBuilder::new().all(true).filters(&filters).build();
        let networks = ListNetworksOptionsBuilder::new().filters(&filters).build();
        let volumes = ListVolumesOptionsBuilder::new().filters(&filters).build();
        let (containers, networks, volumes) = tokio::try_join!(
            docker.list_containers(Some(containers)),
            docker.list_networks(Some(networks)),
            docker.list_volumes(Some(volumes)),
        )
        .map_err(Error::docker(format!("list what bears the label {label}")))?;
        Ok(Self {
            containers: containers.into_iter().filter_map(|container| container.id).collect(),
            networks: networks.into_iter().filter_map(|network| network.id).filter(|id| !is_miscounted(id)).collect(),
            volumes: volumes.volumes.unwrap_or_default().into_iter().map(|volume| volume.name).collect(),
        })
    }

    /// Whether it holds anything that `other` does not.
    pub fn has_more_than(&self, other: &Self) -> bool {
        let more = |these: &[String], those: &[String]| these.iter().any(|one| !those.contains(one));
        more(&self.containers, &other.containers)
            || more(&self.networks, &other.networks)
            || more(&self.volumes, &other.volumes)
    }

    /// Whether nothing is left.
    pub fn is_empty(&self) -> bool {
        self.containers.is_empty() && self.networks.is_empty() && self.volumes.is_empty()
    }

    /// Removes it all, containers first. What is gone already is no error.
    ///
    /// # Errors
    /// [`Error::Docker`] for the first thing that could not be removed; the others
    /// are tried all the same.
    pub async fn remove(&self, docker: &Docker) -> Result<()> {
        let container = RemoveContainerOptionsBuilder::new().force(true).v(true).build();
        let volume = RemoveVolumeOptionsBuilder::new().force(true).build();
        let removed = futures::future::join_all(self.containers.iter().map(async |id| {
            let gone = docker.remove_container(id, Some(container.clone())).await;
            unless_gone(gone).map_err(Error::docker(format!("remove container {id}")))
        }));
        let mut results = removed.await;
        for id in &self.networks {
            results.push(remove_network(docker, id).await.map_err(Error::docker(format!("remove network {id}"))));
        }
        for name in &self.volumes {
            let gone = docker.remove_volume(name, Some(volume.clone())).await;
            results.push(unless_gone(gone).map_err(Error::docker(format!("remove volume {name}"))));
        }
        results.into_iter().collect()
    }
}

impl std::fmt::Display for Leftovers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (containers, networks, volumes) = (self.containers.len(), self.networks.len(), self.volumes.len());
        write!(f, "{containers} containers, {networks} networks, {volumes} volumes")
    }
}

/// Networks of which the daemon has lost count, found by this process.
static MISCOUNTED: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

fn miscounted() -> MutexGuard<'static, BTreeSet<String>> {
    MISCOUNTED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether the daemon refuses to remove this network for endpoints that there are not.
pub(super) fn is_miscounted(id: &str) -> bool {
    miscounted().contains(id)
}

/// Removes a network. Docker 20.10 at times loses count of a network's endpoints, where
/// many containers come and go at once: it then says that there are some, shows none, and
/// nobody but its own restart removes the network. That is told and is no error: nothing
/// runs there, and nothing can be done.
async fn remove_network(docker: &Docker, id: &str) -> Result<(), bollard::errors::Error> {
    let Err(error) = unless_gone(docker.remove_network(id).await) else { return Ok(()) };
    if !error.to_string().contains("active endpoints") {
        return Err(error);
    }
    match docker.inspect_network(id, None).await {
        Ok(network) if network.containers.as_ref().is_none_or(|all| all.is_empty()) => {
            tracing::warn!(network = id, "the daemon lost count of its endpoints; only its restart removes it");
            miscounted().insert(id.to_owned());
            Ok(())
        }
        _ => Err(error),
    }
}

/// Not found means removed; so does a removal that is under way (409).
fn unless_gone<T>(result: Result<T, bollard::errors::Error>) -> Result<(), bollard::errors::Error> {
    use bollard::errors::Error::DockerResponseServerError as Response;
    match result {
        Ok(_) | Err(Response { status_code: 404, .. }) => Ok(()),
        Err(Response { status_code: 409, message }) if message.contains("already in progress") => Ok(()),
        Err(error) => Err(error),
    }
}
