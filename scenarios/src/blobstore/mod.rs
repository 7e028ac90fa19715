//! A BOSH VM with a blobstore job (nginx, WebDAV) on a persistent disk of its own,
//! under monit; an agent and a director that treat it as BOSH does.
//!
//! The disks are ext4 on block devices, a thousandth of the report's in size. The VM
//! mounts them by itself, so that its mount table and an operator's `mount` are the
//! real ones.

mod advice;
mod blob;
mod client;
pub mod detectors;
mod diagnose;
mod faults;
mod incidents {
    //! One file per incident or twin.
    automod::dir!("src/blobstore/incidents");
}
mod http;
mod probes;
mod report;
mod runbooks;
mod stories;
mod third_party;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use futures::{StreamExt, TryStreamExt, stream};
use reenact::{
    Error, Result,
    campaign::{FaultSpace, FaultSpec, Menu, Playground, Remedy},
    fault::{OnTestbed, Signal},
    incident::{Deploy, Lab, System},
    judge::Contents,
    metrics::{Monitored, exporters},
    poll::Look,
    probe::{Files, KernelLog, LogTail, Machine, Mounts, Ports, Probe, Processes, Writer},
    runbook::Hands,
    testbed::{Disk, Node, NodeSpec, Session, Testbed},
    workload::{Traffic, Workload},
};

use blob::Sizes;
use client::Uploader;
use detectors::{
    DISK_NOT_MOUNTED, DISK_STALLED, DOES_NOT_START, FILESYSTEM_ERROR, LEFT_READ_ONLY, ORPHANED_WORKERS, READS_ONLY,
    WRITE_PROTECTED,
};
use faults::{ConfigurationBroken, DiskHeld, MigrationFails, RunFolderGone, Unmounted};
use http::Service;
use probes::{Health, Monit, RoundTrip};
use runbooks::{
    EndOrphanedWorkers, MountAndBringOver, RemountAndRestart, RepairFilesystem, StartNginx, ThawFilesystem,
};

use crate::answer;

/// The VM's name.
const VM: &str = "nfs-server";
/// Where the persistent disk is mounted.
const STORE: &str = "/var/vcap/store";
/// The current persistent disk; the report's name for it.
const DISK: &str = "/dev/sdd1";
/// The disk that a deploy brings along.
const NEW_DISK: &str = "/dev/sde1";
/// The size of the report's disk, in MiB where the report has GB.
const MEBIBYTES: u32 = 300;
/// A disk, in MiB, that cannot hold what clients put within some ten seconds.
const SMALL_DISK: u32 = 8;
/// nginx's and monit's ports.
const PORTS: [u16; 2] = [8080, 2822];
/// nginx runs as `vcap`, who owns this folder of the disk only.
const NGINX: Writer = Writer { user: 1000, group: 1000, folder: "shared" };
/// What the blobstore's pre-start script wrote to its standard error.
const PRE_START: &str = "/var/vcap/sys/log/blobstore/pre-start.stderr.log";
/// How many blobs are read at once to compare them.
const READERS: usize = 8;

/// How the VM is made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Setup {
    /// The size of the disk that a deploy brings along, in MiB; `None`: there is none.
    new_disk: Option<u32>,
    /// Options of the persistent disk's mount, beside the defaults.
    mount_options: &'static str,
    /// How large the workload's blobs are.
    sizes: Sizes,
    /// Whether the persistent disk can be slowed.
    slowable: bool,
    /// Whether a second VM stands by that is read-only by design.
    read_only_neighbour: bool,
}

impl Setup {
    /// A disk of the report's size with small blobs.
    pub(crate) const PLAIN: Self =
        Self { new_disk: None, mount_options: "", sizes: Sizes::SMALL, slowable: false, read_only_neighbour: false };
    /// As Debian and most images mount: the file system goes read-only at an error.
    pub(crate) const STOPS_AT_ERRORS: Self = Self { mount_options: "errors=remount-ro", ..Self::PLAIN };
}

/// The deployed VM.
pub(crate) struct Blobstore {
    bed: Testbed,
    sizes: Sizes,
}

impl Blobstore {
    fn vm(&self) -> Result<&Node> {
        self.bed.node(VM)
    }
}

reenact::playable!(Blobstore);

impl Playground for Blobstore {
    const SYSTEM: &'static str = "blobstore";
    const NODES: &'static [&'static str] = &[VM];
    const MENU: Menu = Menu { processes: &KILLED, others: disk_faults, ..Menu::NOTHING };
    const REMEDIES: &'static [Remedy] = &[
        Remedy::power_on(&[DOES_NOT_START]),
        // One that was cut off on its way has stopped the jobs: nothing but itself starts them again.
        Remedy {
            name: "repair_filesystem",
            cures: &[FILESYSTEM_ERROR, DOES_NOT_START],
            make: || Box::new(RepairFilesystem),
        },
        Remedy {
            name: "remount_and_restart",
            cures: &[LEFT_READ_ONLY, WRITE_PROTECTED, READS_ONLY],
            make: || Box::new(RemountAndRestart),
        },
        Remedy {
            name: "mount_and_bring_over",
            cures: &[DISK_NOT_MOUNTED, DOES_NOT_START],
            make: || Box::new(MountAndBringOver),
        },
        Remedy { name: "end_orphaned_workers", cures: &[ORPHANED_WORKERS], make: || Box::new(EndOrphanedWorkers) },
        Remedy { name: "thaw_filesystem", cures: &[DISK_STALLED], make: || Box::new(ThawFilesystem) },
        Remedy { name: "start_nginx", cures: &[DOES_NOT_START, ORPHANED_WORKERS], make: || Box::new(StartNginx) },
    ];
    /// A service that does not start is named after half a minute.
    const PATIENCE: Duration = Duration::from_secs(45);

    fn plain() -> Setup {
        // At an error of the file system of a disk that goes on, nothing shows.
        Setup { new_disk: Some(SMALL_DISK), ..Setup::STOPS_AT_ERRORS }
    }

    fn faults() -> FaultSpace<Self> {
        FaultSpace::engine()
            .with::<MigrationFails>("migration_fails")
            .with::<Unmounted>("unmounted")
            .with::<DiskHeld>("disk_held")
            .with::<ConfigurationBroken>("configuration_broken")
            .with::<RunFolderGone>("run_folder_gone")
    }
}

/// What monit starts again.
const KILLED: [(&str, &str, &[Signal]); 1] = [(VM, "nginx: master", &[Signal::Kill, Signal::Term, Signal::Stop])];

/// What goes wrong with the disk. A file system that is shut down is not among it: nginx
/// answers 201 before a blob is on the disk, and what the kernel has not written by then is
/// gone (found by a campaign: 211 of 414 blobs), whatever anybody does about it afterwards.
fn disk_faults() -> Vec<FaultSpec> {
    let on_node = ["remount_read_only", "filesystem_error"].map(|kind| FaultSpec::new(kind, [("node", VM.into())]));
    let own = ["unmounted", "configuration_broken", "run_folder_gone"].map(|kind| FaultSpec::new(kind, []));
    let pid = FaultSpec::file_left(VM, "/var/vcap/sys/run/blobstore/nginx.pid", "1");
    on_node.into_iter().chain(own).chain([pid]).collect()
}

impl OnTestbed for Blobstore {
    fn bed(&self) -> &Testbed {
        &self.bed
    }
}

#[async_trait]
impl Deploy for Blobstore {
    fn images(setup: &Setup) -> Vec<&'static str> {
        if setup.read_only_neighbour { vec!["blobstore", "helper"] } else { vec!["blobstore"] }
    }

    async fn deploy(session: &Arc<Session>, lab: &Lab, setup: &Setup) -> Result<Self> {
        let make = if setup.slowable { Disk::slowable_device } else { Disk::device };
        let mut disks = vec![make(DISK, STORE, MEBIBYTES)];
        disks.extend(setup.new_disk.map(|mebibytes| Disk::device(NEW_DISK, STORE, mebibytes)));
        let image = session.image("blobstore").await?;
        let env = vec![format!("DISK={DISK}"), format!("MOUNT_OPTIONS={}", setup.mount_options)];
        let mut specs = vec![NodeSpec { name: VM, image, env, disks, ..NodeSpec::default() }];
        if setup.read_only_neighbour {
            let image = session.image("helper").await?;
            let disks = vec![Disk::read_only_volume("/srv/published", 1)];
            specs.push(NodeSpec { name: "reader", image, disks, read_only: true, ..NodeSpec::default() });
        }
        let names: Vec<_> = specs.iter().map(|spec| spec.name).collect();
        let bed = Testbed::create(session, lab.id(), &names, |_| specs).await?;
        lab.adopt(&bed);
        Ok(Self { bed, sizes: setup.sizes })
    }
}

/// What everybody on call knows of it.
const LAYOUT: &str = "\
nginx serves the blobs at 8080, from /var/vcap/store/shared on the persistent disk; its jobs run by monit.
`director` on the node takes the place of `bosh`: restart, cck, deploy DEV, disk; it starts jobs as the agent does.
Logs in /var/vcap/sys/log, and by `journalctl`; the jobs in /var/vcap/jobs.";

#[async_trait]
impl System for Blobstore {
    type Setup = Setup;

    fn hands(&self) -> Box<dyn Hands> {
        self.bed.hands()
    }

    fn layout(&self) -> &'static str {
        LAYOUT
    }

    /// Some 50 blobs a second: 16 KiB each, they leave most of the disk free.
    fn traffic(&self) -> Traffic {
        Traffic { clients: 3, think: (Duration::from_millis(40), Duration::from_millis(80)) }
    }

    fn probes(&self) -> Vec<(Duration, Box<dyn Probe>)> {
        let ms = Duration::from_millis;
        let mut probes: Vec<(Duration, Box<dyn Probe>)> = Vec::new();
        for node in self.bed.nodes() {
            probes.push((Duration::ZERO, Box::new(LogTail::new(node))));
            probes.push((ms(250), Box::new(Machine::new(node))));
            probes.push((ms(250), Box::new(Mounts::new(&self.bed, node, NGINX))));
            if node.name() != VM {
                continue;
            }
            probes.push((Duration::ZERO, Box::new(KernelLog::new(&self.bed, node))));
            probes.push((ms(100), Box::new(Ports::new(node, &PORTS))));
            probes.push((ms(250), Box::new(Health::new(node))));
            probes.push((ms(250), Box::new(RoundTrip::new(node))));
            probes.push((ms(500), Box::new(Monit::new(node))));
            probes.push((ms(500), Box::new(Files::new(node, self.bed.probe_shell(), &[PRE_START]))));
            probes.push((ms(500), Box::new(Processes::new(node, self.bed.probe_shell()))));
        }
        probes
    }

    fn monitored(&self) -> Vec<Monitored> {
        let mut all: Vec<_> = self.bed.nodes().iter().map(exporters::node).collect();
        for vm in self.bed.nodes().iter().filter(|node| node.name() == VM) {
            all.extend([exporters::nginx(vm, PORTS[0], "/stub_status"), Monitored::http(vm, PORTS[0], "/health")]);
            all.extend(PORTS.map(|port| Monitored::tcp(vm, port)));
        }
        all
    }

    fn start_workload(&self, lab: &Lab, traffic: Traffic) -> Workload {
        let (nodes, sizes): (Vec<Node>, _) = (self.bed.nodes().to_vec(), self.sizes);
        Workload::start(lab.ledger(), lab.plan().seed, traffic, 1, move |_| Uploader::new(&nodes[0], sizes))
    }

    /// Every blob is read whole and held against what was to be in it.
    async fn contents(&self) -> Result<Vec<(String, Contents)>> {
        let service = Service::of(self.vm()?);
        let ids: Vec<u64> = service.list().await?.iter().filter_map(|name| name.parse().ok()).collect();
        let read = |id: u64| {
            let (service, sizes) = (&service, self.sizes);
            async move {
                let body = service.get(&id.to_string()).await?;
                // A blob that is not as it was written has no value that was ever written.
                Ok::<_, Error>((id, sizes.value_of(id, &body).unwrap_or(0)))
            }
        };
        let contents: Contents = stream::iter(ids).map(read).buffer_unordered(READERS).try_collect().await?;
        Ok(vec![(VM.into(), contents)])
    }

    /// Without its disk it serves from an empty folder, and the blobs are away, not lost.
    async fn served(&self) -> Vec<(String, Contents)> {
        let Ok(vm) = self.vm() else { return Vec::new() };
        let mounted = vm.exec(&["mountpoint", "-q", STORE]).await.is_ok_and(|said| said.code == 0);
        if mounted { self.contents().await.unwrap_or_default() } else { Vec::new() }
    }

    /// A blob can be put and read back, monit sees every process run, and the VM lacks nothing.
    async fn healthy(&self) -> Look<()> {
        let vm = match self.vm() {
            Ok(vm) => vm,
            Err(error) => return Look::Never(error),
        };
        let service = Service::of(vm);
        let (round_trip, monit) = tokio::join!(service.round_trip("healthy"), service.monit());
        match (round_trip, probes::all_run(&monit)) {
            (Ok(()), true) => lacks_nothing(vm).await,
            (Err(answer), _) => Look::NotYet(format!("a blob: {}", answer::describe(&answer))),
            (_, false) => Look::NotYet(format!("monit: {}", answer::describe(&monit))),
        }
    }
}

/// Prints what the service lacks though its clients may be served: the disk where the blobs are, without which
/// those of before are away, and nginx's master, whose orphaned workers monit takes for it where the pid file
/// names another process.
const LACKS: &str = "
mountpoint -q /var/vcap/store || echo 'nothing is mounted at /var/vcap/store'
pgrep -f '^nginx: master process' >/dev/null || echo 'nginx has no master'";

/// Whether it lacks nothing, by the node's own word. No helper's shell: a look at health may be cut off.
async fn lacks_nothing(vm: &Node) -> Look<()> {
    match vm.exec(&["bash", "-c", LACKS]).await {
        Ok(said) => nothing(&said.text),
        Err(error) => Look::NotYet(error.to_string()),
    }
}

/// Whether [`LACKS`] has printed nothing.
fn nothing(lacks: &str) -> Look<()> {
    lacks.lines().next().map_or(Look::Ready(()), |line| Look::NotYet(line.into()))
}
