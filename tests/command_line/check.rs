//! `reenact check`: a history without a lab.

use std::fs;

use super::{called::folder, say};

const WRITE: &str = r#"{"client":0,"node":"n1","key":"x","action":{"write":1},"from":0,"to":3,"outcome":"ok"}"#;
const STALE: &str = r#"{"client":1,"node":"n2","key":"x","action":{"read":null},"from":4,"to":5,"outcome":"ok"}"#;

#[tokio::test]
async fn a_history_that_holds_one_that_does_not_and_one_that_cannot_be_told_differ_in_the_exit_code() {
    let folder = folder();
    let file = |name: &str, lines: &[&str]| {
        let path = folder.path().join(name);
        fs::write(&path, lines.join("\n")).expect("a file");
        path.to_string_lossy().into_owned()
    };
    let good = file("good.jsonl", &[WRITE]);
    let stale = file("stale.jsonl", &[WRITE, STALE]);
    let again = WRITE.replace("\"from\":0,\"to\":3", "\"from\":6,\"to\":7");
    let twice = file("twice.jsonl", &[WRITE, &again]);

    let done = say(&["check", &good]).await;
    done.ends(0, &[]);
    assert!(done.stdout.contains("good.jsonl: 1 operations, linearizable: holds"), "{}", done.stdout);

    let done = say(&["check", &twice, &stale, &good]).await;
    done.ends(1, &[]);
    for words in ["linearizable: 1 violations", "key \"x\": a stale read", "read nothing (client 1 at n2, 4 to 5 ms)"] {
        assert!(done.stdout.contains(words), "no {words:?} in: {}", done.stdout);
    }
    say(&["check", &stale, "--model", "causal"]).await.ends(0, &[]);

    let done = say(&["check", &good, &twice, "--model", "causal"]).await;
    done.ends(4, &[]);
    assert!(done.stdout.contains("unknown: key \"x\": 1 is written twice"), "{}", done.stdout);
    say(&["check", &twice, "--limit", "0"]).await.ends(4, &[]);
}

#[tokio::test]
async fn what_is_no_history_is_told_with_file_and_line() {
    let folder = folder();
    let path = folder.path().join("torn.jsonl");
    fs::write(&path, format!("{WRITE}\n{}", &STALE[..40])).expect("a file");
    let torn = path.to_string_lossy();
    say(&["check", &torn]).await.ends(2, &["torn.jsonl: line 2: no operation", "--help"]);
    say(&["check", "/nonexistent.jsonl"]).await.ends(2, &["/nonexistent.jsonl", "cannot be read"]);
    say(&["check", &torn, "--model", "serial"]).await.ends(2, &["there is no guarantee", "monotonic-reads"]);
}
