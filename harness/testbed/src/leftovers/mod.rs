//! What bears a label on the daemon, and its removal, in the order that Docker 20.10 bears.
//!
//! That daemon keeps a count of each network's endpoints beside the endpoints themselves,
//! and changes it without a lock (libnetwork's `atomicIncDecEpCnt`). Where several endpoints
//! of a network go at once a decrement may be lost: 4 of 97 networks of 14 endpoints kept a
//! count that way, and were refused their removal for "active endpoints" that there are not;
//! of those whose endpoints went one after another none did. So a network is emptied one
//! endpoint at a time before the containers go, all at once, that were in it.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    time::{Duration, Instant},
};

use bollard::{
    Docker,
    errors::Error as Refusal,
    models::NetworkDisconnectRequest,
    query_parameters::{
        ListContainersOptionsBuilder, ListNetworksOptionsBuilder, ListVolumesOptionsBuilder,
        RemoveContainerOptionsBuilder, RemoveVolumeOptionsBuilder,
    },
};
use futures::future::join_all;

use crate::holder;
use reenact_core::{Error, Result};

/// An endpoint that comes while others go may be miscounted too. So nothing is removed of
/// what may still be in the making before nothing new came for this long.
const CALM: Duration = Duration::from_secs(1);

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
            networks: networks.into_iter().filter_map(|network| network.id).collect(),
            volumes: volumes.volumes.unwrap_or_default().into_iter().map(|volume| volume.name).collect(),
        })
    }

    /// The same, once nothing new came for a second: for what the daemon may still be making.
    ///
    /// # Errors
    /// [`Error::Docker`] if the daemon cannot tell.
    pub(super) async fn find_when_calm(docker: &Docker, label: &str) -> Result<Self> {
        let mut calm = Calm::default();
        loop {
            let left = Self::find(docker, label).await?;
            if calm.has_come(&left) {
                return Ok(left);
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Whether it holds anything that `other` does not.
    fn has_more_than(&self, other: &Self) -> bool {
        let more = |these: &[String], those: &[String]| these.iter().any(|one| !those.contains(one));
        more(&self.containers, &other.containers)
            || more(&self.networks, &other.networks)
            || more(&self.volumes, &other.volumes)
    }

    /// The rest, which the daemon can give back.
    #[must_use]
    pub(super) fn without(mut self, held: &Held) -> Self {
        self.networks.retain(|id| !held.0.contains_key(id));
        self
    }

    /// Whether nothing is left.
    pub fn is_empty(&self) -> bool {
        self.containers.is_empty() && self.networks.is_empty() && self.volumes.is_empty()
    }

    /// Removes it all, and tells which networks the daemon does not give back. What is gone
    /// already is no error.
    ///
    /// # Errors
    /// [`Error::Docker`] for the first thing that could not be removed; the others
    /// are tried all the same.
    pub async fn remove(&self, docker: &Docker) -> Result<Held> {
        holder::release(docker, &self.containers).await;
        join_all(self.networks.iter().map(|id| empty(docker, id))).await;
        let container = RemoveContainerOptionsBuilder::new().force(true).v(true).build();
        let removed = join_all(self.containers.iter().map(async |id| {
            let gone = docker.remove_container(id, Some(container.clone())).await;
            unless_gone(gone).map_err(Error::docker(format!("remove container {id}")))
        }));
        let (mut outcome, mut held) = (removed.await.into_iter().collect::<Result<()>>(), Held::default());
        for id in &self.networks {
            match remove_network(docker, id).await {
                Ok(name) => held.0.extend(name.map(|name| (id.clone(), name))),
                Err(error) => outcome = outcome.and(Err(Error::docker(format!("remove network {id}"))(error))),
            }
        }
        let volume = RemoveVolumeOptionsBuilder::new().force(true).build();
        for name in &self.volumes {
            let gone = unless_gone(docker.remove_volume(name, Some(volume.clone())).await);
            outcome = outcome.and(gone.map_err(Error::docker(format!("remove volume {name}"))));
        }
        outcome.map(|()| held)
    }

    /// Adds what another one holds.
    pub(super) fn extend(&mut self, other: Self) {
        self.containers.extend(other.containers);
        self.networks.extend(other.networks);
        self.volumes.extend(other.volumes);
    }
}

impl fmt::Display for Leftovers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (containers, networks, volumes) = (self.containers.len(), self.networks.len(), self.volumes.len());
        write!(f, "{containers} containers, {networks} networks, {volumes} volumes")
    }
}

/// Networks that the daemon does not give back, for it counts endpoints in them that there
/// are not: their names, by id.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Held(BTreeMap<String, String>);

impl Held {
    /// What a person can do about them.
    pub const WAY_OUT: &str =
        "restart the daemon (`systemctl restart docker`), which counts anew; `reenact clean` then removes them";

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// An error that names them, if there are any.
    ///
    /// # Errors
    /// [`Error::Inconclusive`]: whoever leaves something has not passed, and it is not the
    /// subject's fault.
    pub fn none_is_left(&self) -> Result<()> {
        if self.is_empty() {
            return Ok(());
        }
        Err(Error::inconclusive(format!("{self}\n  help: {}", Self::WAY_OUT)))
    }

    /// How many there are, in words.
    pub fn count(&self) -> String {
        let (count, s) = (self.0.len(), if self.0.len() == 1 { "" } else { "s" });
        format!("{count} network{s} left, whose endpoints the daemon miscounts")
    }

    pub(super) fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }
}

impl FromIterator<(String, String)> for Held {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(networks: I) -> Self {
        Self(networks.into_iter().collect())
    }
}

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.0.values().map(String::as_str).collect();
        write!(f, "{}: {}", self.count(), names.join(", "))
    }
}

/// Tells when nothing new came any more.
pub(super) struct Calm {
    known: Leftovers,
    since: Instant,
}

impl Default for Calm {
    fn default() -> Self {
        Self { known: Leftovers::default(), since: Instant::now() }
    }
}

impl Calm {
    /// Whether nothing new has come for [`CALM`].
    pub(super) fn has_come(&mut self, left: &Leftovers) -> bool {
        if left.has_more_than(&self.known) {
            self.since = Instant::now();
        }
        self.known.clone_from(left);
        self.since.elapsed() >= CALM
    }
}

/// Takes all endpoints out of a network, one after another. What cannot be taken out goes
/// with its container.
async fn empty(docker: &Docker, id: &str) {
    let Ok(network) = docker.inspect_network(id, None).await else { return };
    for (key, endpoint) in network.containers.unwrap_or_default() {
        // By its name: an endpoint that lost its container has that alone.
        let container = endpoint.name.unwrap_or(key);
        let request = NetworkDisconnectRequest { container, force: Some(true) };
        if let Err(error) = docker.disconnect_network(id, request).await {
            tracing::debug!(%error, network = id, "an endpoint stays until its container goes");
        }
    }
}

/// Removes a network; gives its name if the daemon refuses for endpoints that there are not.
async fn remove_network(docker: &Docker, id: &str) -> Result<Option<String>, Refusal> {
    let Err(error) = unless_gone(docker.remove_network(id).await) else { return Ok(None) };
    if !error.to_string().contains("active endpoints") {
        return Err(error);
    }
    empty(docker, id).await;
    if unless_gone(docker.remove_network(id).await).is_ok() {
        return Ok(None);
    }
    match docker.inspect_network(id, None).await {
        Ok(network) if network.containers.as_ref().is_none_or(|all| all.is_empty()) => {
            Ok(Some(network.name.unwrap_or_else(|| id.into())))
        }
        _ => Err(error),
    }
}

/// Not found means removed; so does a removal that is under way (409).
fn unless_gone<T>(result: Result<T, Refusal>) -> Result<(), Refusal> {
    match result {
        Ok(_) | Err(Refusal::DockerResponseServerError { status_code: 404, .. }) => Ok(()),
        Err(Refusal::DockerResponseServerError { status_code: 409, message })
            if message.contains("already in progress") =>
        {
            Ok(())
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests;
