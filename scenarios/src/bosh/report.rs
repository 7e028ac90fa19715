//! The marks by which the report's story, and what was measured of its variants, are known.

use std::collections::BTreeMap;

use reenact::{
    fingerprint::{Fingerprint, latest, logged},
    probe::{Answer, Observation, Signal},
};

use super::{
    manifest,
    stories::{FIRST, SECOND},
};

/// The marks of the report.
pub(super) const FINGERPRINTS: &[Fingerprint] = &[
    Fingerprint {
        id: "task-100-cancelling",
        report: "task 100 stays `cancelling` and does not end",
        shows: |seen| state_of(seen, "100").is_some_and(|state| state == "cancelling"),
    },
    Fingerprint {
        id: "lock-of-task-100",
        report: "`bosh locks`: deployment paasta, task 100",
        shows: |seen| {
            let held =
                |o: &Observation| value(o, "sql:locks", manifest::PAASTA_LOCK).is_some_and(|row| row.contains("|100|"));
            seen.iter().any(held)
        },
    },
    Fingerprint {
        id: "create-vm-without-answer",
        report: "task 100's debug log: requests to create VMs, in the subnet of the wrong AZ",
        shows: |seen| {
            let asked = |o: &&Observation| {
                o.is_log_with(&["task 100 debug: ", r#"request: {"method":"create_vm""#, "\"10.0.30."])
            };
            seen.iter().filter(asked).count() == manifest::WEBS
        },
    },
    Fingerprint {
        id: "link-consumer-intents",
        report: "task 163's debug log stops in the writes of link_consumer_intents",
        shows: |seen| {
            let writes = [r#"INSERT INTO "link_consumer_intents""#, r#"UPDATE "link_consumer_intents""#];
            writes.iter().any(|write| seen.iter().any(|o| o.is_log_with(&["task 163 debug: ", write])))
        },
    },
    Fingerprint {
        id: "renewing-and-checkpoints-only",
        report: "from then on it only renews the lock and writes checkpoints",
        shows: |seen| {
            let (renewals, checkpoints) = lives_only(seen, "task 163 debug: ");
            renewals >= 2 && checkpoints >= 4
        },
    },
    Fingerprint {
        id: "task-163-processing",
        report: "task 163 makes no progress and stays so",
        shows: |seen| state_of(seen, "163").is_some_and(|state| state == "processing"),
    },
];

/// A value of an answer.
fn value<'a>(observation: &'a Observation, question: &str, name: &str) -> Option<&'a str> {
    match &observation.signal {
        Signal::Query { of, answer } if of == question => answer.get(name),
        _ => None,
    }
}

/// A task's state in the last look.
fn state_of<'a>(seen: &'a [Observation], task: &str) -> Option<&'a str> {
    let states = latest(seen, |signal| match signal {
        Signal::Query { of, answer: Answer::Values { values } } if of == "sql:tasks" => {
            Some(values.get(task).and_then(|row| row.split('|').next()))
        }
        _ => None,
    });
    states.into_values().flatten().next()
}

/// How many renewals and checkpoints a task's log ends with, with nothing between.
fn lives_only(seen: &[Observation], task: &str) -> (usize, usize) {
    let lines = seen.iter().rev().filter_map(|observation| match &observation.signal {
        Signal::Log { line } => line.strip_prefix(task),
        _ => None,
    });
    let (mut renewals, mut checkpoints) = (0, 0);
    for line in lines {
        match line {
            _ if line.contains("-checkpoint] DEBUG") => {
                checkpoints += usize::from(line.contains(r#"SET "checkpoint_time""#));
            }
            _ if line.contains("Renewing lock: ") => renewals += 1,
            _ if line.contains(r#"UPDATE "locks" SET "expired_at""#) => {}
            _ => break,
        }
    }
    (renewals, checkpoints)
}

/// Whether a task's row ever was in that state.
pub(super) fn was(seen: &[Observation], task: u64, state: &str) -> bool {
    first_as(seen, task, state).is_some()
}

/// The first look in which a task's row was in that state.
pub(super) fn first_as(seen: &[Observation], task: u64, state: &str) -> Option<usize> {
    let task = task.to_string();
    seen.iter().position(|observation| match &observation.signal {
        Signal::Query { of, answer: Answer::Values { values } } if of == "sql:tasks" => {
            values.get(&task).is_some_and(|row| row.split('|').next() == Some(state))
        }
        _ => false,
    })
}

/// Whether the row of a lock that a task has taken over names another one.
pub(super) fn lock_names(seen: &[Observation], lock: &str, named: u64, owner: u64) -> bool {
    let row = |observation: &Observation| match &observation.signal {
        Signal::Query { of, answer } if of == "sql:locks" => {
            Some(answer.get(lock)?.split('|').nth(1)? == named.to_string())
        }
        _ => None,
    };
    let taken =
        seen.iter().position(|line| line.is_log_with(&[&format!("task {owner} debug: "), "Acquired lock: ", lock]));
    taken.is_some_and(|from| seen[from..].iter().filter_map(row).next_back() == Some(true))
}

/// How many looks in a row, the last ones, show a task of such a deployment `queued`.
pub(super) fn queued(seen: &[Observation], deployment: &str) -> usize {
    let looks = seen.iter().rev().filter_map(|observation| match &observation.signal {
        Signal::Query { of, answer: Answer::Values { values } } if of == "sql:tasks" => Some(values),
        _ => None,
    });
    let is_queued = |row: &String| row.starts_with("queued|") && row.contains(deployment);
    looks.take_while(|values| values.values().any(is_queued)).count()
}

/// The marks of a task that lost its lock by an expiry: measured.
pub(super) const TAKEN_OVER: &[Fingerprint] = &[
    LOST,
    Fingerprint {
        id: "locks-names-the-wrong-task",
        report: "a takeover does not update task_id",
        shows: |seen| lock_names(seen, manifest::PAASTA_LOCK, FIRST, SECOND),
    },
    CANCELLING_WITHOUT_A_CANCEL,
];

/// The marks of a lock's row deleted under a living task: measured.
pub(super) const ROBBED: &[Fingerprint] = &[
    LOST,
    CANCELLING_WITHOUT_A_CANCEL,
    Fingerprint {
        id: "same-instances-and-addresses",
        report: "create_vm for the same 3 instances with the same 3 IPs",
        shows: |seen| {
            let looks = seen.iter().filter_map(|observation| answer(observation, "iaas:inflight"));
            looks.map(doubled).any(|pairs| pairs == manifest::WEBS)
        },
    },
];

/// The mark of a lock that a task takes from another while it lives: measured.
pub(super) const TAKEN_ALIVE: &[Fingerprint] = &[Fingerprint {
    id: "living-lock-taken",
    report: "an acquirer whose clock runs ahead steals a healthy lock",
    shows: |seen| {
        let row = |values: &BTreeMap<String, String>| {
            let [uid, _, expired] = fields(values.get(manifest::PAASTA_LOCK)?)?;
            Some((uid.to_owned(), expired.parse::<i64>().ok()?, values.get("now_ms")?.parse::<i64>().ok()?))
        };
        let looks: Vec<_> = seen.iter().filter_map(|observation| answer(observation, "sql:locks")).map(row).collect();
        // The row changes hands from one look to the next, and had not expired.
        looks.windows(2).any(|pair| match pair {
            [Some((before, expired, _)), Some((after, _, now))] => before != after && expired > now,
            _ => false,
        })
    },
}];

/// The marks of a worker that was killed with its task, and came back: measured.
pub(super) const WORKER_KILLED: &[Fingerprint] = &[
    Fingerprint {
        id: "job-dropped",
        report: "Cannot perform job for task N (not in 'queued' state)",
        shows: |seen| logged(seen, &["Cannot perform job for task 100 (not in 'queued' state)"]),
    },
    Fingerprint {
        id: "stays-processing",
        report: "it stays `processing`",
        shows: |seen| state_of(seen, "100").is_some_and(|state| state == "processing"),
    },
    Fingerprint {
        id: "orphans-live",
        report: "CPI children survive the worker's KILL, reparented to init",
        shows: |seen| {
            let is_orphan = |call: &&String| call.contains("director cpi ") && call.ends_with(" ppid=1");
            seen.iter().any(|look| match &look.signal {
                Signal::Processes { commands } => commands.iter().filter(is_orphan).count() == manifest::WEBS,
                _ => false,
            })
        },
    },
];

const LOST: Fingerprint = Fingerprint {
    id: "lost",
    report: "Lock renewal thread exiting",
    shows: |seen| logged(seen, &["task 100 debug: ", "Lock renewal thread exiting"]),
};

const CANCELLING_WITHOUT_A_CANCEL: Fingerprint = Fingerprint {
    id: "cancelling-without-a-cancel",
    report: "its own state becomes `cancelling` with no user cancel",
    shows: |seen| was(seen, FIRST, "cancelling"),
};

/// An answer to that question.
fn answer<'a>(observation: &'a Observation, question: &str) -> Option<&'a BTreeMap<String, String>> {
    match &observation.signal {
        Signal::Query { of, answer: Answer::Values { values } } if of == question => Some(values),
        _ => None,
    }
}

fn fields<const N: usize>(row: &str) -> Option<[&str; N]> {
    row.splitn(N, '|').collect::<Vec<_>>().try_into().ok()
}

/// For how many instances and addresses two tasks have a `create_vm` in flight.
fn doubled(calls: &BTreeMap<String, String>) -> usize {
    let mut tasks: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
    for call in calls.values() {
        if let Some(["create_vm", task, instance, ip, ..]) = fields::<7>(call) {
            tasks.entry((instance, ip)).or_default().push(task);
        }
    }
    tasks.values().filter(|tasks| tasks.iter().any(|task| *task != tasks[0])).count()
}
