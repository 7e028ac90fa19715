//! JUnit: a scenario is a test; an incident that nobody notices fails, and so does a look-alike
//! with an alarm.

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use reenact_alerts::{Scored, Verdict};
use reenact_core::{Error, Result};

use super::{Scores, after};

/// All scenarios as one report, a suite per system.
///
/// # Errors
/// [`Error::Bug`] if it cannot be written out.
pub fn junit(scores: &Scores, require: bool) -> Result<String> {
    let mut report = Report::new("reenact alerts");
    let mut suites: Vec<TestSuite> = Vec::new();
    for scored in &scores.all {
        let (system, name) = scored.scenario.split_once("::").unwrap_or(("", &scored.scenario));
        if suites.last().is_none_or(|suite| suite.name.as_str() != system) {
            suites.push(TestSuite::new(system));
        }
        let mut case = TestCase::new(name, status(scores, scored, require));
        case.set_classname(system).set_system_out(out(scores, scored));
        if let Some(suite) = suites.last_mut() {
            suite.add_test_case(case);
        }
    }
    report.add_test_suites(suites);
    report.to_string().map_err(|error| Error::Bug(format!("junit: {error}")))
}

fn status(scores: &Scores, scored: &Scored, require: bool) -> TestCaseStatus {
    let failed = |kind, message: String| {
        let mut status = TestCaseStatus::non_success(kind);
        status.set_message(message);
        status
    };
    let open = scored.count(Verdict::NotScored);
    match (scored.is_good(), scored.is_twin) {
        (false, false) => failed(NonSuccessKind::Failure, "nobody would have called".into()),
        (false, true) => {
            let names: Vec<_> = scored.alarms().into_iter().map(|row| scores.name(row.rule)).collect();
            failed(NonSuccessKind::Failure, format!("false alarm: {}", names.join(", ")))
        }
        (true, _) if require && open > 0 => failed(NonSuccessKind::Error, format!("{open} rules were not scored")),
        (true, _) => TestCaseStatus::success(),
    }
}

fn out(scores: &Scores, scored: &Scored) -> String {
    let line = |row: &reenact_alerts::Row| {
        let told = [scores.name(row.rule), row.verdict.words().to_owned(), after(row), row.reason.clone()];
        told.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(": ")
    };
    scored.rows.iter().map(line).collect::<Vec<_>>().join("\n")
}
