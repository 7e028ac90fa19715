//! The helper: the one container with rights over the others. It runs as long as
//! the session, so no fault ever pays for a container's start.

use bollard::{
    models::{ContainerCreateBody, HostConfig},
    query_parameters::CreateContainerOptionsBuilder,
};

use super::{Firewall, Session, Shell};
use crate::{Error, Result};

/// What faults need, and nothing more: packet filters (`NET_ADMIN`), entering
/// network and mount namespaces (`SYS_ADMIN`), and following `/proc/PID/root`
/// (`SYS_PTRACE`). `--privileged` would fail on hosts that lack a capability
/// themselves.
pub(super) const CAPABILITIES: [&str; 3] = ["NET_ADMIN", "SYS_ADMIN", "SYS_PTRACE"];

/// The helper container.
pub(super) struct Helper {
    container: String,
}

impl Helper {
    pub(super) async fn start(session: &Session) -> Result<Self> {
        let image = session.image("helper").await?;
        let container = format!("reenact-{}-helper", session.id());
        let host_config = HostConfig {
            network_mode: Some("host".into()),
            pid_mode: Some("host".into()),
            cap_add: Some(CAPABILITIES.map(String::from).into()),
            security_opt: Some(vec!["apparmor=unconfined".into()]),
            ..Default::default()
        };
        let body = ContainerCreateBody {
            image: Some(image),
            cmd: Some(vec!["sleep".into(), "infinity".into()]),
            labels: Some(session.labels()),
            host_config: Some(host_config),
            ..Default::default()
        };
        let refused = |error: bollard::errors::Error| {
            let rights = CAPABILITIES.join(", ");
            Error::environment(
                format!("the helper container cannot start: {error}"),
                format!("faults need a container with {rights} and the host's pid and network namespaces"),
            )
        };
        let options = CreateContainerOptionsBuilder::new().name(&container).build();
        session.docker().create_container(Some(options), body).await.map_err(refused)?;
        session.docker().start_container(&container, None).await.map_err(refused)?;
        Ok(Self { container })
    }

    /// A shell of one's own in the helper.
    pub(super) async fn shell(&self, session: &Session) -> Result<Shell> {
        Shell::open(session.docker(), &self.container).await
    }

    /// The container's name.
    pub(super) fn container(&self) -> &str {
        &self.container
    }

    /// A firewall of one's own.
    pub(super) async fn firewall(&self, session: &Session, name: &str) -> Result<Firewall> {
        Firewall::open(session.docker(), &self.container, name).await
    }
}
