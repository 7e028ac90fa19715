use scraper::{Html, Selector};

use super::*;
use crate::{
    alerts::tests::{loud_twin, noticed, quiet_twin, scores, unnoticed},
    html::browser,
};

fn count(page: &Html, selector: &str) -> usize {
    page.select(&Selector::parse(selector).expect("a selector")).count()
}

#[test]
fn the_page_has_every_rule_in_every_scenario() {
    let scores = scores(vec![noticed(), unnoticed(), quiet_twin(), loud_twin()]);
    let page = Html::parse_document(&alerts(&scores));
    assert_eq!(count(&page, "table.rules tbody tr"), 4);
    assert_eq!(count(&page, "table.rules tbody td"), 12);
    assert_eq!(count(&page, "details.scenario"), 4);
    assert_eq!(count(&page, "table.rules tbody td.fired"), 1);
    assert_eq!(count(&page, "table.rules tbody td.alarm"), 1);
    assert_eq!(count(&page, "svg rect.fires"), 2, "a bar for each that fired");
    let text = page.html();
    assert!(text.contains("fires from 303 s on"), "it was not seen to end");
    assert!(text.contains("pending from 3 to 303 s"), "until the evaluation at which it fires");
    for link in page.select(&Selector::parse("table.rules a").expect("a selector")) {
        let target = link.value().attr("href").expect("an address");
        assert_eq!(count(&page, &format!("span.anchor{target}")), 1, "{target}");
    }
}

#[test]
fn whatever_a_reason_holds_is_text() {
    let mut bad = noticed();
    bad.scenario = "a::<img src=x onerror=alert(1)>".into();
    bad.rows[1].reason = "</td><script>alert(1)</script>".into();
    let page = alerts(&scores(vec![bad]));
    let parsed = Html::parse_document(&page);
    assert_eq!((count(&parsed, "img"), count(&parsed, "script")), (0, 1), "its own script alone");
}

#[test]
fn a_page_without_scenarios_is_a_page() {
    assert!(alerts(&scores(Vec::new())).contains("</html>"));
}

#[test]
fn the_page_works_in_a_browser() {
    browser::hold(&alerts(&scores(vec![noticed(), unnoticed(), quiet_twin(), loud_twin()])), "twin_l", 1);
}
