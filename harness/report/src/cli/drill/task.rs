//! A drill as a task for an agents' benchmark: an instruction, an environment that is started and
//! a checker that asks the judge. The folder's form is that of Terminal-Bench's tasks.

use std::{fs, os::unix::fs::PermissionsExt, path::Path, time::Duration};

use reenact_core::{Error, Result};
use reenact_run::{campaign::Scenario, drill::program};

/// So long an environment takes to come up, images included, and a verdict to come.
const AROUND: Duration = Duration::from_secs(1200);

/// The task's description, as Terminal-Bench reads it.
const TASK: &str = "\
instruction: |-
  Something is wrong with the SYSTEM in your care. `cat state/page` in this folder says what a pager says.
  `. state/env` gives your shell the way in: `ssh NODE` as root, `power NODE on|off|status` for the machines'
  switches, and $REENACT_NODES for their names.
  Bring it back so that every node serves, and lose no write that a client was told is safe.
  Where nothing is broken, change nothing.
author_name: reenact
author_email: unknown
difficulty: hard
category: system-administration
tags: [incident, SYSTEM, recovery]
parser_name: pytest
max_agent_timeout_sec: LIMIT
max_test_timeout_sec: AROUND
run_tests_in_same_shell: false
";

/// Plays the incident in the background and comes back when it is the agent's turn.
const START: &str = r#"#!/bin/bash
# Starts the environment: the incident is played up to its diagnosis, and then waits for the agent.
set -euo pipefail
cd "$(dirname "$0")"
mkdir state
setsid PROGRAM --results "$PWD/state/results" drill SCENARIO --json --limit LIMITs -- ./wait-for-the-agent \
    >state/events.jsonl 2>state/log </dev/null &
echo $! >state/pid
until [[ -e state/env ]]; do
    kill -0 "$(<state/pid)" 2>/dev/null || { cat state/log >&2; exit 1; }
    sleep 0.2
done
"#;

/// What the drill calls: somebody else does the work.
const WAIT: &str = r#"#!/bin/bash
cp "$REENACT_OPERATOR/page" state/page
ln -s "$REENACT_OPERATOR/env" state/env
until [[ -e state/done ]]; do sleep 0.2; done
"#;

/// Ends the drill and reads the verdict, in the words that a parser of pytest's knows.
const CHECK: &str = r#"#!/bin/bash
# Ends the agent's turn and asks the judge. Exit code 0: healed, and no acknowledged write is lost.
cd "$(dirname "$0")" || exit 2
touch state/done
while kill -0 "$(<state/pid)" 2>/dev/null; do sleep 0.2; done
told=$(tail -n 1 state/events.jsonl)
outcome=FAILED
[[ $told != *'"verdict":"healed"'* ]] || outcome=PASSED
echo "$told"
echo "=========================== short test summary info ============================"
echo "$outcome tests/test_outputs.py::test_healed"
[[ $outcome == PASSED ]]
"#;

/// The same check for who runs pytest by itself.
const TEST: &str = r#"import json
import pathlib
import subprocess

TASK = pathlib.Path(__file__).parent.parent


def test_healed():
    subprocess.run([TASK / "run-tests.sh"], check=False)
    told = json.loads((TASK / "state/events.jsonl").read_text().splitlines()[-1])
    assert told["verdict"] == "healed", told["why"]
"#;

/// Writes the task; with a command, it is the solution.
///
/// # Errors
/// [`Error::Usage`] if the folder is there already, [`Error::File`] if it cannot be written.
pub(super) fn write(folder: &Path, scenario: &Scenario, limit: Duration, command: &[String]) -> Result<()> {
    if folder.exists() {
        return Err(Error::usage(format!("{} is there already", folder.display()), "name a new folder"));
    }
    fs::create_dir_all(folder.join("tests")).map_err(Error::file("create", folder))?;
    let program = program()?;
    let program = shlex::try_quote(&program).map_err(|error| Error::Bug(format!("{program:?}: {error}")))?;
    let seconds = |time: Duration| time.as_secs().to_string();
    let fill = |text: &str| {
        text.replace("PROGRAM", &program)
            .replace("SCENARIO", &scenario.id)
            .replace("SYSTEM", scenario.system())
            .replace("LIMIT", &seconds(limit))
            .replace("AROUND", &seconds(AROUND))
    };
    let files = [
        ("task.yaml", fill(TASK)),
        ("start.sh", fill(START)),
        ("wait-for-the-agent", WAIT.into()),
        ("run-tests.sh", CHECK.into()),
        ("tests/test_outputs.py", TEST.into()),
    ];
    for (name, text) in files {
        keep(&folder.join(name), &text)?;
    }
    match command {
        [] => Ok(()),
        command => keep(&folder.join("solution.sh"), &solution(command)?),
    }
}

/// A command as somebody calls it who has read the instruction.
fn solution(command: &[String]) -> Result<String> {
    let [program, arguments @ ..] = command else { return Err(Error::Bug("a solution without a command".into())) };
    let path = fs::canonicalize(program).map_or_else(|_| program.clone(), |path| path.display().to_string());
    let words: Vec<_> = std::iter::once(&path).chain(arguments).map(String::as_str).collect();
    let line = shlex::try_join(words).map_err(|error| Error::usage(format!("{error}"), "leave that out"))?;
    Ok(format!("#!/bin/bash\ncd \"$(dirname \"$0\")\" || exit 2\n. state/env\nexec {line}\n"))
}

fn keep(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).map_err(Error::file("write", path))?;
    let mode = if text.starts_with("#!") { 0o755 } else { 0o644 };
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).map_err(Error::file("write", path))
}

#[cfg(test)]
mod tests {
    use reenact_run::campaign::Kind;

    use super::*;

    #[test]
    fn a_task_names_its_scenario_to_the_machine_and_only_the_system_to_the_agent() {
        let parent = tempfile::tempdir().expect("a folder");
        let folder = parent.path().join("task");
        let scenario = Scenario::told("galera::the_cause", Kind::Incident);
        let write = || write(&folder, &scenario, Duration::from_secs(90), &["true".to_owned(), "a b".to_owned()]);
        write().expect("a task");
        let read = |name: &str| fs::read_to_string(folder.join(name)).expect(name);
        let (task, start) = (read("task.yaml"), read("start.sh"));
        assert!(task.contains("the galera in your care") && task.contains("max_agent_timeout_sec: 90\n"), "{task}");
        assert!(!task.contains("the_cause"), "it tells the cause: {task}");
        assert!(start.contains("drill galera::the_cause --json --limit 90s"), "{start}");
        assert!(read("solution.sh").ends_with("exec true 'a b'\n"));
        for text in [task, start] {
            assert!(!text.contains("SYSTEM") && !text.contains("AROUND") && !text.contains("PROGRAM"), "{text}");
        }
        let again = write().expect_err("it is there already");
        assert_eq!(again.exit_code(), 2);
    }
}
