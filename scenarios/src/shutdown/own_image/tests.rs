//! What is wrong with a file is told where it is, with what is allowed; and each pattern
//! of a run has its verdict.

use std::{collections::BTreeSet, path::Path, time::Duration};

use reenact::{
    Result,
    campaign::Told,
    judge::Findings,
    probe::Moment,
    workload::{Ack, Entry},
};

use super::{
    super::faults::Ended,
    file::File,
    place::{fill, fill_request, id_of, names},
    verdict::{Seen, told},
};

const GOOD: &str = r#"[service]
image = "my/orders:1"
port = 8080
ready = "/health"
[service.env]
DB = "postgres://app@{database}/app"
[database]
[request]
path = "/orders"
body = '{"id": {id}, "value": {value}}'
[effects]
sql = "SELECT id FROM orders"
[stop]
grace = "30s"
[load]
clients = 4
"#;

fn example(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/examples").join(name);
    std::fs::read_to_string(path).expect("an example")
}

#[test]
fn the_examples_are_read() {
    for name in ["own-service.toml", "own-service-fixed.toml"] {
        File::parse(&example(name)).unwrap_or_else(|why| panic!("{name}: {why}"));
    }
}

#[test]
fn the_file_of_the_manual_is_read() {
    let manual = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/try.md");
    let manual = std::fs::read_to_string(manual).expect("the manual");
    let (_, rest) = manual.split_once("```toml\n").expect("a file");
    let (text, _) = rest.split_once("```").expect("its end");
    File::parse(text).unwrap_or_else(|why| panic!("{why}"));
}

#[test]
fn what_is_left_out_has_its_default() {
    let file = File::parse(GOOD).expect("good");
    assert_eq!((file.stop.grace(), file.stop.pre_stop()), (Duration::from_secs(30), Duration::ZERO));
    assert_eq!(file.stop.unrouted_after.0, Some(Duration::ZERO));
    assert_eq!(file.names(), ["db", "app1", "app2"]);
    assert_eq!(file.images(), ["my/orders:1", "reenact:postgres"]);
    let codes: Vec<_> = file.request.get_ref().acknowledged.iter().map(|status| status.0).collect();
    assert_eq!(codes, [200, 201, 202]);
}

/// Holds that a file with one text replaced is refused at that line, with these words.
#[track_caller]
fn refused(from: &str, to: &str, words: &[&str]) {
    assert!(GOOD.contains(from), "{from:?} is not in the good file");
    let text = GOOD.replace(from, to);
    let why = File::parse(&text).map(drop).expect_err(to);
    assert!(why.contains("at line ") && why.contains('^'), "{why}");
    for word in words {
        assert!(why.contains(word), "no {word:?} in: {why}");
    }
}

#[test]
fn a_slip_in_a_name_is_shown_with_what_is_allowed() {
    refused("grace =", "grase =", &["line 14", "grase", "grace", "pre_stop", "unrouted_after", "restart"]);
    refused("port =", "prot =", &["prot", "port", "ready_within"]);
    refused("[effects]", "[efects]", &["efects", "effects", "request"]);
    refused("sql =", "sqll =", &["sqll", "sql", "http", "command"]);
}

#[test]
fn a_value_that_cannot_be_is_shown() {
    refused("\"30s\"", "\"soon\"", &["line 14"]);
    refused("\"30s\"", "\"5m\"", &["line 14", "100s at most"]);
    refused("grace = \"30s\"", "pre_stop = \"40s\"", &["line 14", "cannot be longer"]);
    refused("grace = \"30s\"", "signal = \"HUP\"", &["HUP", "TERM", "KILL"]);
    refused("grace = \"30s\"", "unrouted_after = \"later\"", &["later", "\"never\""]);
    refused("grace = \"30s\"", "replicas = 3", &["1 or 2"]);
    refused("clients = 4", "clients = 0", &["1 to 500"]);
    refused("clients = 4", "think = \"1s\"\nrate = 5.0", &["not both"]);
    refused("\"/health\"", "\"health\"", &["begins with /"]);
    refused("[request]", "[request]\nmethod = \"SEND\"", &["SEND", "POST", "PUT"]);
    refused("[request]", "[request]\nacknowledged = [99]", &["99 is no HTTP status"]);
}

#[test]
fn an_unknown_placeholder_is_shown_with_those_there_are() {
    refused("{value}", "{vlaue}", &["{vlaue}", "{id}", "{value}", "{uuid}"]);
    refused("{database}", "{databse}", &["line 6", "{databse}", "{name}", "{database}"]);
    refused("[database]\n", "", &["line 6", "{database}", "write [database]"]);
    refused("{\"id\": {id}, ", "{", &["{id} or {uuid}"]);
}

#[test]
fn effects_are_counted_in_one_way_that_can_be() {
    refused("sql = \"SELECT id FROM orders\"", "before_answer = true", &["exactly one of sql, http, command"]);
    let on = |name: &str| format!("command = {{ on = \"{name}\", run = [\"ids\"] }}");
    refused("sql = \"SELECT id FROM orders\"", &on("cache"), &["no container cache", "db, app1, app2"]);
    refused("sql = \"SELECT id FROM orders\"", &on("app1"), &["restart = true"]);
    let http = GOOD.replace("sql = \"SELECT id FROM orders\"", "http = { path = \"/orders/{id}\", shows = \"done\" }");
    File::parse(&http).expect("asked of the other replica");
    let why = File::parse(&http.replace("grace = \"30s\"", "replicas = 1")).map(drop).expect_err("nobody is left");
    assert!(why.contains("no replica is left"), "{why}");
    let nowhere = GOOD.replace("{database}", "db").replace("[database]\n", "");
    let why = File::parse(&nowhere).map(drop).expect_err("no database");
    assert!(why.contains("write [database]"), "{why}");
}

#[test]
fn further_containers_have_names_of_their_own() {
    for (name, word) in [("db", "taken"), ("app2", "taken"), ("My Cache", "lower-case")] {
        let with = format!("[[with]]\nname = \"{name}\"\nimage = \"redis\"\n[request]");
        refused("[request]", &with, &[word]);
    }
    let with = GOOD.replace("[request]", "[[with]]\nname = \"cache\"\nimage = \"redis\"\n[request]");
    let file = File::parse(&with.replace("{database}", "{cache}")).expect("its address is a placeholder");
    assert_eq!(file.names(), ["db", "cache", "app1", "app2"]);
}

#[test]
fn braces_that_hold_no_word_are_text() {
    let json = r#"{"id": {id}, "of": {"a": {}}, "é": "{"}"#;
    assert_eq!(names(json).collect::<Vec<_>>(), ["id"]);
    assert_eq!(fill(json, |_| "7".into()), r#"{"id": 7, "of": {"a": {}}, "é": "{"}"#);
    assert_eq!(fill("{a}{b}", str::to_uppercase), "AB");
}

#[test]
fn an_id_is_read_back_as_it_is_written() {
    for id in [1, 4711, 0xffff_ffff] {
        assert_eq!(id_of(&fill_request("{uuid}", id, 0)), Some(id));
        assert_eq!(id_of(&fill_request(" {id}\n", id, 0)), Some(id));
    }
    assert_eq!(id_of("b6b1c1d0-0000-4000-8000-000000000001"), None);
}

/// The signal of the runs below.
const SIGNAL: Moment = Moment(10_000);

/// An update a second of each replica, acknowledged up to the signal: those of `app1`
/// have odd ids.
fn entries() -> Vec<Entry> {
    let entry = |id: u64| {
        let (at, node) = (Moment(id * 500), if id % 2 == 1 { "app1" } else { "app2" });
        Entry { id, client: 0, value: id, node: node.into(), from: at, to: at, ack: Ack::Ok }
    };
    (1..=19).map(entry).collect()
}

/// The verdict on a run of the good file, changed, that lost these.
fn verdict(change: (&str, &str), lost: &[u64], exit_code: i64, took: u64, waiting: usize) -> Result<Told> {
    assert!(GOOD.contains(change.0), "{change:?}");
    let file = File::parse(&GOOD.replace(change.0, change.1)).expect("good");
    let took = Duration::from_secs(took);
    let ended = Ended { in_flight: 0, exit_code, signalled: SIGNAL, took };
    let lost: BTreeSet<_> = lost.iter().copied().collect();
    let found = Findings { acknowledged: 19, lost, ..Findings::default() };
    told(&Seen { file: Box::leak(Box::new(file)), ended, oom_killed: false, waiting, found, entries: entries() })
}

const UNCHANGED: (&str, &str) = ("[stop]", "[stop]");

#[track_caller]
fn means(told: &Told, words: &[&str]) {
    let all = told.meaning.join("\n");
    assert_eq!(told.meaning.len(), words.len(), "{all}");
    for word in words {
        assert!(all.contains(word), "no {word:?} in: {all}");
    }
}

#[test]
fn each_pattern_of_a_loss_has_its_meaning() {
    let told = verdict(UNCHANGED, &[17, 19], 0, 1, 2).expect("told");
    means(&told, &["lost after the answer"]);
    assert_eq!(told.broken.as_deref(), Some("2 of 19 acknowledged updates are LOST"));
    let when = told.lines.iter().find(|(what, _)| *what == "lost when").expect("told");
    assert!(when.1.contains("1.50 s before to 0.50 s before"), "{}", when.1);

    means(&verdict(UNCHANGED, &[19], 137, 30, 2).expect("told"), &["before the drain ended"]);
    means(&verdict(UNCHANGED, &[], 137, 30, 2).expect("told"), &["All 2 updates", "overrun"]);
    let kill = ("[stop]", "[stop]\nsignal = \"KILL\"");
    means(&verdict(kill, &[19], 137, 0, 2).expect("told"), &["Killed with no warning"]);
    means(&verdict(UNCHANGED, &[18], 0, 1, 2).expect("told"), &["a replica that went on"]);
}

#[test]
fn no_loss_is_told_only_where_there_could_be_one() {
    let held = verdict(UNCHANGED, &[], 0, 1, 3).expect("told");
    assert_eq!(held.broken, None);
    means(&held, &["All 3 updates"]);
    let nothing_waited = verdict(UNCHANGED, &[], 0, 1, 0).expect_err("nothing is proved");
    assert!(nothing_waited.exit_code() == 4 && nothing_waited.to_string().contains("before_answer"));
    let expected = ("[effects]", "[effects]\nbefore_answer = true");
    assert_eq!(verdict(expected, &[], 0, 1, 0).expect("told").broken, None);
    let all: Vec<u64> = (1..=19).collect();
    assert_eq!(verdict(UNCHANGED, &all, 0, 1, 3).expect_err("the count may be wrong").exit_code(), 4);
}
