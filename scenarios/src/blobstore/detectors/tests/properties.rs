//! Over streams that nobody wrote by hand.

use proptest::prelude::*;

use super::super::{DISK_FULL, FILESYSTEM_ERROR, LEFT_READ_ONLY, READS_ONLY, WRITE_PROTECTED};
use super::{diagnoses::incident, *};

/// What happens to a healthy VM in its daily life.
#[derive(Debug, Clone)]
enum Daily {
    Calm(u64),
    Jobs,
    Restart { off: u64 },
    Migration { milliseconds: u64 },
    Slow { milliseconds: u64, lasts: u64 },
    Reload,
    Hiccup { code: &'static str, lasts: u64 },
    Snapshot { lasts: u64 },
}

fn daily() -> impl Strategy<Value = Daily> {
    prop_oneof![
        (0_u64..4_000).prop_map(Daily::Calm),
        Just(Daily::Jobs),
        (0_u64..6_000).prop_map(|off| Daily::Restart { off }),
        (0_u64..12_000).prop_map(|milliseconds| Daily::Migration { milliseconds }),
        (0_u64..2_400, 0_u64..9_000).prop_map(|(milliseconds, lasts)| Daily::Slow { milliseconds, lasts }),
        Just(Daily::Reload),
        (prop::sample::select(vec!["EIO", "ENOSPC", "EROFS", "E117", "hung"]), 0_u64..800)
            .prop_map(|(code, lasts)| Daily::Hiccup { code, lasts }),
        (0_u64..800).prop_map(|lasts| Daily::Snapshot { lasts }),
    ]
}

fn happens(sim: &mut Sim, event: &Daily) {
    match *event {
        Daily::Calm(milliseconds) => sim.run(milliseconds),
        Daily::Jobs => {
            sim.stop_jobs();
            sim.run(300);
            sim.start_jobs();
        }
        Daily::Restart { off } => sim.restart(off),
        Daily::Migration { milliseconds } => {
            sim.stop_jobs();
            sim.migrate(milliseconds, true);
            // The disks' names change places with them.
            sim.disks.swap(OLD, NEW);
            for mounted in &mut sim.mounts {
                mounted.disk = OLD;
            }
            sim.start_jobs();
        }
        Daily::Slow { milliseconds, lasts } => {
            sim.slow = milliseconds;
            sim.run(lasts);
            sim.slow = 0;
        }
        Daily::Reload => {
            sim.monit = Some(BTreeMap::new());
            sim.run(300);
            sim.set_monit("Initializing");
            sim.run(900);
            sim.set_monit("OK");
        }
        Daily::Hiccup { code, lasts } => {
            sim.disks[OLD].hiccup = Some(code);
            sim.run(lasts);
            sim.disks[OLD].hiccup = None;
        }
        Daily::Snapshot { lasts } => {
            sim.remount(true);
            sim.run(lasts);
            sim.remount(false);
        }
    }
    // Long enough for the VM to be seen well again, whatever looks are lost: two
    // events that each are short may not add up to a long one.
    sim.run(4_000);
}

/// What is wrong for good, the diagnosis of it, and what its evidence must name.
type Wrong = (fn(&mut Sim), &'static str, &'static str);

const WRONGS: [Wrong; 7] = [
    (|sim| _ = incident(sim), LEFT_READ_ONLY, "EROFS"),
    (|sim| sim.remount(true), LEFT_READ_ONLY, "the file system itself is mounted ro"),
    (|sim| sim.bind(true), LEFT_READ_ONLY, "(bind)"),
    (|sim| sim.error(false), FILESYSTEM_ERROR, "emergency_ro"),
    (|sim| sim.error(true), FILESYSTEM_ERROR, "errors_count=1"),
    (|sim| (sim.disks[OLD].read_only, sim.disks[OLD].protected) = (true, true), WRITE_PROTECTED, "write-protected"),
    (|sim| sim.disks[OLD].free = 0, DISK_FULL, "ENOSPC"),
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Looks get lost one by one. Five in a row, which could make a hiccup look as long as
    /// a hold, come once in a million at six in a hundred.
    #[test]
    fn daily_life_never_fires(seed: u64, loss in 0_u64..6, events in prop::collection::vec(daily(), 1..6)) {
        let mut sim = Sim::healthy(seed);
        sim.loss = loss;
        for event in &events {
            happens(&mut sim, event);
        }
        prop_assert_eq!(sim.fired(), BTreeMap::new());
    }

    #[test]
    fn what_is_wrong_is_diagnosed_as_what_it_is(
        seed: u64,
        loss in 0_u64..60,
        wrong in 0..WRONGS.len(),
        before in daily(),
    ) {
        let mut sim = Sim::healthy(seed);
        sim.loss = loss;
        happens(&mut sim, &before);
        let (make, id, line) = WRONGS[wrong];
        make(&mut sim);
        let from = Moment(sim.now);
        sim.run(6_000);
        let mut fired = sim.fired();
        fired.remove(READS_ONLY);
        prop_assert_eq!(fired.keys().copied().collect::<Vec<_>>(), [id]);
        let (at, evidence) = &fired[id];
        prop_assert!(at.since(from) <= Duration::from_millis(4_500), "{} against {}", at, from);
        prop_assert!(evidence.iter().any(|seen| seen.contains(line)), "{:#?}", evidence);
    }

    /// Whatever the order of the signals, at one moment a disk has one diagnosis, and
    /// each has in its evidence what it is made of.
    #[test]
    fn diagnoses_of_a_disk_exclude_each_other(
        seed: u64,
        wrongs in prop::collection::vec(0..WRONGS.len(), 1..4),
        order in prop::collection::vec(any::<prop::sample::Index>(), 200),
    ) {
        let mut sim = Sim::healthy(seed);
        for wrong in wrongs {
            WRONGS[wrong].0(&mut sim);
            sim.run(1_000);
        }
        sim.run(3_000);
        for swap in order {
            let at = swap.index(sim.stream.len() - 1);
            let (one, other) = (sim.stream[at].signal.clone(), sim.stream[at + 1].signal.clone());
            (sim.stream[at].signal, sim.stream[at + 1].signal) = (other, one);
        }
        let mut detectors: Vec<_> = reenact::detect::all().into_iter().map(|entry| (entry.id, (entry.new)())).collect();
        for seen in &sim.stream {
            let mut firing = Vec::new();
            for (id, detector) in &mut detectors {
                if let Verdict::Fired { evidence, .. } = detector.observe(seen) {
                    prop_assert!(has_its_evidence(id, &evidence), "{}: {:#?}", id, evidence);
                    firing.push(*id);
                }
            }
            firing.retain(|id| *id != READS_ONLY);
            prop_assert!(firing.len() <= 1, "{:?} at {}", firing, seen.at);
        }
    }
}

fn has_its_evidence(id: &str, evidence: &[String]) -> bool {
    let has = |part: &str| evidence.iter().any(|line| line.contains(part));
    match id {
        LEFT_READ_ONLY => has("EROFS") && has(" ro,") && has("errors_count=0"),
        FILESYSTEM_ERROR => has("emergency_ro") || has("errors_count=") || has("EIO") || has("kernel: "),
        WRITE_PROTECTED => has("EROFS") && has(" ro,") && has("is write-protected"),
        DISK_FULL => has("ENOSPC"),
        READS_ONLY => has("PUT ") && has("/health: 200") && has("are OK"),
        _ => false,
    }
}
