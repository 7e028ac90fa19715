//! The observer: sees all that the daemon and its machine have.

use std::{
    collections::HashMap,
    fs,
    sync::{Mutex, PoisonError},
};

use bollard::{
    Docker,
    exec::{CreateExecOptions, StartExecResults},
    models::{ContainerCreateBody, HostConfig},
    query_parameters::{CreateContainerOptionsBuilder, ListImagesOptionsBuilder, RemoveContainerOptionsBuilder},
};
use futures::StreamExt;
use reenact::testbed::{OWNER_LABEL, Owner, SESSION_LABEL};

use crate::{harness::reapers, marks::Snapshot};

/// The tables of packet filters, with their rules, and the mounts, loop devices and
/// containers' processes of the machine. A loop device goes when its last user does: one
/// that is gone is mounted nowhere, in no container either.
const LOOK: &str = "nft list ruleset
    sed 's/^/mount /' /proc/1/mounts
    sed 's/^/loop /' /sys/block/loop*/loop/backing_file 2>/dev/null
    grep -Eom1 '[0-9a-f]{64}' /proc/[0-9]*/cgroup 2>/dev/null | sed 's/^/process /'";

/// Looks from a container on the daemon's machine, because the test may have
/// neither its rights nor its tools.
pub(crate) struct Observer {
    pub(crate) docker: Docker,
    container: String,
    /// The session of each container that was ever seen, by the container's id.
    pub(crate) sessions: Mutex<HashMap<String, String>>,
    /// What the daemon cannot remove any more.
    pub(crate) held: Mutex<Snapshot>,
}

impl Observer {
    pub(crate) async fn start(docker: Docker) -> Result<Self, String> {
        let labels = own_labels(&docker).await?;
        let container = labels[SESSION_LABEL].clone();
        let host_config = HostConfig {
            network_mode: Some("host".into()),
            pid_mode: Some("host".into()),
            cap_add: Some(vec!["NET_ADMIN".into(), "SYS_PTRACE".into()]),
            security_opt: Some(vec!["apparmor=unconfined".into()]),
            auto_remove: Some(true),
            ..Default::default()
        };
        let body = ContainerCreateBody {
            image: Some(helper_image(&docker).await.ok_or("the helper's image is not there")?),
            // An end of its own, should nobody be left to remove it.
            cmd: Some(vec!["sleep".into(), "1h".into()]),
            labels: Some(labels),
            host_config: Some(host_config),
            ..Default::default()
        };
        let options = CreateContainerOptionsBuilder::new().name(&container).build();
        docker.create_container(Some(options), body).await.map_err(|error| error.to_string())?;
        docker.start_container(&container, None).await.map_err(|error| error.to_string())?;
        Ok(Self { docker, container, sessions: Mutex::default(), held: Mutex::default() })
    }

    pub(crate) async fn leave(&self) {
        let force = RemoveContainerOptionsBuilder::new().force(true).build();
        self.docker.remove_container(&self.container, Some(force)).await.expect("the observer removed");
    }

    /// What the daemon cannot remove any more.
    pub(crate) fn held(&self) -> Snapshot {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// All there is, ours or not.
    pub(crate) async fn look(&self) -> Snapshot {
        // First, for it learns whose containers the processes are in.
        let objects = self.objects().await;
        objects.into_iter().chain(self.machine().await).chain(reapers()).collect()
    }

    /// What the daemon's machine has.
    pub(crate) async fn machine(&self) -> Snapshot {
        let said = self.exec(&["sh", "-c", LOOK]).await;
        let mut table = String::new();
        let mut found = Snapshot::new();
        for line in said.lines() {
            if line.starts_with("table ") {
                table = line.trim_end_matches(" {").to_owned();
                found.insert(table.clone());
            } else if line.ends_with(" drop") && table.contains("reenact") {
                found.insert(format!("rule of {table}: {}", line.trim()));
            } else if line.starts_with("loop ") {
                found.insert(line.to_owned());
            } else if line.starts_with("mount ") || line.starts_with("process ") {
                found.insert(format!("{line} {}", self.session_of(line)));
            }
        }
        // A look that sees none of them is blind and would find everything clean.
        for kind in ["mount ", "process "] {
            assert!(said.lines().any(|line| line.starts_with(kind)), "the observer sees no {kind}at all: {said}");
        }
        found
    }

    /// The session of the container whose id the line has.
    fn session_of(&self, line: &str) -> String {
        let sessions = self.sessions.lock().expect("no test panicked");
        let id = line.split(|c: char| !c.is_ascii_hexdigit()).find(|word| word.len() == 64);
        id.and_then(|id| sessions.get(id)).cloned().unwrap_or_default()
    }

    async fn exec(&self, command: &[&str]) -> String {
        let options = CreateExecOptions {
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            cmd: Some(command.to_vec()),
            ..Default::default()
        };
        let exec = self.docker.create_exec(&self.container, options).await.expect("an exec in the observer");
        let started = self.docker.start_exec(&exec.id, None).await.expect("the exec starts");
        let StartExecResults::Attached { mut output, .. } = started else {
            panic!("an attached exec came back detached")
        };
        let mut bytes = Vec::new();
        while let Some(chunk) = output.next().await {
            bytes.extend_from_slice(&chunk.expect("the exec's output").into_bytes());
        }
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

pub(crate) async fn helper_image(docker: &Docker) -> Option<String> {
    let filters = HashMap::from([("reference", vec!["reenact/helper"])]);
    let images = docker.list_images(Some(ListImagesOptionsBuilder::new().filters(&filters).build())).await.ok()?;
    images.into_iter().flat_map(|image| image.repo_tags).next()
}

/// The labels of a container of this test's own: a session that ends with its process.
pub(crate) async fn own_labels(docker: &Docker) -> Result<HashMap<String, String>, String> {
    let owner = Owner::this_process(docker).await.map_err(|error| error.to_string())?;
    let uuid = fs::read_to_string("/proc/sys/kernel/random/uuid").map_err(|error| error.to_string())?;
    let session = format!("leaves-nothing-{}", uuid.trim());
    Ok(HashMap::from([(SESSION_LABEL.into(), session), (OWNER_LABEL.into(), owner.to_string())]))
}
