//! The timeline picture of one run: faults, each node's state, the workload, what it
//! lost, the detectors and the runbook's steps over one axis of time. It is an SVG file
//! of its own, and a part of the report's page.

mod drawing;
mod traffic;

use std::collections::{BTreeMap, BTreeSet};

use maud::{Markup, PreEscaped, html};

pub(super) use self::drawing::hatch;
use self::{
    drawing::{Drawing, LABELS, LANE, STEP, Shape, n},
    traffic::{Slice, Traffic},
};
use super::text::clean;
use reenact_core::{
    detect::Episode,
    journal::Event,
    probe::{Moment, StateChange},
    workload::Entry,
};

/// The colours, for light and dark; the same in the page.
pub(super) const STYLE: &str = include_str!("style.css");

/// Colours of states other than the good one, told apart also by those who see few
/// colours (after Okabe and Ito).
const COLOURS: [&str; 6] = ["c0 hatch", "c1 hatch", "c2 hatch", "c3 hatch", "c4 hatch", "c5 hatch"];
/// How many lanes of one kind, and bars in one lane, a picture has at most.
const MOST_LANES: usize = 40;
const MOST_BARS: usize = 600;
/// Notes that are shown as marks; all but the first kind as diamonds.
const MARKS: [&str; 6] = ["step", "healthy", "killed", "refused", "useless", "harm"];

/// What a picture is drawn from.
#[derive(Debug, Default)]
pub struct Timeline {
    /// Its title.
    pub title: String,
    /// The run's end.
    pub end: Moment,
    /// What the harness did.
    pub events: Vec<Event>,
    /// Each change of a node's state.
    pub states: Vec<StateChange>,
    /// When which detector fired.
    pub episodes: Vec<Episode>,
    /// The detectors that fired and should not have.
    pub false_alarms: Vec<String>,
    /// The workload.
    pub entries: Vec<Entry>,
    /// The ids of acknowledged writes that are missing.
    pub lost: BTreeSet<u64>,
}

impl Timeline {
    /// The picture as an SVG document.
    pub fn svg(&self) -> String {
        let drawing = self.drawing();
        let (width, height) = (n(LABELS + drawing.plot_width()), n(drawing.y + 34.0));
        let svg = html! {
            svg.timeline xmlns="http://www.w3.org/2000/svg" viewBox={ "0 0 " (width) " " (height) } {
                style { (PreEscaped(STYLE)) }
                (hatch())
                rect.paper width=(width) height=(height) {}
                text.title x="6" y="22" { (self.title) }
                g transform="translate(0 34)" { (PreEscaped(&drawing.labels)) }
                g transform={ "translate(" (n(LABELS)) " 34)" } { (PreEscaped(&drawing.plot)) }
            }
        };
        clean(&svg.0) + "\n"
    }

    /// The picture as a part of a page that has [`STYLE`] and [`hatch`]: the labels
    /// beside the plot, so that they can stay where they are when it is scrolled.
    pub(super) fn figure(&self) -> Markup {
        let drawing = self.drawing();
        let (labels, width, height) = (n(LABELS), n(drawing.plot_width()), n(drawing.y));
        html! {
            svg.timeline.labels aria-hidden="true" width=(labels) height=(height) { (PreEscaped(&drawing.labels)) }
            svg.timeline role="img" aria-label=(self.in_words()) width=(width) height=(height) {
                (PreEscaped(&drawing.plot))
            }
        }
    }

    /// What the picture shows, for those who cannot see it.
    fn in_words(&self) -> String {
        let traffic = self.traffic();
        let count = |kind: &str| self.events.iter().filter(|event| event.kind == kind).count();
        format!(
            "Timeline of {:.1} s: {} faults, {} times a detector fired, {} steps of a runbook; writes: {} acknowledged, \
             {} failed, {} unknown, {} stalls, {} lost",
            self.end.0 as f64 / 1000.0,
            count("fault"),
            self.episodes.len(),
            count("step"),
            traffic.sum(|slice| slice.acknowledged as usize),
            traffic.sum(|slice| slice.failed as usize),
            traffic.sum(|slice| slice.unknown as usize),
            traffic.stalls.len(),
            self.lost.len(),
        )
    }

    fn drawing(&self) -> Drawing {
        let mut drawing = Drawing::new(self.end);
        self.faults(&mut drawing);
        self.nodes(&mut drawing);
        self.workload(&mut drawing);
        self.detectors(&mut drawing);
        self.steps(&mut drawing);
        drawing.axis();
        drawing
    }

    fn traffic(&self) -> Traffic {
        Traffic::of(&self.entries, &self.lost, self.end)
    }

    /// A bar for each fault from its injection to its healing, and a mark for those
    /// that nothing takes back.
    fn faults(&self, drawing: &mut Drawing) {
        let faults = || self.events.iter().filter(|event| event.kind == "fault");
        for event in faults().take(MOST_LANES) {
            let heals =
                |other: &&Event| other.kind == "heal" && other.at >= event.at && other.subject() == event.subject();
            drawing.label("fault");
            match self.events.iter().find(heals) {
                Some(heal) => drawing.bar((event.at, heal.at), "c0", event.subject(), &event.text),
                None => {
                    drawing.mark(event.at, Shape::Diamond, event.subject());
                    drawing.end_rows();
                    continue;
                }
            }
            drawing.y += STEP;
        }
        more_lanes(drawing, faults().count(), "faults");
    }

    /// A lane for each node; its first lasting state is drawn as the good one.
    fn nodes(&self, drawing: &mut Drawing) {
        let mut lanes: BTreeMap<&str, Vec<&StateChange>> = BTreeMap::new();
        for turn in &self.states {
            lanes.entry(&turn.node).or_default().push(turn);
        }
        let steady = self.events.iter().find(|event| event.kind == "steady").map_or(Moment(0), |event| event.at);
        let good = self.states.iter().rfind(|turn| turn.at <= steady).map(|turn| turn.state.as_str());
        let mut colours: BTreeMap<&str, &str> = good.map(|state| (state, "good")).into_iter().collect();
        for (node, turns) in lanes.iter().take(MOST_LANES) {
            drawing.label(node);
            let ends = turns.iter().skip(1).map(|turn| turn.at).chain([self.end]);
            // What is too short to be seen would only make the picture large.
            let spans = turns.iter().zip(ends);
            let seen = spans.filter(|(turn, end)| drawing.x(*end) - drawing.x(turn.at) >= 0.5);
            for (turn, end) in seen.take(MOST_BARS).collect::<Vec<_>>() {
                let next = COLOURS[colours.len() % COLOURS.len()];
                drawing.bar((turn.at, end), colours.entry(&turn.state).or_insert(next), &turn.state, &turn.state);
            }
            drawing.y += STEP;
        }
        more_lanes(drawing, lanes.len(), "nodes");
    }

    /// A lane for each fate of writes, one for stalls, and one for what was lost; those
    /// of which there is nothing to show are left out.
    fn workload(&self, drawing: &mut Drawing) {
        let traffic = self.traffic();
        columns(drawing, &traffic, "acknowledged", "good", 2.0 * LANE, |slice| slice.acknowledged);
        if traffic.sum(|slice| slice.failed as usize) > 0 {
            columns(drawing, &traffic, "failed", "c0", LANE * 1.4, |slice| slice.failed);
        }
        if traffic.sum(|slice| slice.unknown as usize) > 0 {
            columns(drawing, &traffic, "unknown", "c3 hatch", LANE * 1.4, |slice| slice.unknown);
        }
        stalls(drawing, &traffic);
        self.lost(drawing, &traffic);
    }

    fn lost(&self, drawing: &mut Drawing, traffic: &Traffic) {
        if self.lost.is_empty() {
            return;
        }
        drawing.label(&format!("lost: {}", self.lost.len()));
        for (number, slice) in traffic.slices.iter().filter(|(_, slice)| !slice.lost.is_empty()) {
            let ids: Vec<_> = slice.lost.iter().take(8).map(u64::to_string).collect();
            let more = if slice.lost.len() > ids.len() { ", …" } else { "" };
            let title = format!("{} lost, acknowledged here: ids {}{more}", slice.lost.len(), ids.join(", "));
            drawing.arrow(Moment(number * traffic.slice_ms + traffic.slice_ms / 2), &title);
        }
        drawing.y += STEP;
    }

    /// A lane for each detector that fired.
    fn detectors(&self, drawing: &mut Drawing) {
        let mut lanes: BTreeMap<&str, Vec<&Episode>> = BTreeMap::new();
        for episode in &self.episodes {
            lanes.entry(&episode.detector).or_default().push(episode);
        }
        for (detector, episodes) in lanes.iter().take(MOST_LANES) {
            let alarm = self.false_alarms.iter().any(|id| id == detector);
            let (class, text) = if alarm { ("c3 hatch", "! false alarm") } else { ("c1", "● fires") };
            drawing.label(detector.rsplit('/').next().unwrap_or_default());
            for episode in episodes.iter().take(MOST_BARS) {
                let title =
                    format!("{detector}: {}\n{}", &text[..].trim_start_matches(['!', '●', ' ']), first(episode));
                drawing.bar((episode.from, episode.to.unwrap_or(self.end)), class, text, &title);
            }
            drawing.y += STEP;
        }
        more_lanes(drawing, lanes.len(), "detectors");
    }

    /// A mark for each step, in rows, so that their names do not cover each other.
    fn steps(&self, drawing: &mut Drawing) {
        let marks: Vec<_> = self.events.iter().filter(|event| MARKS.contains(&event.kind.as_str())).collect();
        if marks.is_empty() {
            return;
        }
        drawing.label("runbook");
        for event in marks.iter().take(2 * MOST_LANES) {
            let is_step = event.kind == "step";
            let text = if is_step { event.text.clone() } else { format!("{}: {}", event.kind, event.text) };
            drawing.mark(event.at, if is_step { Shape::Dot } else { Shape::Diamond }, &text);
        }
        drawing.end_rows();
        if marks.len() > 2 * MOST_LANES {
            more_lanes(drawing, marks.len() - MOST_LANES, "steps");
        }
    }
}

/// The evidence's first lines.
fn first(episode: &Episode) -> String {
    episode.evidence.iter().take(6).map(String::as_str).collect::<Vec<_>>().join("\n")
}

fn columns(
    drawing: &mut Drawing,
    traffic: &Traffic,
    name: &str,
    class: &str,
    height: f64,
    pick: impl Fn(&Slice) -> u32 + Copy,
) {
    let (slice_ms, peak) = (traffic.slice_ms, traffic.peak(pick));
    drawing.label(name);
    drawing.remark(&format!("≤ {peak} / {slice_ms} ms"));
    let column = |(number, slice): (&u64, &Slice)| {
        let tall = height * f64::from(pick(slice)) / f64::from(peak.max(1));
        (tall > 0.0).then_some((Moment(number * slice_ms), Moment((number + 1) * slice_ms), tall.max(1.0)))
    };
    let columns: Vec<_> = traffic.slices.iter().filter_map(column).collect();
    let sum = traffic.sum(|slice| pick(slice) as usize);
    drawing.columns(&columns, height, class, &format!("{sum} writes {name}"));
    drawing.y += height.max(LANE + 14.0) + STEP - LANE;
}

fn stalls(drawing: &mut Drawing, traffic: &Traffic) {
    if traffic.stalls.is_empty() {
        return;
    }
    drawing.label("stalled");
    for &(from, to) in traffic.stalls.iter().take(MOST_BARS) {
        let took = format!("{:.1} s", to.since(from).as_secs_f64());
        let title = format!("from {from} to {to}: writes were under way and none ended");
        drawing.bar((from, to), "c5 hatch", &took, &title);
    }
    drawing.y += STEP;
}

fn more_lanes(drawing: &mut Drawing, count: usize, of: &str) {
    if count > MOST_LANES {
        drawing.label(&format!("… and {} more {of}", count - MOST_LANES));
        drawing.y += STEP;
    }
}

#[cfg(test)]
mod tests;
