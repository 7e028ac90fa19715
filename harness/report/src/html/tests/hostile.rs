//! Nothing that a run holds may become markup, and nothing that is missing or damaged may
//! stop the page.

use proptest::prelude::*;

use super::*;

/// What may be in a log, and worse.
pub(super) const HOSTILE: &str = "</script><img src=x onerror=alert(1)> </pre></details></svg></title></style><!-- ]]> \
                       &lt; \" ' ` \0 \u{1b}[31mred\u{1b}[0m \u{202e}evil\u{2066} \r\u{7}\u{ffff} \u{feff}{{7*7}}";

/// A run with one text in every place that can hold any, and a folder that holds it too.
pub(super) fn run_of(text: &str, folder: &Path) -> RunResult {
    let mut run = result(text, 1, Outcome::Fail);
    run.reason = Some(text.into());
    run.run_dir = folder.to_owned();
    let score = &mut run.score;
    score.injections = vec![(text.into(), 1.0)];
    // One slash parts a system from a name.
    let detector = format!("{}/{text}", text.replace('/', "|"));
    score.detectors = [(detector.clone(), text.into())].into();
    let episode = |to| Episode { detector: detector.clone(), from: Moment(1), to, evidence: vec![text.into(); 2] };
    score.episodes = vec![episode(None), episode(Some(Moment(u64::MAX)))];
    score.false_alarms = vec![detector.clone()];
    score.fingerprints = Fingerprints { seen: 1, total: 2, missed: vec![text.into()] };
    score.facts = [(text.to_owned(), f64::NAN)].into();
    let kinds = ["fault", "step", "healthy", text];
    let turn = |at| StateChange { at: Moment(at), node: text.into(), state: text.into() };
    let write = |id: u64, ack| Entry {
        id,
        client: 0,
        value: 0,
        node: text.into(),
        from: Moment(id),
        to: Moment(id << 40),
        ack,
    };
    let files = [
        ("events.jsonl", json_lines(&kinds.map(|kind| event(7, kind, text)))),
        ("states.jsonl", json_lines(&[turn(0), turn(u64::MAX)])),
        ("ledger.jsonl", json_lines(&[write(1, Ack::Ok), write(2, Ack::Failed { why: text.into() })])),
        // One line, so that the page has the same parts whatever is in it.
        ("n1.log", text.replace('\n', " ")),
    ];
    for (name, text) in files {
        fs::write(folder.join(name), text).expect("a file");
    }
    run
}

fn page_of(text: &str) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let about = About {
        session: text.into(),
        version: text.into(),
        how: How::Try(text.into()),
        images: [(text.to_owned(), text.to_owned())].into(),
        ..about()
    };
    html(&[run_of(text, folder.path())], &about, &[&breaks()])
}

/// All elements in order with the names of their attributes. Those that depend on a text's
/// length, or on whether it has words such as "error", are left out.
fn shape(page: &str) -> Vec<String> {
    let page = Html::parse_document(page);
    let elements = page.root_element().descendent_elements();
    let told = elements.filter(|element| !matches!(element.value().name(), "wbr" | "b"));
    told.map(|element| {
        let names: BTreeSet<_> =
            element.value().attrs().map(|(name, _)| name).filter(|name| *name != "class").collect();
        format!("{} {names:?}", element.value().name())
    })
    .collect()
}

/// What no page may hold, whatever is shown.
fn holds_nothing_foreign(page: &str) {
    let is_bad = |sign: char| sign.is_control() && sign != '\n' && sign != '\t';
    assert!(!page.contains(is_bad), "a control character");
    assert!(!page.contains(|sign| matches!(sign, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{ffff}')));
    let page = Html::parse_document(page);
    assert!(page.errors.is_empty(), "{:?}", page.errors);
    let root = page.root_element();
    assert_eq!((all(root, "script").len(), all(root, "style").len()), (1, 1));
    for element in root.descendent_elements() {
        for (name, value) in element.value().attrs() {
            assert!(!name.starts_with("on") && name != "style" && name != "src", "{name}");
            assert!(name != "href" || value.starts_with('#') || value.starts_with("./"), "{value}");
        }
    }
}

#[test]
fn hostile_text_stays_text() {
    let page = page_of(HOSTILE);
    holds_nothing_foreign(&page);
    assert_eq!(shape(&page), shape(&page_of("harmless")));
    let page = Html::parse_document(&page);
    assert!(text(all(page.root_element(), "p.reason")[0]).starts_with("</script><img src=x onerror=alert(1)>"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_text_becomes_markup(text in "[<>&\"'/=a-z \\x00-\\x1f\u{80}-\u{9f}\u{202e}\u{2067}!-]{1,40}|\\PC{1,30}|(?s).{1,30}") {
        let page = page_of(&text);
        holds_nothing_foreign(&page);
        // As long, so that the pictures have room for the same texts.
        prop_assert_eq!(shape(&page), shape(&page_of(&"x".repeat(text.chars().count()))));
    }

    #[test]
    fn files_of_any_bytes_give_a_page(bytes in prop::collection::vec(any::<u8>(), 0..400), at in any::<u64>()) {
        let folder = tempfile::tempdir().expect("a folder");
        let mut run = run_of("x", folder.path());
        run.duration_ms = at;
        let line = format!("{{\"at\":{at},\"kind\":\"fault\",\"text\":\"x\"}}\n");
        for name in ["events.jsonl", "states.jsonl", "ledger.jsonl", "n1.log", "n2.log"] {
            fs::write(folder.path().join(name), [line.as_bytes(), &bytes].concat()).expect("a file");
        }
        holds_nothing_foreign(&html(&[run], &about(), &[]));
    }
}

#[test]
fn what_is_missing_or_damaged_is_said_in_the_page() {
    let gaps = |run: RunResult| texts(Html::parse_document(&render(&[run])).root_element(), "p.gap").join("; ");
    let mut nowhere = result("one::breaks", 1, Outcome::Pass);
    assert!(gaps(nowhere.clone()).contains("its folder cannot be read"));
    let folder = tempfile::tempdir().expect("a folder");
    record(folder.path(), &mut nowhere);
    assert_eq!(gaps(nowhere.clone()), "");
    fs::remove_file(nowhere.run_dir.join("states.jsonl")).expect("removed");
    fs::write(nowhere.run_dir.join("events.jsonl"), "{\"at\":1,\"kind\":\"phase\",\"text\":\"x\"}\n{oh\n\n")
        .expect("a file");
    fs::remove_file(nowhere.run_dir.join("ledger.jsonl")).expect("removed");
    fs::create_dir(nowhere.run_dir.join("ledger.jsonl")).expect("a folder");
    let told = gaps(nowhere);
    for gap in [
        "states.jsonl cannot be read",
        "events.jsonl: 1 lines are damaged",
        "ledger.jsonl cannot be read: it is no file",
    ] {
        assert!(told.contains(gap), "{gap}: {told}");
    }
}

#[test]
fn a_line_of_a_megabyte_and_a_flood_of_evidence_are_cut() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut run = run_of(&"<".repeat(1 << 20), folder.path());
    run.score.episodes = vec![run.score.episodes[0].clone(); 100];
    let page = render(&[run]);
    assert!(page.len() < 2_000_000, "{}", page.len());
    assert!(page.contains("more characters)") && page.contains("… and 70 more episodes"));
}

#[test]
fn only_the_pages_own_style_and_script_are_allowed() {
    use base64::{Engine, engine::general_purpose::STANDARD};
    use sha2::{Digest, Sha256};

    let page = Html::parse_document(&render(&[]));
    let root = page.root_element();
    let policy = all(root, "meta[http-equiv]")[0].attr("content").unwrap_or_default().to_owned();
    assert!(policy.starts_with("default-src 'none'; ") && !policy.contains("unsafe"), "{policy}");
    for (name, source) in [("style", "style-src"), ("script", "script-src")] {
        let inner: String = all(root, name)[0].text().collect();
        let hash = STANDARD.encode(Sha256::digest(inner.as_bytes()));
        assert!(policy.contains(&format!("{source} 'sha256-{hash}'")), "{policy}");
    }
}

#[test]
fn two_hundred_scenarios_stay_a_page() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut results: Vec<_> = (0..200).map(|at| result(&format!("one::s{at}"), 1, Outcome::Pass)).collect();
    let log = "x".repeat(400) + "\n";
    for result in &mut results {
        record(folder.path(), result);
        (0..8).for_each(|node| fs::write(result.run_dir.join(format!("n{node}.log")), log.repeat(200)).expect("a log"));
    }
    let page = render(&results);
    assert!((10_000_000..25_000_000).contains(&page.len()), "{}", page.len());
    assert!(page.contains("The page is full"));
    assert_eq!(all(Html::parse_document(&page).root_element(), "details.scenario").len(), 200);
}
