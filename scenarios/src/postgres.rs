//! The machine of a PostgreSQL, which several systems stand on.

use reenact::{
    metrics::{Monitored, exporters},
    testbed::{Disk, Node, NodeSpec},
};

/// Its data: on a disk of their own, as a database's are. On a container's own layers a
/// thousand small files are dear (2 s of processor time with fuse-overlayfs).
const DISK: Disk = Disk::volume("/var/lib/postgresql/data", 512);

/// A PostgreSQL of that image.
pub(crate) fn machine(name: &'static str, image: String) -> NodeSpec {
    NodeSpec { name, image, disks: vec![DISK], ..NodeSpec::default() }
}

/// What is scraped of it beside its machine: its exporter, and its port from outside.
pub(crate) fn monitored(node: &Node) -> [Monitored; 2] {
    [exporters::postgres(node, "postgres", "postgres"), Monitored::tcp(node, 5432)]
}
