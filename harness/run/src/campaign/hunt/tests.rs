use std::{cell::Cell, fs, future};

use tokio::sync::Notify;

use super::*;
use crate::{
    campaign::{Night, Record, Setup, playable::TOY, runner::PLAN},
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

/// Plays schedules on nothing: so many runs end as `says` has it, and the next one never does.
struct Toys {
    folder: tempfile::TempDir,
    results: PathBuf,
    left: Cell<u32>,
    says: fn(&Schedule) -> Option<&'static str>,
    hangs: Notify,
}

impl Toys {
    fn new(left: u32) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let results = folder.path().join(SESSION);
        Self { results, folder, left: Cell::new(left), says: |_| Some("stuck: n1"), hangs: Notify::new() }
    }

    /// Where nights keep what they know.
    fn memory(&self) -> Memory {
        let path = |name: &str| Some(self.folder.path().join(name));
        Memory { findings: path("nights"), coverage: path("coverage.json") }
    }

    fn hunt(&self) -> Hunt<'_, Self> {
        let memory = self.memory();
        let findings = memory.findings.as_deref().map(|nights| Findings::load(nights).expect("findings"));
        Hunt {
            player: self,
            systems: vec![&TOY],
            seed: 7,
            shard: Shard::WHOLE,
            jobs: 1,
            budget: Duration::from_secs(3_600),
            most: Some(1),
            known: None,
            findings: findings.unwrap_or_default(),
            memory,
        }
    }

    /// Stops the hunt in the middle of the run that never ends.
    async fn stopped(&self, hunt: Hunt<'_, Self>) {
        tokio::select! {
            ended = hunt.run(|_| ()) => panic!("it ended: {ended:?}"),
            () = self.hangs.notified() => {}
        }
    }

    /// What the session has kept, and what the nights share; both are whole.
    fn kept(&self) -> [Findings; 2] {
        let all = [self.results.join(FINDINGS), self.folder.path().join("nights")];
        all.map(|folder| {
            let files = fs::read_dir(&folder).into_iter().flatten();
            let half: Vec<_> = files
                .filter_map(Result::ok)
                .filter(|file| file.path().extension().is_some_and(|it| it == "new"))
                .collect();
            assert!(half.is_empty(), "{half:?}");
            Findings::load(&folder).expect("findings")
        })
    }
}

impl Player for Toys {
    async fn play(&self, id: &str, run: u64, schedule: &Schedule, _: &Playable) -> Result<RunResult> {
        let Some(left) = self.left.get().checked_sub(1) else {
            self.hangs.notify_one();
            return future::pending().await;
        };
        self.left.set(left);
        let run_dir = self.results.join(format!("{}.{run}", id.replace("::", ".")));
        fs::create_dir_all(&run_dir).map_err(Error::file("create", &run_dir))?;
        for (name, text) in [(PLAN, ""), ("events.jsonl", r#"{"at":1,"kind":"begins","text":"cut"}"#)] {
            fs::write(run_dir.join(name), text).map_err(Error::file("write", &run_dir))?;
        }
        let reason = (self.says)(schedule);
        let outcome = if reason.is_some() { Outcome::Fail } else { Outcome::Pass };
        Ok(RunResult { id: id.into(), run_dir, ..ended(outcome, reason.unwrap_or_default()) })
    }

    fn session(&self) -> &str {
        SESSION
    }

    fn results(&self) -> &Path {
        &self.results
    }
}

#[test]
fn a_night_counts_what_is_known_and_keeps_what_is_new_to_be_shrunk() {
    let before = Night { session: "20261129T010000Z-5324d32b".into(), failed: 5, of: 5, met: 1 };
    let record = Record { reason: "stuck for 7 s: n1".into(), is_minimal: true, first_bad: None, nights: vec![before] };
    let mut findings = Findings::default();
    let name = findings.add(Schedule { finding: Some(record), ..schedule(&["cut"]) });
    let (player, memory) = (Toys::new(0), Memory::default());
    let (known, mut tonight) = (Some(name.as_str()), Tonight::new(&player, &memory, findings));
    let mut see = |of, kinds: &[&str], outcome, reason| {
        tonight.see(trial(of, kinds), ended(outcome, reason)).expect("kept");
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

#[tokio::test]
async fn a_night_that_is_stopped_has_kept_how_the_known_plans_ended() {
    let toys = Toys::new(2);
    let before = Night { session: "20261129T010000Z-0badcafe".into(), failed: 2, of: 3, met: 1 };
    let record = Record { reason: "stuck: n3".into(), is_minimal: true, first_bad: None, nights: vec![before.clone()] };
    let mut findings = Findings::default();
    let name = findings.add(Schedule { finding: Some(record), ..schedule(&["cut"]) });
    findings.save(&toys.folder.path().join("nights")).expect("kept");
    toys.stopped(toys.hunt()).await;
    for mut kept in toys.kept() {
        let night = Night { session: SESSION.into(), failed: 2, of: 2, met: 0 };
        assert_eq!(kept.record(&name).expect("it is kept").nights, [before.clone(), night]);
    }
}

#[tokio::test]
async fn a_night_that_is_stopped_has_kept_what_is_new_and_what_was_met() {
    let toys = Toys::new(1);
    toys.stopped(toys.hunt()).await;
    let drawn = random::schedule(&TOY, 7, 0).expect("drawn");
    for kept in toys.kept() {
        let (_, plan, record) = kept.iter().next().expect("one");
        assert_eq!((&plan.faults, kept.iter().count()), (&drawn.faults, 1));
        assert!(!record.is_minimal && record.nights == [Night { session: SESSION.into(), met: 1, ..Night::default() }]);
    }
    let met = Coverage::load(&toys.folder.path().join("coverage.json")).expect("a map");
    assert_eq!(met.new_to(&Coverage::default()), ["toy: fault cut, first"]);
}

#[tokio::test]
async fn a_night_that_is_stopped_while_it_shrinks_has_kept_the_smallest_so_far() {
    let toys = Toys { says: |schedule| (!schedule.faults.is_empty()).then_some("stuck: n1"), ..Toys::new(5) };
    toys.stopped(toys.hunt()).await;
    let drawn = random::schedule(&TOY, 7, 0).expect("drawn");
    assert!(drawn.faults.len() > 2, "there is something to shrink: {drawn:?}");
    for kept in toys.kept() {
        let (_, plan, record) = kept.iter().next().expect("one");
        assert_eq!(kept.iter().count(), 1, "the larger one has gone");
        assert!(plan.faults.len() < drawn.faults.len() && !record.is_minimal, "{plan:?}");
        assert_eq!((record.nights[0].failed, record.nights[0].of), (2, 2));
    }
}

#[tokio::test]
async fn what_a_stopped_night_has_left_large_is_shrunk_by_the_next_one_and_keeps_its_nights() {
    let says: fn(&Schedule) -> Option<&'static str> =
        |schedule| schedule.faults.iter().any(|timed| timed.fault.kind == "cut").then_some("stuck: n1");
    let before = Night { session: "20261129T010000Z-0badcafe".into(), met: 1, ..Night::default() };
    let large = Record { reason: "stuck: n3".into(), is_minimal: false, first_bad: None, nights: vec![before.clone()] };
    let mut findings = Findings::default();
    let name = findings.add(Schedule { finding: Some(large), ..schedule(&["cut", "kill", "pause"]) });
    let toys = Toys { says, ..Toys::new(10_000) };
    findings.save(&toys.folder.path().join("nights")).expect("kept");
    let hunted = Hunt { most: Some(0), ..toys.hunt() }.run(|_| ()).await.expect("it ends");
    assert_eq!((hunted.new.len(), hunted.new[0].number), (1, None));
    for kept in toys.kept() {
        let (smaller, plan, record) = kept.iter().next().expect("one");
        assert!(
            says(plan).is_some() && smaller != name && kept.iter().count() == 1,
            "the larger one has gone: {kept:?}"
        );
        assert_eq!((plan.faults.len(), record.is_minimal, record.nights[0].clone()), (1, true, before.clone()));
        assert_eq!((record.nights.len(), record.nights[1].failed), (2, AGAIN));
    }
}

#[tokio::test]
async fn a_night_that_ends_leaves_the_smallest_plan_alone_and_a_shard_that_moves_keeps_its_own() {
    let toys = Toys { says: |schedule| (!schedule.faults.is_empty()).then_some("stuck: n1"), ..Toys::new(10_000) };
    let hunted = toys.hunt().run(|_| ()).await.expect("it ends");
    let [session, nights] = toys.kept();
    for kept in [&session, &nights, &hunted.findings] {
        let (name, plan, record) = kept.iter().next().expect("one");
        assert_eq!((plan.faults.len(), plan.calls.len(), kept.iter().count()), (1, 0, 1));
        assert!(record.is_minimal && hunted.new[0].plan.ends_with(format!("{name}.toml")));
        assert_eq!(record.failed(), (AGAIN, AGAIN));
    }
    let toys = Toys { says: toys.says, ..Toys::new(10_000) };
    let hunt = Hunt { memory: Memory::default(), ..toys.hunt() };
    hunt.run(|_| ()).await.expect("it ends");
    let [session, nights] = toys.kept();
    assert_eq!((session.iter().count(), nights.iter().count()), (1, 0));
    assert!(!toys.folder.path().join("coverage.json").exists());
}

#[test]
fn each_candidate_is_played_where_the_others_are_known() {
    let toys = Toys::new(0);
    let hunt = toys.hunt();
    let candidate = |number, at| random::candidate(&TOY, 7, number, at).expect("drawn");
    let is_played = |number, at| {
        let mut known = Some(Coverage::default());
        for other in (0..CANDIDATES).filter(|other| *other != at) {
            known.as_mut().and_then(|known| known.take_least_known(vec![candidate(number, other)]));
        }
        hunt.drawn(number, &mut known).expect("drawn").schedule == candidate(number, at)
    };
    for at in 0..CANDIDATES {
        let played = (0..20).filter(|number| is_played(*number, at)).count();
        assert!(played > 15, "the candidate {at} is played for {played} of 20 numbers");
    }
}
