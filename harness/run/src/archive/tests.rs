//! Folders that are whole, cut off, moved, damaged.

use std::{fs, path::Path};

use tempfile::TempDir;

use super::*;
use crate::campaign::{Outcome, Setup};

fn result(id: &str, run: u32, seed: u64) -> RunResult {
    RunResult {
        id: id.into(),
        run,
        unproved: false,
        outcome: Outcome::Pass,
        reason: None,
        seed,
        duration_ms: 1,
        run_dir: "/somewhere/else".into(),
        setup: Setup::default(),
        score: Score::default(),
        exit_code: 0,
    }
}

/// Writes a run's folder.
fn keep(session: &Path, result: &RunResult, recording: &str) -> PathBuf {
    let folder = session.join(format!("{}.{}", result.id.replace("::", "."), result.run));
    fs::create_dir_all(&folder).expect("a folder");
    fs::write(folder.join(SCORE), serde_json::to_vec(result).expect("JSON")).expect("a score");
    fs::write(folder.join(EVENTS), "").expect("events");
    fs::write(folder.join("observations.jsonl"), recording).expect("a recording");
    folder
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

const LINE: &str = r#"{"at":7,"wall":"2026-01-02T03:04:05Z","node":"n1","signal":{"log":{"line":"one"}}}"#;

#[track_caller]
fn told(error: &Error, code: u8, words: &[&str]) {
    let text = error.to_string();
    assert_eq!(error.exit_code(), code, "{text}");
    assert!(words.iter().all(|word| text.contains(word)), "not all of {words:?} in: {text}");
}

#[test]
fn a_session_is_read_from_where_it_is_found() {
    let session = folder();
    keep(session.path(), &result("a::two", 1, 1), "");
    keep(session.path(), &result("a::one", 2, 2), "");
    let one = keep(session.path(), &result("a::one", 1, 1), "");
    let saved = Saved::load(session.path()).expect("a session");
    let names: Vec<_> = saved.runs.iter().map(|run| (run.id.as_str(), run.run)).collect();
    assert_eq!(names, [("a::one", 1), ("a::one", 2), ("a::two", 1)]);
    assert_eq!(saved.runs[0].run_dir, one);
    assert_eq!(Saved::load(&one).expect("a run").runs[0].id, "a::one");
}

#[test]
fn a_run_that_was_cut_off_is_named_and_left_out() {
    let session = folder();
    keep(session.path(), &result("a::one", 1, 1), "");
    let torn = keep(session.path(), &result("a::two", 1, 1), "");
    fs::write(torn.join(SCORE), "{\"id\": \"a::tw").expect("half a score");
    let killed = keep(session.path(), &result("a::three", 1, 1), "");
    fs::remove_file(killed.join(SCORE)).expect("it was there");
    fs::create_dir(session.path().join("notes")).expect("a folder of somebody's");
    let saved = Saved::load(session.path()).expect("a session");
    assert_eq!(saved.runs.len(), 1);
    let skipped: Vec<_> = saved.skipped.into_iter().map(|skipped| skipped.path).collect();
    assert_eq!(skipped, [killed, torn.clone()]);
    told(&Saved::load(&torn).expect_err("no run"), 2, &["score.json was cut off", "run it again"]);
}

#[test]
fn what_is_no_session_is_told() {
    let results = folder();
    let missing = results.path().join("none");
    told(&Saved::load(&missing).expect_err("nothing"), 2, &["none is not there", "help"]);
    told(&Saved::load(results.path()).expect_err("nothing"), 2, &["there is no run in", "help"]);
    let session = results.path().join("20260102T030405Z-0b5e77a1");
    keep(&session, &result("a::one", 1, 1), "");
    told(&Saved::load(results.path()).expect_err("sessions"), 2, &["it holds sessions", "20260102T030405Z-0b5e77a1"]);
    let folder = keep(&session, &result("a::two", 1, 1), "");
    fs::write(folder.join(SCORE), "[]").expect("a file");
    told(&Saved::load(&session).expect_err("no score"), 2, &["a.two.1/score.json is no score"]);
    told(&Saved::load(&folder.join(SCORE)).expect_err("a file"), 2, &["is a file"]);
}

#[test]
fn a_score_of_an_older_version_is_read() {
    let session = folder();
    let run = session.path().join("a.one.1");
    fs::create_dir(&run).expect("a folder");
    let old = r#"{"id":"a::one","run":1,"outcome":"fail","reason":"x","seed":3,"duration_ms":1,"run_dir":"/gone",
        "score":{"detectors":{"a/x":"fired","a/y":"fired","a/z":"quiet"},"false_alarms":["a/y"],"later":1}}"#;
    fs::write(run.join(SCORE), old).expect("a score");
    let saved = Saved::load(&run).expect("a run");
    assert_eq!(saved.runs[0].score.expected, ["a/x"], "what fired and was no false alarm");
    assert_eq!(saved.runs[0].setup, Setup::default());
}

#[test]
fn a_damaged_line_is_named_and_a_torn_end_is_none() {
    let session = folder();
    let run = |number, recording: &str| {
        let run = result("a::one", number, 1);
        let run_dir = keep(session.path(), &run, recording);
        RunResult { run_dir, ..run }
    };
    let whole = rescore(&run(1, &format!("{LINE}\n{LINE}\n"))).expect("rescored");
    assert_eq!((whole.observations, whole.lasts_ms, whole.torn), (2, 7, false));
    let torn = rescore(&run(2, &format!("{LINE}\n{}", &LINE[..40]))).expect("rescored");
    assert_eq!((torn.observations, torn.torn), (1, true));
    for bad in ["{}", "", "garbage", &LINE[..40], r#"{"at":7,"wall":"x","node":"n1","signal":{"new":{}}}"#] {
        let error = rescore(&run(3, &format!("{LINE}\n{bad}\n{LINE}\n"))).expect_err("damaged");
        told(&error, 2, &["a.one.3/observations.jsonl:2 is no observation", "help"]);
    }
    let none = run(4, "");
    fs::remove_file(none.run_dir.join("observations.jsonl")).expect("it was there");
    told(&rescore(&none).expect_err("no recording"), 2, &["there is no observations.jsonl in"]);
}

#[test]
fn a_packed_run_is_read_alike_and_tells_no_place() {
    let (session, kept) = (folder(), folder());
    let folder = keep(session.path(), &result("a::one", 1, 1), &format!("{LINE}\n{LINE}\n"));
    let packed = pack(&[folder], kept.path()).expect("packed");
    let plain = fs::read_to_string(packed[0].run_dir.join(SCORE)).expect("a score");
    assert!(plain.contains(r#""run_dir": "a.one.1""#) && !plain.contains("/somewhere"), "{plain}");
    assert_eq!(rescore(&packed[0]).expect("rescored").observations, 2);
    let recording = packed[0].run_dir.join("observations.jsonl.gz");
    let bytes = fs::read(&recording).expect("a recording");
    fs::write(&recording, &bytes[..bytes.len() - 9]).expect("cut");
    told(&rescore(&packed[0]).expect_err("damaged"), 2, &["observations.jsonl.gz is damaged"]);
}

#[test]
fn shards_are_joined_and_a_clash_gets_the_next_number() {
    let (one, two, into) = (folder(), folder(), folder());
    keep(one.path(), &result("a::one", 1, 1), LINE);
    keep(one.path(), &result("a::two", 1, 1), LINE);
    keep(two.path(), &RunResult { duration_ms: 2, ..result("a::one", 1, 1) }, LINE);
    let sources = [one.path().to_path_buf(), two.path().to_path_buf()];
    let merged = merge(&sources, into.path()).expect("merged");
    assert_eq!(
        merged.runs.iter().map(|run| (run.id.as_str(), run.run)).collect::<Vec<_>>(),
        [("a::one", 1), ("a::one", 2), ("a::two", 1)]
    );
    assert_eq!(merged.renumbered.len(), 1);
    let read = Saved::load(into.path()).expect("a session").runs;
    assert_eq!(read, merged.runs);
    assert_eq!(fs::read_to_string(read[1].run_dir.join("observations.jsonl")).expect("a recording"), LINE);
    assert_eq!(read[1].duration_ms, 2);
    // The sources are as they were, and the same again is not taken twice.
    assert_eq!(Saved::load(two.path()).expect("a session").runs[0].run, 1);
    let again = merge(&sources, into.path()).expect("merged");
    assert_eq!((again.runs.len(), again.again.len(), again.renumbered.len()), (3, 3, 0));
}

#[test]
fn a_shard_that_had_nothing_to_run_is_merged_as_such() {
    let (one, into) = (folder(), folder());
    told(&Saved::load(one.path()).expect_err("nothing"), 2, &["there is no run in"]);
    fs::write(one.path().join(part::PART), "{}").expect("a file");
    let merged = merge(&[one.path().to_path_buf()], into.path()).expect("merged");
    assert!(merged.runs.is_empty() && merged.skipped.is_empty());
}

#[test]
fn nothing_is_merged_into_what_is_no_session() {
    let (one, other) = (folder(), folder());
    let run = keep(one.path(), &result("a::one", 1, 1), LINE);
    let sources = [one.path().to_path_buf()];
    fs::create_dir(other.path().join("photos")).expect("a folder");
    told(&merge(&sources, other.path()).expect_err("not a session"), 2, &["holds other folders"]);
    told(&merge(&sources, &run).expect_err("a run"), 2, &["is no place for a session"]);
}

/// Metrics of a run with these phases, one scrape a second.
fn record(folder: &Path, id: &str, phases: &[(u64, reenact_core::metrics::Phase)]) {
    use reenact_core::metrics::*;
    let head = Head {
        format: FORMAT,
        scenario: id.into(),
        system: "a".into(),
        is_twin: false,
        interval_ms: 1000,
        timeout_ms: 10_000,
        pace: 1.0,
    };
    let file = fs::File::create(folder.join(crate::metrics::METRICS)).expect("a file");
    let mut recorder =
        Recorder::begin(flate2::write::GzEncoder::new(file, flate2::Compression::fast()), head).expect("it begins");
    for (at, phase) in phases {
        recorder.put(&Line::Phase { at: *at, phase: *phase }).expect("it is written");
    }
    let target = Target { job: "job".into(), node: "n1".into(), instance: "n1:1".into() };
    for second in 0..9 {
        let series = Series { name: "x".into(), labels: Default::default() };
        let sample = Sample { series: series.into(), kind: Kind::Gauge, value: second as f64 };
        recorder.scrape(second * 1000, &target, 1, Ok(vec![sample])).expect("it is written");
    }
    recorder.end().finish().expect("it is whole");
}

#[test]
fn metrics_are_packed_of_what_passed_and_the_rest_is_named() {
    use reenact_core::metrics::{Line, Phase};
    let (session, into) = (folder(), folder());
    let told = [(2000, Phase::Steady), (4000, Phase::Onset), (6000, Phase::Over)];
    let keep = |id: &str, outcome| keep(session.path(), &RunResult { outcome, ..result(id, 1, 1) }, "");
    record(&keep("a::good", Outcome::Pass), "a::good", &told);
    record(&keep("a::bad", Outcome::Fail), "a::bad", &told);
    record(&keep("a::short", Outcome::Pass), "a::short", &told[..2]);
    keep("a::none", Outcome::Pass);
    for _ in 0..2 {
        let (packed, skipped) = pack_metrics(&[session.path().into()], into.path()).expect("it is packed");
        assert_eq!(packed, [into.path().join("a.good.jsonl.gz")]);
        let why: Vec<_> = skipped.iter().map(|skipped| skipped.why.as_str()).collect();
        assert_eq!(why, ["it did not pass", "it recorded no metrics", "its story has no end"]);
        let lines = load_metrics(&packed[0]).expect("it is read back");
        let at: Vec<_> =
            lines.iter().filter_map(|line| if let Line::Scrape(it) = line { Some(it.at) } else { None }).collect();
        assert_eq!(at, [2000, 3000, 4000, 5000, 6000]);
    }
}
