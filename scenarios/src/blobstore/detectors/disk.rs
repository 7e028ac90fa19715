//! The state of one disk: the diagnoses exclude each other because it has one only.

use reenact::{
    detect::Told,
    probe::{Answer, Mount},
};

use super::node::Node;

/// Options by which a file system says that it has given up, in Linux 6.18: it shows
/// `rw` beside them, statfs(2) says rw, and every write fails.
const GIVEN_UP: [&str; 3] = ["emergency_ro", "shutdown", "abort"];

/// Errors of a write that a file system or device gives only when it fails itself;
/// E117 is EUCLEAN, ext4's word for corruption.
const FAILED: [&str; 2] = ["EIO", "E117"];

/// File systems whose driver keeps a count of the errors that it met, on the disk itself.
const COUNTING: [&str; 3] = ["ext2", "ext3", "ext4"];

/// File systems in memory: there is no device below them that could fail.
const IN_MEMORY: [&str; 2] = ["tmpfs", "ramfs"];

/// Less room than this is none: what the write probe writes.
const NO_ROOM_BYTES: u64 = 4096;

/// What is the matter with a disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    Fine,
    /// It is read-only while a migration copies from it.
    Migrating,
    /// It was left read-only, and nothing is wrong with it.
    LeftReadOnly,
    FilesystemError,
    WriteProtected,
    /// It has no room.
    Full,
    /// It cannot be told, and why.
    Untold(String),
}

/// A disk that was declared writable and is mounted.
#[derive(Debug, Clone, Copy)]
pub struct Disk<'v> {
    pub node: Node<'v>,
    pub mount: &'v Mount,
}

impl<'v> Disk<'v> {
    /// The evidence that it is in this state.
    pub fn told(&self, wanted: &State) -> Told {
        match self.state() {
            State::Untold(why) => Err(why),
            state => Ok(if state == *wanted { self.evidence(&state) } else { Vec::new() }),
        }
    }

    /// What is the matter with it.
    pub fn state(&self) -> State {
        if !self.errors().is_empty() {
            return State::FilesystemError;
        }
        match self.write() {
            Some(Answer::Values { .. }) => State::Fine,
            Some(Answer::Error { code, .. }) if code == "EROFS" => self.read_only(),
            Some(Answer::Error { code, .. }) if code == "ENOSPC" || self.has_no_room() => State::Full,
            Some(Answer::Error { code, text }) => self.untold(format!("a write fails with {code} ({text})")),
            Some(Answer::Hung { .. }) => self.untold("a write hangs".into()),
            // Where nobody may try a write, the mount table and statfs(2) tell what one would meet.
            None if !self.node.record.tries_writes && self.is_read_only() => self.read_only(),
            None if !self.node.record.tries_writes && self.has_no_room() => State::Full,
            Some(Answer::Refused) | None => self.untold("no write was seen to end".into()),
        }
    }

    /// Whether its mount or its file system is read-only by the mount table.
    fn is_read_only(&self) -> bool {
        self.mount.has("ro") || self.mount.filesystem_has("ro")
    }

    /// Why it is read-only, where its file system has no error.
    fn read_only(&self) -> State {
        let filesystem = self.mount.filesystem_has("ro");
        if !self.is_read_only() {
            return self.untold("a write fails with EROFS, and the mount table says rw".into());
        }
        match self.node.migrates(&self.mount.path) {
            Some(true) => return State::Migrating,
            None => return self.untold("read-only, and whether a migration copies from it is not known".into()),
            Some(false) => {}
        }
        match self.is_write_protected() {
            // A write-protected device does not stop a file system that is writable.
            Some(true) if filesystem => State::WriteProtected,
            None if filesystem => self.untold("whether its device is write-protected is not known".into()),
            _ => self.unsound().map_or(State::LeftReadOnly, |why| self.untold(why)),
        }
    }

    /// Why it is not known that its file system and its device are sound. That no error shows
    /// says so only where each place was looked at in which one would.
    fn unsound(&self) -> Option<String> {
        let filesystem = self.mount.filesystem.as_str();
        if IN_MEMORY.contains(&filesystem) {
            return None;
        }
        if !COUNTING.contains(&filesystem) {
            return Some(format!("read-only, and whether it met an error is not known: {filesystem} keeps no count"));
        }
        if self.errors_count().is_none() {
            return Some("whether its file system has recorded errors is not known".into());
        }
        match self.node.record.kernel_log {
            None => return Some("read-only, and nobody looked at the kernel's log".into()),
            Some(false) => return Some("read-only, and the kernel's log could not be read".into()),
            Some(true) => {}
        }
        let line = self.node.record.failures.any().filter(|_| self.counter("kernel").is_none());
        line.map(|line| format!("what the kernel calls {} is not known, and it says: {line}", self.mount.source))
    }

    fn untold(&self, why: String) -> State {
        State::Untold(format!("{}: {}: {why}", self.node.name, self.mount.path))
    }

    /// The signs of an error of its file system.
    ///
    /// Errors that are recorded count also while writes succeed (`errors=continue`): ext4
    /// goes on writing by structures that it knows to be wrong. A line of the kernel's log
    /// alone may be about what has passed; it counts with writes that fail.
    fn errors(&self) -> Vec<String> {
        let options = GIVEN_UP.iter().filter(|option| self.mount.filesystem_has(option));
        let mut signs: Vec<_> = options.map(|option| format!("its file system shows {option}")).collect();
        let count = self.errors_count().filter(|&count| count > 0);
        signs.extend(count.map(|count| format!("{}: errors_count={count}", self.mount.source)));
        let code = match self.write() {
            Some(Answer::Error { code, .. }) => code.as_str(),
            _ => "",
        };
        signs.extend(FAILED.contains(&code).then(|| format!("a write fails with {code}")));
        if !signs.is_empty() || code == "EROFS" {
            let line = self.counter("kernel").and_then(|device| self.node.record.failures.of(device));
            signs.extend(line.map(|line| format!("kernel: {line}")));
        }
        signs
    }

    /// What the write by the service's user came to.
    fn write(&self) -> Option<&'v Answer> {
        self.node.answer(&format!("write:{}", self.mount.path))
    }

    fn room(&self, name: &str) -> Option<u64> {
        self.node.answer(&format!("statfs:{}", self.mount.path))?.get(name)?.parse().ok()
    }

    /// A file system without a limit has neither room nor size.
    fn has_no_room(&self) -> bool {
        self.room("size_bytes").is_some_and(|size| size > 0)
            && self.room("free_bytes").is_some_and(|free| free < NO_ROOM_BYTES)
    }

    fn counter(&self, name: &str) -> Option<&'v str> {
        self.node.answer(&format!("device:{}", self.mount.source))?.get(name)
    }

    /// How many errors ext4 has recorded on the disk itself.
    fn errors_count(&self) -> Option<u64> {
        self.counter("errors_count")?.parse().ok()
    }

    /// What is no block device has nothing to protect it.
    fn is_write_protected(&self) -> Option<bool> {
        if !self.mount.source.starts_with("/dev/") {
            return Some(false);
        }
        self.counter("write_protected").map(|flag| flag == "1")
    }

    /// The lines that show its state.
    fn evidence(&self, state: &State) -> Vec<String> {
        let mut lines = vec![mount_line(self.mount)];
        match self.write() {
            Some(Answer::Error { code, text }) => {
                lines.push(format!("a write to {}: {code} ({text})", self.mount.path))
            }
            Some(Answer::Values { .. }) => lines.push(format!("a write to {}: ok", self.mount.path)),
            _ => {}
        }
        match state {
            State::FilesystemError => lines.extend(self.errors()),
            State::WriteProtected => lines.push(format!("{} is write-protected", self.mount.source)),
            State::LeftReadOnly => lines.extend(self.left_read_only()),
            State::Full => lines.extend(self.room("free_bytes").map(|free| format!("free_bytes={free}"))),
            State::Fine | State::Migrating | State::Untold(_) => {}
        }
        lines.into_iter().map(|line| format!("{}: {line}", self.node.name)).collect()
    }

    fn left_read_only(&self) -> Vec<String> {
        let place = if self.mount.filesystem_has("ro") {
            "the file system itself is mounted ro"
        } else {
            "the mount is read-only, its file system is not (bind)"
        };
        let count = self.errors_count().map(|count| format!("{}: errors_count={count}", self.mount.source));
        let pre_start = self.node.pre_start_failure().map(|line| format!("pre-start: {line}"));
        let forgotten = self.node.supervised().is_some_and(|processes| processes.is_empty());
        let monit = forgotten.then(|| "monit shows none of the jobs' processes".to_owned());
        // None is asked of what is in memory.
        let log = count.is_some().then(|| "the kernel's log tells of no error".to_owned());
        let lines = [Some(place.into()), count, log, pre_start, monit];
        lines.into_iter().flatten().collect()
    }
}

/// The mount as `/proc/mounts` prints it: one `ro` or `rw` for both of its kinds.
fn mount_line(mount: &Mount) -> String {
    let read_only = mount.has("ro") || mount.filesystem_has("ro");
    let access = if read_only { "ro" } else { "rw" };
    let rest = mount.options.split(',').chain(mount.super_options.split(','));
    let rest = rest.filter(|option| !matches!(*option, "" | "ro" | "rw"));
    let options: Vec<_> = std::iter::once(access).chain(rest).collect();
    format!("{} {} {} {} 0 0", mount.source, mount.path, mount.filesystem, options.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mount_is_printed_as_in_the_report() {
        let mut mount = Mount {
            path: "/var/vcap/store".into(),
            source: "/dev/sdd1".into(),
            filesystem: "ext4".into(),
            options: "ro,relatime".into(),
            super_options: "ro,data=ordered".into(),
            declared: None,
        };
        let report = "/dev/sdd1 /var/vcap/store ext4 ro,relatime,data=ordered 0 0";
        assert_eq!(mount_line(&mount), report);
        for (options, super_options) in [("ro,relatime", "rw,data=ordered"), ("rw,relatime", "ro,data=ordered")] {
            (mount.options, mount.super_options) = (options.into(), super_options.into());
            assert_eq!(mount_line(&mount), report);
        }
        (mount.options, mount.super_options) = ("rw,relatime".into(), "rw,errors=remount-ro,emergency_ro".into());
        let error = "/dev/sdd1 /var/vcap/store ext4 rw,relatime,errors=remount-ro,emergency_ro 0 0";
        assert_eq!(mount_line(&mount), error);
    }
}
