//! Random schedules: drawn from a system's menu by one seed, so that the same seed makes
//! the same schedules again.

use std::time::Duration;

use proptest::{
    prelude::*,
    sample::{select, subsequence},
    strategy::ValueTree,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};

use super::{Call, FaultSpec, Menu, Playable, Schedule, Span, Timed, nodes};
use reenact_core::{Error, Result};
use reenact_testbed::fault::Signal;
use toml::Value;

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
    candidate(playable, seed, number, 0)
}

/// One of several schedules of that number, from 0; the first one is [`schedule`]'s.
///
/// # Errors
/// As [`schedule`].
pub fn candidate(playable: &Playable, seed: u64, number: u64, candidate: u8) -> Result<Schedule> {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    bytes[8..16].copy_from_slice(&number.to_le_bytes());
    for (byte, letter) in bytes[16..].iter_mut().zip(playable.system.bytes()) {
        *byte = letter;
    }
    bytes[31] ^= candidate;
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
    let is_lasting = playable.is_lasting;
    let timed = move |timed: Timed| Timed { lasts: timed.lasts.filter(|_| !is_lasting(&timed.fault)), ..timed };
    let names: Vec<_> = playable.remedies.iter().map(|remedy| remedy.name.to_owned()).collect();
    (prop::collection::vec(mishap(playable.menu), 1..=MOST), calls(names)).prop_map(move |(mishaps, calls)| Schedule {
        system: system.clone(),
        seed: 0,
        faults: sane(mishaps).into_iter().map(timed).collect(),
        calls,
        ..Schedule::default()
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
    let returns = prop_oneof![3 => Just(true), 1 => Just(false)];
    (quarters(0..=BEGIN), quarters(4..=LONGEST), fault(menu), returns).prop_map(|(at, lasts, fault, returns)| {
        if !takes_power(&fault) {
            return vec![Timed { at: Span(at), lasts: Some(Span(lasts)), fault }];
        }
        if !returns {
            return vec![Timed { at: Span(at), lasts: None, fault }];
        }
        let back = FaultSpec::new("power_on", [("nodes", nodes(fault.nodes()))]);
        let on = Timed { at: Span(at + lasts), lasts: None, fault: back };
        vec![Timed { at: Span(at), lasts: None, fault }, on]
    })
}

/// Whether machines are off after it.
fn takes_power(fault: &FaultSpec) -> bool {
    matches!(fault.kind.as_str(), "power_off" | "shut_down")
}

/// Two parts of the peers, neither of which is empty.
fn sides(peers: &'static [&'static str]) -> impl Strategy<Value = (Value, Value)> {
    subsequence(peers, 1..peers.len()).prop_map(move |left| {
        let right = peers.iter().filter(|name| !left.contains(name)).copied();
        (nodes(left.iter().copied()), nodes(right))
    })
}

fn fault(menu: Menu) -> BoxedStrategy<FaultSpec> {
    let mut kinds: Vec<(u32, BoxedStrategy<FaultSpec>)> = Vec::new();
    if menu.peers.len() > 1 {
        kinds.extend(cuts(menu.peers));
    }
    if !menu.machines.is_empty() {
        kinds.extend(machines(menu.machines));
    }
    if !menu.processes.is_empty() {
        let kill = select(menu.processes).prop_flat_map(|(node, process, signals)| {
            select(signals).prop_map(move |signal| {
                let signal = Value::try_from(signal).unwrap_or_else(|_| Value::from(""));
                FaultSpec::new("kill", [("node", node.into()), ("process", process.into()), ("signal", signal)])
            })
        });
        kinds.push((3, kill.boxed()));
    }
    let crashing: Vec<_> = menu.processes.iter().filter(|(.., signals)| signals.contains(&Signal::Kill)).collect();
    if !crashing.is_empty() {
        let crash_loop = select(crashing).prop_map(|(node, process, _)| {
            FaultSpec::new("crash_loop", [("node", (*node).into()), ("process", (*process).into())])
        });
        kinds.push((1, crash_loop.boxed()));
    }
    if !menu.disks.is_empty() {
        let full = select(menu.disks).prop_map(|node| FaultSpec::new("disk_full", [("node", node.into())]));
        kinds.push((1, full.boxed()));
    }
    let others = (menu.others)();
    if !others.is_empty() {
        kinds.push((3, select(others).boxed()));
    }
    proptest::strategy::Union::new_weighted(kinds).boxed()
}

/// Cuts of the network, each with its weight.
fn cuts(peers: &'static [&'static str]) -> [(u32, BoxedStrategy<FaultSpec>); 3] {
    let span = |range| quarters(range).prop_map(|time| Value::from(String::from(Span(time))));
    let cut = sides(peers).prop_map(|(left, right)| FaultSpec::new("partition", [("left", left), ("right", right)]));
    let way = sides(peers).prop_map(|(from, to)| FaultSpec::new("one_way", [("from", from), ("to", to)]));
    let flap = (sides(peers), span(2..=12), span(2..=12)).prop_map(|((left, right), down, up)| {
        FaultSpec::new("flap", [("left", left), ("right", right), ("down", down), ("up", up)])
    });
    [(4, cut.boxed()), (2, way.boxed()), (1, flap.boxed())]
}

/// What may happen to machines, each with its weight.
fn machines(machines: &'static [&'static str]) -> [(u32, BoxedStrategy<FaultSpec>); 4] {
    let one = |kind: &'static str| select(machines).prop_map(move |node| FaultSpec::new(kind, [("node", node.into())]));
    let some = subsequence(machines, 1..=machines.len()).prop_shuffle();
    let off = some.prop_map(|names| FaultSpec::new("power_off", [("nodes", nodes(names))]));
    let shut_down = (select(machines), 1..=30_i64).prop_map(|(node, grace_s)| {
        FaultSpec::new("shut_down", [("nodes", nodes([node])), ("grace_s", grace_s.into())])
    });
    [(3, off.boxed()), (2, shut_down.boxed()), (2, one("pause").boxed()), (1, one("disconnect").boxed())]
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
    let both = || [one, other].into_iter().map(|mishap| &mishap[0].fault);
    let apart = to + GAP < begin || end + GAP < from;
    let unplugged = both().any(|fault| fault.kind == "disconnect");
    let cuts = both().filter(|fault| is_cut(fault)).count();
    let others = other[0].fault.nodes();
    let shared = one[0].fault.nodes().iter().any(|node| others.contains(node)) && !is_death_beside_file(both());
    !apart && (if unplugged { cuts > 0 || shared } else { cuts == 0 && shared })
}

/// Between the end of one fault of a machine and the next one's beginning.
const GAP: Duration = Duration::from_secs(1);

/// Longer than any schedule: nobody switches the machines on but a runbook.
const FOR_GOOD: Duration = Duration::from_secs(3_600);

fn stretch(mishap: &Mishap) -> Option<(Duration, Duration)> {
    let (first, last) = (mishap.first()?, mishap.last()?);
    if takes_power(&last.fault) {
        return Some((first.at.0, FOR_GOOD));
    }
    Some((first.at.0, last.at.0 + last.lasts.map_or(Duration::ZERO, |lasts| lasts.0)))
}

fn is_cut(fault: &FaultSpec) -> bool {
    matches!(fault.kind.as_str(), "partition" | "one_way" | "flap")
}

/// Whether one leaves a file and the other ends a process: a left-over file shows at the start
/// after it.
fn is_death_beside_file<'a>(both: impl Iterator<Item = &'a FaultSpec>) -> bool {
    let kinds: Vec<_> = both.map(|fault| fault.kind.as_str()).collect();
    let is_death = |kind: &&str| matches!(*kind, "kill" | "crash_loop");
    kinds.contains(&"file_left") && kinds.iter().any(is_death)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::campaign::playable::TOY;

    fn all() -> impl Iterator<Item = Schedule> {
        (0..400).map(|number| schedule(&TOY, 7, number).expect("drawn"))
    }

    #[test]
    fn what_nothing_takes_back_is_not_said_to_last() {
        let faults = || all().flat_map(|schedule| schedule.faults);
        let is = |timed: &Timed, signal: &str| {
            timed.fault.fields.get("signal").is_some_and(|is| is.as_str() == Some(signal))
        };
        assert!(
            faults().any(|timed| is(&timed, "KILL"))
                && faults().filter(|timed| is(timed, "KILL")).all(|timed| timed.lasts.is_none())
        );
        assert!(
            faults().any(|timed| is(&timed, "STOP"))
                && faults().filter(|timed| is(timed, "STOP")).all(|timed| timed.lasts.is_some())
        );
    }

    #[test]
    fn one_seed_makes_the_same_schedules_again_and_another_one_others() {
        for number in 0..20 {
            assert_eq!(schedule(&TOY, 7, number).ok(), schedule(&TOY, 7, number).ok());
        }
        let different = |seed| (0..20).filter(move |n| schedule(&TOY, 7, *n).ok() != schedule(&TOY, seed, *n).ok());
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
        assert_eq!(kinds.len(), 12 + 2, "{kinds:?}");
    }

    /// Each part of a menu by itself: what may happen to whom.
    fn menu(playable: &Playable) -> BTreeSet<String> {
        let Menu { peers, machines, processes, disks, others } = playable.menu;
        let mut all = BTreeSet::new();
        let mut put = |what: String| _ = all.insert(what);
        for peer in peers {
            for (kind, sides) in
                [("partition", ["left", "right"]), ("one_way", ["from", "to"]), ("flap", ["left", "right"])]
            {
                sides.into_iter().for_each(|side| put(format!("{kind} {side} {peer}")));
            }
        }
        for machine in machines {
            for kind in ["power_off nodes", "shut_down nodes", "pause node", "disconnect node"] {
                put(format!("{kind} {machine}"));
            }
        }
        for (node, process, signals) in processes {
            for signal in *signals {
                put(format!("kill {node} {process} {}", signal_name(*signal)));
            }
            put(format!("crash_loop {node} {process}"));
        }
        disks.iter().for_each(|node| put(format!("disk_full node {node}")));
        others().iter().for_each(|fault| put(format!("{} {}", fault.kind, fault.fields)));
        for remedy in playable.remedies {
            [true, false].into_iter().for_each(|is_killed| put(format!("call {}, killed: {is_killed}", remedy.name)));
        }
        all
    }

    fn signal_name(signal: Signal) -> String {
        Value::try_from(signal).expect("a name").as_str().expect("a text").to_owned()
    }

    /// The parts of a menu that a schedule has.
    fn parts(schedule: &Schedule) -> Vec<String> {
        let mut all: Vec<_> = schedule
            .calls
            .iter()
            .map(|call| format!("call {}, killed: {}", call.name, call.killed_after.is_some()))
            .collect();
        for FaultSpec { kind, fields } in schedule.faults.iter().map(|timed| &timed.fault) {
            let text = |name: &str| fields[name].as_str().unwrap_or_default().to_owned();
            match kind.as_str() {
                "kill" => all.push(format!("kill {} {} {}", text("node"), text("process"), text("signal"))),
                "crash_loop" => all.push(format!("crash_loop {} {}", text("node"), text("process"))),
                _ => {
                    all.push(format!("{kind} {fields}"));
                    for (name, value) in fields {
                        let one = value.as_str().map(str::to_owned);
                        let many = value
                            .as_array()
                            .into_iter()
                            .flatten()
                            .filter_map(|value| value.as_str().map(str::to_owned));
                        all.extend(one.into_iter().chain(many).map(|node| format!("{kind} {name} {node}")));
                    }
                }
            }
        }
        all
    }

    #[test]
    fn every_part_of_the_menu_is_drawn() {
        let drawn: BTreeSet<_> = all().flat_map(|schedule| parts(&schedule)).collect();
        let menu = menu(&TOY);
        let missing: Vec<_> = menu.difference(&drawn).collect();
        assert!(missing.is_empty() && menu.len() > 30, "never drawn: {missing:?}");
    }

    #[test]
    fn most_of_what_loses_power_gets_it_back_and_a_machine_suffers_one_thing_at_a_time() {
        let (mut returned, mut stayed) = (0, 0);
        for schedule in all() {
            for fault in schedule.faults.iter().filter(|timed| takes_power(&timed.fault)) {
                let later = || schedule.faults.iter().filter(|other| other.at > fault.at);
                let shares = |other: &Timed| other.fault.nodes().iter().any(|node| fault.fault.nodes().contains(node));
                match later().find(|other| shares(other) && !is_cut(&other.fault)) {
                    Some(back) => {
                        assert_eq!((&*back.fault.kind, back.fault.nodes()), ("power_on", fault.fault.nodes()));
                        returned += 1;
                    }
                    None => stayed += 1,
                }
            }
            let mishaps: Vec<Mishap> = schedule.faults.iter().map(|fault| vec![fault.clone()]).collect();
            for (index, one) in mishaps.iter().enumerate() {
                assert!(mishaps[..index].iter().all(|other| !collide(one, other) || one[0].at != other[0].at));
            }
        }
        assert!(stayed > 0 && returned > 2 * stayed, "{returned} of {} got it back", returned + stayed);
    }

    #[test]
    fn a_process_may_die_beside_its_left_over_file_and_no_machine_goes_off() {
        let beside = |schedule: &Schedule, kind: &str| {
            let of_kind = |kind: &str| schedule.faults.iter().find(|timed| timed.fault.kind == kind).cloned();
            let (Some(file), Some(other)) = (of_kind("file_left"), of_kind(kind)) else { return false };
            let lasts = |timed: &Timed| timed.lasts.map_or(Duration::ZERO, |lasts| lasts.0);
            let shared = other.fault.nodes().contains(&"n1");
            shared && other.at.0 < file.at.0 + lasts(&file) && file.at.0 < other.at.0 + lasts(&other)
        };
        assert!(all().any(|schedule| beside(&schedule, "crash_loop")));
        assert!(all().all(|schedule| !beside(&schedule, "pause") && !beside(&schedule, "power_off")));
    }
}
