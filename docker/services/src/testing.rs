//! A PostgreSQL of a test's own.

use std::net::TcpListener;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// How long a server may take to come up.
pub const START_LIMIT: Duration = Duration::from_secs(30);

/// A PostgreSQL on loopback, which ends with the test.
pub struct Postgres {
    server: Child,
    dir: PathBuf,
    port: u16,
}

impl Postgres {
    /// `None`: this machine has none, and the test is skipped. With `REENACT_REQUIRE=all` that is a failure.
    pub fn start() -> Option<Self> {
        let Some(programs) = programs() else {
            assert!(std::env::var("REENACT_REQUIRE").as_deref() != Ok("all"), "no initdb is found here");
            eprintln!("skipped: no initdb is found here");
            return None;
        };
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let dir = std::env::temp_dir().join(format!("reenact-postgres-{port}"));
        std::fs::create_dir_all(&dir).unwrap();
        let made = unprivileged(&programs.join("initdb"), &dir, &["-U", "bosh", "-A", "trust", "-N"]).status().unwrap();
        assert!(made.success(), "initdb: {made}");
        let port_text = port.to_string();
        let options = ["-p", &port_text, "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-F"];
        let server = unprivileged(&programs.join("postgres"), &dir, &options).spawn().unwrap();
        Some(Self { server, dir, port })
    }

    /// Its database, which has no tables yet.
    pub fn url(&self) -> String {
        format!("postgres://bosh@127.0.0.1:{}/postgres", self.port)
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // At once, and yet in order: killed, it would leave its shared memory behind.
        let quit = Command::new("kill").arg("-QUIT").arg(self.server.id().to_string()).status();
        if !quit.is_ok_and(|status| status.success()) {
            let _ = self.server.kill();
        }
        let _ = self.server.wait();
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

/// Where PostgreSQL's programs are: Debian puts them beside the path.
fn programs() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let debian = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let all: Vec<_> = std::env::split_paths(&path).chain(debian.map(|version| version.path().join("bin"))).collect();
    all.into_iter().find(|dir| dir.join("initdb").exists())
}

/// PostgreSQL refuses to run as root; where it is installed there is a user for it.
fn unprivileged(program: &Path, dir: &Path, options: &[&str]) -> Command {
    let is_root = std::fs::metadata("/proc/self").unwrap().uid() == 0;
    let mut command = match is_root {
        true => {
            assert!(Command::new("chown").arg("-R").arg("postgres").arg(dir).status().unwrap().success());
            let mut command = Command::new("setpriv");
            command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]).arg(program);
            command
        }
        false => Command::new(program),
    };
    command.arg("-D").arg(dir).args(options).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}
