//! The tables of these tests, held against a real PostgreSQL where one is on the path.

use std::{
    env, fs,
    os::unix::{
        fs::{MetadataExt, chown},
        process::CommandExt,
    },
    path::Path,
    process::{Command, Output, Stdio},
    time::Duration,
};

use tempfile::TempDir;

use super::{super::sql, OLD, Tables, YOUNG};

const SCHEMA: &str = include_str!("../../../../../docker/services/src/shutdown/schema.sql");

/// Nobody's: PostgreSQL refuses to be run as root.
const NOBODY: u32 = 65534;

/// A server in a folder of its own, which listens on a socket there.
struct Server(TempDir);

impl Server {
    /// None where there is no PostgreSQL.
    fn start() -> Option<Self> {
        let path = env::var_os("PATH")?;
        let there = |tool: &str| env::split_paths(&path).any(|folder| folder.join(tool).is_file());
        if !["initdb", "pg_ctl", "psql"].into_iter().all(there) {
            eprintln!("skipped: no PostgreSQL on the path");
            return None;
        }
        let server = Self(tempfile::tempdir().expect("a folder"));
        if is_root() {
            chown(server.0.path(), Some(NOBODY), Some(NOBODY)).expect("given away");
        }
        let data = server.data();
        server.must("initdb", &["-D", &data, "-U", "app", "-A", "trust", "-N", "--no-instructions"]);
        let options = format!("-c listen_addresses= -c fsync=off -k {}", server.0.path().display());
        let log = server.0.path().join("log").display().to_string();
        server.must("pg_ctl", &["-D", &data, "-w", "-o", &options, "-l", &log, "start"]);
        server.psql("postgres", "CREATE DATABASE app");
        Some(server)
    }

    fn data(&self) -> String {
        self.0.path().join("data").display().to_string()
    }

    fn run(&self, tool: &str, words: &[&str]) -> Output {
        let mut command = Command::new(tool);
        command.args(words).current_dir(self.0.path()).env("PGHOST", self.0.path()).stdin(Stdio::null());
        if is_root() {
            command.uid(NOBODY).gid(NOBODY);
        }
        // A server that is started keeps what it is given.
        if tool == "pg_ctl" {
            command.stdout(Stdio::null()).stderr(Stdio::null());
        }
        command.output().expect("a tool")
    }

    fn must(&self, tool: &str, words: &[&str]) -> String {
        let Output { status, stdout, stderr } = self.run(tool, words);
        let log = fs::read_to_string(self.0.path().join("log")).unwrap_or_default();
        assert!(status.success(), "{tool} {words:?}: {}{log}", String::from_utf8_lossy(&stderr));
        String::from_utf8(stdout).expect("UTF-8")
    }

    fn psql(&self, database: &str, sql: &str) -> String {
        self.must("psql", &["-U", "app", "-d", database, "-AtqX", "-v", "ON_ERROR_STOP=1", "-c", sql])
    }

    /// Fills its tables with the same rows.
    fn fill(&self, tables: &Tables) {
        self.psql("app", &format!("DROP TABLE IF EXISTS intents, effects, requests; {SCHEMA}"));
        for row in &tables.requests {
            let (id, kind, flag, instance, age) = (row.id, row.kind, row.flag, row.instance, -row.created);
            self.psql(
                "app",
                &format!(
                    "INSERT INTO requests VALUES ({id}, 0, '{kind}', {flag}, '{instance}', \
                     clock_timestamp() - interval '{age} ms')"
                ),
            );
        }
        for intent in &tables.intents {
            let done = if intent.done { "now()" } else { "NULL" };
            self.psql("app", &format!("INSERT INTO intents VALUES ({}, now(), {done})", intent.id));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.run("pg_ctl", &["-D", &self.data(), "-m", "immediate", "stop"]);
    }
}

fn is_root() -> bool {
    fs::metadata(Path::new("/proc/self")).is_ok_and(|own| own.uid() == 0)
}

/// Every statement of the runbooks, and what it leaves behind, is the same to both.
#[test]
fn the_tables_of_these_tests_answer_as_postgresql_does() {
    let Some(server) = Server::start() else { return };
    let filled = Tables::default().order(1, "app1", OLD).order(2, "app2", OLD).intent(false);
    let filled = filled.order(3, "app1", YOUNG).intent(true).order(4, "app1", OLD).done().other(5, "draft", OLD);
    let ids = ["1", "2", "4"].map(str::to_owned);
    let replays = [sql::replay(&ids), sql::execute("id IN (1, 4)"), sql::execute("true")];
    for change in replays {
        let mut tables = filled.clone();
        server.fill(&tables);
        assert_eq!(server.psql("app", &change), tables.run(&change), "{change}");
        let effects = server.psql("app", "SELECT request_id FROM effects ORDER BY 1");
        let mut ours = tables.effects.split_off(filled.effects.len());
        ours.sort_unstable();
        assert_eq!(effects, ours.iter().map(|id| format!("{id}\n")).collect::<String>(), "{change}");
        for question in questions() {
            let ours = tables.run(&question);
            assert_eq!(server.psql("app", &question).trim(), ours.trim(), "after {change}: {question}");
        }
    }
}

/// What the runbooks ask.
fn questions() -> Vec<String> {
    let limit = Duration::from_secs(30);
    let ids = |ids: &[i64]| ids.iter().map(ToString::to_string).collect::<Vec<_>>();
    vec![
        sql::overdue(limit),
        sql::overdue(Duration::ZERO),
        sql::left(&ids(&[1, 3])),
        sql::kept(&ids(&[1, 2, 3])),
        sql::owners(&ids(&[1, 2, 4])),
        sql::taken_since(&ids(&[1, 3]), "app1", limit),
        sql::in_no_table(),
        sql::LAST_INTENT.into(),
        sql::open_up_to(1),
        sql::open_up_to(2),
    ]
}
