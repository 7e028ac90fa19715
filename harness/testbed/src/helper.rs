//! The helper: the one container with rights over the others. It runs as long as
//! the session, so no fault ever pays for a container's start.

use bollard::{
    models::{ContainerCreateBody, HostConfig},
    query_parameters::CreateContainerOptionsBuilder,
};

use super::{Firewall, Session, Shell, disk::LOOP_RULES, shell::Pipes};
use reenact_core::{Error, Result};

/// What faults need, and nothing more: packet filters (`NET_ADMIN`), entering
/// network and mount namespaces (`SYS_ADMIN`), and following `/proc/PID/root`
/// (`SYS_PTRACE`). `--privileged` would fail on hosts that lack a capability
/// themselves.
/// What the helper may do.
pub const CAPABILITIES: [&str; 3] = ["NET_ADMIN", "SYS_ADMIN", "SYS_PTRACE"];

/// Where a helper for disks has the kernel's objects, to write to as well.
pub(crate) const SYS: &str = "/run/sys";

/// How far a helper reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// Networks and processes.
    Networks,
    /// Block devices and the kernel's log too. Apart, so that a machine without them
    /// can run all that needs none.
    Disks,
}

impl Reach {
    fn name(self) -> &'static str {
        match self {
            Self::Networks => "helper",
            Self::Disks => "disk-helper",
        }
    }

    /// Reading the kernel's log needs `SYSLOG` where unprivileged users may not.
    fn capabilities(self) -> Vec<String> {
        let more: &[&str] = if self == Self::Disks { &["SYSLOG"] } else { &[] };
        CAPABILITIES.iter().chain(more).map(|&name| name.into()).collect()
    }

    fn host_config(self) -> HostConfig {
        let mut config = HostConfig {
            network_mode: Some("host".into()),
            pid_mode: Some("host".into()),
            cap_add: Some(self.capabilities()),
            security_opt: Some(vec!["apparmor=unconfined".into()]),
            ..Default::default()
        };
        if self == Self::Disks {
            config.binds = Some(vec!["/dev:/dev".into()]);
            // The last one is the kernel's log.
            config.device_cgroup_rules =
                Some(LOOP_RULES.iter().chain(&["c 1:11 r"]).map(|&rule| rule.into()).collect());
        }
        config
    }
}

/// The helper container.
pub(super) struct Helper {
    container: String,
}

impl Helper {
    pub(super) async fn start(session: &Session, reach: Reach) -> Result<Self> {
        let image = session.image("helper").await?;
        let container = format!("reenact-{}-{}", session.id(), reach.name());
        let body = ContainerCreateBody {
            image: Some(image),
            cmd: Some(vec!["sleep".into(), "infinity".into()]),
            labels: Some(session.labels()),
            host_config: Some(reach.host_config()),
            ..Default::default()
        };
        let refused = |error: bollard::errors::Error| {
            let rights = reach.capabilities().join(", ");
            Error::environment(
                format!("the {} container cannot start: {error}", reach.name()),
                format!("faults need a container with {rights} and the host's pid and network namespaces"),
            )
        };
        let options = CreateContainerOptionsBuilder::new().name(&container).build();
        session.docker().create_container(Some(options), body).await.map_err(refused)?;
        session.docker().start_container(&container, None).await.map_err(refused)?;
        if reach == Reach::Disks {
            // A container's own /sys is read-only; the faults of ext4 are triggered there.
            let mount = format!("mkdir -p {SYS} && mount -t sysfs sysfs {SYS}");
            Shell::open(session.docker(), &container).await?.must(&mount).await?;
        }
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

    /// A program of one's own in the helper.
    pub(super) async fn open(&self, session: &Session, command: &[&str]) -> Result<Pipes> {
        Pipes::open(session.docker(), &self.container, command).await
    }
}
