//! The strokes that the timeline is drawn with: labels on the left, and a plot over time
//! that can be scrolled apart from them.

use maud::{Markup, PreEscaped, html};

use crate::text::short;
use reenact_core::probe::Moment;

/// The width of the labels, in pixels, as all lengths here.
pub(super) const LABELS: f64 = 150.0;
/// Room beside the plot for what stands at its very edges.
const MARGIN: f64 = 16.0;
/// The plot's width: a pixel for each 100 ms at least, as long as that is bearable.
const WIDTH: (f64, f64) = (900.0, 2400.0);
/// A lane's height, and its distance to the next one.
pub(super) const LANE: f64 = 22.0;
pub(super) const STEP: f64 = 30.0;
/// The longest text at a mark, in letters.
const MARK_TEXT: usize = 60;
/// The longest tooltip, in letters.
const TOOLTIP: usize = 600;
/// Distances of the axis' marks, in seconds.
const TICKS: [u64; 11] = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 3600];

pub(super) struct Drawing {
    pub(super) labels: String,
    pub(super) plot: String,
    pub(super) y: f64,
    width: f64,
    end: f64,
    /// Where the last mark of each row ends.
    rows: Vec<f64>,
}

/// The shape of a mark, so that its colour is not all that tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Dot,
    Diamond,
}

impl Drawing {
    pub(super) fn new(end: Moment) -> Self {
        let end = end.0.max(1) as f64;
        let width = (end / 100.0).clamp(WIDTH.0, WIDTH.1);
        Self { labels: String::new(), plot: String::new(), y: 4.0, width, end, rows: Vec::new() }
    }

    /// The width of the plot with its margins.
    pub(super) fn plot_width(&self) -> f64 {
        self.width + 2.0 * MARGIN
    }

    pub(super) fn x(&self, at: Moment) -> f64 {
        MARGIN + self.width * (at.0 as f64 / self.end).min(1.0)
    }

    fn draw(&mut self, what: Markup) {
        self.plot.push_str(&what.0);
        self.plot.push('\n');
    }

    /// What the lane is about.
    pub(super) fn label(&mut self, text: &str) {
        let y = n(self.y + LANE * 0.7);
        let text = fitting(text, LABELS - 14.0, 6.8);
        self.labels.push_str(&html! { text x="6" y=(y) { (text) } }.0);
    }

    /// A second line below the label.
    pub(super) fn remark(&mut self, text: &str) {
        let y = n(self.y + LANE * 0.7 + 15.0);
        self.labels.push_str(&html! { text.soft x="6" y=(y) { (text) } }.0);
    }

    /// A bar with as much of its text as fits; all of it is in the tooltip.
    pub(super) fn bar(&mut self, (from, to): (Moment, Moment), class: &str, text: &str, title: &str) {
        let (x, y) = (self.x(from), self.y);
        let width = (self.x(to) - x).max(2.0);
        let (colour, hatch) = class.split_once(' ').map_or((class, false), |(colour, _)| (colour, true));
        self.draw(html! {
            g {
                title { (short(title, TOOLTIP)) }
                rect class={ "edge " (colour) } x=(n(x)) y=(n(y)) width=(n(width)) height=(n(LANE)) {}
                @if hatch { rect.hatch x=(n(x)) y=(n(y)) width=(n(width)) height=(n(LANE)) {} }
                @if width > 28.0 {
                    text.in x=(n(x + 4.0)) y=(n(y + LANE * 0.7)) { (fitting(text, width - 6.0, 6.3)) }
                }
            }
        });
    }

    /// Columns that stand on the lane's lower edge, as one path: from, to, height.
    pub(super) fn columns(&mut self, columns: &[(Moment, Moment, f64)], height: f64, class: &str, title: &str) {
        let bottom = self.y + height;
        let mut path = String::new();
        // Those without a gap between them are one outline, so that no seams show.
        for block in columns.chunk_by(|one, next| one.1 == next.0) {
            path.push_str(&format!("M{} {}", n(self.x(block[0].0)), n(bottom)));
            for (_, to, tall) in block {
                path.push_str(&format!("V{}H{}", n(bottom - tall), n(self.x(*to))));
            }
            path.push_str(&format!("V{}z", n(bottom)));
        }
        let (left, right) = (n(MARGIN), n(MARGIN + self.width));
        self.draw(html! {
            line.grid x1=(left) y1=(n(bottom)) x2=(right) y2=(n(bottom)) {}
            @for class in class.split(' ') {
                path class=(class) d=(path) { title { (short(title, TOOLTIP)) } }
            }
        });
    }

    /// A mark that points down at a moment.
    pub(super) fn arrow(&mut self, at: Moment, title: &str) {
        let (x, y) = (self.x(at), self.y + 6.0);
        self.draw(html! {
            path.mark d={ "M" (n(x - 4.0)) " " (n(y)) "h8l-4 9z" } { title { (short(title, TOOLTIP)) } }
        });
    }

    /// A mark with its text on the side where there is room, in the first row in which
    /// it covers no other.
    pub(super) fn mark(&mut self, at: Moment, shape: Shape, text: &str) {
        let shown = short(text, MARK_TEXT);
        let (x, wide) = (self.x(at), wide(&shown, 6.6) + 8.0);
        let right = x + wide < self.plot_width() || x < self.plot_width() / 2.0;
        let (left, until) = if right { (x - 4.0, x + wide) } else { (x - wide, x + 4.0) };
        let row = self.rows.iter().position(|end| *end + 6.0 < left).unwrap_or(self.rows.len());
        self.rows.resize(self.rows.len().max(row + 1), f64::MIN);
        self.rows[row] = until;
        let y = self.y + LANE * (row as f64 + 0.5);
        let (text_x, side) = if right { (x + 8.0, "start") } else { (x - 8.0, "end") };
        self.draw(html! {
            g {
                title { (short(text, TOOLTIP)) }
                @match shape {
                    Shape::Dot => circle.good.edge cx=(n(x)) cy=(n(y)) r="4" {},
                    Shape::Diamond => path.mark d={ "M" (n(x)) " " (n(y - 5.5)) "l5.5 5.5-5.5 5.5-5.5-5.5z" } {},
                }
                text class=(side) x=(n(text_x)) y=(n(y + 4.0)) { (shown) }
            }
        });
    }

    /// Ends the rows of marks.
    pub(super) fn end_rows(&mut self) {
        self.y += LANE * self.rows.len() as f64 + (STEP - LANE);
        self.rows.clear();
    }

    /// Seconds, at most some twenty of them, under and behind all lanes.
    pub(super) fn axis(&mut self) {
        let seconds = self.end / 1000.0;
        let fits = |tick: &u64| seconds / *tick as f64 <= 20.0;
        let tick = TICKS.into_iter().find(fits).unwrap_or((seconds / 20.0) as u64 + 1);
        let bottom = self.y;
        let mut lines = String::new();
        for second in (0..=20).map(|count| count * tick).take_while(|second| *second as f64 <= seconds) {
            let x = n(self.x(Moment(second * 1000)));
            let line = html! {
                line.grid x1=(x) y1="0" x2=(x) y2=(n(bottom)) {}
                text.soft.middle x=(x) y=(n(bottom + 14.0)) { (second) " s" }
            };
            lines.push_str(&line.0);
        }
        self.plot.insert_str(0, &lines);
        self.y += 22.0;
    }
}

/// The pattern of hatched bars. It stands once in a document.
pub(crate) fn hatch() -> Markup {
    html! {
        defs {
            pattern id="hatch" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)" {
                (PreEscaped(r##"<path d="M0 0v6" stroke="#000000" stroke-opacity=".24" stroke-width="2"></path>"##))
            }
        }
    }
}

/// A number as short as it can be.
pub(super) fn n(value: f64) -> String {
    let text = format!("{value:.1}");
    text.strip_suffix(".0").map(str::to_owned).unwrap_or(text)
}

/// How wide a text is, with so many pixels for a letter of the Latin alphabet.
fn wide(text: &str, letter: f64) -> f64 {
    text.chars().map(|sign| if sign < '\u{300}' { letter } else { 2.0 * letter }).sum()
}

/// As much of a text as fits, with a mark where something is left out.
fn fitting(text: &str, room: f64, letter: f64) -> String {
    if wide(text, letter) <= room {
        return text.to_owned();
    }
    let mut left = room - letter;
    let mut fits = |sign: &char| {
        left -= if *sign < '\u{300}' { letter } else { 2.0 * letter };
        left >= 0.0
    };
    let shown: String = text.chars().take_while(|sign| fits(sign)).collect();
    format!("{shown}…")
}
