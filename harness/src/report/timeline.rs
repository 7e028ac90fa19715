//! The timeline picture of one run: faults, each node's state, the workload, the
//! detectors and the runbook's steps over one axis of time, as an SVG file that any
//! browser shows.

use std::{collections::BTreeMap, fmt::Write};

use crate::{
    detect::Episode,
    probe::Moment,
    stage::Note,
    workload::{Ack, Entry},
};

/// Where the lanes begin and how wide they are, in pixels.
const LEFT: f64 = 150.0;
const WIDTH: f64 = 1000.0;
/// A lane's height, and its distance to the next one.
const LANE: f64 = 22.0;
const STEP: f64 = 30.0;
/// The workload is counted in slices of this length.
const SLICE_MS: u64 = 250;
/// Colours for states other than the first one, told apart also by those who see
/// few colours (after Okabe and Ito).
const PALETTE: [&str; 6] = ["#d55e00", "#0072b2", "#cc79a7", "#e69f00", "#56b4e9", "#999999"];
const GOOD: &str = "#009e73";

/// What a picture is drawn from.
#[derive(Debug, Default)]
pub struct Timeline {
    /// Its title.
    pub title: String,
    /// The run's end.
    pub end: Moment,
    /// What the harness did.
    pub notes: Vec<Note>,
    /// Each change of a node's state.
    pub states: Vec<(Moment, String, String)>,
    /// When which detector fired.
    pub episodes: Vec<Episode>,
    /// The workload.
    pub entries: Vec<Entry>,
}

impl Timeline {
    /// The picture as an SVG document.
    pub fn svg(&self) -> String {
        let mut drawing = Drawing { body: String::new(), y: 50.0, end: self.end.0.max(1) as f64 };
        self.faults(&mut drawing);
        self.nodes(&mut drawing);
        self.workload(&mut drawing);
        self.detectors(&mut drawing);
        self.steps(&mut drawing);
        drawing.axis();
        let (width, height) = (LEFT + WIDTH + 30.0, drawing.y + 20.0);
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" \
             font-size=\"12\">\n<rect width=\"{width}\" height=\"{height}\" fill=\"#fff\"/>\n\
             <text x=\"10\" y=\"24\" font-size=\"16\">{}</text>\n{}</svg>\n",
            escape(&self.title),
            drawing.body
        )
    }

    /// A bar for each fault from its injection to its healing, and a mark for those
    /// that nothing takes back.
    fn faults(&self, drawing: &mut Drawing) {
        for note in self.notes.iter().filter(|note| note.kind == "fault") {
            let heals =
                |other: &&Note| other.kind == "heal" && other.at >= note.at && other.subject() == note.subject();
            drawing.label("fault");
            match self.notes.iter().find(heals) {
                Some(heal) => drawing.bar(note.at, heal.at, PALETTE[0], note.subject(), &note.text),
                None => drawing.mark(note.at, note.subject()),
            }
            drawing.y += STEP;
        }
    }

    /// A lane for each node; its first lasting state is drawn as the good one.
    fn nodes(&self, drawing: &mut Drawing) {
        let mut lanes: BTreeMap<&str, Vec<(Moment, &str)>> = BTreeMap::new();
        for (at, node, state) in &self.states {
            lanes.entry(node).or_default().push((*at, state));
        }
        let steady = self.notes.iter().find(|note| note.kind == "steady").map_or(Moment(0), |note| note.at);
        let good = self.states.iter().rfind(|(at, ..)| *at <= steady).map(|(.., state)| state.as_str());
        let mut colours: BTreeMap<&str, &str> = good.map(|state| (state, GOOD)).into_iter().collect();
        for (node, states) in lanes {
            drawing.label(node);
            let ends = states.iter().skip(1).map(|(at, _)| *at).chain([self.end]);
            for ((from, state), to) in states.iter().zip(ends) {
                let next = PALETTE[colours.len() % PALETTE.len()];
                drawing.bar(*from, to, colours.entry(state).or_insert(next), state, state);
            }
            drawing.y += STEP;
        }
    }

    /// Acknowledged writes as bars upwards, all others as bars in another colour.
    fn workload(&self, drawing: &mut Drawing) {
        let mut slices: BTreeMap<u64, (u32, u32)> = BTreeMap::new();
        for entry in &self.entries {
            let slice = slices.entry(entry.to.0 / SLICE_MS).or_default();
            if entry.ack == Ack::Ok { slice.0 += 1 } else { slice.1 += 1 }
        }
        let most = slices.values().map(|(ok, other)| ok + other).max().unwrap_or(1);
        let height = 2.0 * LANE;
        drawing.label("writes");
        for (slice, (ok, other)) in slices {
            let (from, to) = (Moment(slice * SLICE_MS), Moment((slice + 1) * SLICE_MS));
            let tall = |count| height * f64::from(count) / f64::from(most);
            let title = format!("{from}: {ok} acknowledged, {other} failed or unknown");
            drawing.column(from, to, height - tall(ok), tall(ok), GOOD, &title);
            drawing.column(from, to, height - tall(ok) - tall(other), tall(other), PALETTE[0], &title);
        }
        drawing.y += height + STEP - LANE;
    }

    fn detectors(&self, drawing: &mut Drawing) {
        for episode in &self.episodes {
            drawing.label(episode.detector.rsplit('/').next().unwrap_or_default());
            let title = episode.evidence.join("\n");
            drawing.bar(episode.from, episode.to.unwrap_or(self.end), PALETTE[1], "fires", &title);
            drawing.y += STEP;
        }
    }

    /// A mark for each step, in rows, so that their names do not cover each other.
    fn steps(&self, drawing: &mut Drawing) {
        for note in self.notes.iter().filter(|note| matches!(note.kind.as_str(), "step" | "healthy")) {
            drawing.label(if note.kind == "step" { "runbook" } else { "healthy" });
            drawing.mark(note.at, &note.text);
            drawing.y += LANE;
        }
    }
}

struct Drawing {
    body: String,
    y: f64,
    end: f64,
}

impl Drawing {
    fn x(&self, at: Moment) -> f64 {
        LEFT + WIDTH * (at.0 as f64 / self.end).min(1.0)
    }

    fn label(&mut self, text: &str) {
        let y = self.y + LANE * 0.7;
        let _ = writeln!(self.body, "<text x=\"10\" y=\"{y:.1}\">{}</text>", escape(text));
    }

    fn bar(&mut self, from: Moment, to: Moment, colour: &str, text: &str, title: &str) {
        let (x, y) = (self.x(from), self.y);
        let width = (self.x(to) - x).max(2.0);
        self.rectangle(x, y, width, LANE, colour, title);
        // Some six pixels a letter; what does not fit is in the tooltip.
        let room = (width / 6.5) as usize;
        if room >= 4 {
            let shown: String = text.chars().take(room).collect();
            let (x, y) = (x + 4.0, y + LANE * 0.7);
            let _ = writeln!(
                self.body,
                "<text x=\"{x:.1}\" y=\"{y:.1}\" fill=\"#fff\" font-size=\"11\">{}</text>",
                escape(&shown)
            );
        }
    }

    fn column(&mut self, from: Moment, to: Moment, top: f64, height: f64, colour: &str, title: &str) {
        if height > 0.0 {
            let (x, width) = (self.x(from), self.x(to) - self.x(from));
            self.rectangle(x, self.y + top, width, height, colour, title);
        }
    }

    fn rectangle(&mut self, x: f64, y: f64, width: f64, height: f64, colour: &str, title: &str) {
        let title = escape(title);
        let _ = writeln!(
            self.body,
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" fill=\"{colour}\" \
             stroke=\"#fff\" stroke-width=\"0.5\"><title>{title}</title></rect>"
        );
    }

    /// A dot with its text on the side where there is room.
    fn mark(&mut self, at: Moment, text: &str) {
        let (x, y) = (self.x(at), self.y + LANE * 0.5);
        let right = x < LEFT + WIDTH * 0.6;
        let (offset, anchor) = if right { (8.0, "start") } else { (-8.0, "end") };
        let _ = writeln!(
            self.body,
            "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4\" fill=\"{GOOD}\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\">{}</text>",
            x + offset,
            y + 4.0,
            escape(text)
        );
    }

    /// Seconds, at most twenty of them.
    fn axis(&mut self) {
        let seconds = (self.end / 1000.0).ceil() as u64;
        let step = seconds.div_ceil(20).max(1);
        self.y += LANE;
        for second in (0..=seconds).step_by(step as usize).filter(|second| (second * 1000) as f64 <= self.end) {
            let (x, y) = (self.x(Moment(second * 1000)), self.y);
            let top = 40.0;
            let _ = writeln!(
                self.body,
                "<line x1=\"{x:.1}\" y1=\"{top}\" x2=\"{x:.1}\" y2=\"{:.1}\" stroke=\"#0002\"/>\
                 <text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"middle\" fill=\"#555\">{second} s</text>",
                y - 14.0
            );
        }
    }
}

/// Log lines may hold anything; a picture must not.
fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\n' | '\t' => safe.push(letter),
            control if control.is_control() => safe.push('\u{fffd}'),
            other => safe.push(other),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(at: u64, kind: &str, text: &str) -> Note {
        Note { at: Moment(at), kind: kind.into(), text: text.into() }
    }

    #[test]
    fn hostile_text_is_escaped() {
        let states = vec![(Moment(0), "n1".into(), "</svg><script>\u{1b}[31m&\"".into())];
        let svg = Timeline { end: Moment(9000), states, ..Timeline::default() }.svg();
        assert!(!svg.contains("<script>") && !svg.contains('\u{1b}'), "{svg}");
        assert_eq!(svg.matches("</svg>").count(), 1);
    }

    #[test]
    fn a_fault_lasts_until_it_is_healed() {
        let notes = vec![
            note(1000, "fault", "n1 isolated: in force after 1 ms; ping: n1→n2 silent"),
            note(6000, "heal", "n1 isolated: gone after 1 ms"),
        ];
        let svg = Timeline { end: Moment(10_000), notes, ..Timeline::default() }.svg();
        // A tenth of the width from the left, and half of it wide.
        assert!(svg.contains("<rect x=\"250.0\" y=\"50.0\" width=\"500.0\""), "{svg}");
    }

    #[test]
    fn a_run_of_which_nothing_is_known_still_gives_a_picture() {
        assert!(Timeline::default().svg().ends_with("</svg>\n"));
    }
}
