//! A moment of a recording, written down as the files that a colleague would send.

use std::{fmt::Write as _, fs, path::Path};

use reenact::{
    diagnose::{self, Case, Inventory, Report, Word, files},
    probe::{Answer, PortState, Signal},
};

/// A file's name and what it holds.
fn written(signal: &Signal) -> Option<(String, String)> {
    let mut text = String::new();
    let name = match signal {
        Signal::Query { of, answer } if of == "sql:status" => {
            match answer {
                Answer::Values { values } => {
                    values.iter().for_each(|(name, value)| _ = writeln!(text, "{name}\t{value}"))
                }
                Answer::Refused => {
                    text.push_str("ERROR 2002 (HY000): Can't connect to local server through socket (2)\n")
                }
                Answer::Error { code, text: why } => _ = writeln!(text, "ERROR {code} (08S01) at line 1: {why}"),
                Answer::Hung { .. } => return None,
            }
            "status.tsv"
        }
        Signal::Processes { commands } => {
            text = format!("COMMAND\n{}\n", commands.join("\n"));
            "ps.txt"
        }
        Signal::File { path, content } => {
            text = content.clone()?;
            path.rsplit('/').next()?
        }
        _ => return None,
    };
    Some((name.to_owned(), text))
}

/// Writes a case's last look and its logs as files.
fn write(case: &Case, folder: &Path) {
    for node in case.nodes() {
        let folder = folder.join(node);
        fs::create_dir_all(&folder).expect("a folder");
        let (mut log, mut ss) =
            (String::new(), "State Recv-Q Send-Q Local Address:Port Peer Address:Port\n".to_owned());
        for (_, signal) in case.looks.iter().flat_map(|look| &look.seen).filter(|(of, _)| of == node) {
            if let Signal::Port { port, state: PortState::Open } = signal {
                let _ = writeln!(ss, "LISTEN 0 80 0.0.0.0:{port} 0.0.0.0:*");
            }
            if let Some((name, text)) = written(signal) {
                fs::write(folder.join(name), text).expect("a file");
            }
        }
        for dated in case.past.iter().filter(|dated| dated.node == node) {
            if let Signal::Log { line } = &dated.signal {
                let _ = writeln!(log, "{line}");
            }
        }
        fs::write(folder.join("error.log"), log).expect("a log");
        fs::write(folder.join("ss.txt"), ss).expect("the ports");
    }
}

/// What a host tells of a container lies beside what its own script printed, an hour before.
#[test]
fn a_file_beside_a_look_is_of_that_look_s_moment() {
    let folder = tempfile::tempdir().expect("a folder");
    let look =
        "=reenact galera 1 n1\n=look 2026-11-29T08:00:00Z +0000 0\n=begin ps\n COMMAND\n mariadbd\n=end 0\n=done\n";
    fs::write(folder.path().join("n1.look"), look).expect("a file");
    let state = r#"[{"State":{"Running":true,"Paused":true,"ExitCode":0,"OOMKilled":false}}]"#;
    fs::write(folder.path().join("n1-inspect.json"), state).expect("a file");
    let system = diagnose::find("galera").expect("a system");
    let found = files::read(folder.path(), system).expect("it is read");
    let case = Case::of(system, &found.gathered, &Inventory::default());
    assert_eq!(case.looks.len(), 1);
    assert_eq!(case.at().map(|at| at.to_string()).as_deref(), Some("2026-11-29T08:00:00Z"));
    assert!(case.sees("machine") && case.sees("processes"));
}

fn report(path: &Path) -> Report {
    let system = files::system_of(path).expect("it is known what it is");
    let found = files::read(path, system).expect("it is read");
    assert!(found.unknown.is_empty(), "{:?}", found.unknown);
    Report::of(system, &found.gathered, &Inventory::default()).expect("there is something in it")
}

fn fired(report: &Report) -> Vec<&str> {
    report.diagnosis.of(Word::Fired).map(|finding| finding.detector).collect()
}

#[test]
fn files_tell_what_the_lab_s_looks_told() {
    for (run, seen) in super::runs().into_iter().filter(|(run, _)| run.id.starts_with("galera::")) {
        let own = run.score.episodes.iter().find(|episode| episode.detector.starts_with("galera/"));
        let at = own.map_or(u64::MAX, |episode| episode.from.0);
        let at = seen.iter().rfind(|observation| observation.at.0 <= at).expect("a look").wall;
        let case = Case::cut(&seen, at, |_| true);
        let folder = tempfile::tempdir().expect("a folder");
        write(&case, folder.path());
        let expected: Vec<_> = own.iter().map(|episode| episode.detector.as_str()).collect();
        assert_eq!(fired(&report(folder.path())), expected, "{}", run.id);
        // The same as an archive, packed.
        let packed = folder.path().join("case.tar.gz");
        let mut archive = tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast()));
        for node in case.nodes() {
            archive.append_dir_all(node, folder.path().join(node)).expect("packed");
        }
        fs::write(&packed, archive.into_inner().and_then(|gz| gz.finish()).expect("packed")).expect("an archive");
        assert_eq!(fired(&report(&packed)), expected, "{}", run.id);
    }
}

#[test]
fn what_is_nobody_s_is_a_request_that_cannot_be_met() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("holiday.txt"), "sun").expect("a file");
    for path in [folder.path().to_owned(), folder.path().join("none"), folder.path().join("holiday.txt")] {
        assert_eq!(files::system_of(&path).err().map(|error| error.exit_code()), Some(2), "{}", path.display());
    }
    assert_eq!(diagnose::find("mainframe").err().map(|error| error.exit_code()), Some(2));
}

/// Only what was written is read, wherever in the file it is.
#[test]
fn a_sparse_file_of_a_terabyte_is_a_log_like_any_other() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("error.log");
    let mut log = fs::File::create(&path).expect("a file");
    for (at, line) in [(0, "one"), (1 << 39, "two")] {
        std::io::Seek::seek(&mut log, std::io::SeekFrom::Start(at)).expect("a place in it");
        let line = format!("2026-11-29  8:00:00 0 [Note] WSREP: {line}\n");
        std::io::Write::write_all(&mut log, line.as_bytes()).expect("written");
    }
    log.set_len(1 << 40).expect("it is sparse");
    let found = files::read(folder.path(), diagnose::find("galera").expect("a system")).expect("it is read");
    let lines: Vec<_> = found.gathered.iter().flat_map(|node| &node.log).map(|line| line.text.as_str()).collect();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines[0].ends_with("WSREP: one") && lines[1].ends_with("WSREP: two"), "{lines:?}");
}
