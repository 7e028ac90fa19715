//! The page of `reenact alerts`: rules against scenarios, and for each scenario when each rule was
//! pending and when it fired.

pub(super) mod picture;

use maud::{Markup, html};

use super::{
    group::{NAME, name},
    page, section,
};
use crate::{
    alerts::Scores,
    text::{clean, short},
};
use reenact_alerts::{Row, Scored, Verdict, shown};

/// The longest texts, in letters.
const TEXT: usize = 2000;

/// The page as text: it needs nothing but itself.
pub fn alerts(scores: &Scores) -> String {
    let title = scores.sentence();
    let body = html! {
        header { h1 { span.sentence { (title) } } (about(scores)) }
        main {
            (matrix(scores))
            (offers(scores))
            (scenarios(scores))
        }
    };
    clean(&page::page(&title, &body).0)
}

fn about(scores: &Scores) -> Markup {
    let files: std::collections::BTreeSet<_> = scores.rules.alerts().map(|(_, alert)| &alert.file).collect();
    html! {
        dl.figures {
            div { dt { "rules" } dd { (scores.rules.alerts().count()) } }
            div { dt { "scenarios" } dd { (scores.all.len()) } }
            div { dt { "files" } dd { @for file in files { code { (short(&file.display().to_string(), NAME)) } " " } } }
        }
        p.soft {
            "Times are of production, from the first fault on: the shortest and the longest over all alignments of \
             the scrapes."
        }
    }
}

/// A word's class, its sign, and whether a reader looks for it.
fn sign(verdict: Verdict) -> (&'static str, char) {
    match verdict {
        Verdict::Detected => ("fired", '●'),
        Verdict::Pending | Verdict::WouldPage => ("open", '◐'),
        Verdict::NeverTrue | Verdict::Silent => ("", '·'),
        Verdict::NoSeries => ("skip", '∅'),
        Verdict::Blind => ("missed", '◌'),
        Verdict::FiresWhileHealthy | Verdict::FalseAlarm => ("alarm", '!'),
        Verdict::NotScored => ("skip", '?'),
    }
}

pub(super) fn word(verdict: Verdict) -> Markup {
    let (class, sign) = sign(verdict);
    html! { span.badge.(if class.is_empty() { "quiet" } else { class }) { (sign) " " (verdict.words()) } }
}

fn badge(scored: &Scored) -> Markup {
    let (class, sign, word) = match (scored.is_good(), scored.is_twin) {
        (true, false) => ("pass", "✓", "noticed"),
        (true, true) => ("pass", "✓", "no alarm"),
        (false, false) => ("fail", "✗", "unnoticed"),
        (false, true) => ("fail", "✗", "false alarm"),
    };
    html! { span class={ "badge " (class) } { (sign) " " (word) } }
}

fn legend() -> Markup {
    html! {
        ul.legend {
            @for (verdict, what) in [
                (Verdict::Detected, "fires, however the scrapes fall"),
                (Verdict::Pending, "true, and not for long enough"),
                (Verdict::NeverTrue, "has its series, and is not true"),
                (Verdict::Blind, "its series are gone"),
                (Verdict::NoSeries, "never had any series"),
                (Verdict::FalseAlarm, "fires while healthy, or in a look-alike"),
                (Verdict::NotScored, "cannot be told"),
            ] {
                li { span class=(sign(verdict).0) { (sign(verdict).1) } " " (what) }
            }
        }
    }
}

fn matrix(scores: &Scores) -> Markup {
    html! {
        section #matrix {
            h2 #matrix-title { "Rules against scenarios" }
            (legend())
            div.box tabindex="0" role="region" aria-labelledby="matrix-title" {
                table.matrix.rules {
                    thead {
                        tr {
                            th.corner scope="col" { "scenario" }
                            @for (number, _) in scores.rules.alerts() {
                                th.detector scope="col" { span { (short(&scores.name(number), NAME)) } }
                            }
                        }
                    }
                    tbody {
                        @for (at, scored) in scores.all.iter().enumerate() {
                            tr data-name=(short(&scored.scenario, NAME)) {
                                th scope="row" { (badge(scored)) " " a href={ "#s" (at + 1) } { (name(&short(&scored.scenario, NAME))) } }
                                @for row in &scored.rows { (cell(row)) }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn cell(row: &Row) -> Markup {
    let (class, sign) = sign(row.verdict);
    let told = format!("{} {}", row.verdict.words(), crate::alerts::after(row));
    html! {
        @if class.is_empty() { td { (sign) } }
        @else { td class=(class) title=(told.trim()) { (sign) span.unseen { " " (row.verdict.words()) } } }
    }
}

fn offers(scores: &Scores) -> Markup {
    if scores.offers.is_empty() {
        return html! {};
    }
    html! {
        section #offers {
            h2 { "Rules that would notice what yours do not" }
            p.soft { "Each was scored against every look-alike here, and fires in none." }
            @for offer in &scores.offers {
                div data-name=(short(&offer.scenario, NAME)) {
                    p.command-title {
                        (name(&short(&offer.scenario, NAME))) ": after " (format!("{:.0}–{:.0} s", offer.after_s[0], offer.after_s[1]))
                        @if !offer.would_page.is_empty() { span.soft { "; true for a moment in " (offer.would_page.join(", ")) } }
                    }
                    pre.command tabindex="0" { code { (short(&offer.text, TEXT)) } }
                }
            }
        }
    }
}

fn scenarios(scores: &Scores) -> Markup {
    html! {
        section #scenarios {
            h2 { "Each scenario" }
            (section::filter())
            @for (at, scored) in scores.all.iter().enumerate() { (scenario(scores, scored, at + 1)) }
        }
    }
}

fn scenario(scores: &Scores, scored: &Scored, number: usize) -> Markup {
    let alarms = scored.alarms();
    let first = match (alarms.first(), scored.is_twin) {
        (Some(row), _) => format!("{} after {}", scores.name(row.rule), crate::alerts::after(row)),
        (None, false) => "nobody would have called".into(),
        (None, true) => "silent".into(),
    };
    html! {
        details.scenario data-name=(short(&scored.scenario, NAME)) open[scores.all.len() == 1] {
            summary { h3 { (badge(scored)) " " (name(&short(&scored.scenario, NAME))) } span.soft.first { (short(&first, NAME)) } }
            span.anchor id={ "s" (number) } {}
            p.soft { (recorded(scored)) }
            @if let Some(twin) = scores.looks_like(scored).filter(|_| !scored.is_twin) {
                p.gap { "Only alerts that also fire in " (twin) ": whoever is called cannot tell them apart." }
            }
            (picture::picture(scored, &|rule| scores.name(rule), &[]))
            div.box tabindex="0" role="region" aria-label="the rules" {
                table.events {
                    thead { tr { th scope="col" { "rule" } th scope="col" { "verdict" } th scope="col" { "after" } th scope="col" { "why" } } }
                    tbody {
                        @for row in &scored.rows {
                            tr {
                                th scope="row" title=(short(&scores.rules.alert(row.rule).expr, TEXT)) { (short(&scores.name(row.rule), NAME)) }
                                td.word { (word(row.verdict)) }
                                td { (crate::alerts::after(row)) }
                                td.text { (short(&row.reason, TEXT)) }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn recorded(scored: &Scored) -> String {
    let held =
        format!("Recorded: the broken state stands after {:.0} s, and for {:.0} s.", scored.broken_s, scored.held_s);
    match (scored.lasts_s, scored.is_twin) {
        (Some(lasts), _) => format!("{held} Nothing heals by itself: shown for {}.", shown(lasts * 1000)),
        (None, false) => format!("{held} That it lasts is not shown: nothing is extended."),
        (None, true) => "A look-alike: after its disturbance all is as before.".into(),
    }
}

#[cfg(test)]
mod tests;
