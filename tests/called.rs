//! What every test of the command line needs: how a call of it ends, and what it leaves.

use std::{
    env,
    process::{Output, Stdio},
    time::Duration,
};

use reenact::testbed::connect;
use tempfile::TempDir;
use tokio::{
    process::{Child, Command},
    time::timeout,
};

/// No call may take longer, the making of images included; what hangs fails.
const LIMIT: Duration = Duration::from_secs(1200);
/// A daemon's address where nothing is.
pub(crate) const NO_DAEMON: &str = "unix:///nonexistent/docker.sock";

/// What a call did.
pub(crate) struct Done {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Done {
    /// Holds the exit code, and that standard error tells all of `words`.
    #[track_caller]
    pub(crate) fn ends(&self, code: i32, words: &[&str]) {
        assert_eq!(self.code, Some(code), "{}\n{}", self.stdout, self.stderr);
        for word in words {
            assert!(self.stderr.contains(word), "no {word:?} in: {}", self.stderr);
        }
    }
}

/// The program, to be called with these arguments and nothing of this test's environment.
pub(crate) fn reenact(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_reenact"));
    command.args(arguments).env_remove("REENACT_RESULTS").env_remove("REENACT_LOG").env_remove("REENACT_REQUIRE");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command
}

/// Waits for its end.
pub(crate) async fn finish(child: Child) -> Done {
    let ended = timeout(LIMIT, child.wait_with_output()).await.expect("it does not hang");
    let Output { status, stdout, stderr } = ended.expect("its output");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    let done = Done { code: status.code(), stdout: text(stdout), stderr: text(stderr) };
    assert!(!done.stderr.contains("panicked"), "{}", done.stderr);
    done
}

pub(crate) async fn run(command: &mut Command) -> Done {
    finish(command.spawn().expect("the binary")).await
}

/// Whether to go on: without a daemon, a skip with its reason.
pub(crate) async fn docker() -> bool {
    let Err(error) = connect().await else { return true };
    assert!(env::var("REENACT_REQUIRE").as_deref() != Ok("all"), "{error}");
    eprintln!("skipped: {error}");
    false
}

pub(crate) fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}
