//! What is known of one node: the last of each signal, and how long ago it was.

use std::{collections::BTreeMap, time::Duration};

use reenact::{
    detect::{self, Asked, Latest, Nodes, Since, hangs_now},
    probe::{Access, Answer, Moment, Mount, Observation, Signal, Tried},
};

use super::{disk::Disk, kernel::Failures, service::WRITE};

/// The list of processes, which is looked at once a second, is known for less time than
/// other signals: shorter than the disks' hold, so that no list from before a copy began can
/// outlive that.
pub const PROCESSES_FRESH: Duration = Duration::from_millis(1_500);

/// The BOSH agent mounts the disk that it migrates to beside the persistent disk,
/// under its mount point's name with this ending.
const MIGRATION_TARGET: &str = "_migration_target";

/// The question that asks the service to store a blob and to give it back.
const ROUND_TRIP: &str = "http:roundtrip";

/// The question of a load balancer.
const HEALTH: &str = "http:health";

/// Monit tries to start what is gone each second or, where that ends badly, every ten: nginx's
/// words of longer ago are about another start.
const LAST_WORDS_FRESH: Duration = Duration::from_secs(30);

/// What is answered once the kernel's log is followed.
const KERNEL_LOG: &str = "kernel:log";

/// Everything that was seen of one node.
#[derive(Debug, Default)]
pub struct Record {
    /// Whether a disk that was declared writable was ever seen mounted.
    has_disk: bool,
    /// Whether the service was ever asked anything, such as to store a blob and to give it back.
    has_service: bool,
    /// Whether anybody ever tried to write on a disk.
    pub tries_writes: bool,
    /// Since when each disk that was declared is not mounted, as far as was seen.
    pub declared: BTreeMap<String, Since>,
    mounts: Latest<Vec<Mount>>,
    /// The last answer to each question.
    answers: BTreeMap<String, Latest<Answer>>,
    /// What becomes of a blob that is put and read back.
    write: Asked<Tried>,
    processes: Latest<Vec<String>>,
    runs: Latest<bool>,
    /// Since when the service's port refuses.
    refused: Since,
    /// The last line by which nginx said that it does not start.
    last_words: Latest<String>,
    pre_start: Latest<Option<String>>,
    /// What the kernel told of failures.
    pub failures: Failures,
    /// Whether the kernel's log was read when that was last tried; `None`: nobody tried.
    pub kernel_log: Option<bool>,
}

impl detect::Record for Record {
    fn observe(&mut self, observation: &Observation) {
        let at = observation.at;
        match &observation.signal {
            Signal::Mounts { table } => self.mounted(at, table),
            Signal::Query { of, answer } => {
                self.has_service |= of == ROUND_TRIP || of == HEALTH;
                self.tries_writes |= of.starts_with("write:");
                if of == HEALTH {
                    self.refused.note(*answer == Answer::Refused, at);
                }
                if of == KERNEL_LOG {
                    self.kernel_log = Some(true);
                }
                if of == WRITE {
                    self.write.take(at, answer);
                }
                if let Some(path) = of.strip_prefix("declared:") {
                    self.declared.entry(path.into()).or_default().note(answer.get("mounted") == Some("0"), at);
                }
                self.answers.entry(of.clone()).or_default().see(at, answer.clone());
            }
            Signal::Kernel { line } => {
                self.kernel_log = Some(true);
                self.failures.observe(line);
            }
            Signal::Log { line } if line.contains("[emerg]") => _ = self.last_words.see(at, line.clone()),
            Signal::Blind { probe, .. } if probe == "kernel log" => self.kernel_log = Some(false),
            Signal::File { path, content } if path.ends_with("/pre-start.stderr.log") => {
                self.pre_start.see(at, content.clone());
            }
            Signal::Processes { commands } => _ = self.processes.see(at, commands.clone()),
            Signal::Machine { running, .. } => {
                let runs = *self.runs.see(at, *running);
                if !runs {
                    // Its mounts and its service are gone with it.
                    (self.mounts, self.answers) = Default::default();
                    self.refused = Since::default();
                    self.declared.values_mut().for_each(|since| *since = Since::default());
                }
            }
            _ => {}
        }
    }

    fn is_ours(&self) -> bool {
        self.has_disk || self.has_service || !self.declared.is_empty()
    }
}

impl Record {
    /// Where the mount is another one than before, or is mounted in another way, what a
    /// write came to before says nothing any more.
    fn mounted(&mut self, at: Moment, table: &[Mount]) {
        let before = self.mounts.last().map(Vec::as_slice).unwrap_or_default();
        let is_same = |path: &str| row(before, path) == row(table, path);
        self.answers.retain(|of, _| of.strip_prefix("write:").is_none_or(is_same));
        self.has_disk |= table.iter().any(is_disk);
        self.mounts.see(at, table.to_vec());
    }
}

fn row<'t>(table: &'t [Mount], path: &str) -> Option<&'t Mount> {
    table.iter().find(|mount| mount.path == path)
}

/// Whether it is a disk in use that was declared writable. The root is the image's and
/// no disk; a migration's target is not in use yet.
pub fn is_disk(mount: &Mount) -> bool {
    mount.declared == Some(Access::ReadWrite) && mount.path != "/" && !mount.path.ends_with(MIGRATION_TARGET)
}

/// Whether the command copies to this folder.
fn copies_to(command: &str, folder: &str) -> bool {
    let mut words = command.split_whitespace();
    let program = words.next().and_then(|path| path.rsplit('/').next());
    matches!(program, Some("tar" | "rsync" | "cp")) && words.any(|word| word.trim_end_matches('/') == folder)
}

/// All nodes, with what is known of each.
pub type NodesView = Nodes<Record>;

fn nodes(view: &NodesView, which: impl Fn(&Record) -> bool) -> Vec<Node<'_>> {
    let wanted = view.iter().filter(|(_, record)| which(record));
    wanted.map(|(name, record)| Node { name, now: view.now(), record }).collect()
}

/// The disks in use that were declared writable, as far as they are mounted now; or why
/// nothing can be told: there never was one, or no look at any is fresh.
pub fn disks(view: &NodesView) -> Result<Vec<Disk<'_>>, String> {
    let seen: Vec<_> = with_disks(view)?.into_iter().filter_map(Node::disks).collect();
    if seen.is_empty() {
        return Err("no look at any disk that was declared writable is fresh".into());
    }
    Ok(seen.into_iter().flatten().collect())
}

/// The nodes on which a disk was ever seen that was declared writable, if there is one.
pub fn with_disks(view: &NodesView) -> Result<Vec<Node<'_>>, String> {
    let nodes = nodes(view, |record| record.has_disk);
    if nodes.is_empty() { Err("no disk that was declared writable was ever seen".into()) } else { Ok(nodes) }
}

/// The nodes of which it was ever seen what disks they were declared with, if there is one.
pub fn declaring(view: &NodesView) -> Result<Vec<Node<'_>>, String> {
    let nodes = nodes(view, |record| !record.declared.is_empty());
    if nodes.is_empty() { Err("what disks were declared was never seen".into()) } else { Ok(nodes) }
}

/// The nodes that were ever asked to store a blob and to give it back, if there is one.
pub fn services(view: &NodesView) -> Result<Vec<Node<'_>>, String> {
    let nodes = nodes(view, |record| record.has_service);
    if nodes.is_empty() { Err("no round trip of a blob was ever tried".into()) } else { Ok(nodes) }
}

/// A node as it is known at one moment.
#[derive(Debug, Clone, Copy)]
pub struct Node<'v> {
    pub name: &'v str,
    now: Moment,
    pub record: &'v Record,
}

impl<'v> Node<'v> {
    /// Its disks in use that were declared writable and are mounted; `None` if that is
    /// not known.
    pub fn disks(self) -> Option<Vec<Disk<'v>>> {
        if self.is_off() {
            return Some(Vec::new());
        }
        let table = self.record.mounts.fresh(self.now)?;
        Some(table.iter().filter(|mount| is_disk(mount)).map(|mount| Disk { node: self, mount }).collect())
    }

    /// Whether its machine is known not to run.
    pub fn is_off(&self) -> bool {
        self.record.runs.fresh(self.now) == Some(&false)
    }

    /// For how long a disk that was declared is seen not to be mounted.
    pub fn away(&self, path: &str) -> Duration {
        let since = self.record.declared.get(path).and_then(|since| since.0);
        since.map_or(Duration::ZERO, |since| self.now.since(since))
    }

    /// The answer to a question.
    pub fn answer(&self, of: &str) -> Option<&'v Answer> {
        self.record.answers.get(of)?.fresh(self.now)
    }

    /// The same, where looks take longer than others.
    pub fn answer_within(&self, of: &str, limit: Duration) -> Option<&'v Answer> {
        self.record.answers.get(of)?.within(limit, self.now)
    }

    /// Its mount table, if it was seen at most so long ago.
    pub fn mounts_within(&self, limit: Duration) -> Option<&'v [Mount]> {
        self.record.mounts.within(limit, self.now).map(Vec::as_slice)
    }

    /// What the service makes of a blob that it is asked to store and to give back.
    pub fn round_trip(&self) -> Option<&'v Answer> {
        self.answer(ROUND_TRIP)
    }

    /// How the blob that is tried hangs, if it does.
    pub fn write_hangs(&self) -> Result<Option<String>, String> {
        hangs_now(&self.record.write, self.now).map_err(|why| format!("{}: {why}", self.name))
    }

    /// The command lines of all processes.
    pub fn commands(&self) -> Option<&'v [String]> {
        self.record.processes.within(PROCESSES_FRESH, self.now).map(Vec::as_slice)
    }

    /// Whether a migration copies from the disk mounted here: its target is mounted, and
    /// a copy runs. `None`: the target is mounted, and no more is known.
    ///
    /// A mounted target alone tells nothing: a migration that failed may leave it.
    pub fn migrates(&self, path: &str) -> Option<bool> {
        let target = format!("{path}{MIGRATION_TARGET}");
        if row(self.record.mounts.fresh(self.now)?, &target).is_none() {
            return Some(false);
        }
        Some(self.commands()?.iter().any(|command| copies_to(command, &target)))
    }

    /// The statuses of the processes that monit supervises, without the entry of the
    /// system itself. `None`: not known, or monit does not answer.
    pub fn supervised(&self) -> Option<BTreeMap<&'v str, &'v str>> {
        let Answer::Values { values } = self.answer("monit:summary")? else { return None };
        let entries = values.iter().map(|(name, status)| (name.as_str(), status.as_str()));
        Some(entries.filter(|(name, _)| !name.to_ascii_lowercase().starts_with("system")).collect())
    }

    /// For how long the service's port is seen to refuse.
    pub fn refused(&self) -> Duration {
        self.record.refused.0.map_or(Duration::ZERO, |since| self.now.since(since))
    }

    /// The line by which nginx said lately that it does not start.
    pub fn last_words(&self) -> Option<&'v str> {
        self.record.last_words.within(LAST_WORDS_FRESH, self.now).map(String::as_str)
    }

    /// The last line of the pre-start script's standard error, where that is an error's and not
    /// of its trace.
    pub fn pre_start_end(&self) -> Option<&'v str> {
        let content = self.record.pre_start.fresh(self.now)?.as_deref()?;
        content.lines().last().filter(|line| !line.starts_with('+'))
    }

    /// The line by which the pre-start script says that it met a read-only file system.
    pub fn pre_start_failure(&self) -> Option<&'v str> {
        let content = self.record.pre_start.fresh(self.now)?.as_deref()?;
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
