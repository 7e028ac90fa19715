//! Many subjects on many scenarios, as a file has them.

use std::{collections::BTreeSet, path::Path};

use reenact_core::{Error, Result};
use reenact_run::campaign::{self, Span};
use serde::Deserialize;

use super::{
    limited, one, own,
    play::{Kills, Play, runnable},
};

/// What a suite's file says.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Suite {
    #[serde(default)]
    limit: Option<Span>,
    subject: Vec<Subject>,
}

/// Somebody's recovery, and what it is tried on.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Subject {
    name: String,
    #[serde(default)]
    command: Vec<String>,
    /// Each scenario's right runbook in the command's place.
    #[serde(default)]
    own: bool,
    scenarios: Vec<String>,
    /// It only looks.
    #[serde(default)]
    look: bool,
    #[serde(default)]
    refused: BTreeSet<i32>,
    #[serde(default)]
    kill: Option<String>,
    #[serde(default)]
    again: bool,
    #[serde(default)]
    limit: Option<Span>,
}

/// Reads a suite: what is to be played, by the subject's name.
///
/// # Errors
/// [`Error::Usage`] with the file, and what is wrong in it.
pub(super) fn load(path: &Path, seed: u64, json: bool) -> Result<Vec<(String, Play)>> {
    let wrong = |why: String| Error::usage(format!("{}: {why}", path.display()), "see docs/drill.md");
    let text = std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
    let suite: Suite = toml::from_str(&text).map_err(|error| wrong(error.to_string()))?;
    let folder = path.parent().unwrap_or(Path::new(""));
    let mut all = Vec::new();
    for subject in suite.subject {
        let name = subject.name.clone();
        if all.iter().any(|(known, _)| *known == name) || name.is_empty() || name.contains(['/', '@']) {
            return Err(wrong(format!("the subject {name:?} needs a name of its own, without / and @")));
        }
        let named = |why: String| wrong(format!("the subject {name:?}: {why}"));
        if subject.own != subject.command.is_empty() {
            return Err(named("give it a `command`, or `own = true` for the scenarios' own runbooks".into()));
        }
        let given = from_folder(folder, subject.command);
        if !subject.own {
            runnable(&given).map_err(|error| named(error.to_string()))?;
        }
        let kill = subject
            .kill
            .as_deref()
            .map(str::parse::<Kills>)
            .transpose()
            .map_err(|why| named(format!("kill: {why}")))?;
        let limit = subject.limit.or(suite.limit).map_or(super::LIMIT, |Span(time)| time);
        limited(limit).map_err(|why| named(format!("limit: {why}")))?;
        for id in &subject.scenarios {
            let scenario = one(&campaign::matching(std::slice::from_ref(id))?, id)?;
            let command = if subject.own { own::command(scenario)? } else { given.clone() };
            let play = Play {
                scenario,
                title: Some(format!("{}@{name}", scenario.id)),
                command: Some(command),
                diagnoses: Vec::new(),
                goes_on: false,
                looks: subject.look,
                refused: subject.refused.iter().copied().chain(subject.own.then_some(own::REFUSED.into())).collect(),
                limit,
                in_box: None,
                kill,
                again: subject.again,
                seed,
                json,
            };
            all.push((name.clone(), play));
        }
    }
    if all.is_empty() { Err(wrong("it names no scenario".into())) } else { Ok(all) }
}

/// A program's path begins at the file's folder.
fn from_folder(folder: &Path, mut command: Vec<String>) -> Vec<String> {
    if let Some(program) = command.first_mut()
        && program.contains('/')
    {
        *program = folder.join(&*program).display().to_string();
        // So that a plain name in this folder is no program of the PATH.
        if !program.contains('/') {
            program.insert_str(0, "./");
        }
    }
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<(String, Play)>> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("drills.toml");
        std::fs::write(&path, text).expect("a file");
        load(&path, 1, false)
    }

    #[test]
    fn what_is_wrong_in_a_suite_is_told_with_its_place() {
        for (text, word) in [
            ("", "missing field `subject`"),
            ("subject = []", "names no scenario"),
            ("[[subject]]\nname = 'a'\ncommand = ['sh']\nscenarios = []\nkil = 'each'", "unknown field `kil`"),
            ("[[subject]]\nname = 'a'\ncommand = ['./none']\nscenarios = []", "no file"),
            ("[[subject]]\nname = 'a'\ncommand = ['sh']\nkill = '0'\nscenarios = []", "from 1, or `each`"),
            ("[[subject]]\nname = 'a/b'\ncommand = ['sh']\nscenarios = []", "a name of its own"),
            ("[[subject]]\nname = 'a'\nscenarios = []", "own = true"),
            ("[[subject]]\nname = 'a'\nown = true\ncommand = ['sh']\nscenarios = []", "own = true"),
            ("limit = '1ms'\n[[subject]]\nname = 'a'\ncommand = ['sh']\nscenarios = []", "a second or more"),
        ] {
            let Err(error) = read(text) else { panic!("it is taken: {text}") };
            assert_eq!(error.exit_code(), 2, "{text}");
            assert!(error.to_string().contains(word), "no {word:?} in: {error}");
        }
    }

    #[test]
    fn a_path_begins_at_the_file_s_folder_and_a_program_s_name_at_none() {
        let of = |program: &str| from_folder(Path::new("drills"), vec![program.into(), "./x".into()]);
        assert_eq!(of("./heal.sh")[0], "drills/./heal.sh");
        assert_eq!((of("sh")[0].as_str(), of("/bin/sh")[0].as_str()), ("sh", "/bin/sh"));
    }
}
