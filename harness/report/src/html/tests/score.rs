//! What the page says, against the score.json files on disk.

use std::collections::BTreeMap;

use serde_json::Value;

use super::*;

/// What the runs' own files say.
fn scores(results: &[RunResult]) -> Vec<Value> {
    let read = |result: &RunResult| fs::read(result.run_dir.join("score.json")).expect("a score");
    results.iter().map(|result| serde_json::from_slice(&read(result)).expect("json")).collect()
}

fn by_id(scores: &[Value]) -> BTreeMap<String, Vec<&Value>> {
    let mut by_id: BTreeMap<String, Vec<&Value>> = BTreeMap::new();
    for score in scores {
        by_id.entry(score["id"].as_str().expect("an id").into()).or_default().push(score);
    }
    by_id
}

/// A median as the page writes it; all of these are over a second.
fn seconds(runs: &[&Value], name: &str) -> String {
    let mut values: Vec<f64> = runs.iter().filter_map(|run| run["score"][name].as_f64()).collect();
    values.sort_by(f64::total_cmp);
    if values.is_empty() { "–".into() } else { format!("{:.2} s", values[values.len() / 2] / 1000.0) }
}

fn sum(runs: &[&Value], count: impl Fn(&Value) -> usize) -> usize {
    runs.iter().map(|run| count(&run["score"])).sum()
}

fn len(value: &Value) -> usize {
    value.as_array().expect("a list").len()
}

fn number(value: &Value) -> usize {
    usize::try_from(value.as_u64().expect("a number")).expect("a small one")
}

struct Made {
    _folder: tempfile::TempDir,
    results: Vec<RunResult>,
    scores: Vec<Value>,
    page: Html,
}

fn made() -> Made {
    let folder = tempfile::tempdir().expect("a folder");
    let results = session(folder.path());
    let (scores, page) = (scores(&results), Html::parse_document(&render(&results)));
    Made { _folder: folder, results, scores, page }
}

#[test]
fn the_verdict_counts_scenarios_by_their_worst_run() {
    let made = made();
    let root = made.page.root_element();
    assert_eq!(texts(root, "h1 .sentence"), ["2 of 4 failed, 1 could not be run here"]);
    let lost = sum(&made.scores.iter().collect::<Vec<_>>(), |score| number(&score["lost"]));
    let alarms = sum(&made.scores.iter().collect::<Vec<_>>(), |score| len(&score["false_alarms"]));
    let counts = ["1 ✓ pass", "2 ✗ FAIL", "0 ? INCONCLUSIVE", "1 – skipped"].map(String::from).into_iter();
    let counts = counts.chain([format!("{alarms} false alarm"), format!("{lost} acknowledged writes lost")]);
    assert_eq!(texts(root, "ul.counts li"), counts.collect::<Vec<_>>());
    let facts = texts(root, "header dl.facts div").join("; ");
    for fact in ["when2026-11-20 20:19:24 UTC", "took12 min 34 s", "runs6", "seed41 to 43", "modequick"] {
        assert!(facts.contains(fact), "{fact}: {facts}");
    }
}

#[test]
fn the_verdict_of_other_sessions() {
    let groups = |results: &[RunResult], about: &About| verdict::sentence(&Group::all(results, &[&twin()]), about);
    let pass = [result("a::b", 1, Outcome::Pass), result("a::c", 1, Outcome::Pass)];
    assert_eq!(groups(&pass, &about()), "All 2 passed");
    assert_eq!(groups(&pass[..1], &about()), "1 of 1 passed");
    assert_eq!(groups(&[], &about()), "Nothing was run");
    let no_fault = About { no_fault: true, ..about() };
    assert_eq!(groups(&pass, &no_fault), "No-fault control, the faults left out: no incident may pass, and 2 of 2 did");
    let twin = [result("one::twin", 1, Outcome::Pass), result("a::b", 1, Outcome::Inconclusive)];
    assert_eq!(groups(&twin, &no_fault), "No-fault control, the faults left out: no incident may pass, and 0 of 1 did");
    let open = [result("a::b", 1, Outcome::Inconclusive), result("a::c", 1, Outcome::Pass)];
    assert_eq!(groups(&open, &about()), "1 of 2 proved nothing");
}

#[test]
fn what_failed_is_told_first_with_its_reason_and_a_link() {
    let made = made();
    let root = made.page.root_element();
    let failures = texts(root, "ul.failures > li");
    assert_eq!(failures.len(), 3);
    for score in made.scores.iter().filter(|score| score["outcome"] != "pass") {
        let reason = score["reason"].as_str().expect("a reason");
        assert!(failures.iter().any(|told| told.contains(reason)), "{reason}: {failures:?}");
    }
    for link in all(root, "a[href^='#']") {
        let target = link.attr("href").expect("a target");
        assert_eq!(all(root, target).len(), 1, "{target}");
    }
    let order: Vec<_> = all(root, "details.scenario")
        .iter()
        .map(|part| (part.attr("data-name"), part.attr("open").is_some()))
        .collect();
    let wanted = [("one::breaks", true), ("one::harmed", true), ("two::needs_disks", false), ("one::twin", false)];
    assert_eq!(order, wanted.map(|(id, open)| (Some(id), open)));
}

#[test]
fn the_table_says_what_the_scores_say() {
    let made = made();
    let rows = all(made.page.root_element(), "table.overview tbody tr");
    let by_id = by_id(&made.scores);
    assert_eq!(rows.len(), by_id.len());
    for (row, (id, runs)) in rows.into_iter().zip(&by_id) {
        let cells = texts(row, "td");
        assert_eq!(texts(row, "th").first(), Some(id));
        assert_eq!(cells[1], seconds(runs, "start_ms"), "{id}");
        assert_eq!(cells[3], seconds(runs, "detect_ms"), "{id}");
        assert_eq!(cells[4], seconds(runs, "recover_ms"), "{id}");
        assert_eq!(cells[6], sum(runs, |score| number(&score["acked"])).to_string(), "{id}");
        assert_eq!(cells[7], sum(runs, |score| number(&score["lost"])).to_string(), "{id}");
        assert_eq!(cells[8], sum(runs, |score| len(&score["false_alarms"])).to_string(), "{id}");
        let passed = runs.iter().filter(|run| run["outcome"] == "pass").count();
        let of = if runs.len() > 1 { format!("{passed} of {} passed", runs.len()) } else { String::new() };
        assert!(cells[0].ends_with(&of), "{id}: {}", cells[0]);
    }
    let first = texts(all(made.page.root_element(), "table.overview tbody tr")[0], "td");
    assert_eq!((first[0].as_str(), first[2].as_str(), first[5].as_str()), ("✗ FAIL 1 of 3 passed", "20.0 ms", "2/3"));
}

#[test]
fn the_matrix_says_what_the_detectors_said() {
    let made = made();
    let root = made.page.root_element();
    let systems: Vec<_> = all(root, "table.matrix th.system")
        .into_iter()
        .map(|th| (text(th), th.attr("colspan").map(str::to_owned)))
        .collect();
    assert_eq!(systems, [("one".into(), Some("2".into())), ("two".into(), Some("1".into()))]);
    assert_eq!(texts(root, "table.matrix th.detector"), ["broken", "stuck", "slow"]);
    let by_id = by_id(&made.scores);
    let rows = all(root, "table.matrix tbody tr");
    assert_eq!(rows.len(), by_id.len());
    for (row, (id, runs)) in rows.into_iter().zip(&by_id) {
        let cells = texts(row, "td");
        for (detector, told) in DETECTORS.iter().zip(&cells) {
            let any = |holds: &dyn Fn(&Value) -> bool| runs.iter().any(|run| holds(&run["score"]));
            let wanted = if any(&|score| {
                score["false_alarms"].as_array().is_some_and(|ids| ids.iter().any(|id| id == detector))
            }) {
                "! false alarm"
            } else if any(&|score| score["detectors"][detector] == "fired") {
                "● fired"
            } else if any(&|score| score["detectors"][detector] == "quiet") {
                "·"
            } else {
                ""
            };
            assert_eq!(told, wanted, "{id} {detector}");
        }
    }
}

#[test]
fn a_detector_that_was_silent_in_one_run_has_missed() {
    let mut results = vec![result("one::breaks", 1, Outcome::Pass), result("one::breaks", 2, Outcome::Fail)];
    fires(&mut results[0], "one/broken", 7000, false);
    let page = Html::parse_document(&render(&results));
    assert_eq!(texts(page.root_element(), "table.matrix td"), ["○ missed", "·", "·"]);
}

#[test]
fn a_section_says_what_its_scores_say() {
    let made = made();
    for (id, runs) in by_id(&made.scores) {
        let section = section(&made.page, &id);
        let figures = all(section, "dl.figures");
        assert_eq!(figures.len(), runs.len(), "{id}");
        for (figures, run) in figures.into_iter().zip(&runs) {
            let names = texts(figures, "dt");
            let told: BTreeMap<_, _> = names.iter().map(String::as_str).zip(texts(figures, "dd")).collect();
            let count = |name: &str| number(&run["score"][name]).to_string();
            assert_eq!((&told["seed"], &told["lost"]), (&run["seed"].to_string(), &count("lost")), "{id}");
            assert_eq!(told["acknowledged"], count("acked"), "{id}");
            assert_eq!(told["false alarms"], len(&run["score"]["false_alarms"]).to_string(), "{id}");
            assert_eq!(told["detect"], seconds(&[run], "detect_ms"), "{id}");
            assert_eq!(told["recover"], seconds(&[run], "recover_ms"), "{id}");
        }
        let fired: usize = sum(&runs, |score| len(&score["episodes"]));
        assert_eq!(all(section, "ul.episodes > li").len(), fired, "{id}");
        let alarms = sum(&runs, |score| len(&score["false_alarms"]));
        assert_eq!(all(section, "ul.episodes > li.alarm").len(), alarms, "{id}");
        let commands = runs.iter().map(|run| format!("reenact run {id} --seed {}", run["seed"]));
        assert_eq!(texts(section, "pre.command"), commands.collect::<Vec<_>>());
    }
    let harmed = section(&made.page, "one::harmed");
    assert_eq!(texts(harmed, "p.judge"), ["✗ 500 acknowledged, 2 unknown; 3 lost (ids 10, 11, 500)"]);
    assert!(text(harmed).contains("exit_code137"));
}

#[test]
fn fingerprints_are_told_seen_or_missed_with_the_reports_words() {
    let made = made();
    let section = section(&made.page, "one::breaks");
    assert_eq!(texts(section, "span.prints"), ["3 of 3", "2 of 3", "3 of 3"]);
    assert_eq!(texts(section, "ul.prints li.missed"), ["✗ MISSED port_closed: 3306 closed"]);
    assert_eq!(all(section, "ul.prints li.seen").len(), 8);
    assert!(texts(section, "ul.prints li.seen")[0].ends_with("no_quorum: \"no quorum <0 of 3>\""));
}

#[test]
fn fingerprints_of_another_list_are_told_by_what_is_known() {
    let mut old = result("one::breaks", 1, Outcome::Inconclusive);
    old.score.fingerprints = Fingerprints { seen: 1, total: 2, missed: vec!["gone_since".into()] };
    let never_looked = result("one::breaks", 2, Outcome::Fail);
    let page = Html::parse_document(&render(&[old, never_looked]));
    let section = section(&page, "one::breaks");
    assert_eq!(texts(section, "ul.prints li.missed"), ["✗ MISSED gone_since"]);
    assert!(all(section, "ul.prints li.seen").is_empty());
    assert!(text(section).contains("They were not looked for"));
}

#[test]
fn a_section_shows_what_the_folder_holds() {
    let made = made();
    let section = section(&made.page, "one::harmed");
    let ok = entries().iter().filter(|entry| entry.ack == Ack::Ok).count();
    let picture = all(section, "svg[aria-label]")[0].attr("aria-label").unwrap_or_default();
    let told =
        format!("1 faults, 0 times a detector fired, 2 steps of a runbook; writes: {ok} acknowledged, 50 failed");
    assert!(picture.contains(&told) && picture.ends_with("1 stalls, 3 lost"), "{picture}");
    assert_eq!(all(section, "table.events tbody tr").len(), events().len());
    assert_eq!(texts(section, "details.log summary b"), ["n1.log", "n2.log"]);
    assert!(text(section).contains("239 lines are left out; all are in one.harmed.1/n1.log"), "{}", text(section));
    let evidence = texts(super::section(&made.page, "one::breaks"), "ul.evidence li");
    assert_eq!(evidence[0], made.scores[0]["score"]["episodes"][0]["evidence"][0]);
    let links = all(section, "p.kept a");
    for link in &links {
        let path = link.attr("href").unwrap_or_default();
        assert!(made.results[0].run_dir.join("..").join(path).is_file(), "{path}");
    }
    assert_eq!(links.len(), 6);
}

#[test]
fn headings_come_in_order_and_tables_have_scopes() {
    let made = made();
    let root = made.page.root_element();
    let levels: Vec<_> = all(root, "h1,h2,h3,h4").iter().map(|heading| heading.value().name().as_bytes()[1]).collect();
    assert!(levels[0] == b'1' && levels.windows(2).all(|pair| pair[1] <= pair[0] + 1), "{levels:?}");
    assert!(all(root, "th").iter().all(|th| th.attr("scope").is_some()));
    let mut ids: Vec<_> = all(root, "[id]").iter().filter_map(|part| part.attr("id")).collect();
    let count = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), count);
}

#[test]
fn the_command_says_how_it_was_run() {
    let breaks = result("one::breaks", 3, Outcome::Fail);
    let images = [("db".to_owned(), "my/db:1 x".to_owned())].into();
    let full = About { full: true, no_fault: true, images, ..about() };
    assert_eq!(full.replay(&breaks), "reenact run one::breaks --seed 43 --full --no-fault --image 'db=my/db:1 x'");
    let replay = About { how: How::Replay("my plans/a.toml".into()), ..about() };
    assert_eq!(replay.replay(&breaks), "reenact replay 'my plans/a.toml'");
    let trial = About { how: How::Try("mine.toml".into()), ..about() };
    assert_eq!(trial.replay(&breaks), "reenact try mine.toml --seed 43");
}

#[test]
fn a_session_keeps_its_page_and_what_it_is_about() {
    let folder = tempfile::tempdir().expect("a folder");
    let results = session(folder.path());
    keep(folder.path(), &results, &about()).expect("kept");
    let page = fs::read_to_string(folder.path().join(PAGE)).expect("a page");
    assert_eq!(
        text(all(Html::parse_document(&page).root_element(), ".sentence")[0]),
        "2 of 4 failed, 1 could not be run here"
    );
    let kept = fs::read(folder.path().join(ABOUT)).expect("a file");
    assert_eq!(serde_json::from_slice::<About>(&kept).expect("json"), about());
}
