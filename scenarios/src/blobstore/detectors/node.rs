//! What is known of one node: the last of each signal, and how long ago it was.

use std::{collections::BTreeMap, time::Duration};

use reenact::probe::{Access, Answer, Moment, Mount, Observation, Signal};

use super::{disk::Disk, kernel::Failures};

/// A polled signal that was last seen longer ago than this is not known. Every probe
/// but that of processes looks at least twice a second; a look at a slow disk takes up to 2 s, and one that
/// takes 3 s is given up as hung.
pub const FRESH: Duration = Duration::from_secs(3);

/// The same for the list of processes, which is looked at once a second: shorter than
/// the disks' hold, so that no list from before a copy began can outlive that.
pub const PROCESSES_FRESH: Duration = Duration::from_millis(1_500);

/// The BOSH agent mounts the disk that it migrates to beside the persistent disk,
/// under its mount point's name with this ending.
const MIGRATION_TARGET: &str = "_migration_target";

/// The question that asks the service to store a blob and to give it back.
const ROUND_TRIP: &str = "http:roundtrip";

/// A value and when it was last seen.
#[derive(Debug, Clone)]
struct Seen<T> {
    at: Moment,
    value: T,
}

/// Everything that was seen of one node.
#[derive(Debug, Default)]
pub(super) struct Record {
    /// Whether a disk that was declared writable was ever seen mounted.
    pub(super) has_disk: bool,
    /// Whether the service was ever asked to store a blob and to give it back.
    pub(super) has_service: bool,
    mounts: Option<Seen<Vec<Mount>>>,
    /// The last answer to each question.
    answers: BTreeMap<String, Seen<Answer>>,
    processes: Option<Seen<Vec<String>>>,
    runs: Option<Seen<bool>>,
    pre_start: Option<Seen<Option<String>>>,
    failures: Failures,
    kernel_log_is_blind: bool,
}

impl Record {
    pub(super) fn observe(&mut self, observation: &Observation) {
        let at = observation.at;
        match &observation.signal {
            Signal::Mounts { table } => self.mounted(at, table),
            Signal::Query { of, answer } => {
                self.has_service |= of == ROUND_TRIP;
                self.answers.insert(of.clone(), Seen { at, value: answer.clone() });
            }
            Signal::Kernel { line } => {
                self.kernel_log_is_blind = false;
                self.failures.observe(line);
            }
            Signal::Blind { probe, .. } => self.kernel_log_is_blind |= probe == "kernel log",
            Signal::File { path, content } if path.ends_with("/pre-start.stderr.log") => {
                self.pre_start = Some(Seen { at, value: content.clone() });
            }
            Signal::Processes { commands } => self.processes = Some(Seen { at, value: commands.clone() }),
            Signal::Machine { running, .. } => {
                self.runs = Some(Seen { at, value: *running });
                if !running {
                    // Its mounts and its service are gone with it.
                    self.mounts = None;
                    self.answers.clear();
                }
            }
            _ => {}
        }
    }

    /// Where the mount is another one than before, or is mounted in another way, what a
    /// write came to before says nothing any more.
    fn mounted(&mut self, at: Moment, table: &[Mount]) {
        let before = self.mounts.take().map(|seen| seen.value).unwrap_or_default();
        let is_same = |path: &str| row(&before, path) == row(table, path);
        self.answers.retain(|of, _| of.strip_prefix("write:").is_none_or(is_same));
        self.has_disk |= table.iter().any(is_disk);
        self.mounts = Some(Seen { at, value: table.to_vec() });
    }
}

fn row<'t>(table: &'t [Mount], path: &str) -> Option<&'t Mount> {
    table.iter().find(|mount| mount.path == path)
}

/// Whether it is a disk in use that was declared writable. The root is the image's and
/// no disk; a migration's target is not in use yet.
fn is_disk(mount: &Mount) -> bool {
    mount.declared == Some(Access::ReadWrite) && mount.path != "/" && !mount.path.ends_with(MIGRATION_TARGET)
}

/// Whether the command copies to this folder.
fn copies_to(command: &str, folder: &str) -> bool {
    let mut words = command.split_whitespace();
    let program = words.next().and_then(|path| path.rsplit('/').next());
    matches!(program, Some("tar" | "rsync" | "cp")) && words.any(|word| word.trim_end_matches('/') == folder)
}

/// A node as it is known at one moment.
#[derive(Debug, Clone, Copy)]
pub struct Node<'v> {
    /// Its name.
    pub name: &'v str,
    now: Moment,
    record: &'v Record,
}

impl<'v> Node<'v> {
    pub(super) fn new(name: &'v str, now: Moment, record: &'v Record) -> Self {
        Self { name, now, record }
    }

    fn within<T>(&self, limit: Duration, seen: Option<&'v Seen<T>>) -> Option<&'v T> {
        seen.filter(|seen| self.now.since(seen.at) <= limit).map(|seen| &seen.value)
    }

    fn fresh<T>(&self, seen: &'v Option<Seen<T>>) -> Option<&'v T> {
        self.within(FRESH, seen.as_ref())
    }

    /// Its disks in use that were declared writable and are mounted; `None` if that is
    /// not known.
    pub fn disks(self) -> Option<Vec<Disk<'v>>> {
        if self.fresh(&self.record.runs) == Some(&false) {
            return Some(Vec::new());
        }
        let table = self.fresh(&self.record.mounts)?;
        Some(table.iter().filter(|mount| is_disk(mount)).map(|mount| Disk::new(self, mount)).collect())
    }

    /// The answer to a question.
    pub fn answer(&self, of: &str) -> Option<&'v Answer> {
        self.within(FRESH, self.record.answers.get(of))
    }

    /// What the service makes of a blob that it is asked to store and to give back.
    pub fn round_trip(&self) -> Option<&'v Answer> {
        self.answer(ROUND_TRIP)
    }

    /// The command lines of all processes.
    pub fn commands(&self) -> Option<&'v [String]> {
        self.within(PROCESSES_FRESH, self.record.processes.as_ref()).map(Vec::as_slice)
    }

    /// Whether a migration copies from the disk mounted here: its target is mounted, and
    /// a copy runs. `None`: the target is mounted, and no more is known.
    ///
    /// A mounted target alone tells nothing: a migration that failed may leave it.
    pub fn migrates(&self, path: &str) -> Option<bool> {
        let target = format!("{path}{MIGRATION_TARGET}");
        let table = self.fresh(&self.record.mounts)?;
        if row(table, &target).is_none() {
            return Some(false);
        }
        Some(self.commands()?.iter().any(|command| copies_to(command, &target)))
    }

    /// The kernel's first line about a failure of this device, since it was mounted.
    pub fn failure(&self, device: Option<&str>) -> Option<&'v str> {
        self.record.failures.of(device)
    }

    /// Whether the kernel's log could not be read when that was last tried.
    pub fn kernel_log_is_blind(&self) -> bool {
        self.record.kernel_log_is_blind
    }

    /// The statuses of the processes that monit supervises, without the entry of the
    /// system itself. `None`: not known, or monit does not answer.
    pub fn supervised(&self) -> Option<BTreeMap<&'v str, &'v str>> {
        let Answer::Values { values } = self.answer("monit:summary")? else { return None };
        let entries = values.iter().map(|(name, status)| (name.as_str(), status.as_str()));
        Some(entries.filter(|(name, _)| !name.to_ascii_lowercase().starts_with("system")).collect())
    }

    /// The line by which the pre-start script says that it met a read-only file system.
    pub fn pre_start_failure(&self) -> Option<&'v str> {
        let content = self.fresh(&self.record.pre_start)?.as_deref()?;
        content.lines().rfind(|line| line.ends_with(": Read-only file system"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_to_the_target_is_told_from_other_work() {
        let target = "/var/vcap/store_migration_target";
        assert!(copies_to("tar -C /var/vcap/store_migration_target -xpf -", target));
        assert!(copies_to("/usr/bin/rsync -a /var/vcap/store/ /var/vcap/store_migration_target/", target));
        assert!(copies_to("cp -a /var/vcap/store/. /var/vcap/store_migration_target", target));
        for other in [
            "tar -C /var/vcap/store -cf - .",
            "tar -C /var/vcap/store_migration_target_2 -xpf -",
            "bash -c cd /var/vcap/store_migration_target",
            "umount /var/vcap/store_migration_target",
            "",
        ] {
            assert!(!copies_to(other, target), "{other}");
        }
    }
}
