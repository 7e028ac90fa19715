//! What a run that records metrics does beside the contract, and one that does not leaves.

use reenact_core::metrics::{Line, Phase, Scrape};

use super::*;
use crate::{archive::load_metrics, metrics::METRICS};

const RECORDED: Plan = Plan { metrics: true, ..QUICK };

/// The phases with their moments in milliseconds, and for how long the state is known to last.
fn told(ended: &Ended) -> (Vec<(Phase, u64)>, Vec<u64>) {
    let lines = load_metrics(&ended.dir.path().join(METRICS)).expect("it is recorded");
    let (mut phases, mut lasts) = (Vec::new(), Vec::new());
    for line in lines {
        match line {
            Line::Phase { at, phase } => phases.push((phase, at)),
            Line::Lasts { production_s } => lasts.push(production_s),
            _ => {}
        }
    }
    (phases, lasts)
}

fn names(phases: &[(Phase, u64)]) -> Vec<Phase> {
    phases.iter().map(|(phase, _)| *phase).collect()
}

fn scrapes(ended: &Ended) -> Vec<Scrape> {
    let lines = load_metrics(&ended.dir.path().join(METRICS)).expect("it is recorded");
    lines.into_iter().filter_map(|line| if let Line::Scrape(scrape) = line { Some(scrape) } else { None }).collect()
}

/// How long the state was held, in milliseconds.
fn held(phases: &[(Phase, u64)]) -> u64 {
    let at = |wanted| phases.iter().find(|(phase, _)| *phase == wanted).map(|(_, at)| *at);
    at(Phase::Over).expect("an end") - at(Phase::Broken).expect("it is broken")
}

const ALL: [Phase; 4] = [Phase::Steady, Phase::Onset, Phase::Broken, Phase::Over];

#[tokio::test(start_paused = true)]
async fn without_metrics_nobody_is_asked_and_nothing_is_kept() {
    let toy = Toy::default();
    let incident = incident(&toy);
    let ended = run(toy.clone(), incident, QUICK).await;
    ended.result.as_ref().expect("it passes");
    assert_eq!(toy.scrapes(), 0);
    assert!(!ended.dir.path().join(METRICS).exists());
    let events = std::fs::read_to_string(ended.dir.path().join("events.jsonl")).expect("events");
    assert!(!events.contains("\"story\""), "{events}");
}

#[tokio::test(start_paused = true)]
async fn what_is_broken_is_held_without_its_faults_and_the_control_is_made_by_that() {
    let toy = Toy::default();
    let incident = incident(&toy);
    let ended = run(toy.clone(), incident, RECORDED).await;
    ended.result.as_ref().expect("it passes");
    let (phases, lasts) = told(&ended);
    assert_eq!(names(&phases), ALL);
    assert!((20_000..21_000).contains(&held(&phases)), "{phases:?}");
    assert_eq!(lasts, [20], "the control's five seconds are less than the hold");
    assert_eq!(ended.score.contract[&Step::Stuck], Proof::Proved);
    assert!(toy.scrapes() >= 20, "{}", toy.scrapes());
    let events = std::fs::read_to_string(ended.dir.path().join("events.jsonl")).expect("events");
    assert_eq!(events.lines().filter(|line| line.contains("\"kind\":\"story\"")).count(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_longer_control_is_known_to_last_and_a_full_run_makes_all_of_it() {
    for (plan, at_least) in [(RECORDED, 20_000), (Plan { full: true, ..RECORDED }, 30_000)] {
        let toy = Toy::default();
        let mut incident = incident(&toy);
        incident.acts[0].control = stays_broken(secs(30));
        let ended = run(toy, incident, plan).await;
        ended.result.as_ref().expect("it passes");
        let (phases, lasts) = told(&ended);
        assert_eq!(lasts, [30]);
        assert!((at_least..at_least + 1000).contains(&held(&phases)), "{phases:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn where_no_control_holds_it_the_fault_does() {
    let toy = Toy::with([Flaw::HealsByItself]);
    let mut incident = incident(&toy);
    incident.acts[0].control = none("the fault is the cause");
    incident.acts[0].wrong = none("it heals by itself");
    incident.acts[0].ends = by_itself(secs(5));
    let ended = run(toy, incident, RECORDED).await;
    ended.result.as_ref().expect("it passes");
    let (phases, lasts) = told(&ended);
    assert_eq!((names(&phases), lasts), (ALL.to_vec(), vec![20]));
    assert!((20_000..21_000).contains(&held(&phases)), "{phases:?}");
    let mended = scrapes(&ended).into_iter().rev().find(|scrape| !scrape.set.is_empty()).expect("it heals");
    assert!(mended.at >= phases[3].1, "its fault was in force until then: {mended:?}");
}

#[tokio::test(start_paused = true)]
async fn what_heals_by_itself_while_it_is_held_is_no_broken_state() {
    let toy = Toy::with([Flaw::HealsByItself]);
    let incident = incident(&toy);
    let ended = run(toy, incident, RECORDED).await;
    let error = ended.result.as_ref().expect_err("it heals");
    assert!(error.to_string().contains("healed by itself"), "{error}");
    assert_eq!(told(&ended).1, [] as [u64; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_look_alike_is_not_held_and_its_disturbance_is_marked() {
    let toy = Toy::default();
    let twin = twin(&toy);
    let ended = run(toy, twin, RECORDED).await;
    ended.result.as_ref().expect("it passes");
    let (phases, lasts) = told(&ended);
    // Nothing stands: the toy serves all the time.
    assert_eq!((names(&phases), lasts), (vec![Phase::Steady, Phase::Onset, Phase::Over], vec![]));
}

#[tokio::test(start_paused = true)]
async fn a_look_alike_s_disturbance_that_stands_is_broken_until_it_has_passed() {
    let toy = Toy::with([Flaw::HealsByItself, Flaw::DetectorSilent]);
    let mut twin = twin(&toy);
    twin.acts[0].breaks = vec![inject(Break), quiet(secs(3))];
    let ended = run(toy, twin, RECORDED).await;
    ended.result.as_ref().expect("it passes");
    let (phases, lasts) = told(&ended);
    assert_eq!((names(&phases), lasts), (ALL.to_vec(), vec![]));
    // Only what the contract does anyway: the end, and the silence after it.
    assert!(held(&phases) < 10_000, "{phases:?}");
}

#[tokio::test(start_paused = true)]
async fn of_several_acts_the_last_that_is_noticed_is_held() {
    let toy = Toy::default();
    let mut all = incident(&toy);
    let first =
        Act { ends: goes_on(), wrong: none("the next act"), control: none("the next act"), ..all.acts.remove(0) };
    let second = Act { breaks: vec![quiet(secs(30))], ..incident(&toy).acts.remove(0) };
    all.acts = vec![first, second];
    let ended = run(toy, all, RECORDED).await;
    ended.result.as_ref().expect("it passes");
    let (phases, _) = told(&ended);
    assert_eq!(names(&phases), ALL);
    assert!(phases[2].1 - phases[1].1 > 30_000, "the first act is a part of the onset: {phases:?}");
}
