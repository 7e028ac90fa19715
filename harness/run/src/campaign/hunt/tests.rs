use super::*;
use crate::{
    campaign::{Setup, playable::TOY},
    score::Score,
};

const SESSION: &str = "20261130T010000Z-5324d32b";

fn schedule(kinds: &[&str]) -> Schedule {
    let faults = kinds.iter().map(|kind| format!("[[fault]]\nat = '1s'\nkind = '{kind}'\n"));
    Schedule::parse(&format!("system = 'toy'\n{}", faults.collect::<String>())).expect("a plan")
}

fn trial(of: Option<&str>, kinds: &[&str]) -> Trial {
    let of = of.map(str::to_owned);
    Trial { playable: &TOY, schedule: schedule(kinds), of, id: "toy::random".into(), number: 1 }
}

fn ended(outcome: Outcome, reason: &str) -> RunResult {
    RunResult {
        id: "toy::random".into(),
        run: 1,
        outcome,
        unproved: false,
        reason: (outcome != Outcome::Pass).then(|| reason.to_owned()),
        seed: 1,
        duration_ms: 1,
        run_dir: "/".into(),
        setup: Setup::default(),
        score: Score::default(),
        exit_code: 0,
    }
}

#[test]
fn a_night_counts_what_is_known_and_keeps_what_is_new_to_be_shrunk() {
    let before = Night { session: "20261129T010000Z-5324d32b".into(), failed: 5, of: 5, met: 1 };
    let record = Record { reason: "stuck for 7 s: n1".into(), is_minimal: true, first_bad: None, nights: vec![before] };
    let mut findings = Findings::default();
    let name = findings.add(Schedule { finding: Some(record), ..schedule(&["cut"]) });
    let (known, mut tonight) = (Some(name.as_str()), Tonight::new(SESSION, findings));
    let mut see = |of, kinds: &[&str], outcome, reason| {
        tonight.see(trial(of, kinds), ended(outcome, reason));
        let night = tonight.findings.record(&name).expect("it is kept").tonight(SESSION).clone();
        (night.failed, night.of, night.met, tonight.failures.len())
    };
    assert_eq!(see(known, &["cut"], Outcome::Pass, ""), (0, 1, 0, 0));
    assert_eq!(see(known, &["cut"], Outcome::Fail, "stuck for 12 s: n3"), (1, 2, 0, 0));
    assert_eq!(see(known, &["cut"], Outcome::Inconclusive, "stuck for 12 s: n3"), (1, 2, 0, 0), "no verdict");
    assert_eq!(see(known, &["cut"], Outcome::Fail, "3 are lost"), (1, 3, 0, 1), "its plan shows something else");
    assert_eq!(see(None, &["kill", "cut"], Outcome::Fail, "stuck for 1 s: n2"), (1, 3, 1, 1), "met by another one");
    assert_eq!(see(None, &["kill"], Outcome::Fail, "stuck for 1 s: n2"), (1, 3, 1, 2), "without the cut it is new");
    assert_eq!(see(None, &["pause"], Outcome::Fail, "stuck for 2 s: n2"), (1, 3, 1, 2), "one of a kind is shrunk");
    assert_eq!(tonight.results.len(), 7);
}
