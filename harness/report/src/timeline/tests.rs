//! What the picture shows.

use proptest::prelude::*;
use quick_xml::{Reader, events};

use super::*;
use reenact_core::workload::Ack;

fn event(at: u64, kind: &str, text: &str) -> Event {
    Event { at: Moment(at), kind: kind.into(), text: text.into() }
}

fn turn(at: u64, node: &str, state: &str) -> StateChange {
    StateChange { at: Moment(at), node: node.into(), state: state.into() }
}

fn entry(id: u64, from: u64, to: u64, ack: Ack) -> Entry {
    Entry { id, client: 0, value: 0, node: "n1".into(), from: Moment(from), to: Moment(to), ack }
}

/// The picture's elements in order, read as strictly as XML is to be read.
fn elements(svg: &str) -> Vec<String> {
    let mut reader = Reader::from_str(svg);
    reader.config_mut().check_comments = true;
    let mut names = Vec::new();
    loop {
        match reader.read_event().unwrap_or_else(|error| panic!("{error}: {svg}")) {
            events::Event::Start(tag) | events::Event::Empty(tag) => {
                assert!(tag.attributes().all(|attribute| attribute.is_ok()), "{svg}");
                names.push(String::from_utf8_lossy(tag.name().as_ref()).into_owned());
            }
            events::Event::Eof => return names,
            _ => {}
        }
    }
}

fn count(svg: &str, what: &str) -> usize {
    svg.matches(what).count()
}

#[test]
fn a_run_of_which_nothing_is_known_still_gives_a_picture() {
    let svg = Timeline::default().svg();
    assert_eq!(elements(&svg).first().map(String::as_str), Some("svg"));
}

#[test]
fn a_fault_lasts_until_it_is_healed() {
    let events = vec![
        event(1000, "fault", "n1 isolated: in force after 1 ms; ping: n1→n2 silent"),
        event(6000, "heal", "n1 isolated: gone after 1 ms"),
    ];
    let svg = Timeline { end: Moment(10_000), events, ..Timeline::default() }.svg();
    // A tenth of the width of 900 from the left, and half of it wide.
    assert!(svg.contains(r#"<rect class="edge c0" x="106" y="4" width="450""#), "{svg}");
}

#[test]
fn a_fault_that_nothing_takes_back_is_a_mark() {
    let events = vec![event(1000, "fault", "n1 killed: in force after 1 ms")];
    let svg = Timeline { end: Moment(10_000), events, ..Timeline::default() }.svg();
    assert!(!svg.contains(r#"class="edge c0""#) && svg.contains(">n1 killed</text>"), "{svg}");
}

#[test]
fn the_steady_state_is_the_good_one() {
    let states = vec![turn(0, "n1", "starts"), turn(900, "n1", "serves"), turn(5000, "n1", "gone")];
    let events = vec![event(1000, "steady", "every node serves")];
    let svg = Timeline { end: Moment(9000), states, events, ..Timeline::default() }.svg();
    assert_eq!((count(&svg, r#"class="edge good""#), count(&svg, r#"<rect class="hatch""#)), (1, 2), "{svg}");
}

#[test]
fn the_fates_of_writes_stalls_and_losses_have_lanes_of_their_own() {
    let failed = Ack::Failed { why: "refused".into() };
    let unknown = Ack::Unknown { why: "no answer".into() };
    let entries = vec![
        entry(1, 0, 50, Ack::Ok),
        entry(2, 60, 3000, unknown),
        entry(3, 3000, 3010, failed),
        entry(4, 9, 60, Ack::Ok),
    ];
    let timeline = Timeline { end: Moment(9000), entries, lost: BTreeSet::from([4]), ..Timeline::default() };
    let svg = timeline.svg();
    for shown in ["2 writes acknowledged", "1 writes failed", "1 writes unknown", ">2.9 s<", "acknowledged here: ids 4"]
    {
        assert!(svg.contains(shown), "{shown}: {svg}");
    }
    assert!(timeline.in_words().contains("2 acknowledged, 1 failed, 1 unknown, 1 stalls, 1 lost"));
    let quiet = Timeline { end: Moment(9000), entries: vec![entry(1, 0, 50, Ack::Ok)], ..Timeline::default() }.svg();
    assert!(["failed", "unknown", "stalled", "lost"].iter().all(|lane| !quiet.contains(lane)), "{quiet}");
}

#[test]
fn a_false_alarm_is_told_in_words() {
    let episode = |id: &str| Episode { detector: id.into(), from: Moment(1), to: None, evidence: vec!["why".into()] };
    let episodes = vec![episode("a/right"), episode("a/wrong")];
    let svg =
        Timeline { end: Moment(9000), episodes, false_alarms: vec!["a/wrong".into()], ..Timeline::default() }.svg();
    assert_eq!((count(&svg, "● fires"), count(&svg, "! false alarm")), (1, 1), "{svg}");
}

#[test]
fn marks_do_not_cover_each_other() {
    let events = (0..3).map(|step| event(1000 + step, "step", "a step with a long name")).collect();
    let svg = Timeline { end: Moment(9000), events, ..Timeline::default() }.svg();
    let heights: BTreeSet<_> = svg.match_indices("cy=\"").map(|(at, _)| svg[at..].split('"').nth(1)).collect();
    assert_eq!(heights.len(), 3, "{svg}");
}

#[test]
fn a_long_run_stays_a_small_picture() {
    let writes = |id| entry(id, id * 10, id * 10 + 7, Ack::Ok);
    let flaps = |at: u64| turn(at * 20, "n1", if at.is_multiple_of(2) { "up" } else { "down" });
    let entries = (0..360_000).map(writes).collect();
    let states = (0..180_000).map(flaps).collect();
    let svg = Timeline { end: Moment(3_600_000), entries, states, ..Timeline::default() }.svg();
    assert!(svg.len() < 200_000, "{}", svg.len());
}

proptest! {
    #[test]
    fn any_text_leaves_the_markup_as_it_is(text in "\\PC*|[<>&\"'\\x00-\\x1f\u{202e}\u{ffff}a/]*", at in any::<u64>()) {
        let with = |text: &str| {
            let episode =
                Episode { detector: text.into(), from: Moment(at), to: None, evidence: vec![text.into()] };
            Timeline {
                title: text.into(),
                end: Moment(9000),
                events: ["fault", "step", "harm"].map(|kind| event(at, kind, text)).into(),
                states: vec![turn(at, text, text)],
                episodes: vec![episode],
                false_alarms: vec![],
                entries: vec![entry(1, at, at, Ack::Failed { why: text.into() })],
                lost: BTreeSet::new(),
            }.svg()
        };
        prop_assert_eq!(elements(&with(&text)), elements(&with(&"a".repeat(text.len()))));
    }
}
