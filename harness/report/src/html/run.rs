//! One run: its figures, its picture, what was seen, and where it is kept.

use std::fmt::Write;

use maud::{Markup, html};

use super::{
    about::About,
    beside,
    folder::{Recording, Room},
    group::Group,
};
use crate::{
    Timeline,
    table::{number, time},
    text::short,
};
use reenact_core::{detect::Episode, fingerprint::Fingerprint, journal::Event};
use reenact_run::campaign::RunResult;

/// The longest texts, in letters: a reason, a line of evidence, an event.
const REASON: usize = 3000;
const LINE: usize = 600;
/// How many episodes, lines of one, and events from the beginning and from the end are
/// shown.
const EPISODES: usize = 30;
const EVIDENCE: usize = 12;
const NOTES: usize = 150;

/// All of one run. Its recording is read only while there is room for it.
pub(super) fn body(run: &RunResult, group: &Group, about: &About, room: &mut Room) -> Markup {
    let folder = folder(run);
    let score = html! {
        @if let Some(reason) = &run.reason { p.reason { (short(reason, REASON)) } }
        (figures(run))
        p.command-title { "Play it again:" }
        pre.command tabindex="0" { code { (short(&about.replay(run), REASON)) } }
        (fingerprints(run, group))
        (episodes(run))
        (beside::section(run))
    };
    let score = if room.take(score.0.len()) { score } else { left_out(&folder) };
    if !room.take(0x4000) {
        return html! { (score) (left_out(&folder)) };
    }
    let recording = Recording::read(run);
    let recorded = [picture(&recording.timeline), events(&recording.timeline.events), logs(&recording, &folder)];
    html! {
        (score)
        @for part in recorded { @if room.take(part.0.len()) { (part) } @else { (left_out(&folder)) } }
        (kept(&recording, &folder))
    }
}

fn left_out(folder: &str) -> Markup {
    html! { p.gap { "The page is full: this part is left out. It is in " code { (folder) } "." } }
}

/// The run's folder, relative to the page.
fn folder(run: &RunResult) -> String {
    run.run_dir.file_name().map_or_else(|| ".".into(), |name| name.to_string_lossy().into_owned())
}

/// A file beside the page. Nothing in it can be read as a scheme or as a way upwards.
fn address(folder: &str, file: &str) -> String {
    let mut address = ".".to_owned();
    for part in [folder, file] {
        address.push('/');
        for byte in part.bytes() {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' | b'_' => address.push(char::from(byte)),
                _ => _ = write!(address, "%{byte:02X}"),
            }
        }
    }
    address
}

/// The scorecard's figures.
fn figures(run: &RunResult) -> Markup {
    let score = &run.score;
    let ms = |value: Option<u64>| value.map_or_else(|| "–".into(), |value| time(value as f64));
    html! {
        dl.figures {
            (figure("seed", &run.seed.to_string()))
            (figure("start", &ms(score.start_ms)))
            (figure("detect", &ms(score.detect_ms)))
            (figure("recover", &ms(score.recover_ms)))
            (figure("acknowledged", &score.acked.to_string()))
            (figure("lost", &score.lost.to_string()))
            (figure("false alarms", &score.false_alarms.len().to_string()))
            (figure("took", &time(run.duration_ms as f64)))
            @for (name, value) in score.facts.iter().take(NOTES) { (figure(&short(name, LINE), &number(*value))) }
        }
        @if !score.injections.is_empty() {
            h4 { "Faults in force" }
            ul { @for (fault, took) in score.injections.iter().take(NOTES) { li { (short(fault, LINE)) " after " (time(*took)) } } }
        }
        @if let Some(found) = &score.findings {
            h4 { "The judge" }
            p.judge { (if found.is_clean() { "✓ " } else { "✗ " }) (found.to_string()) }
        }
    }
}

fn figure(name: &str, value: &str) -> Markup {
    html! { div { dt { (name) } dd { (value) } } }
}

/// The report's marks: which were seen, and which were not.
fn fingerprints(run: &RunResult, group: &Group) -> Markup {
    let prints = &run.score.fingerprints;
    let listed = group.scenario.map(|scenario| &scenario.fingerprints[..]).unwrap_or_default();
    if prints.total == 0 && listed.is_empty() {
        return html! {};
    }
    // What another version recorded may be of another list than the present one.
    let fits = prints.total == listed.len() && prints.seen + prints.missed.len() == prints.total;
    let unknown = prints.missed.iter().filter(|id| !fits || !listed.iter().any(|print| print.id == id.as_str()));
    html! {
        h4 { "Fingerprints of the report" }
        @if prints.total == 0 { p { "They were not looked for: the run did not come so far." } }
        @else { p { span.prints { (prints.seen) " of " (prints.total) } " seen" } }
        ul.prints {
            @for print in listed { (print_line(print, fits.then(|| prints.missed.iter().any(|id| id == print.id)))) }
            @for id in unknown.take(NOTES) { li.missed { "✗ MISSED " code { (short(id, LINE)) } } }
        }
    }
}

fn print_line(print: &Fingerprint, missed: Option<bool>) -> Markup {
    let (class, word) = match missed {
        Some(true) => ("missed", "✗ MISSED "),
        Some(false) => ("seen", "✓ seen "),
        None => ("", "· "),
    };
    html! { li class=(class) { (word) code { (print.id) } ": " (short(print.report, LINE)) } }
}

/// What detectors said, with their evidence.
fn episodes(run: &RunResult) -> Markup {
    let score = &run.score;
    let is_alarm = |episode: &Episode| score.false_alarms.contains(&episode.detector);
    html! {
        @if !score.episodes.is_empty() {
            h4 { "Detectors that fired" }
            ul.episodes {
                @for episode in score.episodes.iter().take(EPISODES) {
                    li.alarm[is_alarm(episode)] {
                        (if is_alarm(episode) { "! FALSE ALARM " } else { "● " }) code { (short(&episode.detector, LINE)) }
                        " from " (episode.from)
                        @if let Some(to) = episode.to { " to " (to) } @else { " to the end" }
                        ul.evidence {
                            @for line in episode.evidence.iter().take(EVIDENCE) { li { (short(line, LINE)) } }
                            (more(episode.evidence.len(), EVIDENCE, "lines"))
                        }
                    }
                }
                (more(score.episodes.len(), EPISODES, "episodes"))
            }
        }
    }
}

fn more(count: usize, shown: usize, of: &str) -> Markup {
    html! { @if count > shown { li.gap { "… and " (count - shown) " more " (of) } } }
}

fn picture(timeline: &Timeline) -> Markup {
    html! {
        h4 { "Timeline" }
        div.box.picture tabindex="0" role="region" aria-label="timeline" { (timeline.figure()) }
    }
}

/// What the harness did. The runbook's steps are among it.
fn events(events: &[Event]) -> Markup {
    let row = |event: &Event| {
        let at = format!("{:.3}", event.at.0 as f64 / 1000.0);
        html! { tr { td { (at) } th scope="row" { (short(&event.kind, LINE)) } td.text { (short(&event.text, LINE)) } } }
    };
    let (first, last) = if events.len() > 2 * NOTES {
        (&events[..NOTES], &events[events.len() - NOTES..])
    } else {
        (events, &events[events.len()..])
    };
    let left_out = events.len() - first.len() - last.len();
    html! {
        @if !events.is_empty() {
            h4 { "Faults, runbook steps, and all else that the harness did" }
            details.events {
                summary { (events.len()) " events" }
                div.box tabindex="0" role="region" aria-label="events" {
                    table.events {
                        thead { tr { th scope="col" { "s" } th scope="col" { "kind" } th scope="col" { "what" } } }
                        tbody {
                            @for event in first { (row(event)) }
                            @if left_out > 0 { tr { td colspan="3" { "… " (left_out) " events left out …" } } }
                            @for event in last { (row(event)) }
                        }
                    }
                }
            }
        }
    }
}

fn logs(recording: &Recording, folder: &str) -> Markup {
    html! {
        @if !recording.logs.is_empty() {
            h4 { "Logs" }
            @for log in &recording.logs { (log.fold(folder)) }
        }
    }
}

/// Where it is kept, and what is not there.
fn kept(recording: &Recording, folder: &str) -> Markup {
    html! {
        @for gap in recording.gaps.iter().take(NOTES) { p.gap { "Not all could be shown: " (short(gap, LINE)) } }
        p.kept {
            "Kept in " code { (folder) } @if recording.files.is_empty() { "." } @else { ": " }
            @for (at, file) in recording.files.iter().enumerate() {
                @if at > 0 { ", " } a href=(address(folder, file)) { (file) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::address;

    #[test]
    fn an_address_leads_nowhere_else() {
        assert_eq!(address("a::b.1", "n1.log"), "./a%3A%3Ab.1/n1.log");
        assert_eq!(address("javascript:alert(1)", "\"><x"), "./javascript%3Aalert%281%29/%22%3E%3Cx");
    }
}
