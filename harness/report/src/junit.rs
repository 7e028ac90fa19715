//! JUnit, for continuous integration.

use std::time::Duration;

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use reenact_core::{Error, Result};
use reenact_run::campaign::{Outcome, RunResult};

/// All runs as one JUnit report, one suite per system.
///
/// # Errors
/// [`Error::Bug`] if it cannot be written out.
pub fn junit(results: &[RunResult]) -> Result<String> {
    let mut report = Report::new("reenact");
    let mut suites: Vec<TestSuite> = Vec::new();
    for result in results {
        let (system, name) = result.id.split_once("::").unwrap_or(("", &result.id));
        if suites.last().is_none_or(|suite| suite.name.as_str() != system) {
            suites.push(TestSuite::new(system));
        }
        let mut case = TestCase::new(format!("{name} #{}", result.run), status(result));
        case.set_classname(system).set_time(Duration::from_millis(result.duration_ms));
        case.set_system_out(format!("seed {}, kept in {}", result.seed, result.run_dir.display()));
        if let Some(suite) = suites.last_mut() {
            suite.add_test_case(case);
        }
    }
    report.add_test_suites(suites);
    report.to_string().map_err(|error| Error::Bug(format!("junit: {error}")))
}

fn status(result: &RunResult) -> TestCaseStatus {
    let mut status = match result.outcome {
        Outcome::Pass => TestCaseStatus::success(),
        Outcome::Fail => TestCaseStatus::non_success(NonSuccessKind::Failure),
        Outcome::Inconclusive => TestCaseStatus::non_success(NonSuccessKind::Error),
        Outcome::Skipped => TestCaseStatus::skipped(),
    };
    if let Some(reason) = &result.reason {
        status.set_message(reason.clone());
    }
    status
}
