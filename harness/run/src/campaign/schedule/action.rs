//! The faults that a plan file can name.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Span;
use reenact_testbed::fault::{
    BindReadOnly, DeviceShrunk, Disconnect, DiskFull, Fault, FilesystemError, FilesystemShutDown, Flap, Kill,
    OnTestbed, Partition, Pause, PowerOff, PowerOn, RemountReadOnly, ShutDown, Signal, WriteProtected,
};

/// A fault as a plan file names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Action {
    /// Two groups do not reach each other.
    Partition {
        /// One group.
        left: Vec<String>,
        /// The other.
        right: Vec<String>,
    },
    /// What some send to others is lost; the way back is open.
    OneWay {
        /// The senders.
        from: Vec<String>,
        /// The receivers.
        to: Vec<String>,
    },
    /// A partition that comes and goes.
    Flap {
        /// One group.
        left: Vec<String>,
        /// The other.
        right: Vec<String>,
        /// How long they are apart each time.
        down: Span,
        /// How long they are together in between.
        up: Span,
    },
    /// The network cable is unplugged.
    Disconnect {
        /// Whose.
        node: String,
    },
    /// Machines lose power.
    PowerOff {
        /// Which.
        nodes: Vec<String>,
    },
    /// Machines are shut down in order, one after another.
    ShutDown {
        /// Which, in order.
        nodes: Vec<String>,
        /// How many seconds each one has before it is cut off.
        grace_s: u16,
    },
    /// Machines get power, one after another.
    PowerOn {
        /// Which, in order.
        nodes: Vec<String>,
    },
    /// A signal to a process.
    Kill {
        /// Where.
        node: String,
        /// A part of its command line.
        process: String,
        /// Which signal.
        signal: Signal,
    },
    /// A machine stands still.
    Pause {
        /// Which.
        node: String,
    },
    /// A disk has no room.
    DiskFull {
        /// Whose.
        node: String,
    },
    /// A disk is remounted read-only.
    RemountReadOnly(RemountReadOnly),
    /// A mount is made read-only from outside.
    BindReadOnly(BindReadOnly),
    /// A file system finds an error.
    FilesystemError(FilesystemError),
    /// A file system shuts itself down.
    FilesystemShutDown(FilesystemShutDown),
    /// A block device is smaller than its file system.
    DeviceShrunk(DeviceShrunk),
    /// A block device is write-protected.
    WriteProtected(WriteProtected),
}

impl Action {
    /// The fault itself.
    pub fn fault<S: OnTestbed>(&self) -> Box<dyn Fault<S>> {
        fn names(names: &[String]) -> Vec<&str> {
            names.iter().map(String::as_str).collect()
        }
        match self.clone() {
            Self::Partition { left, right } => Box::new(Partition::between(&names(&left), &names(&right))),
            Self::OneWay { from, to } => Box::new(Partition::one_way(&names(&from), &names(&to))),
            Self::Flap { left, right, down, up } => {
                Box::new(Flap { cut: Partition::between(&names(&left), &names(&right)), down: down.0, up: up.0 })
            }
            Self::Disconnect { node } => Box::new(Disconnect { node }),
            Self::PowerOff { nodes } => Box::new(PowerOff { nodes }),
            Self::ShutDown { nodes, grace_s } => Box::new(ShutDown { nodes, grace_s }),
            Self::PowerOn { nodes } => Box::new(PowerOn { nodes }),
            Self::Kill { node, process, signal } => Box::new(Kill { node, process, signal }),
            Self::Pause { node } => Box::new(Pause { node }),
            Self::DiskFull { node } => Box::new(DiskFull { node }),
            Self::RemountReadOnly(fault) => Box::new(fault),
            Self::BindReadOnly(fault) => Box::new(fault),
            Self::FilesystemError(fault) => Box::new(fault),
            Self::FilesystemShutDown(fault) => Box::new(fault),
            Self::DeviceShrunk(fault) => Box::new(fault),
            Self::WriteProtected(fault) => Box::new(fault),
        }
    }
}
