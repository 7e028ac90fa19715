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
    say(&["findings", &whole]).await.ends(0, &["bare.toml: a plan without a table [finding]", "reenact replay"]);
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

/// A plan of somebody's own is left where it is; what is no plan at all is no success. Neither keeps
/// the rest from being joined.
#[tokio::test]
async fn what_stands_beside_findings_keeps_nobody_from_the_rest() {
    let own = "system = 'galera'\n";
    for (name, text, code, words) in [
        ("mine.toml", own, 3, ["mine.toml: a plan without a table [finding]", "reenact replay"]),
        ("torn.toml", "system = 'gal", 3, ["torn.toml is no plan", "left out"]),
    ] {
        let folder = folder();
        let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
        let (shard, kept, into) = (path("shard"), path("kept"), path("into"));
        let part = json!({ "shard": { "number": 1, "of": 2 }, "seed": 1, "version": "1", "exit_code": 0 });
        fs::create_dir_all(folder.path().join("shard/findings")).expect("a folder");
        fs::create_dir_all(&kept).expect("a folder");
        fs::write(folder.path().join("shard/shard.json"), part.to_string()).expect("a file");
        fs::write(folder.path().join("shard/findings/galera-1.toml"), plan("20261128T010000Z-a", 2, 2))
            .expect("a plan");
        for place in ["shard/findings", "kept"] {
            fs::write(folder.path().join(place).join(name), text).expect("a file");
        }
        // One shard is missing, which counts more than a file that cannot be read.
        let merge = ["merge", &shard, "--into", &into, "--findings", &kept];
        let done = say(&merge).await;
        done.ends(code, &words);
        assert_eq!(
            done.stderr.matches(&format!("{name}:")).count() + done.stderr.matches(&format!("{name} is")).count(),
            2,
            "each place is named: {}",
            done.stderr
        );
        assert!(done.stdout.contains("galera-1"), "{}", done.stdout);
        for place in ["kept", "into/findings"] {
            let joined = fs::read_to_string(folder.path().join(place).join("galera-1.toml")).expect("it is joined");
            assert!(joined.contains("failed = 2"), "{joined}");
        }
        assert_eq!(fs::read_to_string(folder.path().join("kept").join(name)).expect("it is left"), text);
        let whole = part.to_string().replace("\"of\":2", "\"of\":1");
        fs::write(folder.path().join("shard/shard.json"), whole).expect("a file");
        say(&merge).await.ends(if text == own { 0 } else { 2 }, &words);
        // What must not be written over is told before it is.
        fs::write(folder.path().join("kept/galera-1.toml"), text).expect("a file");
        say(&merge).await.ends(2, &["galera-1.toml"]);
        assert_eq!(fs::read_to_string(folder.path().join("kept/galera-1.toml")).expect("it is left"), text);
    }
}
