//! Disks: file systems of their own that outlive their node's container, and block
//! devices that a node formats and mounts by itself.
//!
//! Both are kept in memory and held by a container of the testbed's own. A killed
//! process loses nothing of them, as on a real disk; a power cut of the whole
//! machine is not modelled.

use std::collections::HashMap;

use bollard::{
    models::{ContainerCreateBody, DeviceMapping, HostConfig, Mount, MountType, VolumeCreateRequest},
    query_parameters::LogsOptionsBuilder,
};
use futures::{StreamExt, future::try_join_all};

use super::{NodeSpec, bed::Maker};
use reenact_core::{Error, Result, probe::Access};

/// A persistent disk of a stated size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Disk {
    /// Where the node has it mounted, or will.
    pub mount: &'static str,
    /// Its size in MiB.
    pub mebibytes: u32,
    /// Who mounts it, and how.
    pub kind: DiskKind,
}

/// Who mounts a disk, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DiskKind {
    /// A tmpfs that is mounted before the node starts and can be reached while the
    /// node is down.
    Volume,
    /// The same, mounted read-only on purpose.
    ReadOnlyVolume,
    /// A block device under this path, which the node formats and mounts by itself.
    /// A node that has one may call mount(2).
    Device(&'static str),
    /// The same, and its writes can be slowed: see [`crate::fault::SlowDevice`]. Needs
    /// FUSE. Reads and writes cost somewhat more than on a plain device.
    SlowableDevice(&'static str),
}

impl Disk {
    /// A tmpfs at `mount`.
    pub const fn volume(mount: &'static str, mebibytes: u32) -> Self {
        Self { mount, mebibytes, kind: DiskKind::Volume }
    }

    /// A tmpfs at `mount` that the node may only read.
    pub const fn read_only_volume(mount: &'static str, mebibytes: u32) -> Self {
        Self { mount, mebibytes, kind: DiskKind::ReadOnlyVolume }
    }

    /// The block device `path`, which the node mounts at `mount`.
    pub const fn device(path: &'static str, mount: &'static str, mebibytes: u32) -> Self {
        Self { mount, mebibytes, kind: DiskKind::Device(path) }
    }

    /// The same, and its writes can be slowed.
    pub const fn slowable_device(path: &'static str, mount: &'static str, mebibytes: u32) -> Self {
        Self { mount, mebibytes, kind: DiskKind::SlowableDevice(path) }
    }

    /// What the node may do there.
    pub const fn access(&self) -> Access {
        match self.kind {
            DiskKind::ReadOnlyVolume => Access::ReadOnly,
            DiskKind::Volume | DiskKind::Device(_) | DiskKind::SlowableDevice(_) => Access::ReadWrite,
        }
    }

    /// Its path on the node, if it is a block device.
    pub(super) const fn device_path(&self) -> Option<&'static str> {
        match self.kind {
            DiskKind::Device(path) | DiskKind::SlowableDevice(path) => Some(path),
            DiskKind::Volume | DiskKind::ReadOnlyVolume => None,
        }
    }

    fn is_slowable(&self) -> bool {
        matches!(self.kind, DiskKind::SlowableDevice(_))
    }
}

/// A block device of a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// Its path on the node, such as `/dev/sdd1`.
    pub path: String,
    /// Its name in the kernel, such as `loop3`: its log and `/sys` call it so.
    pub kernel: String,
    /// Its size in MiB.
    pub mebibytes: u32,
    /// Where the helper says how much later its writes are answered, in microseconds;
    /// `None`: they cannot be slowed.
    pub(crate) delay: Option<String>,
}

/// Each node's block devices, by the node's name.
pub(super) type Devices = HashMap<&'static str, Vec<Device>>;

/// The block devices of a node as its container gets them.
pub(super) fn mappings(devices: &[Device]) -> Vec<DeviceMapping> {
    let mapping = |device: &Device| DeviceMapping {
        path_on_host: Some(format!("/dev/{}", device.kernel)),
        path_in_container: Some(device.path.clone()),
        cgroup_permissions: Some("rwm".into()),
    };
    devices.iter().map(mapping).collect()
}

/// The access to loop devices that their keeper and the helper need: all of them
/// (`b 7:*`) and the one that gives them out (`c 10:237`).
pub(super) const LOOP_RULES: [&str; 2] = ["b 7:* rwm", "c 10:237 rwm"];

/// The access to `/dev/fuse` that a keeper of slowable devices needs.
const FUSE_RULE: &str = "c 10:229 rwm";

/// A block device that is to be made.
struct Wanted<'a> {
    /// Its keeper's name for it.
    name: String,
    node: &'static str,
    path: &'static str,
    disk: &'a Disk,
}

/// What the keeper of these runs. Those that can be slowed are served by a process
/// around the one that keeps them all.
fn keep(wanted: &[Wanted<'_>]) -> Vec<String> {
    let sized = |device: &Wanted<'_>| format!("{}={}", device.name, device.disk.mebibytes);
    let slowable: Vec<_> = wanted.iter().filter(|device| device.disk.is_slowable()).map(sized).collect();
    let mut command = Vec::new();
    if !slowable.is_empty() {
        command.push("serve-slowable".to_owned());
        command.extend(slowable);
        command.push("--".to_owned());
    }
    command.push("keep-devices".to_owned());
    command.extend(wanted.iter().map(sized));
    command
}

impl Maker<'_> {
    fn volume(&self, node: &str) -> String {
        format!("{}-{node}-disk", self.network)
    }

    fn volume_mount(&self, node: &str, target: String, read_only: bool) -> Mount {
        let source = Some(self.volume(node));
        let typ = Some(MountType::VOLUME);
        Mount { typ, source, target: Some(target), read_only: Some(read_only), ..Default::default() }
    }

    /// The disks that the daemon mounts for a node.
    pub(super) fn mounts(&self, spec: &NodeSpec) -> Vec<Mount> {
        let volumes = spec.disks.iter().filter(|disk| disk.device_path().is_none());
        let mount = |disk: &Disk| {
            let read_only = disk.kind == DiskKind::ReadOnlyVolume;
            self.volume_mount(spec.name, disk.mount.into(), read_only)
        };
        volumes.map(mount).chain(self.session.exporters_mount()).chain(self.operator_mounts()).collect()
    }

    /// Makes the volumes of a node.
    pub(super) async fn create_volumes(&self, spec: &NodeSpec) -> Result<()> {
        let Some(disk) = volume_of(spec)? else { return Ok(()) };
        let option = |name: &str, value: String| (name.to_owned(), value);
        let request = VolumeCreateRequest {
            name: Some(self.volume(spec.name)),
            driver: Some("local".into()),
            driver_opts: Some(HashMap::from([
                option("type", "tmpfs".into()),
                option("device", "tmpfs".into()),
                option("o", format!("size={}m", disk.mebibytes)),
            ])),
            labels: Some(self.labels.clone()),
            ..Default::default()
        };
        let made = self.session.docker().create_volume(request).await;
        made.map(drop).map_err(Error::docker(format!("create the disk of {}", spec.name)))
    }

    /// Starts the container that holds the volumes; gives its process's id.
    pub(super) async fn keep_volumes(&self, specs: &[NodeSpec]) -> Result<i64> {
        let mut mounts = Vec::new();
        for spec in specs {
            if volume_of(spec)?.is_some() {
                mounts.push(self.volume_mount(spec.name, format!("/disks/{}", spec.name), false));
            }
        }
        if mounts.is_empty() {
            return Ok(0);
        }
        try_join_all(specs.iter().map(|spec| self.create_volumes(spec))).await?;
        let name = self.container("disks");
        let host_config = HostConfig { mounts: Some(mounts), ..Default::default() };
        self.keeper(&name, vec!["sleep".into(), "infinity".into()], host_config).await?;
        self.first_process(&name).await
    }

    /// The first process of a keeper, as the helper counts them.
    async fn first_process(&self, keeper: &str) -> Result<i64> {
        let inspected = self.session.docker().inspect_container(keeper, None).await;
        let state = inspected.map_err(Error::docker("inspect the disks' container"))?.state;
        Ok(state.and_then(|state| state.pid).unwrap_or_default())
    }

    /// Makes every node's block devices and starts the container that holds them.
    pub(super) async fn keep_devices(&self, specs: &[NodeSpec]) -> Result<Devices> {
        let mut wanted = Vec::new();
        for spec in specs {
            for disk in &spec.disks {
                let Some(path) = disk.device_path() else { continue };
                let name = self.container(&format!("{}{}", spec.name, path.replace('/', "-")));
                wanted.push(Wanted { name, node: spec.name, path, disk });
            }
        }
        if wanted.is_empty() {
            return Ok(Devices::new());
        }
        let slowable = wanted.iter().any(|device| device.disk.is_slowable());
        let total: u32 = wanted.iter().map(|device| device.disk.mebibytes).sum();
        let rules = LOOP_RULES.iter().chain(slowable.then_some(&FUSE_RULE));
        let host_config = HostConfig {
            binds: Some(vec!["/dev:/dev".into()]),
            device_cgroup_rules: Some(rules.map(|&rule| rule.into()).collect()),
            // Slowable ones are served by a file system that is mounted there.
            cap_add: slowable.then(|| vec!["SYS_ADMIN".into()]),
            security_opt: slowable.then(|| vec!["apparmor=unconfined".into()]),
            // A little more than the devices: the directory itself takes room too.
            tmpfs: Some(HashMap::from([("/backing".into(), format!("size={}m", total + 1))])),
            ..Default::default()
        };
        let keeper = self.container("devices");
        self.keeper(&keeper, keep(&wanted), host_config).await?;
        let made = self.made_devices(&keeper).await?;
        let pid = if slowable { self.first_process(&keeper).await? } else { 0 };
        let mut devices = Devices::new();
        for Wanted { name, node, path, disk } in wanted {
            let missing = || no_devices(format!("{path} of {node} was not made"));
            let kernel = made.get(&name).ok_or_else(missing)?.clone();
            let delay = disk.is_slowable().then(|| format!("/proc/{pid}/root/backing/{name}.delay"));
            let device = Device { path: path.into(), kernel, mebibytes: disk.mebibytes, delay };
            devices.entry(node).or_default().push(device);
        }
        Ok(devices)
    }

    async fn keeper(&self, name: &str, command: Vec<String>, host_config: HostConfig) -> Result<()> {
        let body = ContainerCreateBody {
            image: Some(self.session.image("helper").await?),
            cmd: Some(command),
            network_disabled: Some(true),
            labels: Some(self.labels.clone()),
            host_config: Some(host_config),
            ..Default::default()
        };
        self.run(name, body).await.map(drop)
    }

    /// Reads what the keeper says until it is ready: each device's name in the
    /// kernel.
    async fn made_devices(&self, keeper: &str) -> Result<HashMap<String, String>> {
        let options = LogsOptionsBuilder::new().follow(true).stdout(true).stderr(true).build();
        let mut said = self.session.docker().logs(keeper, Some(options));
        let (mut made, mut last) = (HashMap::new(), String::new());
        while let Some(chunk) = said.next().await {
            let chunk = chunk.map_err(Error::docker("read what the devices' keeper says"))?.to_string();
            for line in chunk.lines() {
                match line.split_once(" /dev/") {
                    _ if line == "ready" => return Ok(made),
                    Some((name, kernel)) => _ = made.insert(name.to_owned(), kernel.trim().to_owned()),
                    None => line.clone_into(&mut last),
                }
            }
        }
        Err(no_devices(last))
    }
}

/// The volume of a node; it can have one.
fn volume_of(spec: &NodeSpec) -> Result<Option<&Disk>> {
    let volumes: Vec<_> = spec.disks.iter().filter(|disk| disk.device_path().is_none()).collect();
    match volumes.as_slice() {
        [] => Ok(None),
        [one] => Ok(Some(one)),
        _ => Err(Error::Bug(format!("{} has more than one volume", spec.name))),
    }
}

fn no_devices(why: impl std::fmt::Display) -> Error {
    Error::environment(
        format!("no block devices can be made: {why}"),
        "the daemon's kernel needs the loop driver (`modprobe loop`), and containers access to /dev/loop-control; \
         for devices that can be slowed it needs FUSE too (`modprobe fuse`), and containers access to /dev/fuse \
         and leave to mount (SYS_ADMIN, no AppArmor profile)",
    )
}
