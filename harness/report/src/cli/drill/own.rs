//! The harness's own runbook in the operator's place: a process of its own that comes through the
//! door that everybody's recovery takes.

use std::{path::Path, sync::Arc};

use reenact_core::{
    Error, Result,
    journal::Journal,
    probe::Clock,
    runbook::{Conclusion, Operator, Runbook},
};
use reenact_run::{
    campaign::{self, Scenario},
    drill::{OverSsh, program},
};

/// The exit code by which it says that it does not dare.
pub(super) const REFUSED: u8 = 5;

/// The command that runs the runbook which heals a scenario.
///
/// # Errors
/// [`Error::Usage`] where none does, or another one in each run.
pub(super) fn command(scenario: &Scenario) -> Result<Vec<String>> {
    heals(scenario)?;
    Ok([&program()?, "operator", "runbook", &scenario.id].map(str::to_owned).into())
}

fn heals(scenario: &Scenario) -> Result<Arc<dyn Runbook>> {
    scenario.heals().ok_or_else(|| {
        Error::usage(
            format!("{} has no runbook of its own that could be called: {}", scenario.id, scenario.runbooks.join("; ")),
            "give a COMMAND, or another scenario",
        )
    })
}

/// Runs the runbook that heals the scenario `id`, in a drill; what it does goes to standard output.
/// Gives the exit code.
///
/// # Errors
/// What a step met; [`Error::Usage`] outside a drill.
pub(in crate::cli) async fn run(id: &str) -> Result<u8> {
    let all = campaign::all()?;
    let scenario = all.iter().find(|scenario| scenario.id == id);
    let runbook = heals(scenario.ok_or_else(|| Error::usage(format!("there is no scenario {id:?}"), "reenact list"))?)?;
    let journal = Journal::create(Path::new("/dev/stdout"), Clock::start())?;
    let operator = Operator::new(Box::new(OverSsh::of_drill()?), &journal, None);
    Ok(exit_code(runbook.run(&operator).await?, &journal))
}

fn exit_code(conclusion: Conclusion, journal: &Journal) -> u8 {
    match conclusion {
        Conclusion::Done | Conclusion::NothingToDo => 0,
        Conclusion::Refused { why } => {
            journal.record("refused", why);
            REFUSED
        }
    }
}

#[cfg(test)]
mod tests {
    use reenact_run::campaign::Kind;

    use super::*;

    #[test]
    fn a_runbook_that_refuses_says_why_and_ends_with_the_code_that_the_drill_takes_for_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("journal");
        let journal = Journal::create(&path, Clock::start()).expect("a journal");
        let code = exit_code(Conclusion::Refused { why: "two hold the most".into() }, &journal);
        assert_eq!((code, exit_code(Conclusion::NothingToDo, &journal)), (REFUSED, 0));
        drop(journal);
        let said = std::fs::read_to_string(path).expect("what it said");
        assert!(said.contains("two hold the most"), "{said}");
    }

    #[test]
    fn a_look_alike_has_no_runbook_to_be_called() {
        let error = command(&Scenario::told("a::twin", Kind::Twin)).expect_err("none");
        assert_eq!(error.exit_code(), 2);
        assert!(error.to_string().contains("a::twin"), "{error}");
    }
}
