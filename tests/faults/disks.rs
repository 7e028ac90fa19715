//! Faults of file systems, on a node that mounts a block device by itself.

use reenact::{
    fault::{
        BindReadOnly, DeviceShrunk, FilesystemError, FilesystemFrozen, FilesystemShutDown, RemountReadOnly, SlowDevice,
        WriteProtected,
    },
    probe::{Answer, KernelLog, Mounts, Probe, Signal as Seen, Writer},
};

use super::*;

pub(crate) const DEVICE: &str = "/dev/sdd1";
pub(crate) const MOUNT: &str = "/data";
const PLAIN: &str = "/dev/sde1";

/// A testbed of one node with a block device, formatted and mounted.
pub(crate) async fn mounted(bed: &Bed, lab: &str) -> Result<Testbed> {
    mounted_first(bed, lab, vec![Disk::device(DEVICE, MOUNT, 8)]).await
}

/// The same, of a device that can be slowed; beside it there is one that cannot.
async fn slowable(bed: &Bed, lab: &str) -> Result<Testbed> {
    mounted_first(bed, lab, vec![Disk::slowable_device(DEVICE, MOUNT, 16), Disk::device(PLAIN, "/plain", 1)]).await
}

async fn mounted_first(bed: &Bed, lab: &str, disks: Vec<Disk>) -> Result<Testbed> {
    let image = bed.session.image("helper").await?;
    let spec = NodeSpec { name: N1, image, disks, ..NodeSpec::default() };
    let bed = Testbed::create(&bed.session, lab, &[N1], |_| vec![spec]).await?;
    let mount = format!("mkfs.ext4 -q {DEVICE} && mkdir -p {MOUNT} && mount -o errors=remount-ro {DEVICE} {MOUNT}");
    run_on(&bed, N1, &mount).await?;
    Ok(bed)
}

pub(crate) async fn gone(bed: &Bed, own: Testbed) -> Result<()> {
    Testbed::remove(&bed.session, own.lab()).await
}

/// Each kind of fault of a file system.
fn each_kind() -> Vec<Box<dyn Fault<Testbed>>> {
    let (node, device) = (N1.to_owned(), DEVICE.to_owned());
    vec![
        Box::new(RemountReadOnly { node: node.clone() }),
        Box::new(BindReadOnly { node: node.clone() }),
        Box::new(FilesystemError { node: node.clone() }),
        Box::new(FilesystemShutDown { node: node.clone() }),
        Box::new(FilesystemFrozen { node: node.clone() }),
        Box::new(DeviceShrunk { node: node.clone(), device: device.clone(), mebibytes: 4 }),
        Box::new(WriteProtected { node: node.clone(), device }),
        Box::new(slow(Duration::from_secs(3))),
        Box::new(DiskFull { node }),
    ]
}

/// What the probes say of the mount: the answers of the queries, by their names, and
/// its line as in `/proc/mounts`.
pub(crate) async fn look(bed: &Testbed) -> Result<(std::collections::BTreeMap<String, Answer>, String)> {
    let mut answers = std::collections::BTreeMap::new();
    let mut line = String::new();
    for signal in Mounts::new(bed, bed.node(N1)?, Writer { user: 1000, group: 1000, folder: "" }).look().await {
        match signal {
            Seen::Query { of, answer } => _ = answers.insert(of, answer),
            Seen::Mounts { table } => {
                let mount = table.iter().find(|mount| mount.path == MOUNT);
                line = mount.map(|mount| format!("{} {}", mount.options, mount.super_options)).unwrap_or_default();
            }
            other => panic!("{other:?}"),
        }
    }
    Ok((answers, line))
}

/// The error of the service's write, or `ok`.
pub(crate) fn write_of(answers: &std::collections::BTreeMap<String, Answer>) -> &str {
    match answers.get("write:/data") {
        Some(Answer::Values { .. }) => "ok",
        Some(Answer::Error { code, .. }) => code,
        other => panic!("{other:?}"),
    }
}

/// The service's user may write on the disk.
pub(crate) async fn let_write(bed: &Testbed) -> Result<()> {
    run_on(bed, N1, &format!("chmod 1777 {MOUNT}")).await.map(drop)
}

pub(crate) async fn file_systems_left_alone_prove_nothing(bed: Bed) -> Result<()> {
    let own = slowable(&bed, "sham-disks").await?;
    for sham in join_all(each_kind().into_iter().map(|fault| fault::inject(&own, fault, true))).await {
        inconclusive(sham, "waited 5s for the effect of the fault");
    }
    gone(&bed, own).await
}

pub(crate) async fn a_remount_takes_writes_and_gives_them_back(bed: Bed) -> Result<()> {
    let own = mounted(&bed, "remount").await?;
    let_write(&own).await?;
    assert_eq!(write_of(&look(&own).await?.0), "ok");
    let active = inject(&own, RemountReadOnly { node: N1.into() }).await?;
    let (answers, line) = look(&own).await?;
    assert_eq!(write_of(&answers), "EROFS");
    assert_eq!(answers["statfs:/data"].get("read_only"), Some("1"));
    assert!(line.starts_with("ro,relatime ro"), "{line}");
    active.heal(&own).await?;
    assert_eq!(write_of(&look(&own).await?.0), "ok");
    gone(&bed, own).await
}

/// The kernel refuses to remount while a file is open for writing.
pub(crate) async fn a_remount_waits_for_the_last_writer(bed: Bed) -> Result<()> {
    let own = mounted(&bed, "writer").await?;
    run_on(&own, N1, &format!("(sleep 0.5 >{MOUNT}/open) >/dev/null 2>&1 &")).await?;
    let active = inject(&own, RemountReadOnly { node: N1.into() }).await?;
    assert!(active.took > Duration::from_millis(100), "{:?}", active.took);
    gone(&bed, own).await
}

pub(crate) async fn a_bind_mount_alone_can_be_read_only(bed: Bed) -> Result<()> {
    let own = mounted(&bed, "bind").await?;
    let_write(&own).await?;
    let active = inject(&own, BindReadOnly { node: N1.into() }).await?;
    let (answers, line) = look(&own).await?;
    assert_eq!(write_of(&answers), "EROFS");
    assert!(line.starts_with("ro,relatime rw"), "{line}");
    active.heal(&own).await?;
    gone(&bed, own).await
}

/// After an error of ext4's own the mount table says rw, statfs says rw, and every
/// write fails; the kernel's log and the counter know.
pub(crate) async fn a_file_system_error_shows_in_the_kernels_log(bed: Bed) -> Result<()> {
    let own = mounted(&bed, "error").await?;
    let_write(&own).await?;
    let mut log = KernelLog::new(&own, own.node(N1)?);
    // It follows from when it says so, and tells of nothing before.
    let is_followed = |signal: &Seen| matches!(signal, Seen::Query { of, .. } if of == "kernel:log");
    let begins = async { while !log.look().await.iter().any(is_followed) {} };
    tokio::time::timeout(Duration::from_secs(10), begins).await.expect("the kernel's log can be followed");
    let follow = async {
        loop {
            for signal in log.look().await {
                if matches!(&signal, Seen::Kernel { line } if line.contains("EXT4-fs error")) {
                    return signal;
                }
            }
        }
    };
    let _active = inject(&own, FilesystemError { node: N1.into() }).await?;
    let seen = tokio::time::timeout(Duration::from_secs(10), follow).await;
    assert!(seen.is_ok(), "the kernel's log says nothing");
    let (answers, line) = look(&own).await?;
    assert_eq!(write_of(&answers), "EROFS");
    assert_eq!(answers["statfs:/data"].get("read_only"), Some("0"));
    assert_eq!(answers["device:/dev/sdd1"].get("errors_count"), Some("1"));
    assert!(line.contains("emergency_ro"), "{line}");
    gone(&bed, own).await
}

pub(crate) async fn a_file_system_that_shut_down_answers_nothing(bed: Bed) -> Result<()> {
    let own = mounted(&bed, "shut").await?;
    let_write(&own).await?;
    let _active = inject(&own, FilesystemShutDown { node: N1.into() }).await?;
    assert_eq!(write_of(&look(&own).await?.0), "EIO");
    gone(&bed, own).await
}

/// What lay beyond the new end is there again afterwards.
pub(crate) async fn a_shrunk_device_gets_its_end_back(bed: Bed) -> Result<()> {
    let own = mounted(&bed, "shrunk").await?;
    let fault = DeviceShrunk { node: N1.into(), device: DEVICE.into(), mebibytes: 4 };
    run_on(&own, N1, &format!("umount {MOUNT}; dd if=/dev/urandom of={DEVICE} bs=1M 2>/dev/null; true")).await?;
    let sum = || run_on(&own, N1, "sha256sum </dev/sdd1");
    let before = sum().await?;
    let active = inject(&own, fault).await?;
    assert_ne!(sum().await?, before);
    active.heal(&own).await?;
    assert_eq!(sum().await?, before);
    gone(&bed, own).await
}

pub(crate) async fn a_write_protected_device_mounts_read_only(bed: Bed) -> Result<()> {
    let own = mounted(&bed, "protected").await?;
    let active = inject(&own, WriteProtected { node: N1.into(), device: DEVICE.into() }).await?;
    assert!(run_on(&own, N1, &format!("touch {MOUNT}/still && umount {MOUNT}")).await.is_ok());
    run_on(&own, N1, &format!("mount {DEVICE} {MOUNT}")).await?;
    let (answers, line) = look(&own).await?;
    assert_eq!(answers["device:/dev/sdd1"].get("write_protected"), Some("1"));
    assert!(line.starts_with("ro,"), "{line}");
    active.heal(&own).await?;
    gone(&bed, own).await
}

pub(crate) async fn a_full_block_device_takes_nothing(bed: Bed) -> Result<()> {
    let own = mounted(&bed, "full").await?;
    let_write(&own).await?;
    let active = inject(&own, DiskFull { node: N1.into() }).await?;
    assert_eq!(write_of(&look(&own).await?.0), "ENOSPC");
    active.heal(&own).await?;
    assert_eq!(write_of(&look(&own).await?.0), "ok");
    gone(&bed, own).await
}

fn slow(by: Duration) -> SlowDevice {
    SlowDevice { node: N1.into(), device: DEVICE.into(), by }
}

/// What a synced write takes on the node.
async fn synced_write(bed: &Testbed) -> Result<Duration> {
    let script = format!(
        "bash -c 'begun=${{EPOCHREALTIME/./}}
         dd if=/dev/zero of={MOUNT}/synced bs=4k count=1 conv=fsync status=none
         echo $((${{EPOCHREALTIME/./}} - begun))'"
    );
    let micros = run_on(bed, N1, &script).await?;
    Ok(Duration::from_micros(micros.trim().parse().expect("a number")))
}

pub(crate) async fn a_slowed_device_writes_late_and_loses_nothing(bed: Bed) -> Result<()> {
    let own = slowable(&bed, "slow").await?;
    let fill =
        async |name: &str| run_on(&own, N1, &format!("head -c 1M /dev/urandom | tee {MOUNT}/{name} | sha256sum")).await;
    let before = fill("before").await?;
    let fast = synced_write(&own).await?;
    let by = (5 * fast).max(Duration::from_millis(100));

    let active = inject(&own, slow(by)).await?;
    inject_again(&own, slow(by)).await;
    let slowed = synced_write(&own).await?;
    assert!(slowed >= by, "{slowed:?}, slowed by {by:?}");
    let during = fill("during").await?;
    heal(&own, active).await?;
    let healed = synced_write(&own).await?;
    assert!(healed < slowed / 2, "{healed:?}, while it was slow {slowed:?}");

    // Read from the device again, and not from memory.
    run_on(&own, N1, &format!("umount {MOUNT} && mount {DEVICE} {MOUNT}")).await?;
    assert_eq!(run_on(&own, N1, &format!("sha256sum <{MOUNT}/before")).await?, before);
    assert_eq!(run_on(&own, N1, &format!("sha256sum <{MOUNT}/during")).await?, during);
    gone(&bed, own).await
}

/// A write that is under way is answered as soon as the device is healed.
pub(crate) async fn a_slow_device_heals_under_load(bed: Bed) -> Result<()> {
    let own = slowable(&bed, "slow-load").await?;
    let write = format!("dd if=/dev/urandom of={MOUNT}/load$i bs=64k count=4 conv=fsync status=none");
    run_on(&own, N1, &format!("for i in 1 2 3; do (while {write}; do :; done) >/dev/null 2>&1 & done")).await?;
    let by = Duration::from_secs(4);
    let active = inject(&own, slow(by)).await?;
    let begun = Instant::now();
    heal(&own, active).await?;
    assert!(begun.elapsed() < by, "healed after {:?}", begun.elapsed());
    gone(&bed, own).await
}

pub(crate) async fn only_what_can_be_slowed_is(bed: Bed) -> Result<()> {
    let own = slowable(&bed, "slow-misfits").await?;
    let plain = SlowDevice { device: PLAIN.into(), ..slow(Duration::from_secs(1)) };
    refused(fault::inject(&own, plain, false).await, "/dev/sde1 of n1 cannot be slowed", "Disk::slowable_device");
    let endless = slow(Duration::from_secs(3600));
    refused(fault::inject(&own, endless, false).await, "cannot be slowed by 3600s", "by 10s at most");
    run_on(&own, N1, &format!("umount {MOUNT}")).await?;
    inconclusive(fault::inject(&own, slow(Duration::from_secs(1)), false).await, "mounted nowhere");
    gone(&bed, own).await
}

/// Whatever waits for a slow device fails at once when its keeper is killed, and the
/// device goes with the node that has it mounted.
pub(crate) async fn a_slow_device_goes_with_its_keeper(bed: Bed) -> Result<()> {
    let own = slowable(&bed, "slow-kill").await?;
    let _active = inject(&own, slow(Duration::from_secs(9))).await?;
    let (node, kernel) = (own.node(N1)?, own.node(N1)?.device(DEVICE)?.kernel.clone());
    let keeper = format!("{}-devices", node.container().strip_suffix("-n1").expect("its name"));
    let write = format!("! dd if=/dev/zero of={MOUNT}/lost bs=4k count=1 conv=fsync 2>&1");
    let kill = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        let killed = bed.session.docker().kill_container(&keeper, None).await;
        killed.expect("it runs");
        Ok(Instant::now())
    };
    let (said, killed) = tokio::try_join!(run_on(&own, N1, &write), kill)?;
    assert!(killed.elapsed() < Duration::from_secs(5), "it failed after {:?}", killed.elapsed());
    assert!(said.contains("error") || said.contains("Read-only"), "{said}");
    gone(&bed, own).await?;
    until("the device to go", async || {
        let backing = bed.shell().run(&format!("cat /sys/block/{kernel}/loop/backing_file")).await?.1;
        Ok((!backing.contains("slow-kill"), backing))
    })
    .await
}

/// A write that does not come to its end is said to hang; it is no error.
pub(crate) async fn a_write_to_a_stuck_device_hangs(bed: Bed) -> Result<()> {
    let own = slowable(&bed, "stuck").await?;
    let_write(&own).await?;
    let fault = SlowDevice { node: N1.into(), device: DEVICE.into(), by: Duration::from_secs(4) };
    let active = inject(&own, fault).await?;
    let answers = look(&own).await?.0;
    assert_eq!(answers.get("write:/data"), Some(&Answer::Hung { during: "write".into() }));
    active.heal(&own).await?;
    gone(&bed, own).await
}
