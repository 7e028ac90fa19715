//! The documents' lists of scenarios are those of the code. `REENACT_BLESS=1 cargo test
//! --test documents` writes them anew.

use std::{collections::BTreeSet, fs, path::Path};

use reenact::{
    alerts::{Options, Promtool, Rules, score, within},
    campaign,
    report::{alerts::Scores, documents},
};
use scenarios as _;

/// Holds the parts of a document that are made from the incidents' values.
fn holds(document: &str, parts: &[(&str, String)]) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(document);
    let old = fs::read_to_string(&path).expect("the document");
    let new =
        parts.iter().fold(old.clone(), |text, (name, by)| documents::replace(&text, name, by).expect("its place"));
    if std::env::var_os("REENACT_BLESS").is_some() {
        fs::write(&path, new).expect("the document is written");
        return;
    }
    assert!(old == new, "{document} is not what the code says: REENACT_BLESS=1 cargo test --test documents");
}

#[test]
fn the_readme_counts_what_there_is() {
    let all = campaign::all().expect("scenarios");
    holds("README.md", &[("systems", documents::systems(&all))]);
}

#[test]
fn the_list_of_scenarios_is_that_of_the_code() {
    let all = campaign::all().expect("scenarios");
    let parts = [("scenarios", documents::scenarios(&all)), ("reasons", documents::reasons(&all))];
    holds("docs/scenarios.md", &parts);
}

/// Of the same seeds: so many schedules a night, guided by the map of earlier ones and not.
#[test]
fn the_simulated_nights_are_those_of_today_s_menus() {
    let simulated = documents::simulated(&campaign::playables(), 1, 5, 100).expect("drawn");
    holds("docs/figures.md", &[("simulation", simulated)]);
}

/// The rules that are recommended, all against all that is shipped.
#[test]
fn the_examples_scores_are_those_of_the_shipped_recordings() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let recordings = within(&root.join("tests/metrics")).unwrap_or_default();
    let (Some(promtool), false) = (Promtool::on_path(), recordings.is_empty()) else {
        let is_required = std::env::var("REENACT_REQUIRE").is_ok_and(|value| value == "all");
        assert!(!is_required, "there is no promtool or no recording, and REENACT_REQUIRE=all wants it");
        eprintln!("skipped: there is no promtool or no recording");
        return;
    };
    let files = ["galera", "etcd-consul", "blobstore", "bosh", "web-service"];
    let files = files.map(|name| root.join(format!("docs/examples/alerts/{name}.yml")));
    promtool.check(&files).expect("they are right");
    let rules = Rules::read(&files).expect("rules");
    let all = score(&rules, &recordings, &Options::default(), &promtool).expect("scored");
    let scores = Scores { rules, all, offers: Vec::new() };
    for scored in scores.all.iter().filter(|scored| scored.is_twin) {
        assert!(scored.is_good(), "{}: {:?}", scored.scenario, scored.alarms());
    }
    let known = campaign::all().expect("scenarios");
    holds("docs/alerts.md", &[("alerts", documents::alerts(&scores, &known))]);
}

/// The core leaves nothing untried: see `campaign::core`.
#[test]
fn the_core_covers_whatever_any_scenario_tries() {
    let all = campaign::all().expect("scenarios");
    let covered = |core: bool| -> BTreeSet<&String> {
        all.iter().filter(|scenario| scenario.core || !core).flat_map(|scenario| &scenario.covers).collect()
    };
    assert_eq!(covered(true), covered(false));
    let core = all.iter().filter(|scenario| scenario.core).count();
    assert!(core < all.len() * 3 / 4, "{core} of {} are no core", all.len());
}
