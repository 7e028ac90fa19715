//! What is wrong with a file is told where it is, with what is allowed.

mod verdict;
mod web;

use std::{path::Path, time::Duration};

use super::{
    file::{File, PreStop, Ready, Update},
    place::{fill, fill_request, id_of, names},
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

/// Reads a file that stands in the examples' folder.
fn parse(text: &str) -> Result<File, String> {
    File::parse(text, &Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/examples"))
}

fn example(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/examples").join(name);
    std::fs::read_to_string(path).expect("an example")
}

#[test]
fn the_examples_are_read() {
    for name in ["own-service", "own-service-fixed", "queue-postgres", "queue-redis", "queue-rabbitmq"] {
        let name = &format!("{name}.toml");
        parse(&example(name)).unwrap_or_else(|why| panic!("{name}: {why}"));
    }
}

#[test]
fn the_files_of_the_manual_are_read() {
    let manual = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/try.md");
    let manual = std::fs::read_to_string(manual).expect("the manual");
    let whole = |text: &&str| text.contains("[service]") && text.contains("[effects]");
    let files = manual.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next());
    let files: Vec<_> = files.filter(whole).collect();
    assert!(files.len() >= 2, "{files:?}");
    for text in files {
        parse(text).unwrap_or_else(|why| panic!("{why}"));
    }
}

#[test]
fn what_is_left_out_has_its_default() {
    let file = parse(GOOD).expect("good");
    assert_eq!((file.stop.grace(), file.stop.pause()), (Duration::from_secs(30), Duration::ZERO));
    assert_eq!(file.stop.unrouted_after().0, Some(Duration::ZERO));
    assert_eq!(file.names(), ["db", "app1", "app2"]);
    assert_eq!(file.images(), ["my/orders:1", "reenact:postgres"]);
    let Update::Request(request) = &file.update else { panic!("{:?}", file.update) };
    let codes: Vec<_> = request.acknowledged.iter().map(|status| status.0).collect();
    assert!(request.answer.is_empty() && codes == [200, 201, 202], "{request:?}");
}

/// Holds that a file with one text replaced is refused at that line, with these words.
#[track_caller]
fn refused(from: &str, to: &str, words: &[&str]) {
    assert!(GOOD.contains(from), "{from:?} is not in the good file");
    let text = GOOD.replace(from, to);
    let why = parse(&text).map(drop).expect_err(to);
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
    refused("grace = \"30s\"", "pre_stop = \"soon\"", &["line 14", "soon"]);
    refused("grace = \"30s\"", "pre_stop = { command = [] }", &["line 14", "the command is empty"]);
    refused("grace = \"30s\"", "pre_stop = { exec = [\"a\"] }", &["line 14", "exec", "command"]);
    refused("grace = \"30s\"", "signal = \"KILL\"\npre_stop = \"2s\"", &["line 15", "no warning"]);
    refused("grace = \"30s\"", "pre_stop = 5", &["line 14", "\"2s\", or { command"]);
    refused("\"/health\"", "\"health\"", &["line 4", "begins with /"]);
    refused("\"/health\"", "{ log = \"(\" }", &["line 4", "no regular expression", "unclosed group"]);
    refused("\"/health\"", "{ file = \"/ready\" }", &["line 4", "file", "log", "run", "grpc"]);
    refused("\"/health\"", "{ run = [] }", &["line 4", "the command is empty"]);
    refused("\"/health\"", "{ grpc = \"\" }", &["line 4", "any other with a path"]);
    refused("\"/health\"", "true", &["line 4", "expected a path, { log"]);
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
    parse(&http).expect("asked of the other replica");
    let why = parse(&http.replace("grace = \"30s\"", "replicas = 1")).map(drop).expect_err("nobody is left");
    assert!(why.contains("no replica is left"), "{why}");
    let nowhere = GOOD.replace("{database}", "db").replace("[database]\n", "");
    let why = parse(&nowhere).map(drop).expect_err("no database");
    assert!(why.contains("write [database]"), "{why}");
}

#[test]
fn further_containers_have_names_of_their_own() {
    for (name, word) in [("db", "taken"), ("app2", "taken"), ("My Cache", "lower-case")] {
        let with = format!("[[with]]\nname = \"{name}\"\nimage = \"redis\"\n[request]");
        refused("[request]", &with, &[word]);
    }
    let with = GOOD.replace("[request]", "[[with]]\nname = \"cache\"\nimage = \"redis\"\n[request]");
    let file = parse(&with.replace("{database}", "{cache}")).expect("its address is a placeholder");
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

#[test]
fn what_an_answer_must_show_is_checked() {
    let answer = |conditions: &str| format!("[request]\nanswer = {{ {conditions} }}");
    refused("[request]", &answer("matches = \"(\""), &["line 9", "no regular expression"]);
    refused("[request]", &answer("absent = [\"errors\"]"), &["line 9", "begins with /"]);
    refused("[request]", &answer("equals = { \"/a\" = \"{ID}\", \"/b\" = \"{nr}\" }"), &["line 9", "{nr}", "{id}"]);
    refused("[request]", &answer("equals = { \"/a\" = [1] }"), &["line 9", "a text, a number"]);
    refused("[request]", &answer("has = \"errors\""), &["has", "matches", "lacks", "absent"]);
    let text = GOOD.replace("[request]", &answer("absent = [\"/errors\"], equals = { \"/id\" = \"{id}\" }"));
    let Update::Request(request) = parse(&text).expect("good").update else { panic!("a request") };
    assert_eq!(request.answer.missing("{\"id\": 7}", 7, 0), None);
}

/// The good file with a queue in place of its port and its request.
fn queue(fields: &str) -> String {
    let (head, rest) = GOOD.split_once("[request]").expect("a request");
    let (_, effects) = rest.split_once("[effects]").expect("effects");
    let head = head.replace("port = 8080\nready = \"/health\"\n", "");
    format!("{head}[queue]\n{fields}\n[effects]{effects}")
}

#[test]
fn a_queue_is_filled_in_one_way_that_can_be() {
    let sql = "sql = \"INSERT INTO jobs VALUES ({id})\"";
    let file = parse(&queue(sql)).expect("good");
    assert!(file.has_queue() && file.service.port.is_none() && file.service.ready().is_none());
    let with = |name: &str| format!("command = {{ on = \"{name}\", run = [\"push\", \"{{id}}\"] }}");
    parse(&queue(&with("db"))).expect("a command in a container");
    let wrong = |text: &str, words: &[&str]| {
        let why = parse(text).map(drop).expect_err(text);
        let shown = why.contains("at line ") && why.contains('^');
        assert!(shown && words.iter().all(|word| why.contains(word)), "{words:?}: {why}");
    };
    wrong(&queue(""), &["line 6", "exactly one of sql, command"]);
    wrong(&queue(&format!("{sql}\n{}", with("db"))), &["exactly one of sql, command"]);
    wrong(&queue(&with("broker")), &["no container broker", "db, app1, app2"]);
    wrong(&queue("sql = \"INSERT INTO jobs DEFAULT VALUES\""), &["{id} or {uuid}"]);
    wrong(&queue(&format!("{sql}\nanswer.matches = \"1\"")), &["what a command prints"]);
    wrong(&queue(sql).replace("[database]", "").replace("{database}", "db"), &["write [database]"]);
    let alone = queue(sql).replace("grace = \"30s\"", "replicas = 1");
    wrong(&alone, &["nobody is left", "restart = true"]);
    parse(&alone.replace("replicas = 1", "replicas = 1\nrestart = true")).expect("it is started again");
    wrong(&queue(sql).replace("grace = \"30s\"", "unrouted_after = \"2s\""), &["line 11", "gets no requests"]);
    wrong(&queue(sql).replace("[service.env]", "ready = \"/health\"\n[service.env]"), &["line 3", "service.port"]);
}

#[test]
fn an_update_is_sent_in_one_way() {
    refused("[request]", "[queue]\nsql = \"INSERT {id}\"\n[request]", &["exactly one of [request], [grpc], [queue]"]);
    let text = GOOD.replace("[request]", "[requests]");
    assert!(parse(&text).map(drop).expect_err("none").contains("requests"));
    refused("port = 8080\nready = \"/health\"", "", &["service.port: write that too"]);
    let file = parse(&GOOD.replace("ready = \"/health\"\n", "")).expect("its port tells");
    assert!(file.service.ready().is_none());
}

/// The good file with a gRPC call of that method and message.
fn call(method: &str, message: &str) -> String {
    let (head, rest) = GOOD.split_once("[request]").expect("a request");
    let (_, effects) = rest.split_once("[effects]").expect("effects");
    let head = head.replace("\"/health\"", "{ grpc = \"\" }");
    format!("{head}[grpc]\nmethod = \"{method}\"\nmessage = '{message}'\n[effects]{effects}")
}

#[test]
fn a_call_has_a_method_and_a_message() {
    let file = parse(&call("/shop.Orders/Create", "1: {id} 2: {\"{uuid}\"}")).expect("good");
    assert!(matches!(file.service.ready(), Some(Ready::Grpc(service)) if service.is_empty()));
    let cases = [
        ("shop.Orders/Create", "1: {id}", "/package.Service/Method"),
        ("/Create", "1: {id}", "/package.Service/Method"),
        ("/shop.Orders/Create", "1: 5", "{id} or {uuid}"),
        ("/shop.Orders/Create", "id: {id}", "line 10"),
        ("/shop.Orders/Create", "id: {id}", "expected a field"),
        ("/shop.Orders/Create", "1: {nr}", "{nr}"),
    ];
    for (method, message, words) in cases {
        let why = parse(&call(method, message)).map(drop).expect_err(message);
        assert!(why.contains("at line ") && why.contains(words), "{words}: {why}");
    }
    let http = call("/shop.Orders/Create", "1: {id}").replace("{ grpc = \"\" }", "\"/health\"");
    assert!(parse(&http).map(drop).expect_err("HTTP/1.1").contains("{ grpc"));
}

#[test]
fn a_certificate_is_verified_or_explicitly_not() {
    let tls = |how: &str| format!("[service]\ntls = {how}");
    parse(&GOOD.replace("[service]", &tls("{ verify = false }"))).expect("explicitly not");
    refused("[service]", &tls("true"), &["line 2", "ca = \"ca.pem\"", "verify = false"]);
    refused("[service]", &tls("{}"), &["line 2", "both ca"]);
    refused("[service]", &tls("{ ca = \"ca.pem\" }"), &["line 2", "both ca", "name"]);
    refused("[service]", &tls("{ ca = \"ca.pem\", verify = false }"), &["line 2", "leave them out"]);
    refused("[service]", &tls("{ ca = \"none.pem\", name = \"a\" }"), &["line 2", "none.pem"]);
    refused("[service]", &tls("{ ca = \"own-service.toml\", name = \"a\" }"), &["line 2", "no certificate in it"]);
    refused("[service]", &tls("{ ca = \"ca.pem\", name = \"a b\" }"), &["line 2", "no host's name"]);
}

#[test]
fn the_pre_stop_hook_is_a_pause_or_a_command() {
    let with = |hook: &str| parse(&GOOD.replace("grace = \"30s\"", &format!("pre_stop = {hook}"))).expect(hook).stop;
    assert_eq!(with("\"2s\"").pause(), Duration::from_secs(2));
    let stop = with("{ command = [\"drain\", \"--now\"] }");
    assert_eq!(stop.pause(), Duration::ZERO);
    assert!(matches!(stop.hook(), Some(PreStop::Command(words)) if words == &["drain", "--now"]));
}
