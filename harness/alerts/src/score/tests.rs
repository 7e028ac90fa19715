use proptest::prelude::*;
use reenact_core::metrics::{Kind, Phase, Sample};

use super::*;
use crate::{
    testing::{Now, Story, alerts, gauge, labelled, promtool, row, rules, sample, scored, target},
    verdict::{Spell, Verdict},
};

/// Up while all is well, and down, with what only a healthy process shows, once it is broken.
fn dies(now: Now) -> Result<Vec<Sample>, String> {
    let is_up = now.since < 1;
    let mut samples = vec![gauge("mysql_up", f64::from(u8::from(is_up)))];
    samples.extend(is_up.then(|| gauge("ready", 1.0)));
    Ok(samples)
}

#[test]
fn an_alert_fires_after_its_for_and_the_scrapes_alignment() {
    let Some(promtool) = promtool() else { return };
    let rules = alerts(&[
        ("Down", "mysql_up == 0", ", for: 5m"),
        ("NotReady", "ready == 0", ", for: 1m"),
        ("Gone", "absent(ready)", ", for: 5m"),
        ("Other", "redis_up == 0", ""),
        ("Always", "mysql_up >= 0", ""),
    ]);
    let scored = scored(&rules, &Story::default().recorded(dies), &promtool);
    let word = |name: &str| row(&rules, &scored, name).verdict;
    assert_eq!(word("Down"), Verdict::Detected);
    let [from, to] = row(&rules, &scored, "Down").after_s.expect("it fires");
    assert!((300.0..332.0).contains(&from) && (from + 5.0..332.0).contains(&to), "{from}..{to}");
    assert_eq!(word("Gone"), Verdict::Detected);
    assert_eq!(word("NotReady"), Verdict::Blind);
    assert_eq!(row(&rules, &scored, "NotReady").reason, "lost ready on n1");
    assert_eq!(word("Other"), Verdict::NoSeries);
    assert_eq!(row(&rules, &scored, "Other").reason, "nothing named redis_up was recorded");
    assert_eq!(word("Always"), Verdict::FiresWhileHealthy);
    assert_eq!(scored.alarms().len(), 2);
}

#[test]
fn an_alert_that_resolves_while_the_incident_goes_on_says_so() {
    let Some(promtool) = promtool() else { return };
    let rules = alerts(&[
        ("Down", "mysql_up == 0", ", for: 1m"),
        ("Turned", "changes(mysql_up[1m]) > 0 or max_over_time(mysql_up[10m]) > 5", ""),
        ("Slow", "mysql_up == 0", ", for: 20m"),
    ]);
    let scored = scored(&rules, &Story::default().recorded(dies), &promtool);
    let goes_on = |spell: Option<Spell>| spell.map(|spell| spell.goes_on);
    let down = row(&rules, &scored, "Down");
    assert_eq!((down.reason.as_str(), goes_on(down.pending), goes_on(down.firing)), ("", Some(false), Some(true)));
    let turned = row(&rules, &scored, "Turned");
    assert_eq!((turned.verdict, goes_on(turned.firing)), (Verdict::Detected, Some(false)));
    assert!(turned.reason.starts_with("resolves after"), "{}", turned.reason);
    let twin = Story::twin().recorded(dies);
    let twin = crate::testing::scored(&rules, &twin, &promtool);
    assert_eq!(goes_on(row(&rules, &twin, "Slow").pending), Some(false), "a look-alike passes");
}

/// A scalar has no subquery; two alerts of one set of labels stop Prometheus, and a query over time too.
#[test]
fn what_no_query_over_time_can_ask_is_evaluated_as_a_rule() {
    let Some(promtool) = promtool() else { return };
    let rules = alerts(&[
        ("Scalar", "0 * 1", ""),
        ("Two", "{__name__=~\"mysql_up|other\"} == 0", ""),
        ("Comment", "mysql_up == 0 # down", ", for: 1m"),
    ]);
    let both = |now: Now| Ok([dies(now)?, vec![gauge("other", f64::from(u8::from(now.since < 1)))]].concat());
    let scored = scored(&rules, &Story::default().recorded(both), &promtool);
    let words: Vec<_> = scored.rows.iter().map(|row| row.verdict).collect();
    assert_eq!(words, [Verdict::FiresWhileHealthy, Verdict::NotScored, Verdict::Detected]);
    let why = &scored.rows[1].reason;
    assert!(why.contains("same labelset"), "as a Prometheus would say: {why}");
}

/// Severity tells nobody apart; the instance does, and one for all makes two alerts of one name.
#[test]
fn a_label_that_takes_the_place_of_a_recorded_one_is_kept() {
    let Some(promtool) = promtool() else { return };
    let rules = rules(
        "groups:\n- name: g\n  rules:\n  - {alert: Fine, expr: mysql_up == 0, labels: {severity: page}}\n  \
         - {alert: Clash, expr: mysql_up == 0, labels: {instance: all}}\n",
    );
    let lines = Story::default().lines(&[target("made", "n1"), target("made", "n2")], |_, now| (5, dies(now)));
    let scored = scored(&rules, &Recording::of(lines, &[]).expect("a recording"), &promtool);
    assert_eq!(row(&rules, &scored, "Fine").verdict, Verdict::Detected);
    let clash = row(&rules, &scored, "Clash");
    assert_eq!(clash.verdict, Verdict::NotScored);
    assert!(clash.reason.contains("same labelset"), "{}", clash.reason);
}

#[test]
fn a_matcher_that_matches_none_is_explained_by_what_was_recorded() {
    let Some(promtool) = promtool() else { return };
    let rules = alerts(&[("Down", "mysql_up{job=\"prod\"} == 0", "")]);
    let recording = Story::default().recorded(dies);
    let row = &scored(&rules, &recording, &promtool).rows[0];
    assert_eq!(row.verdict, Verdict::NoSeries);
    assert_eq!(row.reason, "mysql_up: matcher job=\"prod\" matches none; recorded: job=made");
    let relabel: Relabel = "made:job=prod,cluster=x".parse().expect("labels");
    let lines = Story::default().lines(&[target("made", "n1")], |_, now| (5, dies(now)));
    let relabelled = Recording::of(lines, &[relabel]).expect("a recording");
    assert_eq!(scored(&rules, &relabelled, &promtool).rows[0].verdict, Verdict::Detected);
    assert!("made:=x".parse::<Relabel>().is_err() && "x".parse::<Relabel>().is_err());
}

#[test]
fn a_look_alike_would_page_if_it_lasted() {
    let Some(promtool) = promtool() else { return };
    let rules = alerts(&[
        ("Patient", "x == 1", ", for: 5m"),
        ("Hasty", "x == 1", ""),
        ("Calm", "x == 2", ""),
        ("Eager", "x < 2", ", for: 1m"),
    ]);
    let off = |now: Now| Ok(vec![gauge("x", f64::from(u8::from(matches!(now.phase, Phase::Onset | Phase::Broken))))]);
    let scored = scored(&rules, &Story::twin().recorded(off), &promtool);
    let word = |name: &str| row(&rules, &scored, name).verdict;
    assert_eq!(word("Patient"), Verdict::WouldPage);
    assert!(row(&rules, &scored, "Patient").reason.starts_with("if it lasted 5m"));
    assert_eq!(
        (word("Hasty"), word("Calm"), word("Eager")),
        (Verdict::FalseAlarm, Verdict::Silent, Verdict::FalseAlarm)
    );
    assert!(!scored.is_good());
}

#[test]
fn keep_firing_for_goes_on_after_the_disturbance() {
    let Some(promtool) = promtool() else { return };
    let rules = alerts(&[("Short", "x == 1", ""), ("Kept", "x == 1", ", keep_firing_for: 1m")]);
    let off = |now: Now| Ok(vec![gauge("x", f64::from(u8::from(matches!(now.phase, Phase::Onset | Phase::Broken))))]);
    let scored = scored(&rules, &Story::twin().recorded(off), &promtool);
    let ends = |name: &str| row(&rules, &scored, name).firing.expect("it fires").to;
    assert!((45.0..75.0).contains(&(ends("Kept") - ends("Short"))), "{} {}", ends("Kept"), ends("Short"));
}

const RECORDED: &str = r#"
groups:
- name: recorded
  rules:
  - {record: "job:bad:rate1m", expr: "sum by (job) (rate(bad_total[1m]))"}
- name: alerts
  interval: 1m
  rules:
  - {alert: Bad, expr: "job:bad:rate1m > 0.5", for: 2m}
  - {alert: Bad, expr: "mysql_up == 2"}
"#;

#[test]
fn recording_rules_are_evaluated_and_two_of_one_name_are_told_apart() {
    let Some(promtool) = promtool() else { return };
    let rules = rules(RECORDED);
    let story = |now: Now| Ok(vec![gauge("mysql_up", 1.0), sample("bad_total", Kind::Counter, now.since as f64)]);
    let scored = scored(&rules, &Story::default().recorded(story), &promtool);
    let words: Vec<_> = scored.rows.iter().map(|row| row.verdict).collect();
    assert_eq!(words, [Verdict::Detected, Verdict::NeverTrue]);
    let [from, to] = scored.rows[0].after_s.expect("it fires");
    assert!(from >= 120.0 && to - from > 30.0, "evaluated each minute: {from}..{to}");
}

#[test]
fn a_counter_that_is_born_at_the_event_is_missed_by_its_increase() {
    let Some(promtool) = promtool() else { return };
    let rules = alerts(&[("Once", "increase(born_total[5m]) > 0", ""), ("There", "born_total > 0", "")]);
    let born = |now: Now| {
        let mut samples = vec![gauge("x", 1.0)];
        samples.extend((now.since > 0).then(|| sample("born_total", Kind::Counter, 1.0)));
        Ok(samples)
    };
    let scored = scored(&rules, &Story::default().recorded(born), &promtool);
    let words: Vec<_> = scored.rows.iter().map(|row| row.verdict).collect();
    assert_eq!(words, [Verdict::NeverTrue, Verdict::Detected]);
}

#[test]
fn what_is_born_while_all_is_steady_is_not_taken_for_what_is_always_so() {
    let Some(promtool) = promtool() else { return };
    let rules = alerts(&[("Unhealthy", "vm == 0", ", for: 5m")]);
    // A machine that comes up within the last second before the onset.
    let comes = |now: Now| {
        let vm = (now.second >= 5).then(|| gauge("vm", f64::from(u8::from(now.second > 5))));
        Ok(vm.into_iter().chain([gauge("x", now.second as f64)]).collect())
    };
    for story in [Story::twin(), Story::default()] {
        let is_twin = story.is_twin;
        let scored = scored(&rules, &story.recorded(comes), &promtool);
        let expected = if is_twin { Verdict::WouldPage } else { Verdict::Pending };
        assert_eq!(row(&rules, &scored, "Unhealthy").verdict, expected, "{scored:?}");
        assert!(row(&rules, &scored, "Unhealthy").firing.is_none());
    }
}

#[test]
fn a_restart_is_seen_by_resets_and_uptimes() {
    let Some(promtool) = promtool() else { return };
    let rules = alerts(&[("Resets", "resets(c_total[5m]) > 0", ""), ("Young", "s_uptime < 60", "")]);
    let restarts = |now: Now| {
        let counted = if now.phase == Phase::Steady { 20 + now.second } else { now.since };
        Ok(vec![sample("c_total", Kind::Counter, counted as f64), sample("s_uptime", Kind::Untyped, counted as f64)])
    };
    let scored = scored(&rules, &Story::default().recorded(restarts), &promtool);
    for row in &scored.rows {
        assert_eq!(row.verdict, Verdict::Detected, "{row:?}");
        assert!(row.after_s.expect("it fires")[1] < 35.0, "not because the lab is young: {row:?}");
    }
}

#[test]
fn a_run_at_a_pace_of_its_own_is_stretched_to_productions_time() {
    let Some(promtool) = promtool() else { return };
    let rules = alerts(&[
        ("Down", "mysql_up == 0", ", for: 10m"),
        ("Late", "late == 1", ""),
        ("Fast", "rate(c_total[5m]) > 0.1", ""),
        ("Young", "time() - started_time_seconds < 300", ""),
    ]);
    let story = |now: Now| {
        let is_late = now.phase == Phase::Broken;
        let started = if now.since < 1 { -100.0 } else { 7.0 };
        let mut samples =
            vec![sample("c_total", Kind::Counter, now.second as f64), gauge("late", f64::from(u8::from(is_late)))];
        let wall = 1.7e9;
        samples.extend([
            gauge("node_time_seconds", wall + now.second as f64),
            gauge("started_time_seconds", wall + started),
        ]);
        samples.push(gauge("mysql_up", f64::from(u8::from(now.since < 1))));
        Ok(samples)
    };
    let verdicts = |pace: f64| {
        let story = Story { lasts: false, pace, ..Story::default() }.recorded(story);
        let scored = scored(&rules, &story, &promtool);
        ["Down", "Late", "Fast", "Young"].map(|name| row(&rules, &scored, name).clone())
    };
    let [down, late, fast, young] = verdicts(50.0);
    assert_eq!((down.verdict, late.verdict, fast.verdict), (Verdict::Detected, Verdict::Detected, Verdict::NeverTrue));
    // An onset of 4 s, of which no scrape sees the last moment.
    assert!((150.0..=216.0).contains(&late.after_s.expect("it fires")[0]), "{late:?}");
    assert_eq!(young.verdict, Verdict::Detected, "{young:?}");
    let [down, late, fast, _] = verdicts(1.0);
    assert_eq!(
        (down.verdict, late.verdict, fast.verdict),
        (Verdict::NotScored, Verdict::Detected, Verdict::FiresWhileHealthy)
    );
    assert!(late.after_s.expect("it fires")[1] < 35.0, "{late:?}");
}

#[test]
fn what_cannot_be_extended_is_not_scored() {
    let Some(promtool) = promtool() else { return };
    let rules = alerts(&[
        ("Night", "hour() > 8 and mysql_up == 0", ""),
        ("Forecast", "predict_linear(mysql_up[30m], 3600) < 0", ""),
        ("Long", "max_over_time(mysql_up[2h]) == 0", ""),
        ("Patient", "mysql_up == 0", ", for: 5m"),
        ("Quick", "mysql_up == 0", ""),
        ("Torn", "mysql_up == on(job) mysql_up", ""),
        ("Above", "count(ALERTS{alertstate=\"firing\"}) > 1", ""),
    ]);
    let story = Story { lasts: false, ..Story::default() };
    let lines = story.lines(&[target("made", "n1"), target("made", "n2")], |_, now| (5, dies(now)));
    let scored = scored(&rules, &Recording::of(lines, &[]).expect("a recording"), &promtool);
    for (name, why) in [
        ("Night", "time of the day"),
        ("Forecast", "draws a line"),
        ("Long", "looks back over 2h"),
        ("Patient", "nothing proves that it lasts"),
        ("Torn", "many-to-many"),
        ("Above", "series of other alerts"),
    ] {
        let row = row(&rules, &scored, name);
        assert_eq!(row.verdict, Verdict::NotScored, "{row:?}");
        assert!(row.reason.contains(why), "{row:?}");
    }
    assert_eq!(row(&rules, &scored, "Quick").verdict, Verdict::Detected);
}

#[test]
fn a_rate_over_a_short_hold_is_not_scored() {
    let Some(promtool) = promtool() else { return };
    let rules = alerts(&[("Rate", "rate(c_total[1m]) > 5", ""), ("Gauge", "x == 7", "")]);
    let story = |now: Now| Ok(vec![gauge("x", 0.0), sample("c_total", Kind::Counter, now.second as f64)]);
    let words = |held| -> Vec<_> {
        let scored = scored(&rules, &Story { held, ..Story::default() }.recorded(story), &promtool);
        scored.rows.iter().map(|row| row.verdict).collect()
    };
    assert_eq!(words(3), [Verdict::NotScored, Verdict::NeverTrue]);
    assert_eq!(words(24), [Verdict::NeverTrue, Verdict::NeverTrue]);
}

#[test]
fn a_condition_between_two_scrapes_fires_with_some_alignments_only() {
    let Some(promtool) = promtool() else { return };
    // Two die at once; between their scrapes one is seen to be down.
    let rules = alerts(&[("One", "count(p_up == 0) % 2 == 1", "")]);
    let both = [target("made", "n1"), target("made", "n2")];
    let lines =
        Story::default().lines(&both, |_, now| (5, Ok(vec![gauge("p_up", f64::from(u8::from(now.since < 1)))])));
    let row = scored(&rules, &Recording::of(lines, &[]).expect("a recording"), &promtool).rows[0].clone();
    assert_eq!(row.verdict, Verdict::Pending, "{row:?}");
    assert!(row.reason.contains("of 5 alignments"), "{row:?}");
}

#[test]
fn labels_of_the_selector_tell_the_series_apart() {
    let Some(promtool) = promtool() else { return };
    let rules = alerts(&[
        ("Closed", "probe{port=\"3306\"} == 0 and on(node) probe{port=\"4567\"} == 1", ""),
        ("Dead", "probe{port=\"3306\"} == 0 and on(node) probe{port=\"4567\"} == 0", ""),
    ]);
    let probe = |port, value| labelled(gauge("probe", value), &[("port", port), ("node", "n1")]);
    let wedge = |now: Now| Ok(vec![probe("3306", f64::from(u8::from(now.since < 1))), probe("4567", 1.0)]);
    let scored = scored(&rules, &Story::default().recorded(wedge), &promtool);
    let words: Vec<_> = scored.rows.iter().map(|row| row.verdict).collect();
    assert_eq!(words, [Verdict::Detected, Verdict::NeverTrue]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    /// A gauge wanders below a limit, in whatever way it is cut and repeated.
    #[test]
    fn a_rule_that_is_never_true_is_never_reported_as_detected(
        walk in proptest::collection::vec(0_u8..100, 45),
        is_there in proptest::collection::vec(any::<bool>(), 45),
        lasts in any::<bool>(),
        is_twin in any::<bool>(),
        held in 0_u64..24,
    ) {
        let Some(promtool) = promtool() else { return Ok(()) };
        let rules = alerts(&[("Above", "x >= 100", ""), ("Below", "c_total < 0", ""), ("Rate", "rate(c_total[1m]) < 0", "")]);
        let wanders = |now: Now| {
            let at = usize::try_from(now.second).expect("few") % walk.len();
            let counted: f64 = walk[..=at].iter().map(|step| f64::from(*step)).sum();
            let x = is_there[at].then(|| gauge("x", f64::from(walk[at])));
            Ok(x.into_iter().chain([sample("c_total", Kind::Counter, counted)]).collect())
        };
        let recording = Story { is_twin, lasts, held, ..Story::default() }.recorded(wanders);
        for row in scored(&rules, &recording, &promtool).rows {
            prop_assert!(row.firing.is_none() && row.pending.is_none(), "{row:?}");
            prop_assert!(!matches!(row.verdict, Verdict::Detected | Verdict::FalseAlarm | Verdict::Pending), "{row:?}");
        }
    }
}

#[test]
fn what_never_changes_is_true_all_the_time_or_never() {
    let Some(promtool) = promtool() else { return };
    let rules = alerts(&[
        ("Always", "same == 1", ", for: 10m"),
        ("Never", "same == 2", ""),
        ("Missing", "absent(other)", ", for: 1m"),
        ("Idle", "rate(idle_total[1m]) == 0", ", for: 1m"),
        ("Clock", "time() - same < 0", ""),
    ]);
    let same = |now: Now| {
        let moves = gauge("x", now.second as f64);
        Ok(vec![gauge("same", 1.0), sample("idle_total", Kind::Counter, 7.0), moves])
    };
    let scored = scored(&rules, &Story::default().recorded(same), &promtool);
    let words: Vec<_> = scored.rows.iter().map(|row| row.verdict).collect();
    let (healthy, never) = (Verdict::FiresWhileHealthy, Verdict::NeverTrue);
    assert_eq!(words[..4], [healthy, never, healthy, healthy]);
    assert_ne!(words[4], Verdict::Detected);
}
