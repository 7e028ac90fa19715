//! A disk that was declared and is not mounted. The folder below its mount point looks like
//! any other: a service that is started on it serves from the root disk, without what is on
//! its own, and nothing fails.

use std::time::Duration;

use reenact::{
    detect::{Told, any, seconds},
    probe::Answer,
};

use super::node::{Node, NodesView, declaring};

/// How long a disk may be away while no job is known to monit, and nobody works on it: a boot
/// mounts it within seconds.
const AWAY: Duration = Duration::from_secs(15);

/// Programs with which somebody works on a disk that is not mounted.
const DISK_WORK: [&str; 9] =
    ["e2fsck", "fsck", "fsck.ext4", "mke2fs", "mkfs.ext4", "mount", "resize2fs", "xfs_repair", "dd"];

/// The evidence that a declared disk is missing from any node.
pub fn any_absent(view: &NodesView) -> Told {
    any(declaring(view)?.iter().map(absent))
}

/// The evidence that one is missing from this node.
pub fn absent(node: &Node<'_>) -> Told {
    if node.is_off() {
        return Ok(Vec::new());
    }
    any(node.record.declared.keys().map(|path| {
        let unknown = || format!("{}: whether {path} is mounted is not known", node.name);
        let answer = node.answer(&format!("declared:{path}")).ok_or_else(unknown)?;
        match answer.get("mounted") {
            Some("1") => Ok(Vec::new()),
            Some("0") => Ok(missing(node, path, answer)),
            _ => Err(unknown()),
        }
    }))
}

/// The evidence of a disk that is not mounted: at once where jobs run without it, later where
/// nobody sees to it.
fn missing(node: &Node<'_>, path: &str, answer: &Answer) -> Vec<String> {
    let access = if answer.get("access") == Some("read_only") { "read-only" } else { "writable" };
    let runs = |status: &&str| *status != "Not monitored";
    let jobs = node.supervised().map_or(0, |processes| processes.into_values().filter(runs).count());
    let away = node.away(path);
    let why = match jobs {
        0 if away < AWAY || works_on_disks(node) => return Vec::new(),
        0 => format!("it is away for {}, and nobody works on a disk", seconds(away)),
        jobs => format!("monit runs {jobs} processes all the same: what they store goes to the disk below"),
    };
    let stored = matches!(node.round_trip(), Some(Answer::Values { .. }));
    let stored = stored.then(|| "a blob is put and read back there".to_owned());
    let lines = [Some(format!("nothing is mounted at {path}, which was declared {access}")), Some(why), stored];
    lines.into_iter().flatten().map(|line| format!("{}: {line}", node.name)).collect()
}

/// Whether somebody checks, makes or mounts a file system; not known is no.
pub fn works_on_disks(node: &Node<'_>) -> bool {
    let program = |command: &String| {
        let path = command.split_whitespace().next().unwrap_or_default();
        DISK_WORK.contains(&path.rsplit('/').next().unwrap_or_default())
    };
    node.commands().is_some_and(|commands| commands.iter().any(program))
}
