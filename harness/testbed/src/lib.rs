//! The system under test: sessions, images, networks, nodes with disks, and the
//! helper container that faults act from.
//!
//! Everything made here bears its session's label, so that the [`reaper`] and the
//! sweep at the next start can tell it from what is not ours.

mod alive;
mod bed;
mod disk;
mod docker;
mod exporters;
pub mod fault;
mod firewall;
mod helper;
mod holder;
mod image;
mod leftovers;
mod node;
mod operator;
mod owner;
pub mod probe;
pub mod reaper;
mod servers;
mod session;
mod shell;
mod strays;
mod taken;
mod terminals;
mod usage;

pub use bed::{NodeSpec, Testbed};
pub use disk::{Device, Disk, DiskKind};
pub use docker::connect;
pub use exporters::{EXPORTERS, Exporter, Exporting};
pub use firewall::{Firewall, Flow};
pub use image::{Image, Sources};
pub use leftovers::{Held, Leftovers};
pub use node::{Node, NodeStatus, Process};
pub use operator::{Command, DOOR, Desk, Keys, OPERATOR, Place, Told, attach};
pub use owner::Owner;
pub use servers::Server;
pub use session::{Session, SweepScope, Swept, sweep};
pub use shell::{Lines, Shell};
pub use strays::Strays;
pub use terminals::Terminals;
pub use usage::Usage;

pub use helper::CAPABILITIES;
pub(crate) use helper::SYS;

/// The label that every object of a session bears; its value is the session's id.
pub const SESSION_LABEL: &str = "reenact.session";
/// The label that every object of one run bears; its value is the run's id.
pub const LAB_LABEL: &str = "reenact.lab";
/// The label of a container that holds something in the kernel, and gives it back at SIGTERM.
pub const HOLDER_LABEL: &str = "reenact.holder";
/// The label that says which process made it: see [`Owner`].
pub const OWNER_LABEL: &str = "reenact.owner";

/// For the macros.
#[doc(hidden)]
pub mod private {
    pub use include_dir;
    pub use inventory;
}
