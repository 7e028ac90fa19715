//! Each rule of the contract, broken by a toy that only this rule catches.

mod metrics;
mod toy;

use std::{sync::Arc, time::Duration};

use proptest::prelude::*;
use reenact_core::{Error, Result};
use tempfile::TempDir;

use super::{Proof, Step, perform, table};
use crate::{
    campaign::{Call, FaultSpec, Remedy, Schedule, Span, Timed},
    incident::*,
    lab::{Lab, Plan},
    play::{self, Play},
    score::Score,
};
use toy::{BROKEN, BURNS, Break, Does, Flaw, Handbook, Toy};

/// The whole contract over one toy.
fn incident(toy: &Toy) -> Incident<Toy> {
    let book = |does| Handbook(toy.clone(), does);
    Incident {
        id: "toy::breaks",
        story: "It is dropped.",
        source: "a test",
        setup: (),
        acts: vec![Act {
            breaks: vec![inject(Break)],
            fingerprints: seen(&[BURNS], secs(5)),
            detected: by(BROKEN, secs(3)),
            control: stays_broken(secs(5)),
            wrong: tried([
                refuses(book(Does::Wrong)).beside_faults(),
                useless(book(Does::Useless), secs(5)),
                deceives(book(Does::Deceives), secs(5)).still(&[BROKEN]),
            ]),
            ends: healed_by(book(Does::Right), secs(20)),
        }],
    }
}

/// A look-alike: nothing happens to it.
fn twin(_: &Toy) -> Incident<Toy> {
    Incident { id: "toy::twin", acts: vec![Act::benign(vec![quiet(secs(2))], secs(5))], ..incident(&Toy::default()) }
}

/// A wrong runbook that is followed to the end.
fn harmful(toy: &Toy, does: Does, kinds: &[Harm]) -> Incident<Toy> {
    let mut incident = incident(toy);
    incident.acts[0].ends = harm([call(Handbook(toy.clone(), does))], kinds);
    incident
}

struct Ended {
    result: Result<()>,
    score: Score,
    dir: TempDir,
}

async fn run(toy: Toy, incident: Incident<Toy>, plan: Plan) -> Ended {
    let dir = tempfile::tempdir().expect("a folder");
    let lab = Lab::open(dir.path().into(), "toy".into(), plan, incident.expected()).expect("a lab");
    lab.begins(Step::Steady);
    let result = perform(&lab, toy, &incident).await;
    let (score, kept) = lab.close();
    kept.expect("the books are kept");
    Ended { result, score, dir }
}

const FULL: Plan = Plan { seed: 7, full: true, no_fault: false, metrics: false };
const QUICK: Plan = Plan { full: false, ..FULL };

fn kind(error: &Error) -> &'static str {
    match error {
        Error::Failed(_) => "failed",
        Error::Inconclusive(_) => "inconclusive",
        Error::Unproved(_) => "unproved",
        Error::Bug(_) => "bug",
        _ => "other",
    }
}

/// Holds that a flaw ends the run at that step, as that kind of error, for that reason.
async fn ends(flaw: Flaw, incident: impl Fn(&Toy) -> Incident<Toy>, plan: Plan, how: (Step, &str, &str)) {
    let toy = Toy::with([flaw]);
    let incident = incident(&toy);
    let Ended { result, score, .. } = run(toy, incident, plan).await;
    let error = result.expect_err(&format!("{flaw:?} passes"));
    let text = error.to_string();
    assert_eq!((score.step, kind(&error)), (Some(how.0), how.1), "{flaw:?}: {text}");
    assert!(text.contains(how.2), "{flaw:?}: {text}");
}

#[tokio::test(start_paused = true)]
async fn a_toy_without_flaws_passes_and_proves_every_step() {
    for plan in [FULL, QUICK] {
        let toy = Toy::default();
        let incident = incident(&toy);
        let Ended { result, score, .. } = run(toy, incident, plan).await;
        result.expect("it passes");
        let unproved: Vec<_> = score.contract.iter().filter(|(_, proof)| **proof != Proof::Proved).collect();
        let left_out = (Step::Stuck, Proof::Reason("a quick run".into()));
        if plan.full {
            assert_eq!(unproved, []);
            assert_eq!(score.contract.len(), Step::ALL.len() - 1, "all but the clean-up, which is the runner's");
        } else {
            assert_eq!(unproved, [(&left_out.0, &left_out.1)]);
        }
        assert_eq!((score.fingerprints.seen, score.fingerprints.total), (1, 1));
        assert!(score.detect_ms.is_some_and(|ms| (500..1500).contains(&ms)), "{:?}", score.detect_ms);
        assert!(score.recover_ms.is_some());
    }
}

#[tokio::test(start_paused = true)]
async fn each_flaw_is_caught_by_its_rule() {
    use Step::*;
    let all: [(Flaw, (Step, &str, &str)); 33] = [
        (Flaw::NeverUp, (Steady, "inconclusive", "did not come up")),
        (Flaw::NoWrites, (Steady, "inconclusive", "no write was acknowledged")),
        (Flaw::CriesWolfEarly, (Steady, "failed", "false alarm: wolf/wolf")),
        (Flaw::FaultHasNoEffect, (Injected, "unproved", "n1 dropped")),
        (Flaw::BrokenFromTheStart, (Injected, "inconclusive", "its effect was there already")),
        (Flaw::MarkMissing, (Faithful, "inconclusive", "0 of 1 fingerprints of the report; missing: burns")),
        (Flaw::DetectorSilent, (Detected, "failed", "it is silent")),
        (Flaw::DetectorLate, (Detected, "failed", "and should have within")),
        (Flaw::CriesWolf, (Detected, "failed", "false alarm: wolf/wolf")),
        (Flaw::HealFails, (Stuck, "inconclusive", "cannot be picked up")),
        (Flaw::HealsByItself, (Stuck, "inconclusive", "healed by itself")),
        (Flaw::HealthUnknown, (Stuck, "inconclusive", "nobody knows")),
        (Flaw::WrongDoesNotRefuse, (Wrong, "failed", "should have refused")),
        (Flaw::UselessHeals, (Wrong, "failed", "\"look at it\" healed it")),
        (Flaw::DeceiverRefuses, (Wrong, "failed", "should have claimed success")),
        (Flaw::SilentAfterDeceit, (Wrong, "failed", "has fallen silent")),
        (Flaw::RightRefuses, (Ended, "failed", "did not heal: Refused")),
        (Flaw::RightDoesNothing, (Ended, "failed", "did not heal: NothingToDo")),
        (Flaw::RightHealsNothing, (Ended, "failed", "had not healed it")),
        (Flaw::RightHangs, (Ended, "failed", "had not come to its end")),
        (Flaw::NotKillSafe, (Ended, "failed", "did not heal: Refused")),
        (Flaw::WorksAgain, (Ended, "failed", "run again on a healthy system")),
        (Flaw::StillFiring, (Ended, "failed", "every detector to fall silent: toy/broken")),
        (Flaw::NoWritesAfterwards, (Ended, "failed", "more writes to be acknowledged")),
        (Flaw::Relapses, (Ended, "failed", "healthy no longer: n1 is ill again")),
        (Flaw::LosesAWrite, (Ended, "failed", "lost")),
        (Flaw::ResurrectsAWrite, (Ended, "failed", "resurrected")),
        (Flaw::Diverges, (Ended, "failed", "different between nodes")),
        (Flaw::RepeatsAWrite, (Ended, "failed", "done more than once")),
        (Flaw::Misreads, (Ended, "failed", "misread")),
        (Flaw::ContentsUnreadable, (Ended, "inconclusive", "n1 cannot be read")),
        (Flaw::ClientPanics, (Ended, "bug", "a client of the workload")),
        (Flaw::CriesWolfLate, (Ended, "failed", "false alarm: wolf/wolf")),
    ];
    assert_eq!(all.map(|(flaw, _)| flaw), Flaw::ALL);
    for (flaw, how) in all {
        ends(flaw, incident, FULL, how).await;
    }
}

#[tokio::test(start_paused = true)]
async fn the_detection_has_a_limit_of_its_own() {
    // The marks take longer than the detector may: it fires while they are waited for.
    let slow = |toy: &Toy| {
        let mut incident = incident(toy);
        incident.acts[0].detected = by(BROKEN, std::time::Duration::from_millis(300));
        incident
    };
    let toy = Toy::default();
    let incident = slow(&toy);
    let ended = run(toy, incident, FULL).await;
    let error = ended.result.expect_err("it fires after half a second");
    assert!(matches!(error, Error::Failed(_)), "{error}");
    assert_eq!(ended.score.step, Some(Step::Detected));
}

#[tokio::test(start_paused = true)]
async fn what_heals_by_itself_must_stay_healthy_too() {
    let all = [
        (Flaw::StillFiring, "every detector to fall silent"),
        (Flaw::NoWritesAfterwards, "more writes to be acknowledged"),
        (Flaw::Relapses, "healthy no longer"),
    ];
    for (flaw, words) in all {
        let toy = Toy::with([Flaw::HealsByItself, flaw]);
        let mut incident = incident(&toy);
        incident.acts[0].control = none("it heals by itself");
        incident.acts[0].wrong = none("there is no time for one");
        incident.acts[0].ends = by_itself(secs(5));
        let error = run(toy, incident, FULL).await.result.expect_err("it is not well").to_string();
        assert!(error.contains(words), "{flaw:?}: {error}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_claimed_after_the_detection_and_after_the_end_must_hold() {
    let false_claim =
        || story("a claim", |_: &Run<Toy>| Box::pin(async { Err(Error::failed("the claim does not hold")) }));
    for (step, at_the_end) in [(Step::Detected, false), (Step::Ended, true)] {
        let toy = Toy::default();
        let mut incident = incident(&toy);
        let act = &mut incident.acts[0];
        let then = if at_the_end { &mut act.ends.then } else { &mut act.detected.then };
        then.push(false_claim());
        let Ended { result, score, .. } = run(toy, incident, QUICK).await;
        assert_eq!(result.expect_err("a false claim").to_string(), "the claim does not hold");
        assert_eq!(score.step, Some(step));
    }
}

#[tokio::test(start_paused = true)]
async fn a_quick_run_makes_refusals_and_leaves_what_costs_time_to_full_ones() {
    ends(Flaw::WrongDoesNotRefuse, incident, QUICK, (Step::Wrong, "failed", "should have refused")).await;
    ends(Flaw::DeceiverRefuses, incident, QUICK, (Step::Wrong, "failed", "should have claimed success")).await;
    for flaw in [Flaw::UselessHeals, Flaw::NotKillSafe, Flaw::WorksAgain] {
        let toy = Toy::with([flaw]);
        let incident = incident(&toy);
        run(toy, incident, QUICK).await.result.unwrap_or_else(|error| panic!("{flaw:?}: {error}"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_twin_is_held_to_what_applies_to_it() {
    let toy = Toy::default();
    let incident = twin(&toy);
    run(toy, incident, FULL).await.result.expect("it passes");
    ends(Flaw::CriesWolfEarly, twin, FULL, (Step::Steady, "failed", "false alarm")).await;
    ends(Flaw::Diverges, twin, FULL, (Step::Ended, "failed", "different between nodes")).await;
    let broken = |_: &Toy| Incident { acts: vec![Act::benign(vec![inject(Break)], secs(5))], ..twin(&Toy::default()) };
    let toy = Toy::default();
    let incident = broken(&toy);
    let ended = run(toy, incident, FULL).await;
    let error = ended.result.expect_err("a twin that breaks is none").to_string();
    assert!(error.contains("waited") || error.contains("false alarm: toy/broken"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn harm_must_be_done_and_be_of_the_stated_kind() {
    let all = [
        (Does::Destroys, &[Harm::Lost][..], true, "", None),
        (Does::Destroys, &[Harm::Lost, Harm::Divergent], false, "no write is divergent", None),
        (Does::Useless, &[Harm::Lost], false, "no write is lost", None),
        (Does::Destroys, &[Harm::Lost, Harm::Divergent], true, "", Some(Flaw::Diverges)),
        (Does::Destroys, &[Harm::Repeated], true, "", Some(Flaw::RepeatsAWrite)),
        (Does::Destroys, &[Harm::Resurrected], true, "", Some(Flaw::ResurrectsAWrite)),
        (Does::Destroys, &[Harm::Misread], true, "", Some(Flaw::Misreads)),
        (Does::Useless, &[Harm::Misread], false, "no write is misread", None),
        (Does::Destroys, &[Harm::Corrupted], false, "no write is corrupted", None),
        (Does::Destroys, &[Harm::Unexpected], false, "no write is unexpected", None),
    ];
    for (does, kinds, passes, words, flaw) in all {
        let toy = Toy::with(flaw);
        let incident = harmful(&toy, does, kinds);
        let Ended { result, score, .. } = run(toy, incident, FULL).await;
        assert_eq!(result.is_ok(), passes, "{kinds:?}: {result:?}");
        assert_eq!(score.step, Some(Step::Ended));
        if let Err(error) = result {
            assert!(matches!(error, Error::Failed(_)) && error.to_string().contains(words), "{error}");
        }
    }
    let claimed = |toy: &Toy| {
        let mut incident = harmful(toy, Does::Destroys, &[Harm::Lost]);
        let end = std::mem::replace(&mut incident.acts[0].ends, goes_on());
        incident.acts[0].ends =
            end.claiming("the first write survives", |_, _| Box::pin(async { Err(Error::failed("it did not")) }));
        incident
    };
    let toy = Toy::default();
    let incident = claimed(&toy);
    let error = run(toy, incident, FULL).await.result.expect_err("the claim does not hold").to_string();
    assert!(error.contains("the first write survives: it did not"), "{error}");
}

/// Where a second cluster may serve, say, what was misread is told and is no failure.
#[tokio::test(start_paused = true)]
async fn a_diagnosis_may_take_back_what_is_promised_of_reads() {
    let toy = Toy::with([Flaw::Misreads]);
    let mut incident = incident(&toy);
    incident.acts[0].detected.also.push("wolf/wolf");
    let Ended { result, score, dir } = run(toy, incident, QUICK).await;
    result.expect("it passes");
    let found = score.findings.expect("the judge looked");
    assert!(found.reads > 0 && !found.misread.is_empty(), "{found}");
    let events = std::fs::read_to_string(dir.path().join("events.jsonl")).expect("the journal");
    assert!(events.contains("a stale read"), "the journal explains it");
    let kept = std::fs::read_to_string(dir.path().join("history.jsonl")).expect("the history");
    let kept = reenact_history::History::from_json_lines(&kept).expect("a history");
    assert_eq!(kept.reads(), found.reads);
}

#[tokio::test(start_paused = true)]
async fn the_no_fault_control_ends_where_the_fault_should_be_proved() {
    let toy = Toy::default();
    let incident = incident(&toy);
    let ended = run(toy, incident, Plan { no_fault: true, ..FULL }).await;
    assert!(matches!(ended.result, Err(Error::Unproved(_))), "{:?}", ended.result);
    assert_eq!(ended.score.step, Some(Step::Injected));
}

#[tokio::test(start_paused = true)]
async fn a_story_that_ends_in_the_middle_is_a_bug_of_ours() {
    let toy = Toy::default();
    let mut incident = incident(&toy);
    incident.acts[0].ends = goes_on();
    let error = run(toy, incident, FULL).await.result.expect_err("it never ends");
    assert!(matches!(error, Error::Bug(_)), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_second_act_goes_on_from_the_first() {
    let toy = Toy::default();
    let mut both = incident(&toy);
    let mut second = incident(&toy).acts.remove(0);
    second.breaks = vec![still_detected(BROKEN)];
    both.acts[0].ends = goes_on();
    both.acts[0].control = none("the second act proves it");
    // The fault is in force until the second act heals it.
    both.acts[0].wrong = none("the second act tries them");
    both.acts.push(second);
    assert_eq!(table(&both)[&Step::Stuck], Proof::Proved);
    run(toy, both, FULL).await.result.expect("it passes");
}

#[test]
fn the_table_shows_what_is_proved_and_why_the_rest_is_not() {
    let toy = Toy::default();
    assert!(table(&incident(&toy)).values().all(|proof| *proof == Proof::Proved));
    let of_twin = table(&twin(&toy));
    assert_eq!(of_twin.len(), Step::ALL.len());
    let reason = |step| matches!(&of_twin[&step], Proof::Reason(why) if why.contains("benign"));
    assert!(reason(Step::Faithful) && reason(Step::Detected) && reason(Step::Stuck) && reason(Step::Wrong));
    let shown = serde_json::to_value(&of_twin).expect("JSON");
    assert_eq!(shown["steady"], "proved");
    assert!(shown["stuck"]["reason"].is_string(), "{shown}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn no_toy_with_a_flaw_passes(flaws in prop::sample::subsequence(Flaw::ALL.to_vec(), 1..6)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().expect("one");
        let toy = Toy::with(flaws.clone());
        let incident = incident(&toy);
        let ended = runtime.block_on(run(toy, incident, FULL));
        prop_assert!(ended.result.is_err(), "{:?} pass", flaws);
    }
}

/// The toy's fault in a schedule, which ends with the schedule.
fn schedule() -> Incident<Toy> {
    of_faults([Timed { at: Span(secs(1)), lasts: None, fault: FaultSpec::new("break", []) }])
}

/// A schedule of the toy's fault, at these times.
fn of_faults(faults: impl IntoIterator<Item = Timed>) -> Incident<Toy> {
    let schedule =
        Schedule { system: "toy".into(), seed: 7, faults: faults.into_iter().collect(), ..Schedule::default() };
    let faults = schedule.faults.iter().map(|_| Arc::new(Break) as _).collect();
    play::incident((), Play { schedule, faults, remedies: &[], patience: secs(10) })
}

thread_local! {
    /// A runbook of a menu knows no toy: it is the one of the test that runs on this thread.
    static TOY: std::cell::RefCell<Option<Toy>> = const { std::cell::RefCell::new(None) };
}

/// A machine that a runbook has taken apart when it was killed is no diagnosis: who called it comes back.
#[tokio::test(start_paused = true)]
async fn a_runbook_that_was_killed_is_called_again_where_no_detector_tells_what_it_left() {
    let make = || Box::new(Handbook(TOY.with_borrow(|toy| toy.clone().expect("a toy")), Does::Right)) as _;
    let menu: &[Remedy] = Box::leak(Box::new([Remedy { name: "mend", cures: &[], make }]));
    for (flaw, killed_after, said) in [
        (None, Some(1), None),
        (None, None, Some("no detector says so")),
        (Some(Flaw::NotKillSafe), Some(1), Some("which had been killed, refuses: not now")),
    ] {
        let toy = Toy::with([Flaw::DetectorSilent].into_iter().chain(flaw));
        TOY.set(Some(toy.clone()));
        // Whoever is not killed comes before anything is broken.
        let at = Span(if killed_after.is_some() { secs(5) } else { Duration::ZERO });
        let fault = Timed { at: Span(secs(1)), lasts: None, fault: FaultSpec::new("break", []) };
        let calls = vec![Call { at, name: "mend".into(), killed_after }];
        let schedule = Schedule { system: "toy".into(), seed: 7, faults: vec![fault], calls, ..Schedule::default() };
        let story = Play { schedule, faults: vec![Arc::new(Break) as _], remedies: menu, patience: secs(10) };
        let ended = run(toy, play::incident((), story), QUICK).await.result;
        let why = ended.err().map(|error| error.to_string());
        assert_eq!(why.is_some(), said.is_some(), "{why:?}");
        assert!(why.iter().all(|why| said.is_some_and(|said| why.contains(said))), "{why:?}");
    }
}

/// In a schedule any diagnosis of the system may be true. Only one that was made takes the promise back.
#[tokio::test(start_paused = true)]
async fn a_schedule_that_misreads_fails_unless_a_diagnosis_was_made_that_takes_the_promise_back() {
    let cut = || Timed { at: Span(secs(1)), lasts: Some(Span(secs(20))), fault: FaultSpec::new("break", []) };
    for (unless, faults, passes) in [
        (&[BROKEN][..], vec![cut()], true),
        (&[BROKEN], vec![], false),
        (&["wolf/wolf"], vec![cut()], false),
        (&[], vec![cut()], false),
    ] {
        let toy = Toy::with([Flaw::HealsByItself, Flaw::Misreads]).promising_unless(unless);
        let is_cut = !faults.is_empty();
        let Ended { result, score, dir } = run(toy, of_faults(faults), QUICK).await;
        assert_eq!(result.is_ok(), passes, "{unless:?}: {result:?}");
        if let Err(error) = result {
            assert!(kind(&error) == "failed" && error.to_string().contains("misread"), "{error}");
        }
        assert!(!score.findings.expect("the judge looked").misread.is_empty(), "it is told");
        let events = std::fs::read_to_string(dir.path().join("events.jsonl")).expect("the journal");
        assert_eq!(events.contains("n1, in a minority, served: read nothing"), is_cut, "while it was cut off only");
    }
}

/// What holds of all reads holds of a minority's: nothing is told where nothing is misread.
#[tokio::test(start_paused = true)]
async fn a_minority_that_serves_what_was_acknowledged_is_no_finding() {
    let cut = Timed { at: Span(secs(1)), lasts: Some(Span(secs(20))), fault: FaultSpec::new("break", []) };
    let Ended { result, score, .. } = run(Toy::with([Flaw::HealsByItself]), of_faults([cut]), QUICK).await;
    result.expect("it heals itself");
    let found = score.findings.expect("the judge looked");
    assert!(found.reads > 0 && found.misread.is_empty(), "{found}");
}

#[tokio::test(start_paused = true)]
async fn a_schedule_s_system_is_healthy_only_where_it_stays_so() {
    let healed = run(Toy::with([Flaw::HealsByItself]), schedule(), QUICK).await;
    healed.result.expect("it heals itself");
    let relapsed = run(Toy::with([Flaw::HealsByItself, Flaw::Relapses]), schedule(), QUICK).await;
    let error = relapsed.result.expect_err("it was healthy for a moment");
    assert_eq!(kind(&error), "failed", "{error}");
    assert!(error.to_string().contains("not healthy, and no detector says so"), "{error}");
}
