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
pub(super) const REFUSED: i32 = 5;

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
    match runbook.run(&Operator::new(Box::new(OverSsh::of_drill()?), &journal, None)).await? {
        Conclusion::Done | Conclusion::NothingToDo => Ok(0),
        Conclusion::Refused { why } => {
            journal.record("refused", why);
            Ok(REFUSED as u8)
        }
    }
}

#[cfg(test)]
mod tests {
    use reenact_run::campaign::Kind;

    use super::*;

    #[test]
    fn a_look_alike_has_no_runbook_to_be_called() {
        let error = command(&Scenario::told("a::twin", Kind::Twin)).expect_err("none");
        assert_eq!(error.exit_code(), 2);
        assert!(error.to_string().contains("a::twin"), "{error}");
    }
}
