//! Pages to be looked at: `REENACT_PAGES=DIR cargo test -p reenact --lib look -- --ignored`.

use super::*;

/// A folder of its own for each page.
fn folder(name: &str) -> std::path::PathBuf {
    let pages = std::env::var("REENACT_PAGES").expect("REENACT_PAGES says where");
    let folder = Path::new(&pages).join(name);
    fs::create_dir_all(&folder).expect("a folder");
    folder
}

fn keep(folder: &Path, results: &[RunResult]) {
    fs::write(folder.join(PAGE), render(results)).expect("a page");
}

#[test]
#[ignore = "it makes pages to be looked at"]
fn a_session_with_failures() {
    let folder = folder("failures");
    let results = session(&folder);
    keep(&folder, &results);
    let timeline = folder::Recording::read(&results[2]).timeline;
    fs::write(folder.join("timeline.svg"), timeline.svg()).expect("a picture");
}

#[test]
#[ignore = "it makes pages to be looked at"]
fn two_hundred_scenarios_and_fifty_detectors() {
    let folder = folder("many");
    let mut results = session(&folder);
    let id =
        |at: usize| format!("{}::a_scenario_with_a_rather_long_name_{at}", ["one", "two", "three", "four"][at % 4]);
    results.extend((0..196).map(|at| result(&id(at), 1, Outcome::Pass)));
    let detectors =
        (0..50).map(|at| (format!("{}/a_diagnosis_{at}", ["one", "two", "three"][at % 3]), "unknown".to_owned()));
    let detectors: Vec<_> = detectors.collect();
    for (at, result) in results.iter_mut().enumerate() {
        result.score.detectors.extend(detectors.clone());
        fires(result, &detectors[at % 50].0, 9000, at % 17 == 0);
        record(&folder, result);
    }
    keep(&folder, &results);
}

#[test]
#[ignore = "it makes pages to be looked at"]
fn hostile_logs() {
    let folder = folder("hostile");
    let run = hostile::run_of(&hostile::HOSTILE.repeat(3), &folder);
    fs::write(folder.join("n2.log"), format!("error {}\n", "x".repeat(1 << 20))).expect("a log");
    keep(&folder, &[run]);
}

#[test]
fn a_session_s_page_works_in_a_browser() {
    let folder = tempfile::tempdir().expect("a folder");
    browser::hold(&render(&session(folder.path())), "twin", 1);
}
