//! `reenact findings`, `merge --findings` and `bisect`, without Docker.

use std::fs;

use serde_json::json;

use super::{called::folder, say};

/// What one night saw of a plan: so many of so many runs failed.
fn plan(session: &str, failed: u32, of: u32) -> String {
    format!(
        "system = 'galera'\n[[fault]]\nat = '1s'\nlasts = '5s'\nkind = 'pause'\nnode = 'n2'\n\
         [finding]\nreason = 'stuck for 7 s: n2'\nis_minimal = true\n\
         [[finding.night]]\nsession = '{session}'\nfailed = {failed}\nof = {of}\n"
    )
}

#[tokio::test]
async fn what_shards_and_nights_found_becomes_one_file_until_it_is_gone() {
    let folder = folder();
    let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    let kept = path("kept");
    let night = async |name: &str, shards: &[(&str, u32, u32)], says: &[&str]| {
        let mut merge = vec!["merge".to_owned()];
        for (at, (session, failed, of)) in shards.iter().enumerate() {
            let shard = folder.path().join(session);
            let number = json!({ "number": at + 1, "of": shards.len() });
            let part = json!({ "shard": number, "seed": 1, "version": "1", "exit_code": 0 });
            fs::create_dir_all(shard.join("findings")).expect("a folder");
            fs::write(shard.join("shard.json"), part.to_string()).expect("a file");
            fs::write(shard.join("findings/galera-1.toml"), plan(session, *failed, *of)).expect("a plan");
            merge.push(shard.to_string_lossy().into_owned());
        }
        merge.extend(["--into".into(), path(name), "--findings".into(), kept.clone()]);
        let done = say(&merge.iter().map(String::as_str).collect::<Vec<_>>()).await;
        done.ends(0, &[]);
        for word in says {
            assert!(done.stdout.contains(word), "no {word:?} in: {}", done.stdout);
        }
    };
    night("first", &[("20261128T010000Z-a", 2, 3), ("20261128T010000Z-b", 2, 2)], &["new", "2026-11-28", "4 of 5"])
        .await;
    say(&["findings", &kept]).await.ends(1, &[]);
    night("second", &[("20261129T010000Z-c", 0, 2)], &["open, gone after 1 more", "4 of 7"]).await;
    night("third", &[("20261130T010000Z-d", 0, 1)], &["gone", "4 of 8"]).await;
    let done = say(&["findings", &kept, "--json"]).await;
    done.ends(0, &[]);
    let all: serde_json::Value = serde_json::from_str(&done.stdout).expect("JSON");
    assert_eq!((all.as_array().map(Vec::len), all[0]["state"].as_str()), (Some(1), Some("gone")), "{all}");
    night("fourth", &[("20261201T010000Z-e", 1, 1)], &["came back", "2026-12-01", "5 of 9"]).await;
    say(&["findings", &kept]).await.ends(1, &[]);
}

#[tokio::test]
async fn what_is_no_finding_is_told() {
    let folder = folder();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).expect("a file");
        path.to_string_lossy().into_owned()
    };
    let whole = folder.path().to_string_lossy().into_owned();
    say(&["findings", "/nonexistent"]).await.ends(2, &["/nonexistent is no folder", "campaign --findings"]);
    let bare = file("bare.toml", "system = 'galera'\n");
    say(&["findings", &whole]).await.ends(2, &["bare.toml has no table [finding]", "reenact replay"]);
    say(&["bisect", &bare, "HEAD", "HEAD"]).await.ends(2, &["bare.toml has no table [finding]"]);
    fs::remove_file(bare).expect("removed");
    let unknown = file("unknown.toml", &plan("20261128T010000Z-a", 1, 1).replace("'pause'", "'nap'"));
    say(&["findings", &whole]).await.ends(2, &["unknown.toml", "nap"]);
    fs::write(&unknown, plan("20261128T010000Z-a", 1, 1)).expect("a file");
    say(&["findings", &whole]).await.ends(1, &[]);
    fs::remove_file(unknown).expect("removed");
    let done = say(&["findings", &whole]).await;
    done.ends(0, &[]);
    assert!(done.stdout.contains("nothing was found yet"), "{}", done.stdout);
}
