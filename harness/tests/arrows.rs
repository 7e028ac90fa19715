//! The arrows that must never be, and other rules of where things stand, checked by
//! reading the sources.
//!
//! | from | to |
//! |---|---|
//! | the engine | any system, by path or by name |
//! | detectors | faults, judge, testbed, stage, runbooks: they see observations only |
//! | judge | detectors, runbooks, faults |
//! | runbooks | faults, and of the stage all but its journal |

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use regex::Regex;

/// Systems that the engine must not know, besides those that have a folder.
const SYSTEMS: [&str; 9] = ["galera", "mariadb", "mysql", "bosh", "etcd", "consul", "nginx", "gorouter", "blobstore"];

/// Folders of systems whose names are common words.
const COMMON_WORDS: [&str; 2] = ["bin", "shutdown"];

/// What detectors must not see.
const UNSEEN: [&str; 5] = ["fault", "judge", "testbed", "stage", "runbook"];

// The checks. Each gives what is wrong, a line each.

/// Paths of the source that lead into forbidden rooms. A room may be narrowed to all
/// of it but one part: `stage` forbids `stage::Lab`, and with `stage::Journal` in
/// `but` not that one.
fn forbidden(source: &str, rooms: &[&str], but: &[&str]) -> Vec<String> {
    let is_forbidden = |path: &String| {
        let within = |room: &str| path == room || path.starts_with(&format!("{room}::"));
        rooms.iter().any(|room| within(room)) && !but.iter().any(|part| within(part))
    };
    paths(&code(source)).into_iter().filter(is_forbidden).collect()
}

/// Words of the source that name a system or a diagnosis. A text may give one as an
/// example, after "such as".
fn named(source: &str, names: &BTreeSet<String>) -> Vec<String> {
    let code = pattern(r"such as [^\s,;)]+").replace_all(&code(source), "").to_lowercase();
    let words: BTreeSet<_> = pattern("[a-z0-9_]+").find_iter(&code).map(|word| word.as_str().to_owned()).collect();
    let has = |name: &&String| words.iter().any(|word| word == *name || word.split('_').any(|part| part == *name));
    names.iter().filter(has).cloned().collect()
}

/// How many scenarios a source submits.
fn scenarios(source: &str) -> usize {
    pattern(r"\bscenario!\s*[{(\[]").find_iter(&code(source)).count()
}

/// Whether an image can be made from a folder with these files.
fn can_be_made(image: &str, files: &[String]) -> bool {
    let needed = if image == "base" { "make.sh" } else { "Dockerfile" };
    files.iter().any(|file| file == needed)
}

// How sources are read.

fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("a pattern")
}

/// The source without its comments; texts stay.
fn code(source: &str) -> String {
    // Texts come first, for they may hold what looks like a comment.
    let tokens = r##"(?s)(r#".*?"#|b?"(?:\\.|[^"\\])*"|'(?:\\.[^']*|[^'\\])')|//[^\n]*|/\*.*?\*/"##;
    pattern(tokens).replace_all(source, "$1").into_owned()
}

/// The paths of the code from the crate's root, whether imported or used in place;
/// relative ones from where they leave their folder. `use crate::{a::B, c}` has `a::B`
/// and `c`.
fn paths(code: &str) -> BTreeSet<String> {
    let mut paths = BTreeSet::new();
    for import in pattern(r"(?s)\buse\s+([^;]+);").captures_iter(code) {
        let tree: String = import[1].split_whitespace().collect::<Vec<_>>().join(" ");
        branches(&tree, "", &mut paths);
    }
    paths.extend(pattern(r"\w+(?:\s*::\s*\w+)+").find_iter(code).map(|path| path.as_str().replace(' ', "")));
    let root = pattern(r"^(?:::)?(?:(?:crate|reenact|super|self)::)+");
    let rooted = paths.iter().filter(|path| root.is_match(path));
    rooted.map(|path| root.replace(path, "").into_owned()).collect()
}

/// Flattens the tree of a `use`.
fn branches(tree: &str, above: &str, paths: &mut BTreeSet<String>) {
    let Some((stem, rest)) = tree.split_once('{') else {
        let name = tree.split(" as ").next().unwrap_or_default();
        paths.insert(format!("{above}{}", name.trim()));
        return;
    };
    let above = format!("{above}{}", stem.trim());
    let inner = rest.trim_end().strip_suffix('}').unwrap_or(rest);
    let (mut depth, mut begin) = (0, 0);
    for (at, letter) in inner.char_indices().chain([(inner.len(), ',')]) {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                if !inner[begin..at].trim().is_empty() {
                    branches(inner[begin..at].trim(), &above, paths);
                }
                begin = at + 1;
            }
            _ => {}
        }
    }
}

// Where the sources are.

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// What a folder holds; nothing if there is no such folder.
fn entries(folder: &Path) -> Vec<PathBuf> {
    let Ok(listed) = fs::read_dir(folder) else { return Vec::new() };
    let mut entries: Vec<_> = listed.map(|entry| entry.expect("an entry").path()).collect();
    entries.sort();
    entries
}

fn file_name(path: &Path) -> String {
    path.file_name().expect("a name").to_string_lossy().into_owned()
}

/// The Rust sources of a folder and all below it, with their texts.
fn sources(folder: &Path) -> Vec<(PathBuf, String)> {
    let below = |path: PathBuf| match path.extension() {
        _ if path.is_dir() => sources(&path),
        Some(extension) if extension == "rs" => vec![(path.clone(), fs::read_to_string(path).expect("a source"))],
        _ => Vec::new(),
    };
    entries(folder).into_iter().flat_map(below).collect()
}

/// The folders of the systems.
fn systems() -> Vec<PathBuf> {
    let folders = entries(&root().join("scenarios/src")).into_iter().filter(|path| path.is_dir());
    folders.filter(|path| file_name(path) != "bin").collect()
}

/// The sources of a room: a folder, or a single file.
fn room(parent: &Path, name: &str) -> Vec<(PathBuf, String)> {
    let file = parent.join(format!("{name}.rs"));
    let single = fs::read_to_string(&file).ok().map(|source| (file, source));
    sources(&parent.join(name)).into_iter().chain(single).collect()
}

/// Asserts that a check finds nothing wrong with any of the sources, and that there
/// are any.
#[track_caller]
fn hold(sources: Vec<(PathBuf, String)>, check: impl Fn(&str) -> Vec<String>) {
    assert!(!sources.is_empty(), "there is nothing to check");
    let wrong = sources.iter().filter_map(|(path, source)| {
        let found = check(source);
        (!found.is_empty()).then(|| format!("{}: {}", path.display(), found.join(", ")))
    });
    let wrong: Vec<_> = wrong.collect();
    assert!(wrong.is_empty(), "must not be there:\n{}", wrong.join("\n"));
}

/// The systems' names, and what their detectors find.
fn names() -> BTreeSet<String> {
    let folders = systems().iter().map(|path| file_name(path)).collect::<Vec<_>>();
    let diagnosis = pattern(&format!(r#""(?:{})/([a-z0-9_]+)""#, folders.join("|")));
    let detectors: Vec<_> = systems().iter().flat_map(|system| room(system, "detectors")).collect();
    let diagnoses =
        detectors.iter().flat_map(|(_, source)| diagnosis.captures_iter(source).map(|found| found[1].into()));
    let systems = SYSTEMS.into_iter().map(String::from).chain(folders.clone());
    systems.filter(|name| !COMMON_WORDS.contains(&name.as_str())).chain(diagnoses).collect()
}

// The rules.

#[test]
fn the_engine_leads_to_no_scenario() {
    hold(sources(&root().join("harness/src")), |source| {
        pattern(r"\bscenarios::\w+").find_iter(&code(source)).map(|path| path.as_str().into()).collect()
    });
}

#[test]
fn the_engine_names_no_system() {
    let names = names();
    assert!(names.contains("galera") && names.len() > SYSTEMS.len(), "no detector was found: {names:?}");
    // Tests of the engine may use any word as an example.
    let is_test = |path: &Path| path.iter().any(|part| part == "tests" || part == "tests.rs");
    let mut code = sources(&root().join("harness/src"));
    code.retain(|(path, _)| !is_test(path));
    hold(code, |source| named(source.split("#[cfg(test)]").next().unwrap_or_default(), &names));
}

#[test]
fn detectors_see_observations_only() {
    hold(room(&root().join("harness/src"), "detect"), |source| forbidden(source, &UNSEEN, &[]));
    let rooms = [&UNSEEN[..], &["runbooks", "incidents"]].concat();
    let all = systems().iter().flat_map(|system| room(system, "detectors")).collect();
    hold(all, |source| forbidden(source, &rooms, &[]));
}

#[test]
fn the_judge_knows_neither_detectors_nor_cures_nor_faults() {
    hold(room(&root().join("harness/src"), "judge"), |source| forbidden(source, &["detect", "runbook", "fault"], &[]));
}

#[test]
fn runbooks_know_no_fault() {
    let engine = room(&root().join("harness/src"), "runbook");
    let systems: Vec<_> = systems().iter().flat_map(|system| room(system, "runbooks")).collect();
    assert!(!systems.is_empty(), "no runbook was found");
    let all = engine.into_iter().chain(systems).collect();
    hold(all, |source| forbidden(source, &["fault", "stage"], &["stage::Journal"]));
}

#[test]
fn each_incident_has_a_file_of_its_own() {
    let all = systems().iter().flat_map(|system| sources(&system.join("incidents"))).collect();
    hold(all, |source| match scenarios(source) {
        1 => Vec::new(),
        count => vec![format!("{count} scenarios")],
    });
}

#[test]
fn each_image_can_be_made() {
    let images = entries(&root().join("docker"));
    assert!(images.iter().any(|image| file_name(image) == "base"), "there is nothing to check");
    for image in images {
        let files: Vec<_> = entries(&image).iter().map(|file| file_name(file)).collect();
        assert!(can_be_made(&file_name(&image), &files), "{} cannot be made from {files:?}", image.display());
    }
}

/// The checks on sources that are wrong, and on some that only look so.
mod checks {
    use super::*;

    #[track_caller]
    fn finds(source: &str, wrong: &[&str]) {
        assert_eq!(forbidden(source, &["fault", "stage"], &["stage::Journal"]), wrong, "{source}");
    }

    #[test]
    fn an_import_is_found_however_it_is_written() {
        finds("use crate::fault::Partition;", &["fault::Partition"]);
        finds("use reenact::fault;", &["fault"]);
        finds("pub(crate) use ::reenact::fault as broken;", &["fault"]);
        finds(
            "use reenact::{\n    Result,\n    probe::{Moment, Signal},\n    fault::{self, Kill},\n};",
            &["fault::Kill", "fault::self"],
        );
        finds("use crate::{stage::{Journal, Lab}};", &["stage::Lab"]);
        finds("use super::super::fault::Kill;", &["fault::Kill"]);
        finds("use super::{super::{fault::Kill}, node};", &["fault::Kill"]);
        finds("use crate::fault::*;", &["fault", "fault::*"]);
    }

    #[test]
    fn a_path_in_place_is_found() {
        finds("fn f(bed: &reenact::fault::Kill) {}", &["fault::Kill"]);
        finds("let x = crate :: fault :: inject(bed);", &["fault::inject"]);
        finds("let text = \"// no comment\"; crate::fault::inject(bed);", &["fault::inject"]);
    }

    #[test]
    fn what_is_no_such_path_is_left_alone() {
        finds("//! See [`crate::fault::Kill`].\n/* use crate::fault; */ use crate::stage::Journal;", &[]);
        finds("use crate::faults::Kill; use crate::probe::fault; let fault = detect::fault();", &[]);
        finds("let quote = '\"'; // crate::fault::Kill \"", &[]);
    }

    #[test]
    fn a_name_is_found_in_code_and_in_texts() {
        let names = BTreeSet::from(["galera".to_owned(), "two_primaries".to_owned()]);
        assert_eq!(named("fn restart_galera() {}", &names), ["galera"]);
        assert_eq!(named("image: \"Galera\",", &names), ["galera"]);
        assert_eq!(named("fires(\"x/two_primaries\")", &names), ["two_primaries"]);
        assert_eq!(named("struct Galera;", &names), ["galera"]);
        assert!(named("// galera\n/// Such as `galera`.\nlet two = primaries;", &names).is_empty());
        assert!(named("help(\"write NAME=IMAGE, such as galera=my/galera:11.4\")", &names).is_empty());
        assert_eq!(named("\"such as galera=x\"; run(\"galera\")", &names), ["galera"]);
    }

    #[test]
    fn scenarios_are_counted() {
        assert_eq!(scenarios("//! scenario! { }\nuse reenact::scenario;"), 0);
        assert_eq!(scenarios("scenario! {\n  Scenario {} \n}"), 1);
        assert_eq!(scenarios("scenario! { A }\nreenact::scenario!(B);"), 2);
    }

    #[test]
    fn an_image_without_its_sources_is_noticed() {
        let files = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
        assert!(can_be_made("base", &files(&["make.sh"])) && can_be_made("helper", &files(&["Dockerfile", "x"])));
        assert!(!can_be_made("base", &files(&["Dockerfile"])) && !can_be_made("helper", &files(&["make.sh"])));
    }
}
