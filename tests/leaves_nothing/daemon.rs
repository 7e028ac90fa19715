//! What the daemon has and what it can no longer remove.

use std::collections::HashMap;

use bollard::query_parameters::{ListContainersOptionsBuilder, ListVolumesOptions};
use reenact::testbed::SESSION_LABEL;

use crate::{marks::Snapshot, observer::Observer};

impl Observer {
    /// What the daemon has, by name, and by the session that it says it belongs to.
    pub(crate) async fn objects(&self) -> Snapshot {
        let all = ListContainersOptionsBuilder::new().all(true).build();
        let (containers, networks, volumes) = tokio::try_join!(
            self.docker.list_containers(Some(all)),
            self.docker.list_networks(None),
            self.docker.list_volumes(None::<ListVolumesOptions>),
        )
        .expect("the daemon lists its objects");
        let ids = containers.iter().filter_map(|one| Some((one.id.clone()?, session_of(one.labels.as_ref())?)));
        self.sessions.lock().expect("no test panicked").extend(ids);
        let line = |kind: &str, name: String, labels: Option<&HashMap<String, String>>| {
            format!("{kind} {name} {}", session_of(labels).unwrap_or_default())
        };
        let containers = containers
            .into_iter()
            .map(|one| line("container", one.names.unwrap_or_default().concat(), one.labels.as_ref()));
        let networks =
            networks.into_iter().map(|one| line("network", one.name.unwrap_or_default(), one.labels.as_ref()));
        let volumes = volumes.volumes.unwrap_or_default().into_iter();
        let volumes = volumes.map(|one| line("volume", one.name, Some(&one.labels)));
        containers.chain(networks).chain(volumes).collect()
    }

    /// Whether all that is left are networks that the daemon itself can no longer
    /// remove: nothing is attached to them, and it refuses for their "active
    /// endpoints". Docker 20.10 was seen to lose count of a container's endpoint when
    /// the container is removed while it starts; only the daemon's restart helps.
    /// They are counted and told apart.
    pub(crate) async fn held_by_daemon(&self, left: &Snapshot) -> bool {
        for line in left {
            let Some(name) = line.strip_prefix("network ").and_then(|rest| rest.split(' ').next()) else {
                return false;
            };
            let Ok(network) = self.docker.inspect_network(name, None).await else { return false };
            let refused = self.docker.remove_network(name).await.is_err_and(|error| {
                error.to_string().contains("active endpoints") && network.containers.is_none_or(|all| all.is_empty())
            });
            if !refused {
                return false;
            }
        }
        self.held.lock().expect("no test panicked").extend(left.iter().cloned());
        !left.is_empty()
    }
}

fn session_of(labels: Option<&HashMap<String, String>>) -> Option<String> {
    labels?.get(SESSION_LABEL).cloned()
}
