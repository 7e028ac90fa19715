//! What to do about background work that a shutdown took, and what not to: the runbooks' own
//! conditions, checked by what was seen. Figures are those of docs/figures.md.

use reenact::{
    diagnose::{Advice, Case, Met, Precondition},
    probe::Signal,
};

use super::detectors::{
    DOES_NOT_START, DUPLICATES, EXITED_BUSY, KILLED_BUSY, LOST_WORK, OOM_KILLED_BUSY, OUTBOX_STALLED, OVERDUE,
    WRITES_STALLED,
};

/// The machines that were seen, and whether each runs.
fn machines(case: &Case) -> Vec<bool> {
    let last = case.looks.last().into_iter().flat_map(|look| &look.seen);
    let runs = last.filter_map(|(_, signal)| match signal {
        Signal::Machine { running, .. } => Some(*running),
        _ => None,
    });
    runs.collect()
}

const NO_TABLE: Precondition = Precondition {
    what: "no open intent stands for these rows: an outbox needs a worker, and no replay",
    met: |_, _| Met::Unknown,
};

const NOBODY_HAS_THEM: Precondition = Precondition {
    what: "no instance that runs may still have the rows in hand: each is older than its work can take",
    met: |_, case| {
        let all = machines(case);
        Met::from((!all.is_empty()).then(|| all.iter().all(|runs| !runs)).filter(|none| *none))
    },
};

const NONE_RUNS: Precondition = Precondition {
    what: "no replica runs",
    met: |_, case| {
        let all = machines(case);
        Met::from((!all.is_empty()).then(|| all.iter().all(|runs| !runs)))
    },
};

/// As the suite calls it.
const REPLAY: &str = "replay what is without its effect, each at most once";

const STEPS: &[&str] = &[
    "Hold intent against effect in the database: the rows that are without their effect, and older than their work takes.",
    "Do exactly these again, each at most once: the flag and the effect in one transaction, and only WHERE NOT flag.",
    "Count again: none may be left.",
];

const WRONG: &[(&str, &str)] = &[
    (
        "replay all that has no flag now",
        "with the lost ones those that a living replica has in hand: effects came twice in 10 of 10 re-enactments (shutdown::blind_replay)",
    ),
    ("replay every request", "whatever was done is done once more, in 10 of 10 (shutdown::replay_of_everything)"),
    (
        "start the replica again, and nothing else",
        "what was in memory only does not come back (shutdown::queue_loses_work)",
    ),
];

const fn replay(detector: &'static str) -> Advice {
    Advice { detector, runbook: REPLAY, steps: STEPS, preconditions: &[NO_TABLE, NOBODY_HAS_THEM], wrong: WRONG }
}

pub(super) const ADVICE: &[Advice] = &[
    replay(LOST_WORK),
    replay(EXITED_BUSY),
    replay(KILLED_BUSY),
    replay(OOM_KILLED_BUSY),
    Advice {
        detector: OUTBOX_STALLED,
        runbook: "start_replica",
        steps: &["Start any replica: it finds its intents in the table. Replay nothing."],
        preconditions: &[NONE_RUNS],
        wrong: &[("replay", "it races with the workers (shutdown::outbox_stalled)")],
    },
    Advice {
        detector: OVERDUE,
        runbook: "end_dead_sessions",
        steps: &[
            "Where a machine of the service's is off, end its sessions: SELECT pg_terminate_backend(pid) FROM \
             pg_stat_activity WHERE client_addr = its address. They may keep the rows locked.",
            "Else no shutdown took it. Look at what the workers wait for before anything is replayed.",
        ],
        preconditions: &[],
        wrong: &[("replay", "whoever has the rows in hand may still do them")],
    },
    Advice {
        detector: DUPLICATES,
        runbook: "none",
        steps: &[
            "Stop the replay that goes on. List the requests whose effect came more than once, and undo by hand what can be undone.",
        ],
        preconditions: &[],
        wrong: &[(
            "replay once more",
            "each replay that is not idempotent adds effects (shutdown::replay_of_everything)",
        )],
    },
    Advice {
        detector: DOES_NOT_START,
        runbook: "put back the settings of it as they were before the rollout",
        steps: &[
            "Where its machine is off, power it on (power_on): what is wrong beside that shows then.",
            "Read its last words, and put back the settings as they were before the rollout.",
        ],
        preconditions: &[],
        wrong: &[("start it again", "it ends as before (shutdown::setting_not_taken)")],
    },
    Advice {
        detector: WRITES_STALLED,
        runbook: "none: see what the database's sessions wait for",
        steps: &["SELECT pid, state, wait_event, query FROM pg_stat_activity WHERE wait_event_type = 'Lock'."],
        preconditions: &[],
        wrong: &[],
    },
];
