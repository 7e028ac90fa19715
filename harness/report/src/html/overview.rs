//! The table of all scenarios.

use maud::{Markup, html};

use super::group::Group;
use crate::table::{Row, rows, time};
use reenact_run::campaign::RunResult;

/// One row per scenario: how it ended, and the medians of its runs.
pub(super) fn section(groups: &[Group], results: &[RunResult]) -> Markup {
    if groups.is_empty() {
        return html! {};
    }
    let rows = rows(results);
    let headings =
        ["scenario", "outcome", "start", "inject", "detect", "recover", "prints", "acked", "lost", "alarms", "time"];
    html! {
        section #overview {
            h2 #overview-title { "All scenarios" }
            p.soft { "Times are medians of the runs, counts their sums; prints are the report's fingerprints that were seen." }
            div.box tabindex="0" role="region" aria-labelledby="overview-title" {
                table.overview {
                    thead { tr { @for heading in headings { th scope="col" { (heading) } } } }
                    // Both are by id.
                    tbody { @for (group, row) in groups.iter().zip(&rows) { (line(group, row)) } }
                }
            }
        }
    }
}

fn line(group: &Group, row: &Row) -> Markup {
    let ms = |value: Option<f64>| value.map_or_else(|| "–".into(), time);
    let prints = row.prints.map_or_else(|| "–".into(), |prints| format!("{}/{}", prints.seen, prints.total));
    let short = row.prints.is_some_and(|prints| prints.seen < prints.total);
    html! {
        tr data-name=(group.name) {
            th scope="row" { (group.link()) }
            td.word { (group.badge()) }
            td { (ms(row.start_ms)) }
            td { (ms(row.inject_ms)) }
            td { (ms(row.detect_ms)) }
            td { (ms(row.recover_ms)) }
            td.bad[short] { (prints) }
            td { (row.acked) }
            td.bad[row.lost > 0] { (row.lost) }
            td.bad[row.alarms > 0] { (row.alarms) }
            td { (ms(row.took_ms)) }
        }
    }
}
