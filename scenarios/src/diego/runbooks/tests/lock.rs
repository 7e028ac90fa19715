//! What is done about the BBS's lock.

use std::{os::unix::fs::PermissionsExt, process::Command};

use super::{
    super::{
        super::{BBSES, CONSULS},
        FreeLock, RestartBbs,
    },
    fails, has_nothing_to_do, heals, refuses,
    world::{HELD, Lock, World},
};

/// Nobody leads, and the key is so.
fn held_for_nobody(lock: Lock) -> World {
    let world = World::healthy().with(&BBSES, |machine| machine.leads = false);
    World { lock: Some(lock), ..world }
}

const IMMORTAL: Lock = Lock { ttl: "", holder: "bbs-of-old", ..HELD };
const PLAIN_KEY: Lock = Lock { flags: 0, session: "", ttl: "", holder: "bbs-of-old" };

#[tokio::test(start_paused = true)]
async fn a_lock_is_freed_only_where_it_does_not_end_and_nobody_leads() {
    has_nothing_to_do(FreeLock, World::healthy()).await;
    refuses(FreeLock, held_for_nobody(IMMORTAL).with(&CONSULS, World::alone), "that comes first").await;
    for lock in [IMMORTAL, PLAIN_KEY] {
        let leads = held_for_nobody(lock).with(&["bbs2"], |machine| machine.leads = true);
        refuses(FreeLock, leads, "bbs2 leads: end it first").await;
    }
    // Its holder does not answer, and renews it.
    refuses(FreeLock, held_for_nobody(HELD), "somebody renews the session").await;
}

#[tokio::test(start_paused = true)]
async fn it_is_done_once_a_bbs_leads() {
    let healed = heals(FreeLock, held_for_nobody(IMMORTAL)).await;
    assert!(healed.changes.len() == 1 && healed.changes[0].contains("/v1/session/destroy/s1"), "{:#?}", healed.changes);
    let healed = heals(FreeLock, held_for_nobody(PLAIN_KEY)).await;
    assert!(healed.changes.len() == 1 && healed.changes[0].contains("DELETE"), "{:#?}", healed.changes);
    for lock in [IMMORTAL, PLAIN_KEY] {
        fails(FreeLock, World { heals: false, ..held_for_nobody(lock) }, "a BBS to lead").await;
    }
    // Nothing is in the way, and still none leads.
    let world = World { lock: None, ..held_for_nobody(HELD) };
    assert!(fails(FreeLock, world, "a BBS to lead").await.changes.is_empty());
    assert_eq!(heals(RestartBbs, World::healthy()).await.places("monit restart bbs").len(), BBSES.len());
}

/// Consul's answers to a look at the key and to its deletion: it was written anew at `now`.
fn curl(found: &str, now: &str) -> String {
    format!(
        "#!/bin/bash
        case \"$*\" in
            *DELETE*cas={now}) echo true ;;
            *DELETE*cas=*) echo false ;;
            *DELETE*) echo true ;;
            *) {found} ;;
        esac"
    )
}

/// Whether the runbook's own script succeeds beside such a `curl`.
async fn deletes(found: &str, now: &str) -> bool {
    let world = heals(FreeLock, held_for_nobody(PLAIN_KEY)).await;
    let script = world.changes[0].split_once("bash -c ").expect("a script").1;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("curl");
    std::fs::write(&path, curl(found, now)).expect("a curl");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("executable");
    let path = format!("{}:{}", folder.path().display(), std::env::var("PATH").unwrap_or_default());
    let said = Command::new("bash").args(["-c", script]).env("PATH", path).output().expect("bash");
    said.status.success()
}

#[tokio::test(start_paused = true)]
async fn a_key_that_was_written_anew_meanwhile_is_not_deleted() {
    let found = r#"echo '[{"ModifyIndex": 5}]'; echo; echo 200"#;
    assert!(deletes(found, "5").await);
    assert!(!deletes(found, "6").await);
    assert!(deletes("echo; echo 404", "6").await);
    assert!(!deletes("echo No cluster leader; echo 500", "6").await);
    assert!(!deletes("exit 7", "6").await);
}
