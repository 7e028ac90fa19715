//! Writes that neither succeed nor fail: a file system that was frozen for a snapshot and is
//! not thawed, or a device that does not answer. Nothing is refused and nothing is logged, so
//! that only a write that is tried, and given up on, shows it.

use std::time::Duration;

use reenact::{
    detect::{Told, any},
    probe::{Answer, Mount},
};

use super::node::{Node, NodesView, is_disk, with_disks};

/// A look at a mount whose write hangs takes three seconds, and the next one begins a quarter
/// of a second later: what two looks in a row did not say is not known any more.
pub const KNOWN: Duration = Duration::from_secs(8);

/// The evidence that nothing can be written to any disk.
pub fn any_stalled(view: &NodesView) -> Told {
    any(with_disks(view)?.iter().map(stalled))
}

/// The evidence that nothing can be written to a disk of this node.
pub fn stalled(node: &Node<'_>) -> Told {
    if node.is_off() {
        return Ok(Vec::new());
    }
    let table = node.mounts_within(KNOWN).ok_or_else(|| format!("{}: its mounts are not known", node.name))?;
    any(table.iter().filter(|mount| is_disk(mount)).map(|mount| writes(node, mount)))
}

/// What becomes of the writes there; another diagnosis holds where the file system met an error.
fn writes(node: &Node<'_>, mount: &Mount) -> Told {
    let path = &mount.path;
    let unknown = |what: &str| format!("{}: {path}: {what} is not known", node.name);
    let of = format!("write:{path}");
    let Some(Answer::Hung { .. }) = node.answer_within(&of, KNOWN) else {
        return node.answer(&of).map(|_| Vec::new()).ok_or_else(|| unknown("what a write comes to"));
    };
    // Where even that does not answer, the file system is away, as a network's is.
    node.answer_within(&format!("statfs:{path}"), KNOWN).ok_or_else(|| unknown("whether it can be read"))?;
    let device = node.answer_within(&format!("device:{}", mount.source), KNOWN);
    let counter = |name: &str| device.and_then(|device| device.get(name));
    if counter("errors_count").is_some_and(|count| count != "0") {
        return Ok(Vec::new());
    }
    let said = counter("kernel").and_then(|kernel| node.record.failures.of(kernel));
    let said = said.map_or_else(|| "no error of it was seen".to_owned(), |line| format!("kernel: {line}"));
    let lines = [format!("writes to {path} do not come to an end, and statfs(2) answers"), said];
    Ok(lines.map(|line| format!("{}: {line}", node.name)).into())
}
