//! When each rule was pending and when it fired, under the phases of the scenario.

use maud::{Markup, PreEscaped, html};

use crate::text::short;
use reenact_alerts::{Row, Scored, Spell};

/// In pixels, as all lengths here.
const LABELS: f64 = 190.0;
const WIDTH: f64 = 820.0;
const MARGIN: f64 = 8.0;
const LANE: f64 = 18.0;
const STEP: f64 = 24.0;
/// How much of the steady phase is shown, in seconds.
const BEFORE_S: f64 = 30.0;
/// The longest label, in letters.
const LABEL: usize = 26;
/// Distances of the axis' marks, in seconds.
const TICKS: [f64; 8] = [10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1200.0, 3600.0];

struct Scale {
    end_s: f64,
}

impl Scale {
    fn x(&self, at_s: f64) -> f64 {
        MARGIN + WIDTH * ((at_s + BEFORE_S) / (self.end_s + BEFORE_S)).clamp(0.0, 1.0)
    }

    fn bar(&self, (from, to): (f64, f64), y: f64, class: &str, title: &str) -> Markup {
        let (x, width) = (self.x(from), (self.x(to) - self.x(from)).max(2.0));
        html! { rect class=(class) x=(n(x)) y=(n(y)) width=(n(width)) height=(n(LANE)) { title { (title) } } }
    }
}

/// The picture. Each mark is a moment with what happened then, in seconds after the onset.
pub(in crate::html) fn picture(scored: &Scored, name: &dyn Fn(usize) -> String, marks: &[(f64, String)]) -> Markup {
    let rows: Vec<_> = scored.rows.iter().filter(|row| row.pending.is_some() || row.firing.is_some()).collect();
    let recorded = scored.broken_s + scored.held_s;
    let begins = rows.iter().filter_map(|row| row.firing.or(row.pending)).map(|spell| spell.from);
    let scale = Scale { end_s: begins.fold(recorded, f64::max) * 1.08 + 45.0 };
    let height = STEP * (rows.len() as f64 + 1.0) + 24.0;
    let words: Vec<_> = rows.iter().map(|row| format!("{} {}", name(row.rule), row.verdict.words())).collect();
    let bars = rows.iter().enumerate().map(|(at, row)| {
        let y = STEP * (at as f64 + 1.0) + 4.0;
        let (pending, firing) = (waiting(row), row.firing);
        html! { (spell(&scale, pending, y, "wait", "pending")) (spell(&scale, firing, y, "fires", "fires")) }
    });
    html! {
        div.picture.box tabindex="0" role="region" aria-label="when each rule was pending and fired" {
            svg.timeline.labels aria-hidden="true" width=(n(LABELS)) height=(n(height)) {
                text x="6" y=(n(LANE)) { "phase" }
                @for (at, row) in rows.iter().enumerate() {
                    text x="6" y=(n(STEP * (at as f64 + 1.0) + LANE)) { (short(&name(row.rule), LABEL)) }
                }
            }
            svg.timeline role="img" aria-label=(words.join("; ")) width=(n(WIDTH + 2.0 * MARGIN)) height=(n(height)) {
                (axis(&scale, height))
                (phases(&scale, scored))
                @for bar in bars { (bar) }
                @for (at, what) in marks {
                    g {
                        title { (short(what, LABEL * 4)) }
                        line.detector x1=(n(scale.x(*at))) y1="2" x2=(n(scale.x(*at))) y2=(n(height - 18.0)) {}
                    }
                }
            }
        }
    }
}

fn phases(scale: &Scale, scored: &Scored) -> Markup {
    let broken = if scored.is_twin { "disturbance" } else { "broken" };
    let recorded = scored.broken_s + scored.held_s;
    let after = match (scored.is_twin, scored.lasts_s) {
        (_, Some(_)) => "it goes on",
        (true, None) => "steady again",
        (false, None) => "not known",
    };
    let part = |from: f64, to: f64, class: &str, what: &str| {
        let room = scale.x(to) - scale.x(from);
        html! {
            (scale.bar((from, to), 4.0, class, &format!("{what}: {from:.0} to {to:.0} s")))
            @if room > what.len() as f64 * 7.0 { text.name x=(n(scale.x(from) + 4.0)) y="17" { (what) } }
        }
    };
    html! {
        (part(-BEFORE_S, 0.0, "phase", "steady"))
        (part(0.0, scored.broken_s, "phase onset", "onset"))
        (part(scored.broken_s, recorded, "phase broken", broken))
        (part(recorded, scale.end_s, "phase goes-on", after))
    }
}

/// What was pending at an evaluation and fires at the next one is pending until then.
fn waiting(row: &Row) -> Option<Spell> {
    let until = |spell: Spell| row.firing.map_or(spell.to, |firing| firing.from.max(spell.to));
    row.pending.map(|spell| Spell { to: until(spell), ..spell })
}

fn spell(scale: &Scale, spell: Option<Spell>, y: f64, class: &str, what: &str) -> Markup {
    match spell {
        Some(Spell { from, goes_on: true, .. }) => {
            scale.bar((from, scale.end_s), y, class, &format!("{what} from {from:.0} s on"))
        }
        Some(Spell { from, to, .. }) => scale.bar((from, to), y, class, &format!("{what} from {from:.0} to {to:.0} s")),
        None => html! {},
    }
}

fn axis(scale: &Scale, height: f64) -> Markup {
    let step = TICKS.into_iter().find(|step| scale.end_s / step <= 12.0).unwrap_or(3600.0);
    let ticks = (0..).map(|at| f64::from(at) * step).take_while(|at| *at <= scale.end_s);
    let mut lines = String::new();
    for at in ticks {
        let x = n(scale.x(at));
        let line = html! {
            line.grid x1=(x) y1="0" x2=(x) y2=(n(height - 18.0)) {}
            text.soft x=(x) y=(n(height - 5.0)) { (format!("{at:.0} s")) }
        };
        lines.push_str(&line.0);
    }
    PreEscaped(lines)
}

fn n(length: f64) -> String {
    format!("{length:.1}")
}
