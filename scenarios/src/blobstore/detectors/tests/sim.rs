//! One VM with two disks on paper: what the probes would record of it, at their real
//! intervals, with jitter.

use std::collections::BTreeMap;

use reenact::{
    detect::testing::{Tape, World, error, hung, machine, on_tape, query, values},
    probe::{Access, Answer, Mount, Signal, Tried},
};

pub const NODE: &str = "nfs_server";
pub const STORE: &str = "/var/vcap/store";
pub const TARGET: &str = "/var/vcap/store_migration_target";
/// The disks' places in [`Sim::disks`].
pub const OLD: usize = 0;
pub const NEW: usize = 1;
pub const PROCESSES: [&str; 3] = ["blobstore_nginx", "blobstore_url_signer", "route_registrar"];
/// The free bytes of a disk that is not full.
pub const ROOM: u64 = 100 << 20;
/// What nginx logs where its configuration is wrong.
pub const EMERG: &str =
    "2026/11/29 08:38:05 [emerg] 12#12: invalid number \"256k\" in /var/vcap/jobs/blobstore/config/nginx.conf:8";
pub const CHOWN: &str = "chown: changing ownership of '/var/vcap/store/shared': Read-only file system";

/// How an ext4 file system that is mounted fares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    Sound,
    /// It met an error under `errors=remount-ro`, as Linux 6.18 has it.
    Emergency,
    ShutDown,
}

#[derive(Debug, Clone)]
pub struct Disk {
    pub path: &'static str,
    pub kernel: &'static str,
    pub health: Health,
    pub read_only: bool,
    pub errors_count: u32,
    pub protected: bool,
    pub free: u64,
    pub size: u64,
    /// What each write fails with while the file system still seems sound.
    pub hiccup: Option<&'static str>,
}

#[derive(Debug, Clone)]
pub struct Mounted {
    pub path: &'static str,
    pub disk: usize,
    /// Read-only as a mount, whatever its file system is.
    pub bind: bool,
}

pub struct Sim {
    pub tape: Tape,
    pub disks: [Disk; 2],
    pub mounts: Vec<Mounted>,
    pub commands: Vec<&'static str>,
    /// Monit's entries of processes; `None`: it refuses.
    pub monit: Option<BTreeMap<&'static str, &'static str>>,
    pub serves: bool,
    /// Since when blobs hang.
    pub stalled: Option<u64>,
    /// What nginx logs at each start that it does not survive.
    pub last_words: Option<&'static str>,
    pub pre_start: Option<String>,
    pub runs: bool,
    /// How many milliseconds a write takes beyond a healthy one.
    pub slow: u64,
    /// Whether the probe says what the kernel calls a device.
    pub names_devices: bool,
    /// The access that the store was declared with.
    pub declared: Option<Access>,
    /// A look at the disks under way: when it ends, and the table that it began with.
    pub looking: Option<(u64, Vec<Mount>)>,
}

on_tape!(Sim);

impl World for Sim {
    fn live(&mut self) {
        if self.looking.as_ref().is_some_and(|(until, _)| *until <= self.now) {
            self.end_look_at_disks();
        }
        if self.runs && self.looking.is_none() && self.looks(NODE, "disks", 250) {
            self.looking = Some((self.now + 20 + self.slow + self.below(60), self.table()));
        }
        for (of, every) in [("http:health", 250), ("http:roundtrip", 250), ("blob:write", 250), ("monit:summary", 500)]
        {
            if self.looks(NODE, of, every) {
                self.ask(of, self.answer(of));
            }
        }
        if self.looks(NODE, "file", 500) && self.runs {
            let path = "/var/vcap/sys/log/blobstore/pre-start.stderr.log".into();
            let content = self.pre_start.clone();
            self.emit(NODE, Signal::File { path, content });
        }
        if self.looks(NODE, "processes", 1_000) && self.runs {
            let commands = self.commands.iter().map(|&command| command.into()).collect();
            self.emit(NODE, Signal::Processes { commands });
        }
        if let Some(line) = self.last_words.filter(|_| self.looks(NODE, "nginx", 1_000)) {
            self.log(NODE, line);
        }
        if self.looks(NODE, "machine", 250) {
            let signal = machine(self.runs, false, (!self.runs).then_some((137, false, 0)));
            self.emit(NODE, signal);
        }
    }
}

impl Sim {
    /// A VM that was watched for two seconds, its old disk mounted and its jobs running.
    pub fn healthy(seed: u64) -> Self {
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
            tape: Tape::new("blobstore/", seed),
            disks: [disk("/dev/sdd1", "loop3"), disk("/dev/sde1", "loop4")],
            mounts: Vec::new(),
            commands: vec!["bash /usr/local/bin/vm", "monit -I"],
            monit: Some(BTreeMap::new()),
            serves: false,
            stalled: None,
            last_words: None,
            pre_start: None,
            runs: true,
            slow: 0,
            names_devices: true,
            declared: Some(Access::ReadWrite),
            looking: None,
        };
        sim.ask("kernel:log", values([("followed", "1")]));
        sim.mount(OLD, STORE, false);
        assert!(sim.start_jobs());
        sim.run(2_000);
        sim
    }

    pub fn ask(&mut self, of: &str, answer: Answer) {
        self.emit(NODE, query(of, answer));
    }

    pub fn answer(&self, of: &str) -> Answer {
        match of {
            _ if !self.runs => Answer::Refused,
            "monit:summary" => self.summary(),
            _ if !self.serves => Answer::Refused,
            "http:health" => values([("status", 200)]),
            "blob:write" => self.tried(),
            _ if self.stalled.is_some() => hung("request"),
            _ => self.round_trip(),
        }
    }

    /// The table was read first, then came the writes, then the devices' counters.
    pub fn end_look_at_disks(&mut self) {
        let Some((_, table)) = self.looking.take() else { return };
        let asked: Vec<_> = table.iter().filter(|mount| mount.declared == Some(Access::ReadWrite)).cloned().collect();
        let is_mounted = table.iter().any(|mount| mount.path == STORE);
        self.emit(NODE, Signal::Mounts { table });
        if let Some(access) = self.declared {
            let access = if access == Access::ReadWrite { "read_write" } else { "read_only" };
            let mounted = if is_mounted { "1" } else { "0" };
            self.ask(&format!("declared:{STORE}"), values([("access", access), ("mounted", mounted)]));
        }
        for mount in asked.iter().filter(|mount| mount.path != "/") {
            let Some(mounted) = self.mounts.iter().find(|mounted| mounted.path == mount.path).cloned() else {
                continue;
            };
            let disk = &self.disks[mounted.disk];
            let read_only = if mounted.bind || disk.read_only { "1" } else { "0" };
            let (free, size) = (disk.free.to_string(), disk.size.to_string());
            let statfs = values([("read_only", read_only), ("free_bytes", &free), ("size_bytes", &size)]);
            self.ask(&format!("statfs:{}", mount.path), statfs);
            self.ask(&format!("write:{}", mount.path), self.write(&mounted));
        }
        for index in [OLD, NEW] {
            let disk = self.disks[index].clone();
            let is_mounted = self.mounts.iter().any(|mounted| mounted.disk == index);
            let errors = disk.errors_count.to_string();
            let mut said = vec![("write_protected", if disk.protected { "1" } else { "0" })];
            said.extend(self.names_devices.then_some(("kernel", disk.kernel)));
            said.extend(is_mounted.then_some(("errors_count", errors.as_str())));
            self.ask(&format!("device:{}", disk.path), values(said));
        }
    }

    pub fn write(&self, mounted: &Mounted) -> Answer {
        let disk = &self.disks[mounted.disk];
        match disk.health {
            _ if mounted.bind || disk.read_only => error("EROFS", "Read-only file system"),
            Health::ShutDown => error("EIO", "Input/output error"),
            Health::Emergency => error("EROFS", "Read-only file system"),
            Health::Sound if disk.hiccup == Some("hung") => hung("write"),
            Health::Sound => match disk.hiccup {
                Some(code) => error(code, "as the probe was told"),
                None if disk.free == 0 => error("ENOSPC", "No space left on device"),
                None => Answer::Values { values: BTreeMap::new() },
            },
        }
    }

    /// The disks' rows among those that every container has.
    pub fn table(&self) -> Vec<Mount> {
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

    /// What becomes of a blob, however long it takes.
    pub fn tried(&self) -> Answer {
        let ms = self.stalled.map_or(9, |since| self.now - since);
        let tried = Tried { done: self.stalled.is_none(), ms, waits_for: "an answer".into() };
        match self.round_trip() {
            Answer::Values { .. } => Answer::of(&tried),
            refused => refused,
        }
    }

    pub fn round_trip(&self) -> Answer {
        let store = self.mounts.iter().find(|mounted| mounted.path == STORE);
        match store.map(|mounted| self.write(mounted)) {
            Some(Answer::Error { code, .. }) if code == "ENOSPC" => error("507", "PUT /blobs/probe"),
            Some(Answer::Error { .. }) => error("500", "PUT /blobs/probe"),
            Some(Answer::Hung { .. }) => hung("request"),
            _ => values([("put", "201"), ("get", "200"), ("matches", "yes")]),
        }
    }

    pub fn summary(&self) -> Answer {
        let Some(entries) = &self.monit else { return Answer::Refused };
        values([("system_localhost", "OK")].into_iter().chain(entries.iter().map(|(name, status)| (*name, *status))))
    }

    /// A line of the kernel's log about a disk.
    pub fn kernel(&mut self, disk: usize, line: &str) {
        let line = line.replace("DEV", self.disks[disk].kernel);
        self.emit(NODE, Signal::Kernel { line });
    }

    /// A device that is protected mounts read-only.
    pub fn mount(&mut self, disk: usize, path: &'static str, read_only: bool) {
        let device = &mut self.disks[disk];
        device.read_only = read_only || device.protected;
        let how = if device.read_only { "ro" } else { "r/w" };
        self.mounts.push(Mounted { path, disk, bind: false });
        self.kernel(disk, &format!("EXT4-fs (DEV): mounted filesystem 0e545773 {how} with ordered data mode."));
    }

    pub fn unmount(&mut self, path: &str) {
        let Some(at) = self.mounts.iter().position(|mounted| mounted.path == path) else { return };
        let disk = self.mounts.remove(at).disk;
        self.disks[disk].health = Health::Sound;
        self.disks[disk].read_only = false;
        self.kernel(disk, "EXT4-fs (DEV): unmounting filesystem 0e545773.");
    }

    /// An administrator's remount. A file system that gave up says yes and stays so.
    pub fn remount(&mut self, read_only: bool) {
        let how = if read_only { " ro" } else { " r/w" };
        if self.disks[OLD].health == Health::Sound {
            self.disks[OLD].read_only = read_only;
            self.kernel(OLD, &format!("EXT4-fs (DEV): re-mounted 0e545773{how}."));
        } else {
            self.kernel(OLD, "EXT4-fs (DEV): re-mounted 0e545773.");
        }
    }

    pub fn bind(&mut self, read_only: bool) {
        for mounted in &mut self.mounts {
            mounted.bind = read_only;
        }
    }

    /// ext4 finds an error, with `errors=remount-ro` or `errors=continue`.
    pub fn error(&mut self, goes_on: bool) {
        self.disks[OLD].errors_count += 1;
        self.kernel(OLD, "EXT4-fs error (device DEV): trigger_test_error:129: comm bash: x");
        if !goes_on {
            self.disks[OLD].health = Health::Emergency;
            self.kernel(OLD, "Aborting journal on device DEV-8.");
            self.kernel(OLD, "EXT4-fs (DEV): Remounting filesystem read-only");
        }
    }

    /// The device is protected, and its file system was mounted so.
    pub fn protect(&mut self) {
        (self.disks[OLD].read_only, self.disks[OLD].protected) = (true, true);
    }

    /// Writes wait, and each look gives them up after three seconds.
    pub fn freeze(&mut self) {
        (self.slow, self.disks[OLD].hiccup) = (3_000, Some("hung"));
    }

    pub fn thaw(&mut self) {
        (self.slow, self.disks[OLD].hiccup) = (0, None);
    }

    pub fn shut_down(&mut self) {
        self.disks[OLD].health = Health::ShutDown;
        self.kernel(OLD, "EXT4-fs (DEV): shut down requested (2)");
        self.kernel(OLD, "Aborting journal on device DEV-8.");
    }

    /// The cure of a file system that met an error.
    pub fn check_and_mount(&mut self) {
        self.unmount(STORE);
        self.run(400);
        self.disks[OLD].errors_count = 0;
        self.mount(OLD, STORE, false);
    }

    pub fn set_monit(&mut self, status: &'static str) {
        self.monit = Some(PROCESSES.into_iter().map(|name| (name, status)).collect());
    }

    /// nginx ends as soon as it starts, and monit starts it again and again.
    pub fn does_not_start(&mut self) {
        (self.serves, self.last_words) = (false, Some(EMERG));
        self.monit.get_or_insert_default().insert("blobstore_nginx", "Does not exist");
    }

    /// At last it does.
    pub fn starts(&mut self) {
        (self.serves, self.last_words) = (true, None);
        self.set_monit("OK");
    }

    /// The agent's `stop`: monit forgets the processes.
    pub fn stop_jobs(&mut self) {
        self.serves = false;
        self.set_monit("Not monitored");
        self.run(600);
        self.monit = Some(BTreeMap::new());
    }

    /// The agent's `run_pre_starts` and `start`.
    pub fn start_jobs(&mut self) -> bool {
        // Without the disk there is the folder below its mount point.
        let writes = self.mounts.is_empty()
            || self.mounts.iter().any(|mounted| matches!(self.write(mounted), Answer::Values { .. }));
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

    /// The jobs are started without the disk.
    pub fn start_without_disk(&mut self) {
        self.stop_jobs();
        self.unmount(STORE);
        self.run(300);
        assert!(self.start_jobs());
    }

    /// The agent's `mount_disk` and `migrate_disk`, and the director's undo where that
    /// fails because the new disk is too small.
    pub fn migrate(&mut self, milliseconds: u64, fits: bool) {
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

    pub fn migrate_and_start(&mut self, milliseconds: u64) {
        self.stop_jobs();
        self.migrate(milliseconds, true);
        assert!(self.start_jobs());
        assert!(self.mounts.iter().all(|mounted| mounted.disk == NEW && mounted.path == STORE));
        // The disks' names change places with them.
        self.disks.swap(OLD, NEW);
        self.mounts.iter_mut().for_each(|mounted| mounted.disk = OLD);
    }

    /// Monit forgets and learns again what it watches.
    pub fn reload(&mut self) {
        self.monit = Some(BTreeMap::new());
        self.run(300);
        self.set_monit("Initializing");
        self.run(900);
        self.set_monit("OK");
    }

    /// The machine goes and its mounts with it; then it boots.
    pub fn restart(&mut self, off: u64) {
        (self.runs, self.serves, self.looking) = (false, false, None);
        self.unmount(STORE);
        self.run(off);
        self.runs = true;
        self.run(300);
        self.monit = Some(BTreeMap::new());
        self.mount(OLD, STORE, false);
        self.start_jobs();
    }
}
