use reenact_core::metrics::{Phase, Target};

use super::*;
use crate::testing::{Story, gauge, kept, promtool, rules, target};

fn on(is: bool) -> f64 {
    f64::from(u8::from(is))
}

fn nodes() -> [Target; 3] {
    ["n1", "n2", "n3"].map(|node| target("db", node))
}

/// An incident in which all nodes say that they are not ready, and a look-alike in which one does.
fn recordings(folder: &Path) -> Vec<std::path::PathBuf> {
    let incident =
        Story::default().lines(&nodes(), |_, now| (5, Ok(vec![gauge("ready", on(now.since < 1)), gauge("x", 3.0)])));
    let twin = Story { held: 700, ..Story::twin() }.lines(&nodes(), |target, now| {
        let is_off = target.node == "n1" && matches!(now.phase, Phase::Onset | Phase::Broken);
        (5, Ok(vec![gauge("ready", on(!is_off)), gauge("x", 3.0)]))
    });
    vec![kept(folder, &incident), kept(folder, &twin)]
}

#[test]
fn what_tells_the_incident_from_the_look_alike_is_offered() {
    let Some(promtool) = promtool() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let deaf = rules("groups:\n- name: g\n  rules:\n  - {alert: Deaf, expr: x == 9}\n");
    let options = Options::default();
    let all = crate::score(&deaf, &recordings(folder.path()), &options, &promtool).expect("scored");
    let unnoticed: Vec<_> = all.iter().filter(|scored| !scored.is_good()).collect();
    assert_eq!(unnoticed.len(), 1);
    let offers = offers(&unnoticed, &all, &options, &promtool).expect("offers");
    let texts: Vec<_> = offers.iter().map(|offer| offer.text.as_str()).collect();
    assert_eq!(texts.len(), 1, "one node alone is the look-alike: {texts:?}");
    assert!(texts[0].contains(r#"expr: 'max(ready{job="db"}) < 1'"#), "{texts:?}");
    assert!(offers[0].after_s[0] >= 60.0);
}

#[test]
fn nothing_is_offered_where_nothing_tells() {
    let Some(promtool) = promtool() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let same = Story::default().lines(&nodes(), |_, _| (5, Ok(vec![gauge("x", 3.0)])));
    let deaf = rules("groups:\n- name: g\n  rules:\n  - {alert: Deaf, expr: x == 9}\n");
    let options = Options::default();
    let all = crate::score(&deaf, &[kept(folder.path(), &same)], &options, &promtool).expect("scored");
    assert!(offers(&[&all[0]], &all, &options, &promtool).expect("offers").is_empty());
}
