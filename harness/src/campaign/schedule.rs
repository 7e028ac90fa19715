//! Schedules: a seed and timed faults, as a plan file in TOML.
//!
//! ```toml
//! system = "galera"
//! seed = 7
//!
//! [[fault]]
//! at = "2s"
//! lasts = "8s"
//! kind = "partition"
//! left = ["n1"]
//! right = ["n2", "n3"]
//! ```

use std::{path::Path, time::Duration};

use futures::future::BoxFuture;
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use crate::{
    Error, Result,
    fault::{
        BindReadOnly, DeviceShrunk, Disconnect, DiskFull, Fault, FilesystemError, FilesystemShutDown, Flap, Kill,
        Partition, Pause, PowerOff, PowerOn, RemountReadOnly, ShutDown, Signal, WriteProtected,
    },
    stage::Lab,
};

/// A seed and timed faults for one system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    /// The system's name.
    pub system: String,
    /// The seed of the workload.
    #[serde(default)]
    pub seed: u64,
    /// The faults, in any order.
    #[serde(default, rename = "fault")]
    pub faults: Vec<Timed>,
}

/// A fault and its time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timed {
    /// When it is injected, counted from the steady state.
    pub at: Span,
    /// How long it lasts; without it, until the schedule's end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lasts: Option<Span>,
    /// What it is, spread over the same table.
    #[serde(flatten)]
    pub action: Action,
}

/// A length of time, written as `2s` or `1m 30s` or `500ms`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "SignedDuration", into = "SignedDuration")]
pub struct Span(pub Duration);

impl TryFrom<SignedDuration> for Span {
    type Error = String;

    fn try_from(signed: SignedDuration) -> Result<Self, String> {
        Duration::try_from(signed).map(Self).map_err(|_| format!("{signed:#} is negative"))
    }
}

impl From<Span> for SignedDuration {
    fn from(span: Span) -> Self {
        Self::try_from(span.0).unwrap_or(Self::MAX)
    }
}

/// A fault as a plan file names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
    pub fn fault(&self) -> Box<dyn Fault> {
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

impl Schedule {
    /// Reads a plan file.
    ///
    /// # Errors
    /// [`Error::Usage`] with the file's line, a caret and what is allowed.
    pub fn load(path: &Path) -> Result<Self> {
        let unreadable = |error| Error::usage(format!("cannot read {}: {error}", path.display()), "name a plan file");
        Self::parse(&std::fs::read_to_string(path).map_err(unreadable)?)
            .map_err(|why| Error::usage(format!("{} is no plan: {why}", path.display()), HELP))
    }

    /// Reads a plan.
    ///
    /// # Errors
    /// What is wrong with it, with line and caret.
    pub fn parse(text: &str) -> Result<Self, String> {
        toml::from_str(text).map_err(|error| error.to_string())
    }

    /// Everything that is done, in order of time: at equal times ends come before
    /// beginnings.
    pub fn events(&self) -> Vec<Event> {
        let begin = |(index, fault): (usize, &Timed)| Event { at: fault.at.0, fault: index, begins: true };
        let end = |(index, fault): (usize, &Timed)| {
            Some(Event { at: fault.at.0 + fault.lasts?.0, fault: index, begins: false })
        };
        let faults = || self.faults.iter().enumerate();
        let mut events: Vec<_> = faults().map(begin).chain(faults().filter_map(end)).collect();
        events.sort_by_key(|event| (event.at, event.begins, event.fault));
        events
    }
}

const HELP: &str = "a plan has system, seed, and any number of [[fault]] tables with at, lasts (optional), kind and the \
                    kind's own fields; see docs/plans.md";

/// A moment of a schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event {
    /// From the steady state.
    pub at: Duration,
    /// The fault's place in the schedule.
    pub fault: usize,
    /// Whether it begins or ends.
    pub begins: bool,
}

/// A system that schedules can be played on.
pub struct Playable {
    /// Its name in plan files.
    pub system: &'static str,
    /// The images that it needs.
    pub images: &'static [&'static str],
    /// Deploys it and plays the schedule.
    pub play: fn(Lab, Schedule) -> BoxFuture<'static, Result<()>>,
}

inventory::collect!(Playable);

/// Registers a system for [`Schedule`]s.
#[macro_export]
macro_rules! playable {
    ($($playable:tt)*) => {
        $crate::private::inventory::submit! { $($playable)* }
    };
}

/// The system of that name.
///
/// # Errors
/// [`Error::Usage`] if there is none; it lists those there are.
pub fn playable(system: &str) -> Result<&'static Playable> {
    let find = inventory::iter::<Playable>().find(|playable| playable.system == system);
    find.ok_or_else(|| {
        let mut known: Vec<_> = inventory::iter::<Playable>().map(|playable| playable.system).collect();
        known.sort_unstable();
        Error::usage(format!("there is no system {system:?}"), format!("there are: {}", known.join(", ")))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn nodes() -> impl Strategy<Value = Vec<String>> {
        prop::collection::vec("n[1-9]", 1..4)
    }

    fn span() -> impl Strategy<Value = Span> {
        (0_u64..100_000).prop_map(|ms| Span(Duration::from_millis(ms)))
    }

    fn action() -> impl Strategy<Value = Action> {
        let node = || "n[1-9]";
        prop_oneof![
            (nodes(), nodes()).prop_map(|(left, right)| Action::Partition { left, right }),
            (nodes(), nodes()).prop_map(|(from, to)| Action::OneWay { from, to }),
            (nodes(), nodes(), span(), span()).prop_map(|(left, right, down, up)| Action::Flap {
                left,
                right,
                down,
                up
            }),
            node().prop_map(|node| Action::Disconnect { node }),
            nodes().prop_map(|nodes| Action::PowerOff { nodes }),
            (nodes(), any::<u16>()).prop_map(|(nodes, grace_s)| Action::ShutDown { nodes, grace_s }),
            nodes().prop_map(|nodes| Action::PowerOn { nodes }),
            (node(), "[a-z/\"\\\\ ]{1,12}").prop_map(|(node, process)| Action::Kill {
                node,
                process,
                signal: Signal::Term
            }),
            node().prop_map(|node| Action::Pause { node }),
            node().prop_map(|node| Action::DiskFull { node }),
            node().prop_map(|node| Action::RemountReadOnly(RemountReadOnly { node })),
            node().prop_map(|node| Action::BindReadOnly(BindReadOnly { node })),
            node().prop_map(|node| Action::FilesystemError(FilesystemError { node })),
            node().prop_map(|node| Action::FilesystemShutDown(FilesystemShutDown { node })),
            (node(), "/dev/sd[a-z]", any::<u32>())
                .prop_map(|(node, device, mebibytes)| Action::DeviceShrunk(DeviceShrunk { node, device, mebibytes })),
            (node(), "/dev/sd[a-z]").prop_map(|(node, device)| Action::WriteProtected(WriteProtected { node, device })),
        ]
    }

    fn schedule() -> impl Strategy<Value = Schedule> {
        let timed = (span(), prop::option::of(span()), action());
        let timed = timed.prop_map(|(at, lasts, action)| Timed { at, lasts, action });
        // TOML's integers end at the largest signed one.
        let seed = 0..=i64::MAX as u64;
        ("[a-z]{1,8}", seed, prop::collection::vec(timed, 0..6)).prop_map(|(system, seed, faults)| Schedule {
            system,
            seed,
            faults,
        })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(schedule in schedule()) {
            let text = toml::to_string(&schedule).expect("every schedule can be written");
            prop_assert_eq!(Schedule::parse(&text), Ok(schedule), "{}", text);
        }

        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,200}") {
            let _ = Schedule::parse(&text);
        }

        #[test]
        fn each_fault_begins_once_and_ends_after_it_began(schedule in schedule()) {
            let events = schedule.events();
            for (index, fault) in schedule.faults.iter().enumerate() {
                let of = |begins| events.iter().filter(move |e| e.fault == index && e.begins == begins);
                prop_assert_eq!(of(true).count(), 1);
                prop_assert_eq!(of(false).count(), usize::from(fault.lasts.is_some()));
            }
            prop_assert!(events.is_sorted_by_key(|event| event.at));
        }
    }

    fn broken(text: &str) -> String {
        Schedule::parse(text).expect_err("broken")
    }

    #[test]
    fn a_mistake_is_shown_with_its_line_and_a_caret() {
        let error = broken("system = \"galera\"\n[[fault]]\nat = \"2s\"\nkind = \"pause\"\nnodee = \"n1\"\n");
        assert!(error.contains("nodee") && error.contains("node"), "{error}");
        let error = broken("system = \"galera\"\n[[fault]]\nat = \"soon\"\nkind = \"pause\"\nnode = \"n1\"\n");
        assert!(error.contains("line 3") && error.contains('^'), "{error}");
        let error = broken("system = \"x\"\n[[fault]]\nat = \"1s\"\nkind = \"remount_read_only\"\nnodee = \"n1\"\n");
        assert!(error.contains("nodee") && error.contains("node"), "{error}");
        let error = broken("system = \"galera\"\nsede = 4\n");
        assert!(error.contains("line 2") && error.contains("seed"), "{error}");
    }

    #[test]
    fn an_unknown_kind_names_the_known_ones() {
        let error = broken("system = \"galera\"\n[[fault]]\nat = \"1s\"\nkind = \"meteor\"\n");
        assert!(error.contains("meteor") && error.contains("partition") && error.contains("disk_full"), "{error}");
    }

    #[test]
    fn time_does_not_run_backwards() {
        let error = broken("system = \"galera\"\n[[fault]]\nat = \"-1s\"\nkind = \"pause\"\nnode = \"n1\"\n");
        assert!(error.contains("negative"), "{error}");
    }
}
