//! A VM that is not there: its disk, its jobs and monit, as far as the runbooks meet them.

use std::net::SocketAddr;

use reenact::runbook::{Output, testing::Nodes};

use super::{
    super::{
        super::{DISK, PORTS, STORE, VM},
        survey::{HANGS, LOOK},
        workers::{KNOWN, TEST},
    },
    folder::Folder,
};

/// What the file system believes to be its size, in bytes.
const SIZE: u64 = 300 << 20;

/// The VM's state, for a test to set.
pub(super) struct Vm {
    /// Its folders and its processes.
    pub(super) folder: Folder,
    /// Whether the disk is mounted.
    pub(super) mounted: bool,
    /// Where else the disk is mounted.
    pub(super) elsewhere: &'static str,
    /// Who else has claimed the disk.
    pub(super) held: &'static str,
    /// What the disk holds.
    pub(super) filesystem: &'static str,
    /// The mount's own options.
    pub(super) options: &'static str,
    /// The file system's options.
    pub(super) super_options: &'static str,
    /// How many errors ext4 has counted.
    pub(super) errors: u64,
    /// Whether the device is write-protected.
    pub(super) write_protected: bool,
    /// The device's size in bytes.
    pub(super) device_bytes: u64,
    /// Whether there is no room.
    pub(super) full: bool,
    /// Whether the file system is frozen.
    pub(super) frozen: bool,
    /// Whether the device answers no write.
    pub(super) stuck: bool,
    /// Whether a remount says that it succeeded, and changes nothing.
    pub(super) remount_lies: bool,
    /// e2fsck's exit code.
    pub(super) check: i64,
    /// Whether nginx runs, and stores nothing, until it is restarted.
    pub(super) confused: bool,
    /// Whether the jobs never come to serve, whatever is said of them.
    pub(super) dead: bool,
    /// What else nginx complains of when it is to start.
    pub(super) complaint: Option<&'static str>,
    /// Whether monit takes another process for nginx, until it has forgotten the jobs.
    pub(super) mistaken: bool,
    /// Whether monit knows the jobs.
    pub(super) jobs: bool,
    /// How many of monit's looks come too early to see nginx.
    pub(super) monit_is_late: u32,
    /// The blobs that were never written to the disk itself.
    pub(super) unsynced: Vec<&'static str>,
    /// Where nginx and monit are reached.
    pub(super) addresses: [Option<SocketAddr>; 2],
    /// The blob of the last PUT.
    pub(super) last_put: Vec<u8>,
}

impl Vm {
    /// A healthy one.
    pub(super) fn new() -> Self {
        Self {
            folder: Folder::new(),
            mounted: true,
            elsewhere: "",
            held: "",
            filesystem: "ext4",
            options: "rw,relatime",
            super_options: "rw,errors=remount-ro",
            errors: 0,
            write_protected: false,
            device_bytes: SIZE,
            full: false,
            frozen: false,
            stuck: false,
            remount_lies: false,
            check: 1,
            confused: false,
            dead: false,
            complaint: None,
            jobs: true,
            mistaken: false,
            monit_is_late: 0,
            unsynced: Vec::new(),
            addresses: [None; 2],
            last_put: Vec::new(),
        }
    }

    /// One that was left read-only while nginx runs.
    pub(super) fn read_only() -> Self {
        Self { options: "ro,relatime", super_options: "ro,errors=remount-ro", ..Self::new() }
    }

    /// One whose file system has stopped at an error, with a blob that is on the disk and one
    /// that is in memory only.
    pub(super) fn with_error() -> Self {
        let vm = Self { super_options: ERROR, errors: 1, unsynced: vec!["young"], ..Self::new() };
        vm.folder.put("old", "an old blob");
        vm.folder.put("young", "a young blob");
        vm
    }

    /// Its file system stops at another error, with that blob in memory only.
    pub(super) fn fails_once_more(&mut self, unsynced: &'static str) {
        (self.super_options, self.errors, self.unsynced) = (ERROR, 1, vec![unsynced]);
    }

    /// One whose jobs run without the disk: that has an old blob and another one's old value,
    /// the folder below its mount point a young blob and the new value.
    pub(super) fn without_disk() -> Self {
        let vm = Self { mounted: false, ..Self::new() };
        vm.folder.put("old", "an old blob");
        vm.folder.put("changed", "an old value");
        vm.folder.script("touch -d '1 hour ago' /var/vcap/store/shared/blobs/*");
        vm.folder.unmount();
        vm.folder.pre_start();
        vm.folder.put("young", "a young blob");
        vm.folder.put("changed", "a new value");
        vm
    }

    /// One whose nginx has lost its master.
    pub(super) fn orphaned() -> Self {
        let vm = Self::new();
        vm.folder.set("master", false);
        vm
    }

    /// One whose nginx has ended.
    pub(super) fn without_nginx() -> Self {
        let vm = Self::new();
        vm.folder.set("master", false);
        vm.folder.set("workers", false);
        vm
    }

    /// One whose nginx does not take its configuration.
    pub(super) fn misconfigured() -> Self {
        let vm = Self::without_nginx();
        vm.folder.configure("a value that nginx does not take");
        vm
    }

    /// One whose folder for pid files is gone.
    pub(super) fn without_run_folder() -> Self {
        let vm = Self::without_nginx();
        vm.folder.set("run_folder", false);
        vm
    }

    /// One whose nginx serves without a pid file, so that monit does not know it.
    pub(super) fn with_stray_nginx() -> Self {
        let vm = Self::new();
        vm.folder.set("run_folder", false);
        vm.folder.set("pid", false);
        vm
    }

    /// What keeps nginx from starting.
    fn last_words(&self) -> Option<&'static str> {
        match self.complaint {
            None if !self.folder.is_configured() => {
                Some("nginx: [emerg] invalid number in /var/vcap/jobs/blobstore/config/nginx.conf:8")
            }
            None if !self.folder.is("run_folder") => Some(
                "nginx: [emerg] open() \"/var/vcap/sys/run/blobstore/nginx.pid\" failed (2: No such file or directory)",
            ),
            some => some,
        }
    }

    /// Why nothing can be written to the disk.
    fn write_error(&self) -> Option<&'static str> {
        let has = |option| [self.options, self.super_options].iter().any(|all| all.split(',').any(|one| one == option));
        match () {
            () if !self.mounted && self.folder.has_shared() => None,
            () if !self.mounted => Some("dd: failed to open: No such file or directory"),
            () if has("shutdown") => Some("dd: failed to open: Input/output error"),
            () if has("ro") || has("emergency_ro") => Some("dd: failed to open: Read-only file system"),
            () if self.frozen || self.stuck => Some(HANGS),
            () if self.full => Some("dd: error writing: No space left on device"),
            () => None,
        }
    }

    /// Whether nginx stores a blob.
    pub(super) fn stores(&self) -> bool {
        !self.dead && !self.confused && self.folder.is("workers") && self.write_error().is_none()
    }

    /// monit starts what is gone, once nobody else has its port.
    pub(super) fn monit_looks(&self) {
        if self.jobs && !self.mistaken && !self.folder.is("workers") && !self.dead && self.last_words().is_none() {
            for mark in ["master", "workers", "pid"] {
                self.folder.set(mark, true);
            }
        }
    }

    fn look(&self) -> Output {
        let facts = [
            ("mounted", if self.mounted { "1".into() } else { String::new() }),
            ("device", DISK.into()),
            ("filesystem", self.filesystem.into()),
            ("options", if self.mounted { self.options.into() } else { String::new() }),
            ("super_options", if self.mounted { self.super_options.into() } else { String::new() }),
            ("errors", self.errors.to_string()),
            ("write_protected", u8::from(self.write_protected).to_string()),
            ("device_bytes", self.device_bytes.to_string()),
            ("filesystem_bytes", SIZE.to_string()),
            ("held", self.held.into()),
            ("elsewhere", self.elsewhere.into()),
            ("write", self.write_error().unwrap_or_default().into()),
        ];
        let mut text: String = facts.iter().map(|(name, value)| format!("{name} {value}\n")).collect();
        if self.folder.has_rescue() {
            text.push_str("rescue 1\n");
        }
        if self.folder.has_strays() {
            text.push_str("strays 1\n");
        }
        said(0, text)
    }

    /// mount(8): a plain remount asks the file system, one of a bind mount this mount alone.
    fn remount(&mut self, options: &str, what: &str) -> Output {
        match (options, what) {
            _ if self.remount_lies => said(0, ""),
            ("remount,rw", DISK) if self.write_protected || self.errors > 0 => said(32, "write-protected, or worse"),
            ("remount,rw", DISK) => {
                (self.options, self.super_options) = ("rw,relatime", "rw,errors=remount-ro");
                said(0, "")
            }
            ("remount,bind,rw", STORE) => {
                self.options = "rw,relatime";
                said(0, "")
            }
            _ => said(32, "mount point not mounted or bad option"),
        }
    }

    fn unmount(&mut self) -> Output {
        if self.folder.is("workers") {
            return said(1, "Unmounting: target is busy");
        }
        if !self.mounted {
            return said(0, "");
        }
        // What a failed file system has in memory only, an unmount drops: the names stay.
        for name in self.unsynced.drain(..).collect::<Vec<_>>() {
            self.folder.put(name, "");
        }
        self.folder.unmount();
        self.mounted = false;
        said(0, "")
    }

    fn mount(&mut self) -> Output {
        if !self.mounted {
            self.folder.mount();
            (self.mounted, self.options) = (true, "rw,relatime");
            self.super_options = if self.errors > 0 { ERROR } else { "rw,errors=remount-ro" };
        }
        said(0, "")
    }

    fn check(&mut self) -> Output {
        if self.mounted {
            return said(8, "is mounted");
        }
        if self.check < 4 {
            self.errors = 0;
        }
        said(self.check, "checked")
    }

    fn stop(&mut self) -> Output {
        (self.jobs, self.mistaken) = (false, false);
        // What has no pid file is not found.
        if self.folder.is("pid") {
            for mark in ["master", "workers", "pid"] {
                self.folder.set(mark, false);
            }
        }
        said(0, "")
    }

    fn restart(&mut self) -> Output {
        self.stop();
        if self.folder.is("workers") && !self.folder.is("pid") {
            return said(1, "is not running after update: the port is taken");
        }
        if !self.mounted {
            self.folder.pre_start();
        }
        if self.write_error().is_some() {
            return said(1, "1 of 4 pre-start scripts failed");
        }
        self.folder.set("run_folder", true);
        (self.jobs, self.confused) = (true, false);
        self.monit_looks();
        match self.last_words() {
            Some(_) => said(1, "is not running after update"),
            None => said(0, ""),
        }
    }
}

/// The options of a file system that has stopped at an error.
const ERROR: &str = "rw,errors=remount-ro,emergency_ro";

pub(super) fn said(code: i64, text: impl Into<String>) -> Output {
    Output { code, text: text.into() }
}

impl Nodes for Vm {
    fn names(&self) -> Vec<&'static str> {
        vec![VM]
    }

    fn run(&mut self, _: &str, command: &[&str]) -> Output {
        match command {
            ["bash", "-c", LOOK] => self.look(),
            ["bash", "-c", KNOWN] => said(if self.folder.is("pid") { 0 } else { 1 }, ""),
            ["bash", "-c", TEST] => self.last_words().map_or_else(|| said(0, ""), |line| said(1, line)),
            ["bash", "-c", script] => self.folder.script(script),
            ["pgrep", "-f", pattern] => self.folder.script(&format!("pgrep -f '{pattern}'")),
            ["mount", "-o", options, what] => self.remount(options, what),
            ["fsfreeze", "--unfreeze", STORE] if self.frozen => {
                self.frozen = false;
                said(0, "")
            }
            ["fsfreeze", "--unfreeze", STORE] => {
                said(1, "fsfreeze: /var/vcap/store: unfreeze failed: Invalid argument")
            }
            ["agent", "stop"] => self.stop(),
            ["agent", "unmount_disk", DISK] => self.unmount(),
            ["agent", "mount_disk", DISK] => self.mount(),
            ["e2fsck", "-fy", DISK] => self.check(),
            ["director", "restart"] => self.restart(),
            ["director", "cck"] => {
                self.stop();
                self.mount();
                self.restart()
            }
            _ => said(127, format!("{command:?}: command not found")),
        }
    }

    fn address(&self, _: &str, port: u16) -> Option<SocketAddr> {
        PORTS.iter().zip(self.addresses).find(|(known, _)| **known == port)?.1
    }
}
