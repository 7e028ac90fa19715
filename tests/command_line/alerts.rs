//! `reenact alerts`: rules scored against recordings, without Docker.

use super::*;

/// Scores rules of this text against the shipped recordings, with what else is said.
async fn alerts(rules: &str, more: &[&str]) -> Done {
    let folder = folder();
    let file = folder.path().join("my.yml");
    fs::write(&file, rules).expect("rules");
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/metrics");
    let mut command = reenact(&["alerts", &file.display().to_string()]);
    if !more.contains(&"--runs") {
        command.arg("--runs").arg(shipped);
    }
    run(command.args(more).env("DOCKER_HOST", NO_DAEMON)).await
}

const GOOD: &str = "groups:\n- name: g\n  rules:\n  - {alert: Down, expr: mysql_up == 0, for: 1m}\n";

#[tokio::test]
async fn what_rules_cannot_be_scored_with_is_told() {
    let empty = folder();
    alerts(GOOD, &["--runs", &empty.path().display().to_string()]).await.ends(3, &["no recording", "--metrics"]);
    say(&["alerts", "nonesuch.yml"]).await.ends(2, &["nonesuch.yml"]);
    say(&["alerts", "galera::"]).await.ends(2, &["no file of rules"]);
    alerts(GOOD, &["--label", "job"]).await.ends(2, &["JOB:LABEL=VALUE"]);
    alerts(GOOD, &["--interval", "1ms"]).await.ends(2, &["1s to 5m"]);
    alerts(GOOD, &["galera::non_primary_wedgy"]).await.ends(2, &["did you mean", "galera::non_primary_wedge"]);
    let mut command = reenact(&["alerts", "Cargo.toml", "--runs", "../tests/metrics"]);
    let cache = folder();
    let without = command.env("PATH", "/nonexistent").env("XDG_CACHE_HOME", cache.path()).env("DOCKER_HOST", NO_DAEMON);
    run(without).await.ends(3, &["no promtool", "prometheus"]);
}

#[tokio::test]
async fn rules_are_scored_without_docker() {
    let is_there =
        env::split_paths(&env::var_os("PATH").unwrap_or_default()).any(|path| path.join("promtool").is_file());
    assert!(is_there || env::var("REENACT_REQUIRE").as_deref() != Ok("all"), "no promtool");
    if !is_there {
        eprintln!("skipped: no promtool");
        return;
    }
    let broken = alerts("groups:\n- name: g\n  rules:\n  - {alert: Down, expr: mysql_up ==}\n", &[]).await;
    broken.ends(2, &["my.yml: 4:", "parse error", "promtool check rules"]);
    let done = alerts(GOOD, &["galera::non_primary_wedge", "--json"]).await;
    done.ends(0, &[]);
    // A name that begins another's stands for both.
    let rows = done.stdout.lines().map(|row| serde_json::from_str(row).expect("one row a line"));
    let row: Value = rows.into_iter().find(|row| text(row, "scenario") == "galera::non_primary_wedge").expect("a row");
    assert_eq!((text(&row, "rule"), text(&row, "verdict")), ("Down", "detected"));
    assert!(row["after_s"][0].as_f64().expect("a time") > 60.0, "{row}");
    alerts(GOOD, &["galera::minority_partition"]).await.ends(1, &["--offer"]);
    let night = GOOD.replace("mysql_up == 0", "mysql_up == 0 and on() hour() > 30");
    alerts(&night, &["galera::non_primary_wedge", "--require"]).await.ends(4, &[]);
}
