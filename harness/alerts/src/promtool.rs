//! Prometheus' own code: `promtool` checks rules, and evaluates them over series.

use std::{
    collections::BTreeMap,
    env,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use reenact_core::{Error, Result};

const HELP: &str = "install promtool (Debian's package `prometheus`), or let Docker make an image that has it";

/// The program.
#[derive(Debug, Clone)]
pub struct Promtool {
    program: PathBuf,
}

/// The answer to one query: who is meant by its samples, and how much.
pub(crate) type Samples = Vec<(BTreeMap<String, String>, f64)>;

/// What `promtool test rules` said of tests that are made to fail.
#[derive(Debug, Default)]
pub(crate) struct Said {
    /// By the id that each query's expectation has.
    pub(crate) got: BTreeMap<String, Samples>,
    /// Rules that could not be evaluated, by name, with Prometheus' reason.
    pub(crate) failed: BTreeMap<String, String>,
}

impl Promtool {
    /// The one on the search path, if there is any.
    pub fn on_path() -> Option<Self> {
        let paths = env::var_os("PATH")?;
        env::split_paths(&paths).map(|folder| folder.join("promtool")).find(|path| path.is_file()).map(Self::at)
    }

    /// The one at this path.
    pub fn at(program: PathBuf) -> Self {
        Self { program }
    }

    /// The error where there is none.
    pub fn missing() -> Error {
        Error::environment("there is no promtool", HELP)
    }

    fn run(&self, arguments: &[&str], paths: &[impl AsRef<Path>]) -> Result<Output> {
        let mut command = Command::new(&self.program);
        command.args(arguments).args(paths.iter().map(AsRef::as_ref)).stdin(Stdio::null());
        // One process for each core: its collector of garbage needs none of its own, and little to do.
        command.env("GOMAXPROCS", "1").env("GOGC", "1600");
        command
            .output()
            .map_err(|error| Error::environment(format!("{} does not start: {error}", self.program.display()), HELP))
    }

    /// Holds that rule files are right.
    ///
    /// # Errors
    /// [`Error::Usage`] with promtool's own words, which name file and line;
    /// [`Error::Environment`] if it does not start.
    pub fn check(&self, files: &[PathBuf]) -> Result<()> {
        let output = self.run(&["check", "rules"], files)?;
        if output.status.success() {
            return Ok(());
        }
        let said = text(&output);
        let errors: Vec<_> = said.lines().map(str::trim).filter(|line| is_telling(line)).collect();
        Err(Error::usage(errors.join("\n"), "mend the rules: this is what `promtool check rules` says"))
    }

    /// Runs tests that are made to fail, and reads what they got.
    pub(crate) fn ask(&self, files: &[PathBuf]) -> Result<Said> {
        let output = self.run(&["test", "rules"], files)?;
        let said = text(&output);
        let read = Said::read(&said);
        if read.got.is_empty() && read.failed.is_empty() {
            return Err(Error::Bug(format!("promtool did not answer: {}", said.trim())));
        }
        Ok(read)
    }

    /// Whether tests pass, and what is said if not.
    pub(crate) fn passes(&self, file: &Path) -> Result<Option<String>> {
        let output = self.run(&["test", "rules"], &[file])?;
        Ok((!output.status.success()).then(|| text(&output).trim().to_owned()))
    }
}

fn text(output: &Output) -> String {
    let parts = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    parts.join("\n")
}

/// Whether a line of `promtool check rules` says what is wrong.
fn is_telling(line: &str) -> bool {
    !line.is_empty() && line != "FAILED:" && !line.starts_with("Checking ") && !line.starts_with("SUCCESS")
}

impl Said {
    fn read(text: &str) -> Self {
        let mut said = Self::default();
        let mut id = None;
        for line in text.lines().map(str::trim) {
            if let Some(expected) = line.strip_prefix("exp:") {
                id = samples(expected).into_iter().next().and_then(|(mut labels, _)| labels.remove("id"));
            } else if let (Some(got), Some(id)) = (line.strip_prefix("got:"), &id) {
                said.got.insert(id.clone(), samples(got));
            } else if let Some(rest) = line.strip_prefix("rule: ")
                && let Some((name, rest)) = rest.split_once(", time: ")
                && let Some((_, why)) = rest.split_once(", err: ")
            {
                said.failed.insert(name.to_owned(), why.to_owned());
            }
        }
        said
    }
}

/// Reads `{a="b", c="d"} 1E+00, {…} 2E+00`; `nil` is none.
fn samples(text: &str) -> Samples {
    let mut all = Vec::new();
    let mut rest = text.trim();
    while let Some(after) = rest.strip_prefix('{') {
        let (labels, after) = labels(after);
        let end = after.find(',').unwrap_or(after.len());
        if let Ok(value) = after[..end].trim().parse() {
            all.push((labels, value));
        }
        rest = after[end..].trim_start_matches([',', ' ']);
    }
    all
}

/// The labels up to the closing brace, and what follows it.
fn labels(text: &str) -> (BTreeMap<String, String>, &str) {
    let (mut labels, mut rest) = (BTreeMap::new(), text);
    loop {
        rest = rest.trim_start_matches([',', ' ']);
        let Some((name, after)) = rest.split_once("=\"").filter(|(name, _)| !name.contains('}')) else { break };
        let (mut value, mut letters, mut end) = (String::new(), after.char_indices(), after.len());
        while let Some((at, letter)) = letters.next() {
            match letter {
                '"' => {
                    end = at;
                    break;
                }
                '\\' => value.extend(letters.next().map(|(_, letter)| letter)),
                other => value.push(other),
            }
        }
        labels.insert(name.to_owned(), value);
        rest = after.get(end + 1..).unwrap_or_default();
    }
    (labels, rest.split_once('}').map_or("", |(_, after)| after))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"Unit Testing:  t.yml
  FAILED:
    expr: "min_over_time(timestamp(ALERTS)[12m:15s])", time: 12m,
        exp: {id="0/1/first"} -1E+00
        got: {alertname="A, \"}\"", alertstate="firing"} 2.25E+02, {alertstate="pending"} 1.65E+02
    expr: "x", time: 12m,
        exp: {id="0/2/first"} -1E+00
        got: nil
    rule: B, time: 15s, err: many-to-many matching not allowed
"#;

    #[test]
    fn what_the_tests_got_is_read() {
        let said = Said::read(TEXT);
        let first = &said.got["0/1/first"];
        assert_eq!(first.len(), 2);
        assert_eq!((first[0].0["alertname"].as_str(), first[0].1), ("A, \"}\"", 225.0));
        assert!(said.got["0/2/first"].is_empty());
        assert_eq!(said.failed["B"], "many-to-many matching not allowed");
    }
}
