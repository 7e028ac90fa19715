//! Systems that schedules can be played on: what can go wrong with each, and what a person
//! on call would do about it.

use std::{sync::Arc, time::Duration};

use reenact_core::{
    Error, Result,
    runbook::{PowerOnMachines, Runbook},
};
use reenact_testbed::fault::{Fault, OnTestbed, Signal};

use super::{FaultSpace, FaultSpec, Scenario, Schedule, Timed, space::MakeSchema};
use crate::{
    incident::Deploy,
    play::{self, Play},
};

/// A system that schedules can be played on.
pub trait Playground: Deploy + OnTestbed {
    /// Its name in plan files.
    const SYSTEM: &'static str;
    /// All nodes of [`plain`](Self::plain)'s testbed, which faults may name.
    const NODES: &'static [&'static str];
    /// What random schedules are made of.
    const MENU: Menu;
    /// Its runbooks, the first one that fits a diagnosis first.
    const REMEDIES: &'static [Remedy];
    /// How long it may take to be healthy again by itself.
    const PATIENCE: Duration;

    /// The testbed that schedules are played on.
    fn plain() -> Self::Setup;

    /// The faults that plan files may name: the engine's own, unless it says more.
    fn faults() -> FaultSpace<Self> {
        FaultSpace::engine()
    }
}

/// A [`Playground`] in the registry; made by [`playable!`](crate::playable).
pub struct Playable {
    /// Its name in plan files.
    pub system: &'static str,
    /// The nodes that faults may name.
    pub nodes: &'static [&'static str],
    /// What random schedules are made of.
    pub menu: Menu,
    /// Its runbooks, the first one that fits a diagnosis first.
    pub remedies: &'static [Remedy],
    /// The names of its faults, and their schemas.
    pub kinds: fn() -> Vec<(&'static str, MakeSchema)>,
    /// The images that it needs.
    pub images: fn() -> Vec<&'static str>,
    /// What is wrong with the fault of that place in a schedule.
    pub check: fn(&Timed) -> Result<(), String>,
    /// Whether nothing takes that fault back.
    pub is_lasting: fn(&FaultSpec) -> bool,
    /// A schedule as a scenario of that id.
    pub scenario: fn(&Schedule, String) -> Result<Scenario>,
}

impl Playable {
    /// The registry's entry for a system.
    pub const fn of<S: Playground>() -> Self {
        Self {
            system: S::SYSTEM,
            nodes: S::NODES,
            menu: S::MENU,
            remedies: S::REMEDIES,
            kinds: || S::faults().schemas(),
            images: || S::images(&S::plain()),
            check: check::<S>,
            is_lasting: |spec| S::faults().read(spec).is_ok_and(|fault| fault.is_lasting()),
            scenario: |schedule, id| scenario::<S>(schedule, id),
        }
    }
}

fn check<S: Playground>(timed: &Timed) -> Result<(), String> {
    let (spec, fault) = (&timed.fault, S::faults().read(&timed.fault)?);
    if let Some(unknown) = spec.nodes().into_iter().find(|node| !S::NODES.contains(node)) {
        return Err(format!(
            "{}: {} has no node `{unknown}`; there are: {}",
            spec.kind,
            S::SYSTEM,
            S::NODES.join(", ")
        ));
    }
    if timed.lasts.is_some() && fault.is_lasting() {
        return Err(format!(
            "{}: `lasts` does nothing here, for nothing takes this fault back; leave it out",
            spec.kind
        ));
    }
    Ok(())
}

fn scenario<S: Playground>(schedule: &Schedule, id: String) -> Result<Scenario> {
    let space = S::faults();
    let read = |timed: &Timed| space.read(&timed.fault);
    let faults = schedule.faults.iter().map(read).collect::<Result<Vec<Arc<dyn Fault<S>>>, _>>();
    let faults = faults.map_err(|why| Error::usage(why, "see docs/plans.md"))?;
    let play = Play { schedule: schedule.clone(), faults, remedies: S::REMEDIES, patience: S::PATIENCE };
    let last = schedule.events().last().map_or(Duration::ZERO, |event| event.at);
    Ok(Scenario::of(play::incident(S::plain(), play)).named(id).lasting(last))
}

/// The faults that fit a system, from which random schedules draw.
#[derive(Debug, Clone, Copy)]
pub struct Menu {
    /// Nodes that may be cut off from each other.
    pub peers: &'static [&'static str],
    /// Machines that may lose power, be shut down, stand still or be unplugged.
    pub machines: &'static [&'static str],
    /// Processes that may be sent a signal: the node, a part of the command line, and the
    /// signals that make sense.
    pub processes: &'static [(&'static str, &'static str, &'static [Signal])],
    /// Nodes whose disk may fill up.
    pub disks: &'static [&'static str],
    /// Anything else that may go wrong with it.
    pub others: fn() -> Vec<FaultSpec>,
}

impl Menu {
    /// Nothing; to be filled up with `..Menu::NOTHING`.
    pub const NOTHING: Self = Self { peers: &[], machines: &[], processes: &[], disks: &[], others: Vec::new };
}

/// A runbook for a diagnosis.
pub struct Remedy {
    /// Its name in plan files.
    pub name: &'static str,
    /// The detectors at whose word it is called.
    pub cures: &'static [&'static str],
    /// Makes it.
    pub make: fn() -> Box<dyn Runbook>,
}

impl Remedy {
    /// Power for the machines that are off, the same in every system.
    pub const fn power_on(cures: &'static [&'static str]) -> Self {
        Self { name: "power_on", cures, make: || Box::new(PowerOnMachines) }
    }
}

inventory::collect!(Playable);

/// Registers a [`Playground`]: `playable!(Galera);`.
#[macro_export]
macro_rules! playable {
    ($system:ty $(,)?) => {
        $crate::private::inventory::submit! { $crate::campaign::Playable::of::<$system>() }
    };
}

/// The systems, by name.
pub fn playables() -> Vec<&'static Playable> {
    let mut all: Vec<_> = inventory::iter::<Playable>().collect();
    all.sort_by_key(|playable| playable.system);
    all
}

/// The system of that name.
///
/// # Errors
/// [`Error::Usage`] if there is none; it lists those there are.
pub fn playable(system: &str) -> Result<&'static Playable> {
    let all = playables();
    all.iter().find(|playable| playable.system == system).copied().ok_or_else(|| {
        let known: Vec<_> = all.iter().map(|playable| playable.system).collect();
        Error::usage(format!("there is no system {system:?}"), format!("there are: {}", known.join(", ")))
    })
}

/// The systems of these names; all of them if there is no name.
///
/// # Errors
/// As [`playable`].
pub fn playables_of(names: &[String]) -> Result<Vec<&'static Playable>> {
    if names.is_empty() { Ok(playables()) } else { names.iter().map(|name| playable(name)).collect() }
}

impl Playable {
    /// The remedy of that name.
    ///
    /// # Errors
    /// [`Error::Usage`] if there is none; it lists those there are.
    pub fn remedy(&self, name: &str) -> Result<&'static Remedy> {
        self.remedies.iter().find(|remedy| remedy.name == name).ok_or_else(|| {
            let known: Vec<_> = self.remedies.iter().map(|remedy| remedy.name).collect();
            Error::usage(
                format!("{} has no runbook {name:?}", self.system),
                if known.is_empty() { "it has none".into() } else { format!("there are: {}", known.join(", ")) },
            )
        })
    }
}

/// A system of three nodes for the tests of campaigns: its schedules are drawn, and never played.
#[cfg(test)]
pub(super) static TOY: Playable = TOY_ENTRY;

// Plans are read of systems in the registry only.
#[cfg(test)]
inventory::submit! { TOY_ENTRY }

#[cfg(test)]
const TOY_ENTRY: Playable = Playable {
    system: "toy",
    images: Vec::new,
    menu: Menu {
        peers: &["n1", "n2", "n3"],
        machines: &["n1", "n2", "n3"],
        processes: &[("n1", "toyd", &[Signal::Kill, Signal::Stop])],
        disks: &["n2"],
        others: || vec![FaultSpec::file_left("n1", "/run/toyd.pid", "1")],
    },
    remedies: &[Remedy { name: "mend", cures: &[], make: || unreachable!("it is only named") }],
    kinds: Vec::new,
    check: |_| Ok(()),
    is_lasting: |spec| spec.kind == "kill" && spec.fields["signal"].as_str() == Some("KILL"),
    nodes: &["n1", "n2", "n3"],
    scenario: |_, _| unreachable!("it is only drawn"),
};
