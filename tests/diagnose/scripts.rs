//! What is sent to nodes, and that it does nothing but look.

use std::{
    fs,
    io::Write,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Stdio},
};

use reenact::diagnose::{self, System, script};

/// The programs that a look may start.
const READERS: [&str; 17] = [
    "awk",
    "cat",
    "curl",
    "dmesg",
    "echo",
    "head",
    "journalctl",
    "ls",
    "mariadb",
    "monit",
    "my_print_defaults",
    "mysql",
    "ps",
    "psql",
    "sed",
    "ss",
    "stat",
];

/// What may be in no script.
const CHANGES: [&str; 26] = [
    " rm ",
    " mv ",
    " cp ",
    " dd ",
    "kill",
    "chmod",
    "chown",
    "touch ",
    "mkdir",
    "tee ",
    "mount -",
    "umount",
    "reboot",
    "-delete",
    "systemctl start",
    "systemctl stop",
    "systemctl restart",
    "INSERT",
    "DELETE",
    "ALTER",
    "DROP",
    "SET GLOBAL",
    "TRUNCATE",
    "CREATE",
    "FLUSH",
    "sudo",
];

/// The program that a line of a script's body starts, if it starts one.
fn program(line: &str) -> Option<&str> {
    let rest = line.strip_prefix("run ")?;
    // The section's name may be quoted.
    let rest = match rest.strip_prefix('"') {
        Some(quoted) => quoted.split_once('"')?.1,
        None => rest.split_once(' ')?.1,
    };
    let program = rest.trim_start();
    // `"$(command -v mariadb || echo mysql)"`
    let found = program.strip_prefix("\"$(command -v ").and_then(|found| found.split_whitespace().next());
    found.or_else(|| program.split_whitespace().next())
}

/// Prints each command that can be sent, and holds that it is a reader.
#[test]
fn every_command_that_can_be_sent_only_reads() {
    for system in diagnose::all() {
        only_its_write_is_added(system);
        eprintln!("{}:", system.name);
        for line in script::commands(system) {
            eprintln!("  {line}");
            if let Some(program) = program(line) {
                assert!(
                    program == "sh" || program == "systemctl" || READERS.contains(&program),
                    "{}: {line}",
                    system.name
                );
            }
        }
        let whole = script::of(system);
        for change in CHANGES {
            let body = whole.lines().filter(|line| !line.trim_start().starts_with('#')).collect::<Vec<_>>().join("\n");
            assert!(!body.contains(change), "{}: {change}", system.name);
        }
        for (at, _) in whole.match_indices('>') {
            let written = &whole[at + 1..];
            // The last is of a pattern, and writes nowhere.
            let is_harmless =
                ["?[[:space:]]", "/dev/null", "&1", "&2", " NAME.look", " "].iter().any(|to| written.starts_with(to));
            assert!(is_harmless, "{}: writes to {}", system.name, &written[..written.len().min(40)]);
        }
        let curls = whole.lines().filter(|line| line.contains("curl") && line.contains("-X "));
        curls.for_each(|line| {
            assert!(
                ["/maintenance/status", "/maintenance/hash", "/v1/ping"].iter().any(|path| line.contains(path)),
                "{line}"
            )
        });
    }
}

/// With the synthetic write the script has that and nothing more; without, none of its lines.
fn only_its_write_is_added(system: &System) {
    let (plain, writing) = (script::of(system), script::with_write(system));
    assert_eq!(writing.replacen(system.write, "", 1), plain, "{}", system.name);
    for line in system.write.lines().filter(|line| line.contains("run ") && !line.contains("echo")) {
        eprintln!("  with --write: {}", line.trim());
        assert!(!plain.contains(line.trim()), "{}: {line}", system.name);
    }
}

/// What is in a synthetic write, and in no script that only reads.
#[test]
fn a_synthetic_write_is_sent_only_where_it_is_allowed() {
    let marks = [("galera", "INSERT INTO reenact.canary"), ("diego", "-X PUT"), ("blobstore", "mktemp")];
    for (name, mark) in marks {
        let system = diagnose::find(name).expect("a system");
        assert!(script::with_write(system).contains(mark), "{name}");
        assert!(!script::of(system).contains(mark), "{name}");
    }
    for name in ["bosh", "shutdown"] {
        assert_eq!(diagnose::find(name).expect("a system").write, "", "{name}");
    }
}

/// Runs a script as a person would, with these programs before the machine's own.
fn run(script: &str, path: &Path) -> String {
    let path = format!("{}:{}", path.display(), std::env::var("PATH").unwrap_or_default());
    let child = Command::new("sh")
        .arg("-s")
        .env("PATH", path)
        .env("LOG_BYTES", "1000")
        .env("LOOKS", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let mut child = child.expect("a shell");
    child.stdin.take().expect("its input").write_all(script.as_bytes()).expect("sent");
    String::from_utf8_lossy(&child.wait_with_output().expect("its end").stdout).into_owned()
}

/// A folder with these programs, each of which prints a text.
fn programs(all: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, text) in all {
        let path = folder.path().join(name);
        fs::write(&path, format!("#!/bin/sh\ncat <<'END'\n{text}\nEND\n")).expect("a program");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("its mode");
    }
    folder
}

#[test]
fn every_script_runs_to_its_end_on_any_machine() {
    let nothing = programs(&[]);
    for system in diagnose::all() {
        let printed = run(&script::with_write(system), nothing.path());
        assert!(printed.starts_with(&format!("=reenact {} ", system.name)), "{}: {printed}", system.name);
        assert!(printed.ends_with("=done\n"), "{}: {printed}", system.name);
        let begun = printed.lines().filter(|line| line.starts_with("=begin ")).count();
        let ended = printed.lines().filter(|line| line.starts_with("=end ")).count();
        assert!(begun > 0 && begun == ended, "{}: {begun} begun, {ended} ended", system.name);
        let framed = printed.lines().filter(|line| !line.starts_with(' ')).all(|line| line.starts_with('='));
        assert!(framed, "{}", system.name);
    }
}

#[test]
fn secrets_are_cut_out() {
    let secrets = "COMMAND\n\
        mysqld --wsrep_sst_auth=sst:hunter2 --port=3306\n\
        mysql -uroot -phunter2 x\n\
        agent --password hunter2\n\
        PASSWORD=hunter2 api_key: hunter2, \"token\": \"hunter2\"\n\
        postgres://vcap:hunter2@10.0.0.1/bosh\n\
        Authorization: Bearer hunter2\n\
        GRANT x IDENTIFIED BY 'hunter2'\n\
        -----BEGIN RSA PRIVATE KEY-----\nhunter2\n-----END RSA PRIVATE KEY-----\n\
        /usr/sbin/mariadbd --wsrep_start_position=746e46f3:20626756";
    // `ps` shows the script's own patterns too.
    let own = script::of(diagnose::find("galera").expect("a system"));
    let own: Vec<_> = own.lines().filter(|line| line.contains("PRIVATE KEY")).collect();
    let json = r#"{"EncryptVerifyIncoming":true,"ACLToken":"hunter2","TokenTTL":30}"#;
    let listed = format!("{secrets}\n{}\n{json}\nafter it", own.join("\n"));
    let folder = programs(&[("ps", &listed)]);
    let printed = run(&script::of(diagnose::find("galera").expect("a system")), folder.path());
    assert!(!printed.contains("hunter2"), "{printed}");
    for kept in [
        r#"{"EncryptVerifyIncoming":true,"ACLToken":"[cut]","TokenTTL":30}"#,
        "after it",
        "--port=3306",
        "--wsrep_start_position=746e46f3:20626756",
        "10.0.0.1/bosh",
        "[cut]",
    ] {
        assert!(printed.contains(kept), "no {kept} in {printed}");
    }
}
