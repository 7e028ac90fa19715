//! Random schedules: drawn from a system's menu by one seed, so that the same seed makes
//! the same schedules again.

use std::time::Duration;

use proptest::{
    prelude::*,
    sample::{select, subsequence},
    strategy::ValueTree,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};

use super::{Action, Call, Menu, Playable, Schedule, Span, Timed};
use reenact_core::{Error, Result};

/// Faults begin within so many quarters of a second after the steady state.
const BEGIN: u64 = 80;
/// The longest fault, in quarters of a second.
const LONGEST: u64 = 60;
/// How many things go wrong at most, and how many runbooks are called blindly.
const MOST: usize = 5;
const CALLS: usize = 2;

/// What goes wrong as one: a fault, or a power cut with the power that returns.
type Mishap = Vec<Timed>;

/// The schedule of that number, of the seed's.
///
/// # Errors
/// [`Error::Bug`] if nothing can be drawn, as from an empty menu.
pub fn schedule(playable: &Playable, seed: u64, number: u64) -> Result<Schedule> {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    bytes[8..16].copy_from_slice(&number.to_le_bytes());
    for (byte, letter) in bytes[16..].iter_mut().zip(playable.system.bytes()) {
        *byte = letter;
    }
    let random = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut runner = TestRunner::new_with_rng(Config { failure_persistence: None, ..Config::default() }, random);
    let drawn = drawn(playable).new_tree(&mut runner);
    let drawn = drawn.map_err(|error| Error::Bug(format!("no schedule for {}: {error}", playable.system)))?;
    // TOML's integers end at the largest signed one.
    let seed = (seed ^ number.rotate_left(32)) & (i64::MAX as u64);
    Ok(Schedule { seed, ..drawn.current() })
}

fn drawn(playable: &Playable) -> impl Strategy<Value = Schedule> + use<> {
    let system = playable.system.to_owned();
    let names: Vec<_> = playable.remedies.iter().map(|remedy| remedy.name.to_owned()).collect();
    (prop::collection::vec(mishap(playable.menu), 1..=MOST), calls(names)).prop_map(move |(mishaps, calls)| Schedule {
        system: system.clone(),
        seed: 0,
        faults: sane(mishaps),
        calls,
        heals_itself: false,
    })
}

fn quarters(range: std::ops::RangeInclusive<u64>) -> impl Strategy<Value = Duration> {
    range.prop_map(|quarters| Duration::from_millis(quarters * 250))
}

fn calls(names: Vec<String>) -> BoxedStrategy<Vec<Call>> {
    if names.is_empty() {
        return Just(Vec::new()).boxed();
    }
    let killed = prop_oneof![2 => Just(None), 1 => (1..=4_usize).prop_map(Some)];
    let call = (quarters(0..=BEGIN + LONGEST / 2), select(names), killed);
    let call = call.prop_map(|(at, name, killed_after)| Call { at: Span(at), name, killed_after });
    prop::collection::vec(call, 0..=CALLS).boxed()
}

fn mishap(menu: Menu) -> impl Strategy<Value = Mishap> {
    (quarters(0..=BEGIN), quarters(4..=LONGEST), action(menu)).prop_map(|(at, lasts, action)| {
        let returns = match &action {
            Action::PowerOff { nodes } | Action::ShutDown { nodes, .. } => Some(nodes.clone()),
            _ => None,
        };
        let Some(nodes) = returns else { return vec![Timed { at: Span(at), lasts: Some(Span(lasts)), action }] };
        let on = Timed { at: Span(at + lasts), lasts: None, action: Action::PowerOn { nodes } };
        vec![Timed { at: Span(at), lasts: None, action }, on]
    })
}

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.into()).collect()
}

/// Two parts of the peers, neither of which is empty.
fn sides(peers: &'static [&'static str]) -> impl Strategy<Value = (Vec<String>, Vec<String>)> {
    subsequence(peers, 1..peers.len()).prop_map(move |left| {
        let right: Vec<_> = peers.iter().filter(|name| !left.contains(name)).copied().collect();
        (owned(&left), owned(&right))
    })
}

fn action(menu: Menu) -> BoxedStrategy<Action> {
    let mut kinds: Vec<(u32, BoxedStrategy<Action>)> = Vec::new();
    if menu.peers.len() > 1 {
        let peers = menu.peers;
        let span = |range| quarters(range).prop_map(Span);
        kinds.push((4, sides(peers).prop_map(|(left, right)| Action::Partition { left, right }).boxed()));
        kinds.push((2, sides(peers).prop_map(|(from, to)| Action::OneWay { from, to }).boxed()));
        let flap = (sides(peers), span(2..=12), span(2..=12));
        let flap = flap.prop_map(|((left, right), down, up)| Action::Flap { left, right, down, up });
        kinds.push((1, flap.boxed()));
    }
    if !menu.machines.is_empty() {
        let one = || select(menu.machines).prop_map(str::to_owned);
        let some = || subsequence(menu.machines, 1..=menu.machines.len()).prop_map(|nodes| owned(&nodes));
        kinds.push((3, some().prop_shuffle().prop_map(|nodes| Action::PowerOff { nodes }).boxed()));
        let shut_down = (one(), 1..=30_u16);
        let shut_down = shut_down.prop_map(|(node, grace_s)| Action::ShutDown { nodes: vec![node], grace_s });
        kinds.push((2, shut_down.boxed()));
        kinds.push((2, one().prop_map(|node| Action::Pause { node }).boxed()));
        kinds.push((1, one().prop_map(|node| Action::Disconnect { node }).boxed()));
    }
    if !menu.processes.is_empty() {
        let kill = select(menu.processes).prop_flat_map(|(node, process, signals)| {
            select(signals).prop_map(move |signal| Action::Kill { node: node.into(), process: process.into(), signal })
        });
        kinds.push((3, kill.boxed()));
    }
    if !menu.disks.is_empty() {
        kinds.push((1, select(menu.disks).prop_map(|node| Action::DiskFull { node: node.into() }).boxed()));
    }
    let others = (menu.others)();
    if !others.is_empty() {
        kinds.push((3, select(others).boxed()));
    }
    proptest::strategy::Union::new_weighted(kinds).boxed()
}

/// Leaves out what cannot be: a machine that is off does not lose power once more, and
/// one that is unplugged cannot be cut off.
fn sane(mishaps: Vec<Mishap>) -> Vec<Timed> {
    let mut kept: Vec<Mishap> = Vec::new();
    for mishap in mishaps {
        if kept.iter().all(|other| !collide(&mishap, other)) {
            kept.push(mishap);
        }
    }
    let mut faults = kept.concat();
    faults.sort_by_key(|fault| fault.at);
    faults
}

/// Whether two mishaps concern the same machine at the same time, other than two cuts of
/// the network.
fn collide(one: &Mishap, other: &Mishap) -> bool {
    let (Some((from, to)), Some((begin, end))) = (stretch(one), stretch(other)) else { return false };
    let both = || [one, other].into_iter().map(|mishap| &mishap[0].action);
    let apart = to + GAP < begin || end + GAP < from;
    let unplugged = both().any(|action| matches!(action, Action::Disconnect { .. }));
    let cuts = both().filter(|action| is_cut(action)).count();
    let shared = nodes(&one[0].action).iter().any(|node| nodes(&other[0].action).contains(node));
    !apart && (if unplugged { cuts > 0 || shared } else { cuts == 0 && shared })
}

/// Between the end of one fault of a machine and the next one's beginning.
const GAP: Duration = Duration::from_secs(1);

fn stretch(mishap: &Mishap) -> Option<(Duration, Duration)> {
    let (first, last) = (mishap.first()?, mishap.last()?);
    Some((first.at.0, last.at.0 + last.lasts.map_or(Duration::ZERO, |lasts| lasts.0)))
}

fn is_cut(action: &Action) -> bool {
    matches!(action, Action::Partition { .. } | Action::OneWay { .. } | Action::Flap { .. })
}

fn nodes(action: &Action) -> Vec<&String> {
    match action {
        Action::Partition { left, right } | Action::Flap { left, right, .. } => left.iter().chain(right).collect(),
        Action::OneWay { from, to } => from.iter().chain(to).collect(),
        Action::PowerOff { nodes } | Action::PowerOn { nodes } | Action::ShutDown { nodes, .. } => {
            nodes.iter().collect()
        }
        Action::Disconnect { node }
        | Action::Kill { node, .. }
        | Action::Pause { node }
        | Action::DiskFull { node } => vec![node],
        Action::RemountReadOnly(fault) => vec![&fault.node],
        Action::BindReadOnly(fault) => vec![&fault.node],
        Action::FilesystemError(fault) => vec![&fault.node],
        Action::FilesystemShutDown(fault) => vec![&fault.node],
        Action::DeviceShrunk(fault) => vec![&fault.node],
        Action::WriteProtected(fault) => vec![&fault.node],
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::campaign::Remedy;
    use reenact_testbed::fault::Signal;

    fn playable() -> Playable {
        Playable {
            system: "toy",
            images: &[],
            menu: Menu {
                peers: &["n1", "n2", "n3"],
                machines: &["n1", "n2", "n3"],
                processes: &[("n1", "toyd", &[Signal::Kill, Signal::Stop])],
                disks: &["n2"],
                ..Menu::NOTHING
            },
            remedies: &[Remedy { name: "mend", cures: &[], make: || unreachable!("it is only named") }],
            play: |_, _| Box::pin(async { Ok(()) }),
        }
    }

    fn all() -> impl Iterator<Item = Schedule> {
        (0..400).map(|number| schedule(&playable(), 7, number).expect("drawn"))
    }

    #[test]
    fn one_seed_makes_the_same_schedules_again_and_another_one_others() {
        for number in 0..20 {
            assert_eq!(schedule(&playable(), 7, number).ok(), schedule(&playable(), 7, number).ok());
        }
        let different =
            |seed| (0..20).filter(move |n| schedule(&playable(), 7, *n).ok() != schedule(&playable(), seed, *n).ok());
        assert_eq!(different(8).count(), 20);
        let distinct: BTreeSet<_> = all().map(|schedule| schedule.to_toml().expect("written")).collect();
        assert!(distinct.len() > 380, "{}", distinct.len());
    }

    #[test]
    fn every_kind_is_drawn_and_every_plan_can_be_read_back() {
        let mut kinds = BTreeSet::new();
        for schedule in all() {
            let text = schedule.to_toml().expect("written");
            assert_eq!(Schedule::parse(&text).as_ref(), Ok(&schedule), "{text}");
            kinds.extend(text.lines().filter(|line| line.starts_with("kind = ")).map(str::to_owned));
            kinds.extend(schedule.calls.iter().map(|call| format!("call, killed: {}", call.killed_after.is_some())));
        }
        assert_eq!(kinds.len(), 10 + 2, "{kinds:?}");
    }

    #[test]
    fn whatever_loses_power_gets_it_back_and_a_machine_suffers_one_thing_at_a_time() {
        for schedule in all() {
            let down = |fault: &&Timed| matches!(fault.action, Action::PowerOff { .. } | Action::ShutDown { .. });
            for fault in schedule.faults.iter().filter(down) {
                let back = |other: &&Timed| {
                    matches!(&other.action, Action::PowerOn { nodes: on } if on.iter().collect::<Vec<_>>() == nodes(&fault.action))
                        && other.at > fault.at
                };
                assert!(schedule.faults.iter().any(|other| back(&other)), "{schedule:#?}");
            }
            let mishaps: Vec<Mishap> = schedule.faults.iter().map(|fault| vec![fault.clone()]).collect();
            for (index, one) in mishaps.iter().enumerate() {
                assert!(mishaps[..index].iter().all(|other| !collide(one, other) || one[0].at != other[0].at));
            }
        }
    }
}
