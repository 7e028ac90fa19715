//! The VM's folders, in which the runbooks' scripts run for real. Only the programs that would
//! reach beyond are stood in for.

use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf, process::Command};

use reenact::runbook::Output;
use tempfile::TempDir;

use super::vm::said;

/// nginx's configuration, and as the director rendered it.
const CONFIGURATION: &str = "jobs/blobstore/config/nginx.conf";
const RENDERED: &str = "data/jobs/blobstore/nginx.conf";

/// What stands for `/var/vcap`, and marks that stand for processes: `master` and `workers` are
/// nginx's.
pub(super) struct Folder(TempDir);

impl Folder {
    /// An empty store, and nginx at work.
    pub(super) fn new() -> Self {
        let folder = Self(tempfile::tempdir().expect("a folder"));
        for path in ["store/shared/blobs", "data/jobs/blobstore", "jobs/blobstore/config", "bin"] {
            fs::create_dir_all(folder.path(path)).expect("a folder");
        }
        for path in [RENDERED, CONFIGURATION] {
            fs::write(folder.path(path), "as rendered").expect("a configuration");
        }
        for mark in ["master", "workers", "pid", "run_folder"] {
            folder.set(mark, true);
        }
        for (program, script) in STAND_INS {
            let path = folder.path("bin").join(program);
            fs::write(&path, format!("#!/bin/bash\ncd {}\n{script}\n", folder.0.path().display())).expect("a script");
            fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("a program");
        }
        folder
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn blobs(&self) -> PathBuf {
        self.path("store/shared/blobs")
    }

    /// Puts a blob into the store.
    pub(super) fn put(&self, name: &str, text: &str) {
        fs::write(self.blobs().join(name), text).expect("a blob");
    }

    /// What a blob holds; `None`: it is not there.
    pub(super) fn blob(&self, name: &str) -> Option<String> {
        fs::read_to_string(self.blobs().join(name)).ok()
    }

    /// A client removes a blob.
    pub(super) fn remove(&self, name: &str) {
        fs::remove_file(self.blobs().join(name)).expect("a blob");
    }

    /// Whether the service has its folder.
    pub(super) fn has_shared(&self) -> bool {
        self.path("store/shared").exists()
    }

    /// Makes the service's folders, where they are missing.
    pub(super) fn pre_start(&self) {
        fs::create_dir_all(self.blobs()).expect("a folder");
    }

    /// Whether something that was stored without the disk stands aside.
    pub(super) fn has_strays(&self) -> bool {
        self.path("data/strays").exists()
    }

    /// Gives nginx another configuration.
    pub(super) fn configure(&self, text: &str) {
        fs::write(self.path(CONFIGURATION), text).expect("a configuration");
    }

    /// Whether nginx has its configuration as it was rendered.
    pub(super) fn is_configured(&self) -> bool {
        let read = |name: &str| fs::read_to_string(self.path(name)).expect("a configuration");
        read(CONFIGURATION) == read(RENDERED)
    }

    /// Whether a copy of the blobs stands beside the store.
    pub(super) fn has_rescue(&self) -> bool {
        self.path("data/rescue").exists()
    }

    /// Leaves what a repair leaves that was killed on its way.
    pub(super) fn leave_rescue(&self) {
        fs::create_dir(self.path("data/rescue")).expect("a folder");
    }

    /// Sets a mark such as `master`, `workers`, `stubborn` or `quick_monit`.
    pub(super) fn set(&self, mark: &str, is: bool) {
        let path = self.path(mark);
        if is { fs::write(path, "").expect("a mark") } else { drop(fs::remove_file(path)) }
    }

    /// Whether a mark is set.
    pub(super) fn is(&self, mark: &str) -> bool {
        self.path(mark).exists()
    }

    /// Takes the store away, as an unmount does.
    pub(super) fn unmount(&self) {
        fs::rename(self.path("store"), self.path("disk")).expect("the disk");
        match self.path("hidden").exists() {
            true => fs::rename(self.path("hidden"), self.path("store")).expect("what lay below"),
            false => fs::create_dir(self.path("store")).expect("a folder"),
        }
    }

    /// Puts it back, over whatever lies there.
    pub(super) fn mount(&self) {
        fs::rename(self.path("store"), self.path("hidden")).expect("a folder");
        fs::rename(self.path("disk"), self.path("store")).expect("the disk");
    }

    /// Runs a script for real, in the VM's own folders.
    pub(super) fn script(&self, script: &str) -> Output {
        let folder = self.0.path().to_str().expect("a path");
        let path = format!("{folder}/bin:{}", std::env::var("PATH").unwrap_or_default());
        let script = script.replace("/var/vcap", folder);
        let ran = Command::new("bash").args(["-c", &script]).env("PATH", path).output().expect("bash");
        let text = [ran.stdout, ran.stderr].concat();
        said(ran.status.code().unwrap_or(-1).into(), String::from_utf8_lossy(&text))
    }
}

/// Programs that would reach beyond the VM's folders. A `quick_monit` starts nginx in the very
/// moment in which the old workers are asked to end.
const STAND_INS: [(&str, &str); 5] = [
    ("mountpoint", "[ ! -e disk ]"),
    ("chown", "true"),
    ("pgrep", r#"case "$*" in *master*) [ -e master ] ;; *worker*) [ -e workers ] ;; esac"#),
    (
        "pkill",
        r#"case $1 in
-QUIT) case "$*" in *master*) rm -f master workers ;; esac; [ ! -e quick_monit ] || touch master; [ -e quick_monit ] || [ -e stubborn ] || rm -f workers ;;
-KILL) rm -f workers; touch killed ;;
esac"#,
    ),
    ("timeout", r#"shift; exec /usr/bin/timeout 0.3 "$@""#),
];
