//! The kills' figures, and what is held of them.

use std::time::Duration;

use crate::{kill::Since, marks::Snapshot, watch::Death};

/// The kinds of things that the figures name.
const KINDS: [&str; 8] = ["container", "network", "volume", "table", "rule", "mount", "loop", "process"];

/// Prints what came of each kill.
#[expect(clippy::print_stdout, reason = "the figures are a result of this test")]
pub(crate) fn tell(deaths: &[Death]) {
    println!(" # victim     killed at         who, and who tidies");
    for death in deaths {
        println!("{}", line(death));
        if let Some(trouble) = &death.trouble {
            println!("    NOT CLEAN: {trouble}");
        }
    }
    let clean = deaths.iter().filter(|death| death.trouble.is_none()).count();
    println!("{clean} of {} clean", deaths.len());
    for (by, later) in [("the reaper", false), ("whoever came later", true)] {
        let by_them = deaths.iter().filter(|death| death.kill.target.with_reaper() == later);
        let mut times: Vec<_> = by_them.filter_map(|death| death.clean_after).collect();
        times.sort_unstable();
        if let (Some(median), Some(longest)) = (times.get(times.len() / 2), times.last()) {
            println!("until clean, by {by}: {} kills, median {median:.2?}, longest {longest:.2?}", times.len());
        }
    }
    let killed_with = |kind| deaths.iter().filter(|death| death.had.contains_key(kind)).count();
    println!("killed while there were: {}", KINDS.map(|kind| format!("{kind} {}", killed_with(kind))).join(", "));
}

fn line(Death { kill, phase, had, clean_after, .. }: &Death) -> String {
    let had: Vec<_> = KINDS.iter().filter_map(|&kind| Some(format!("{} {kind}", had.get(kind)?))).collect();
    let had = if had.is_empty() { "nothing".to_owned() } else { had.join(" ") };
    let clean = |time: Duration| format!("clean after {:>5.2} s", time.as_secs_f64());
    let clean = clean_after.map_or("never clean".into(), clean);
    let (number, victim, since, who) = (kill.number, kill.victim, kill.since, kill.target);
    let moment = kill.moment.as_secs_f64();
    format!("{number:>2} {victim:<9} {since:<6} + {moment:>5.2} s  {who:<18} had {had}; {clean}; {phase}")
}

/// Holds that nothing is left, and that there was something to leave.
#[expect(clippy::print_stdout, reason = "the figures are a result of this test")]
pub(crate) fn judge(deaths: &[Death], before: &Snapshot, after: &Snapshot, held: &Snapshot) {
    let troubles: Vec<_> = deaths.iter().filter_map(|death| death.trouble.as_deref()).collect();
    assert!(troubles.is_empty(), "{}", troubles.join("\n"));
    println!("{} networks that the daemon itself cannot remove any more", held.len());
    let new: Vec<_> = after.difference(before).filter(|line| !held.contains(*line)).collect();
    let ours: Vec<_> = new.iter().filter(|line| deaths.iter().any(|death| death.marks.bear(line))).collect();
    assert!(ours.is_empty(), "left at the end: {ours:?}");
    if !new.is_empty() {
        println!("other sessions made {} things meanwhile", new.len());
    }
    for death in deaths {
        let (ever, in_fault) = death.kill.victim.shows();
        let of_it = || deaths.iter().filter(|other| other.kill.victim == death.kill.victim);
        let faults = of_it().any(|other| other.kill.since == Since::Fault);
        for kind in ever.iter().chain(in_fault.iter().filter(|_| faults)) {
            let shown = of_it().any(|other| other.had.contains_key(*kind));
            assert!(shown, "no kill of {} came while there was a {kind} to leave", death.kill.victim);
        }
    }
}
