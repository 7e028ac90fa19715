//! `reenact diagnose` and `reenact collect`.

use std::{fs, os::unix::fs::PermissionsExt};

use tempfile::TempDir;

use super::{reenact, run, say};

#[tokio::test]
async fn a_request_that_cannot_be_met_says_what_would_be_right() {
    let folder = TempDir::new().expect("a folder");
    fs::write(folder.path().join("holiday.txt"), "sun").expect("a file");
    let sun = folder.path().to_string_lossy().into_owned();
    say(&["diagnose"]).await.ends(2, &["--files"]);
    say(&["diagnose", "--local"]).await.ends(2, &["--system"]);
    say(&["diagnose", "--files", "/nonexistent"]).await.ends(2, &["no folder and no file"]);
    say(&["diagnose", "--files", &sun]).await.ends(2, &["nothing in", "--system"]);
    say(&["diagnose", "--files", &sun, "--system", "galera"]).await.ends(2, &["reenact collect"]);
    say(&["collect", "--system", "mainframe"]).await.ends(2, &["galera"]);
}

/// A wedged node's files, as a colleague sends them.
fn wedge(folder: &TempDir) -> String {
    let log = "2026-11-29  8:00:00 0 [Note] WSREP: wsrep_load(): loading provider library '/usr/lib/galera/libgalera_smm.so'\n\
        2026-11-29  8:00:01 0 [Note] WSREP: gcomm: connecting to group 'g', peer '10.0.0.1:,10.0.0.2:'\n\
        2026-11-29  8:00:02 0 [Warning] WSREP: node uuid: 2 last_prim(type: 2, uuid: 3) is inconsistent to restored view(type: V_NON_PRIM, uuid: 1\n\
        2026-11-29  8:00:03 0 [Note] WSREP: New COMPONENT: primary = no, bootstrap = no, my_idx = 0, memb_num = 2\n";
    for node in ["n1", "n2"] {
        let path = folder.path().join(node);
        fs::create_dir(&path).expect("a folder");
        let write = |name: &str, text: &str| fs::write(path.join(name), text).expect("a file");
        write("error.log", log);
        write("ps.txt", "COMMAND\n/usr/sbin/mariadbd --wsrep_start_position=5eed:7\n");
        write(
            "ss.txt",
            "State Recv-Q Send-Q Local Address:Port Peer Address:Port\nLISTEN 0 128 0.0.0.0:4567 0.0.0.0:*\n",
        );
        write(
            "grastate.dat",
            "# GALERA saved state\nversion: 2.1\nuuid:    5eed5eed\nseqno:   -1\nsafe_to_bootstrap: 0\n",
        );
    }
    folder.path().to_string_lossy().into_owned()
}

#[tokio::test]
async fn a_folder_of_files_is_diagnosed() {
    let folder = TempDir::new().expect("a folder");
    let (wedge, page) = (wedge(&folder), folder.path().join("page.html"));
    let page = page.to_string_lossy().into_owned();
    let said = say(&["diagnose", "--files", &wedge, "--html", &page]).await;
    assert_eq!(said.code, Some(1), "{}", said.stderr);
    for words in ["DIAGNOSIS  galera/non_primary_wedge", "since 2026-11-29T08:00:02Z", "1,776", "before you begin"] {
        assert!(said.stdout.contains(words), "no {words:?} in {}", said.stdout);
    }
    let html = fs::read_to_string(&page).expect("a page");
    assert!(html.contains("galera/non_primary_wedge") && !html.contains("http://"), "it needs nothing but itself");
    fs::remove_file(&page).expect("it goes");
    let json = say(&["diagnose", "--files", &wedge, "--json"]).await;
    let lines: Vec<serde_json::Value> =
        json.stdout.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let fired = lines.iter().find(|line| line["verdict"] == "fired").expect("a diagnosis");
    assert_eq!((fired["detector"].as_str(), fired["node"].as_str()), (Some("galera/non_primary_wedge"), Some("n1")));
    assert!(lines.iter().any(|line| line["recover_from"].is_array()), "{lines:?}");
}

/// The way by ssh is the system's own: here one that only says how it is called.
#[tokio::test]
async fn a_host_that_cannot_be_reached_is_told_and_the_others_are_looked_at() {
    let folder = TempDir::new().expect("a folder");
    let ssh = folder.path().join("ssh");
    let script = "#!/bin/sh\ncase \"$*\" in *StrictHostKeyChecking=yes*BatchMode=yes*|*BatchMode=yes*StrictHostKeyChecking=yes*) ;; *) exit 3;; esac\n\
                  case \"$*\" in *db2*) echo 'ssh: no route to db2' >&2; exit 255;; esac\nexec sh -s\n";
    fs::write(&ssh, script).expect("a program");
    fs::set_permissions(&ssh, fs::Permissions::from_mode(0o755)).expect("its mode");
    let path = format!("{}:{}", folder.path().display(), std::env::var("PATH").unwrap_or_default());
    let mut both = reenact(&["diagnose", "--system", "galera", "--ssh", "n1=db1,n2=db2"]);
    let said = run(both.env("PATH", &path)).await;
    assert_ne!(said.code, Some(3), "{}", said.stderr);
    assert!(said.stdout.contains("n2 could not be reached: ssh: no route to db2"), "{}", said.stdout);
    let mut one = reenact(&["diagnose", "--system", "galera", "--ssh", "n2=db2"]);
    run(one.env("PATH", &path)).await.ends(3, &["no node could be reached", "no route to db2"]);
}
