//! One VM with two disks on paper: what the probes would record of it, at their real
//! intervals, with jitter. No detector knows that it is not real.

mod comparison;
mod diagnoses;
mod look_alikes;
mod margins;
mod others_streams;
mod properties;

use std::{collections::BTreeMap, time::Duration};

use reenact::{
    detect::Verdict,
    probe::{Access, Answer, Moment, Mount, Observation, Signal},
};

use crate::verdicts::{Fired, fired_of, verdicts_of};

const NODE: &str = "nfs_server";
const STORE: &str = "/var/vcap/store";
const TARGET: &str = "/var/vcap/store_migration_target";
/// The disks' places in [`Sim::disks`].
const OLD: usize = 0;
const NEW: usize = 1;
const PROCESSES: [&str; 3] = ["blobstore_nginx", "blobstore_url_signer", "route_registrar"];
/// The free bytes of a disk that is not full.
const ROOM: u64 = 100 << 20;
const CHOWN: &str = "chown: changing ownership of '/var/vcap/store/shared': Read-only file system";

/// How an ext4 file system that is mounted fares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Health {
    Sound,
    /// It met an error under `errors=remount-ro`, as Linux 6.18 has it.
    Emergency,
    ShutDown,
}

#[derive(Debug, Clone)]
struct Disk {
    path: &'static str,
    kernel: &'static str,
    health: Health,
    read_only: bool,
    errors_count: u32,
    protected: bool,
    free: u64,
    size: u64,
    /// What each write fails with while the file system still seems sound.
    hiccup: Option<&'static str>,
}

#[derive(Debug, Clone)]
struct Mounted {
    path: &'static str,
    disk: usize,
    /// Read-only as a mount, whatever its file system is.
    bind: bool,
}

/// The polled probes, by their place in [`PERIODS`].
const DISKS: usize = 0;
const HEALTH: usize = 1;
const TRIP: usize = 2;
const MONIT: usize = 3;
const FILES: usize = 4;
const LIST: usize = 5;
const MACHINE: usize = 6;
/// How often each looks, in milliseconds.
const PERIODS: [u64; 7] = [250, 250, 250, 500, 500, 1_000, 250];

struct Sim {
    now: u64,
    random: u64,
    disks: [Disk; 2],
    mounts: Vec<Mounted>,
    commands: Vec<&'static str>,
    /// Monit's entries of processes; `None`: it refuses.
    monit: Option<BTreeMap<&'static str, &'static str>>,
    serves: bool,
    pre_start: Option<String>,
    runs: bool,
    /// How many milliseconds a write takes beyond a healthy one.
    slow: u64,
    /// Whether the probe says what the kernel calls a device.
    names_devices: bool,
    /// The access that the store was declared with.
    declared: Option<Access>,
    due: [u64; PERIODS.len()],
    seen: [u64; PERIODS.len()],
    /// How many of a hundred looks are lost; never more than 1.2 s in a row.
    loss: u64,
    /// A look at the disks under way: when it ends, and the table that it began with.
    looking: Option<(u64, Vec<Mount>)>,
    stream: Vec<Observation>,
}

impl Sim {
    /// A VM that was watched for two seconds, its old disk mounted and its jobs running.
    fn healthy(seed: u64) -> Self {
        let disk = |path, kernel| Disk {
            path,
            kernel,
            health: Health::Sound,
            read_only: false,
            errors_count: 0,
            protected: false,
            free: ROOM,
            size: 300 << 20,
            hiccup: None,
        };
        let mut sim = Self {
            now: 0,
            random: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
            disks: [disk("/dev/sdd1", "loop3"), disk("/dev/sde1", "loop4")],
            mounts: Vec::new(),
            commands: vec!["bash /usr/local/bin/vm", "monit -I"],
            monit: Some(BTreeMap::new()),
            serves: false,
            pre_start: None,
            runs: true,
            slow: 0,
            names_devices: true,
            declared: Some(Access::ReadWrite),
            due: [0; PERIODS.len()],
            seen: [0; PERIODS.len()],
            loss: 0,
            looking: None,
            stream: Vec::new(),
        };
        sim.mount(OLD, STORE, false);
        assert!(sim.start_jobs());
        sim.run(2_000);
        sim
    }

    /// A number below `end`, or 0 if there is none.
    fn below(&mut self, end: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 16).checked_rem(end).unwrap_or(0)
    }

    fn emit(&mut self, signal: Signal) {
        let wall = Default::default();
        self.stream.push(Observation { at: Moment(self.now), wall, node: NODE.into(), signal });
    }

    fn ask(&mut self, of: String, answer: Answer) {
        self.emit(Signal::Query { of, answer });
    }

    /// Lets time pass; every probe looks as often as it would.
    fn run(&mut self, milliseconds: u64) {
        let end = self.now + milliseconds;
        while self.now < end {
            self.now += 10;
            for probe in DISKS..=MACHINE {
                self.poll(probe);
            }
        }
    }

    fn poll(&mut self, probe: usize) {
        if probe == DISKS && self.looking.as_ref().is_some_and(|(until, _)| *until <= self.now) {
            self.end_look_at_disks();
        }
        if self.due[probe] > self.now || (probe == DISKS && self.looking.is_some()) {
            return;
        }
        self.due[probe] = self.now + PERIODS[probe] + self.below(PERIODS[probe] / 4);
        // Whatever is lost, what is looked at next will be within 1.2 s.
        let bearable = self.now + PERIODS[probe] * 5 / 4 < self.seen[probe] + 1_200;
        if self.below(100) >= self.loss || !bearable {
            self.seen[probe] = self.now;
            self.look(probe);
        }
    }

    fn look(&mut self, probe: usize) {
        match probe {
            DISKS if self.runs => self.looking = Some((self.now + 20 + self.slow + self.below(60), self.table())),
            HEALTH => self.ask("http:health".into(), self.health()),
            TRIP => self.ask("http:roundtrip".into(), self.round_trip()),
            MONIT => self.ask("monit:summary".into(), self.summary()),
            FILES if self.runs => {
                let path = "/var/vcap/sys/log/blobstore/pre-start.stderr.log".into();
                self.emit(Signal::File { path, content: self.pre_start.clone() });
            }
            LIST if self.runs => {
                let commands = self.commands.iter().map(|&command| command.into()).collect();
                self.emit(Signal::Processes { commands });
            }
            MACHINE => {
                let exit_code = (!self.runs).then_some(137);
                self.emit(Signal::Machine {
                    running: self.runs,
                    paused: false,
                    exit_code,
                    oom_killed: false,
                    finished: None,
                });
            }
            _ => {}
        }
    }

    /// The table was read first, then came the writes, then the devices' counters.
    fn end_look_at_disks(&mut self) {
        let Some((_, table)) = self.looking.take() else { return };
        let asked: Vec<_> = table.iter().filter(|mount| mount.declared == Some(Access::ReadWrite)).cloned().collect();
        self.emit(Signal::Mounts { table });
        for mount in asked.iter().filter(|mount| mount.path != "/") {
            let Some(mounted) = self.mounts.iter().find(|mounted| mounted.path == mount.path).cloned() else {
                continue;
            };
            let disk = &self.disks[mounted.disk];
            let read_only = if mounted.bind || disk.read_only { "1" } else { "0" };
            let (free, size) = (disk.free.to_string(), disk.size.to_string());
            let statfs = values(&[("read_only", read_only), ("free_bytes", &free), ("size_bytes", &size)]);
            self.ask(format!("statfs:{}", mount.path), statfs);
            let write = self.write(&mounted);
            self.ask(format!("write:{}", mount.path), write);
        }
        for index in [OLD, NEW] {
            let disk = self.disks[index].clone();
            let is_mounted = self.mounts.iter().any(|mounted| mounted.disk == index);
            let errors = disk.errors_count.to_string();
            let mut said = vec![("write_protected", if disk.protected { "1" } else { "0" })];
            said.extend(self.names_devices.then_some(("kernel", disk.kernel)));
            said.extend(is_mounted.then_some(("errors_count", errors.as_str())));
            self.ask(format!("device:{}", disk.path), values(&said));
        }
    }

    fn write(&self, mounted: &Mounted) -> Answer {
        let disk = &self.disks[mounted.disk];
        match disk.health {
            _ if mounted.bind || disk.read_only => error("EROFS", "Read-only file system"),
            Health::ShutDown => error("EIO", "Input/output error"),
            Health::Emergency => error("EROFS", "Read-only file system"),
            Health::Sound if disk.hiccup == Some("hung") => Answer::Hung { during: "write".into() },
            Health::Sound => match disk.hiccup {
                Some(code) => error(code, "as the probe was told"),
                None if disk.free == 0 => error("ENOSPC", "No space left on device"),
                None => values(&[]),
            },
        }
    }

    /// The disks' rows among those that every container has.
    fn table(&self) -> Vec<Mount> {
        let row = |path: &str, source: &str, filesystem: &str, options: &str, super_options: &str, declared| Mount {
            path: path.into(),
            source: source.into(),
            filesystem: filesystem.into(),
            options: options.into(),
            super_options: super_options.into(),
            declared,
        };
        let mut table = vec![
            row("/", "overlay", "overlay", "rw,relatime", "rw", Some(Access::ReadWrite)),
            row("/proc", "proc", "proc", "rw,nosuid", "rw", None),
            row("/sys", "sysfs", "sysfs", "ro,nosuid", "ro", None),
            row("/sys/fs/cgroup", "cgroup", "cgroup2", "ro,nosuid", "rw", None),
            row("/proc/bus", "proc", "proc", "ro,nosuid", "rw", None),
            row("/var/vcap/config", "tmpfs", "tmpfs", "ro,relatime", "rw", Some(Access::ReadOnly)),
        ];
        for mounted in &self.mounts {
            let disk = &self.disks[mounted.disk];
            let access = |read_only| if read_only { "ro" } else { "rw" };
            let health = match disk.health {
                Health::Sound => "",
                Health::Emergency => ",emergency_ro",
                Health::ShutDown => ",shutdown",
            };
            let options = format!("{},relatime", access(mounted.bind || disk.read_only));
            let super_options = format!("{},errors=remount-ro{health}", access(disk.read_only));
            let declared = self.declared.filter(|_| mounted.path == STORE);
            table.push(row(mounted.path, disk.path, "ext4", &options, &super_options, declared));
        }
        table
    }

    fn health(&self) -> Answer {
        if self.runs && self.serves { values(&[("status", "200")]) } else { Answer::Refused }
    }

    fn round_trip(&self) -> Answer {
        let store = self.mounts.iter().find(|mounted| mounted.path == STORE);
        match store.map(|mounted| self.write(mounted)) {
            _ if !self.runs || !self.serves => Answer::Refused,
            Some(Answer::Error { code, .. }) if code == "ENOSPC" => error("507", "PUT /blobs/probe"),
            Some(Answer::Error { .. }) => error("500", "PUT /blobs/probe"),
            _ => values(&[("put", "201"), ("get", "200"), ("matches", "yes")]),
        }
    }

    fn summary(&self) -> Answer {
        match &self.monit {
            Some(entries) if self.runs => {
                let mut said = vec![("system_localhost", "OK")];
                said.extend(entries.iter().map(|(name, status)| (*name, *status)));
                values(&said)
            }
            _ => Answer::Refused,
        }
    }

    /// A line of the kernel's log about a disk.
    fn kernel(&mut self, disk: usize, line: &str) {
        let line = line.replace("DEV", self.disks[disk].kernel);
        self.emit(Signal::Kernel { line });
    }

    /// A device that is protected mounts read-only.
    fn mount(&mut self, disk: usize, path: &'static str, read_only: bool) {
        let device = &mut self.disks[disk];
        device.read_only = read_only || device.protected;
        let how = if device.read_only { "ro" } else { "r/w" };
        self.mounts.push(Mounted { path, disk, bind: false });
        self.kernel(disk, &format!("EXT4-fs (DEV): mounted filesystem 0e545773 {how} with ordered data mode."));
    }

    fn unmount(&mut self, path: &str) {
        let Some(at) = self.mounts.iter().position(|mounted| mounted.path == path) else { return };
        let disk = self.mounts.remove(at).disk;
        self.disks[disk].health = Health::Sound;
        self.disks[disk].read_only = false;
        self.kernel(disk, "EXT4-fs (DEV): unmounting filesystem 0e545773.");
    }

    /// An administrator's remount. A file system that gave up says yes and stays so.
    fn remount(&mut self, read_only: bool) {
        let how = if read_only { " ro" } else { " r/w" };
        if self.disks[OLD].health == Health::Sound {
            self.disks[OLD].read_only = read_only;
            self.kernel(OLD, &format!("EXT4-fs (DEV): re-mounted 0e545773{how}."));
        } else {
            self.kernel(OLD, "EXT4-fs (DEV): re-mounted 0e545773.");
        }
    }

    fn bind(&mut self, read_only: bool) {
        for mounted in &mut self.mounts {
            mounted.bind = read_only;
        }
    }

    /// ext4 finds an error, with `errors=remount-ro` or `errors=continue`.
    fn error(&mut self, goes_on: bool) {
        self.disks[OLD].errors_count += 1;
        self.kernel(OLD, "EXT4-fs error (device DEV): trigger_test_error:129: comm bash: x");
        if !goes_on {
            self.disks[OLD].health = Health::Emergency;
            self.kernel(OLD, "Aborting journal on device DEV-8.");
            self.kernel(OLD, "EXT4-fs (DEV): Remounting filesystem read-only");
        }
    }

    fn shut_down(&mut self) {
        self.disks[OLD].health = Health::ShutDown;
        self.kernel(OLD, "EXT4-fs (DEV): shut down requested (2)");
        self.kernel(OLD, "Aborting journal on device DEV-8.");
    }

    /// The cure of a file system that met an error.
    fn check_and_mount(&mut self) {
        self.unmount(STORE);
        self.run(400);
        self.disks[OLD].errors_count = 0;
        self.mount(OLD, STORE, false);
    }

    fn set_monit(&mut self, status: &'static str) {
        self.monit = Some(PROCESSES.into_iter().map(|name| (name, status)).collect());
    }

    /// The agent's `stop`: monit forgets the processes.
    fn stop_jobs(&mut self) {
        self.serves = false;
        self.set_monit("Not monitored");
        self.run(600);
        self.monit = Some(BTreeMap::new());
    }

    /// The agent's `run_pre_starts` and `start`.
    fn start_jobs(&mut self) -> bool {
        let writes = self.mounts.iter().any(|mounted| matches!(self.write(mounted), Answer::Values { .. }));
        let trace = "+ chown vcap:vcap /var/vcap/store/shared\n";
        self.pre_start = Some(if writes { trace.into() } else { format!("{trace}{CHOWN}\n") });
        if !writes {
            return false;
        }
        self.set_monit("Initializing");
        self.serves = true;
        self.run(700);
        self.set_monit("OK");
        true
    }

    /// The agent's `mount_disk` and `migrate_disk`, and the director's undo where that
    /// fails because the new disk is too small.
    fn migrate(&mut self, milliseconds: u64, fits: bool) {
        self.mount(NEW, TARGET, false);
        self.run(300);
        self.unmount(STORE);
        self.mount(OLD, STORE, true);
        self.run(20);
        self.commands.push("sh -c (tar -C /var/vcap/store -cf - .) | (tar -C /var/vcap/store_migration_target -xpf -)");
        self.commands.push("tar -C /var/vcap/store -cf - .");
        self.commands.push("tar -C /var/vcap/store_migration_target -xpf -");
        self.run(milliseconds);
        self.commands.truncate(2);
        self.run(20);
        if fits {
            self.unmount(STORE);
            self.run(200);
            self.unmount(TARGET);
            self.mount(NEW, STORE, false);
        } else {
            self.unmount(TARGET);
        }
    }

    /// The machine goes and its mounts with it; then it boots.
    fn restart(&mut self, off: u64) {
        self.power_off();
        self.run(off);
        self.runs = true;
        self.run(300);
        self.monit = Some(BTreeMap::new());
        self.mount(OLD, STORE, false);
        self.start_jobs();
    }

    fn power_off(&mut self) {
        (self.runs, self.serves, self.looking) = (false, false, None);
        self.unmount(STORE);
    }

    fn fired(&self) -> BTreeMap<&'static str, (Moment, Vec<String>)> {
        fired(&self.stream)
    }

    /// Which detectors ever fire.
    fn diagnoses(&self) -> Vec<&'static str> {
        self.fired().into_keys().collect()
    }

    /// Which detectors fire at the end.
    fn firing(&self) -> Vec<&'static str> {
        let last = |(id, verdict)| matches!(verdict, Verdict::Fired { .. }).then_some(id);
        verdicts(&self.stream).into_iter().filter_map(last).collect()
    }
}

fn values(said: &[(&str, &str)]) -> Answer {
    Answer::Values { values: said.iter().map(|&(name, value)| (name.into(), value.into())).collect() }
}

fn error(code: &str, text: &str) -> Answer {
    Answer::Error { code: code.into(), text: text.into() }
}

/// Asserts that only `id` fires, at most `within` milliseconds after `from` and not
/// before its hold of 2 s, and that its evidence has each of `lines`.
fn only(sim: &Sim, id: &str, from: u64, within: u64, lines: &[&str]) {
    let fired = sim.fired();
    assert_eq!(fired.keys().copied().collect::<Vec<_>>(), [id], "{fired:#?}");
    assert_fired(&fired, id, from, within, lines);
}

fn assert_fired(
    fired: &BTreeMap<&'static str, (Moment, Vec<String>)>,
    id: &str,
    from: u64,
    within: u64,
    lines: &[&str],
) {
    let (at, evidence) = &fired[id];
    let after = at.since(Moment(from));
    assert!(after >= Duration::from_secs(2), "{id} fired {after:?} after {from} ms already");
    assert!(after <= Duration::from_millis(within), "{id} fired {after:?} after {from} ms");
    for line in lines {
        assert!(evidence.iter().any(|seen| seen.contains(line)), "no '{line}' in {evidence:#?}");
    }
}

/// The detectors, of every system, that ever fire over a stream.
fn fired(stream: &[Observation]) -> Fired {
    fired_of(stream, "")
}

/// What each detector of this folder says at the end of a stream.
fn verdicts(stream: &[Observation]) -> BTreeMap<&'static str, Verdict> {
    verdicts_of(stream, "blobstore/")
}
