//! Probes of disks: the mount table, what writing there comes to, the block device's
//! own counters, and the kernel's log.

use std::collections::{BTreeMap, HashMap};

use async_trait::async_trait;
use procfs_core::process::MountInfo;

use reenact_core::{
    Error, Result,
    probe::{Access, Answer, Mount, Probe, Signal},
};

use super::blind;
use crate::{EXPORTERS, Lines, Node, SYS, Testbed};

/// How long a look at a mount may take, in seconds, before writing counts as hung.
const HUNG_AFTER: u32 = 3;

/// Looks at a node's mounts: the whole table; whether each disk that it was made with is
/// in it; for each that it may write on, a write by the service's user; and for each block
/// device its counters.
///
/// It says [`Signal::Mounts`], and [`Signal::Query`] of
/// `declared:PATH` (`access`, `mounted`: a table alone never shows what is missing from it),
/// `write:PATH` (no values; or the error's name, such as `EROFS`),
/// `statfs:PATH` (`read_only`, `free_bytes`, `size_bytes`) and
/// `device:PATH` (`kernel`, its name there; `errors_count`, where ext4 is mounted;
/// `write_protected`).
pub struct Mounts {
    node: Node,
    bed: Testbed,
    service: Writer,
}

/// Who writes on a node's disks, and where.
#[derive(Debug, Clone, Copy)]
pub struct Writer {
    /// The service's user.
    pub user: u32,
    /// Its group.
    pub group: u32,
    /// The folder that it writes in, below the mount point; empty: the mount point
    /// itself. While there is no such folder the mount point is looked at.
    pub folder: &'static str,
}

impl Mounts {
    /// Looks at this node's, and writes there as the service does.
    pub fn new(bed: &Testbed, node: &Node, service: Writer) -> Self {
        Self { node: node.clone(), bed: bed.clone(), service }
    }

    async fn signals(&self) -> Result<Vec<Signal>> {
        let pid = self.node.state().await?.pid;
        if pid == 0 {
            return Ok(Vec::new());
        }
        let shell = self.bed.probe_shell();
        let table = table(
            &shell.must(&format!("mapfile -t lines </proc/{pid}/mountinfo; printf '%s\\n' \"${{lines[@]}}\"")).await?,
            self.node.declared(),
        );
        let written = table.iter().filter(|mount| mount.declared == Some(Access::ReadWrite) && mount.path != "/");
        let paths: Vec<_> = written.map(|mount| mount.path.clone()).collect();
        let mut signals = declared(&table, self.node.declared());
        signals.insert(0, Signal::Mounts { table });
        for path in paths {
            let said = shell.must(&look_at(pid, &path, self.service)).await?;
            let answers = answers(&path, &said);
            if answers.is_empty() {
                // It went in between; or the look itself fails, which nobody should take
                // for a disk with nothing wrong.
                signals.push(blind("mounts", Error::inconclusive(format!("the look at {path} says nothing"))));
            }
            signals.extend(answers);
        }
        for device in self.node.devices() {
            let name = &device.kernel;
            let read = |name: &str, file: String| {
                format!("[ ! -e {file} ] || {{ read -r value <{file} && echo \"{name} $value\"; }}; ")
            };
            let script = read("errors_count", format!("{SYS}/fs/ext4/{name}/errors_count"))
                + &read("write_protected", format!("{SYS}/block/{name}/ro"));
            let mut values = values(&shell.must(&script).await?);
            values.insert("kernel".into(), name.clone());
            let answer = Answer::Values { values };
            signals.push(Signal::Query { of: format!("device:{}", device.path), answer });
        }
        Ok(signals)
    }
}

/// Whether each disk that was declared is mounted now. The root always is.
fn declared(table: &[Mount], disks: &[(String, Access)]) -> Vec<Signal> {
    let disks = disks.iter().filter(|(path, _)| path != "/");
    let signal = |(path, access): &(String, Access)| {
        let access = match access {
            Access::ReadWrite => "read_write",
            Access::ReadOnly => "read_only",
        };
        let mounted = if table.iter().any(|mount| mount.path == *path) { "1" } else { "0" };
        let answer = [("access", access), ("mounted", mounted)].into_iter().collect();
        Signal::Query { of: format!("declared:{path}"), answer }
    };
    disks.map(signal).collect()
}

/// Runs `look-at-mount`, and says `write hung` for it if it does not come to its end:
/// a write to a disk that does not answer cannot be ended, not even by SIGKILL.
fn look_at(pid: i64, path: &str, Writer { user, group, folder }: Writer) -> String {
    format!(
        "folder=/proc/{pid}/root{path}; [ ! -d $folder/{folder} ] || folder=$folder/{folder}
         exec {{said}}< <(look-at-mount $folder {user} {group} 2>/dev/null)
         while IFS= read -r -t {HUNG_AFTER} -u $said line; code=$?; [ $code = 0 ]; do echo \"$line\"; done
         [ $code -le 128 ] || echo write hung"
    )
}

/// `NAME VALUE` lines.
fn values(said: &str) -> BTreeMap<String, String> {
    let pair = |line: &str| line.split_once(' ').map(|(name, value)| (name.to_owned(), value.to_owned()));
    said.lines().filter_map(pair).collect()
}

fn answers(path: &str, said: &str) -> Vec<Signal> {
    let mut values = values(said);
    let write = match values.remove("write").as_deref() {
        Some("ok") => Some(Answer::Values { values: BTreeMap::new() }),
        Some("hung") => Some(Answer::Hung { during: "write".into() }),
        Some(error) => {
            let (code, text) = error.split_once(' ').unwrap_or((error, ""));
            Some(Answer::Error { code: code.into(), text: text.into() })
        }
        // Unmounted, or the node went down, in between.
        None => None,
    };
    if let Some(flag) = values.remove("statfs_read_only") {
        values.insert("read_only".into(), flag);
    }
    let statfs = (!values.is_empty()).then_some(Answer::Values { values });
    let query = |what: &str, answer: Answer| Signal::Query { of: format!("{what}:{path}"), answer };
    statfs.map(|answer| query("statfs", answer)).into_iter().chain(write.map(|answer| query("write", answer))).collect()
}

/// Reads `/proc/PID/mountinfo`. Of several mounts at one place the last one counts. Where the
/// exporters' programs are mounted is the harness's doing and none of the node's.
fn table(mountinfo: &str, declared: &[(String, Access)]) -> Vec<Mount> {
    let row = |line: &str| {
        let info = MountInfo::from_line(line).ok()?;
        let path = info.mount_point.to_string_lossy().into_owned();
        let declared = declared.iter().find(|(at, _)| *at == path).map(|(_, access)| *access);
        Some(Mount {
            path,
            source: info.mount_source.unwrap_or_default(),
            filesystem: info.fs_type,
            options: options(info.mount_options),
            super_options: options(info.super_options),
            declared,
        })
    };
    let mut table: Vec<Mount> = Vec::new();
    for mount in mountinfo.lines().filter_map(row).filter(|mount| mount.path != EXPORTERS) {
        table.retain(|earlier| earlier.path != mount.path);
        table.push(mount);
    }
    table
}

/// Options as they are written, `ro` or `rw` first, as the kernel has them, and the others in
/// alphabetical order.
fn options(of: HashMap<String, Option<String>>) -> String {
    let one = |(name, value)| match value {
        Some(value) => format!("{name}={value}"),
        None => name,
    };
    let mut all: Vec<String> = of.into_iter().map(one).collect();
    all.sort_by_key(|option| (!matches!(option.as_str(), "ro" | "rw"), option.clone()));
    all.join(",")
}

#[async_trait]
impl Probe for Mounts {
    fn node(&self) -> &str {
        self.node.name()
    }

    async fn look(&mut self) -> Vec<Signal> {
        self.signals().await.unwrap_or_else(|error| vec![blind("mounts", error)])
    }
}

/// Follows the kernel's log for lines on a node's block devices.
///
/// The log is the whole machine's. A line belongs to the node whose device it names,
/// by the kernel's name for it.
///
/// That the log is read at all is a [`Signal::Query`] of `kernel:log` (`followed`), once:
/// without it nobody could tell a silent log from one that nobody reads.
pub struct KernelLog {
    node: Node,
    bed: Testbed,
    lines: Option<Lines>,
}

impl KernelLog {
    /// Follows it from now on.
    pub fn new(bed: &Testbed, node: &Node) -> Self {
        Self { node: node.clone(), bed: bed.clone(), lines: None }
    }

    async fn next(&mut self) -> Result<String> {
        let lines = match &mut self.lines {
            Some(lines) => lines,
            None => self.lines.insert(self.bed.follow(&["follow-kernel-log"]).await?),
        };
        lines.next().await
    }
}

#[async_trait]
impl Probe for KernelLog {
    fn node(&self) -> &str {
        self.node.name()
    }

    async fn look(&mut self) -> Vec<Signal> {
        match self.next().await {
            Ok(line) if self.node.devices().iter().any(|device| names(&line, &device.kernel)) => {
                vec![Signal::Kernel { line }]
            }
            // What `follow-kernel-log` says first of all.
            Ok(line) if line == "following" => {
                vec![Signal::Query { of: "kernel:log".into(), answer: [("followed", "1")].into_iter().collect() }]
            }
            Ok(_) => Vec::new(),
            Err(error) => {
                self.lines = None;
                tokio::time::sleep(reenact_core::poll::EVERY * 10).await;
                vec![blind("kernel log", error)]
            }
        }
    }
}

/// Whether a line names the device: `loop1` is not named by `loop12`.
fn names(line: &str, device: &str) -> bool {
    line.split(|c: char| !c.is_ascii_alphanumeric()).any(|word| word == device)
}

#[cfg(test)]
mod tests {
    use super::*;

    const INFO: &str = "\
55 108 7:0 / /var/vcap/store ro,relatime - ext4 /dev/sdd1 rw,errors=remount-ro,emergency_ro
109 108 0:41 / /sys ro,nosuid shared:3 - sysfs sysfs ro
";

    #[test]
    fn a_mount_table_is_read_with_both_kinds_of_options() {
        let table = table(INFO, &[("/var/vcap/store".into(), Access::ReadWrite)]);
        assert_eq!(table.len(), 2);
        assert!(table[0].has("ro") && !table[0].filesystem_has("ro") && table[0].filesystem_has("emergency_ro"));
        assert_eq!((table[0].source.as_str(), table[0].declared), ("/dev/sdd1", Some(Access::ReadWrite)));
        assert_eq!((table[1].filesystem.as_str(), table[1].declared), ("sysfs", None));
    }

    #[test]
    fn the_last_mount_at_a_place_counts() {
        let twice = format!("{INFO}60 55 7:1 / /var/vcap/store rw - ext4 /dev/sde1 rw\n");
        let sources: Vec<_> = table(&twice, &[]).into_iter().map(|mount| mount.source).collect();
        assert_eq!(sources, ["sysfs", "/dev/sde1"]);
    }

    #[test]
    fn a_disk_that_was_declared_and_is_not_mounted_is_told() {
        let disk = |path: &str, access| (path.to_owned(), access);
        let disks =
            [disk("/var/vcap/store", Access::ReadWrite), disk("/srv", Access::ReadOnly), disk("/", Access::ReadWrite)];
        let told = |mountinfo: &str| declared(&table(mountinfo, &disks), &disks);
        let query = |path: &str, access: &str, mounted: &str| Signal::Query {
            of: format!("declared:{path}"),
            answer: [("access", access), ("mounted", mounted)].into_iter().collect(),
        };
        let srv = query("/srv", "read_only", "0");
        assert_eq!(told(INFO), [query("/var/vcap/store", "read_write", "1"), srv.clone()]);
        assert_eq!(told(""), [query("/var/vcap/store", "read_write", "0"), srv]);
    }

    #[test]
    fn a_kernel_line_belongs_to_the_device_that_it_names() {
        assert!(names("EXT4-fs error (device loop1): trigger_test_error:129", "loop1"));
        assert!(names("Aborting journal on device loop1-8.", "loop1"));
        assert!(!names("EXT4-fs (loop12): re-mounted", "loop1"));
    }

    #[test]
    fn a_look_at_a_mount_becomes_its_answers() {
        let said = "statfs_read_only 1\nfree_bytes 5\nsize_bytes 9\nwrite EROFS Read-only file system\n";
        let [statfs, write] = answers("/data", said).try_into().expect("two answers");
        let Signal::Query { of, answer } = write else { panic!("{write:?}") };
        assert_eq!(of, "write:/data");
        assert_eq!(answer, Answer::Error { code: "EROFS".into(), text: "Read-only file system".into() });
        let Signal::Query { of, answer } = statfs else { panic!("{statfs:?}") };
        assert_eq!(
            (of.as_str(), answer.get("read_only"), answer.get("free_bytes")),
            ("statfs:/data", Some("1"), Some("5"))
        );
        assert_eq!(answers("/data", "write hung\n").len(), 1);
        assert!(answers("/data", "").is_empty());
    }
}
