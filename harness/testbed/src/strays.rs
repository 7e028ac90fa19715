//! Processes of this machine that were started for a session and may have gone their own ways,
//! and the folder in which they meet. A mark in their environment tells them from all others.

use std::{
    env, fs,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};

/// The name of the mark; its value is the session's id, or that and a part's number.
const MARK: &str = "REENACT_STARTED_FOR";
/// How long killed processes may take to be gone.
const GONE: Duration = Duration::from_secs(5);
/// How long an exec may take to have an environment.
const BEGUN: Duration = Duration::from_secs(1);

/// The processes that bear the mark of a session, or of a part of one.
#[derive(Debug, Clone)]
pub struct Strays {
    of: String,
}

impl Strays {
    pub(super) fn of(session: &str) -> Self {
        Self { of: session.into() }
    }

    /// Those of a part: others of the session are none of them.
    #[must_use]
    pub fn part(&self, number: u32) -> Self {
        Self { of: format!("{}/{number}", self.of) }
    }

    /// What is to be set in the environment of each process that is started.
    pub fn mark(&self) -> (&'static str, &str) {
        (MARK, &self.of)
    }

    /// A folder that goes with the session, by a short path: that of a socket must have fewer
    /// than 108 bytes.
    pub fn folder(&self) -> PathBuf {
        env::temp_dir().join(format!("reenact-{}", self.of))
    }

    /// Kills each of them, again and again until none is left.
    pub fn kill(&self) {
        let begun = Instant::now();
        loop {
            let living = self.living();
            if living.is_empty() || begun.elapsed() > GONE {
                return;
            }
            for pid in living {
                // One that is gone meanwhile needs no signal.
                let _ = kill_process(pid, Signal::KILL);
            }
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// The same, and their folder goes too.
    pub(super) fn end(&self) {
        self.kill();
        let _ = fs::remove_dir_all(self.folder());
    }

    fn living(&self) -> Vec<Pid> {
        let mark = format!("{MARK}={}", self.of);
        let is_ours = |variable: &[u8]| {
            variable.strip_prefix(mark.as_bytes()).is_some_and(|rest| rest.is_empty() || rest[0] == b'/')
        };
        let bears = |folder: &Path| {
            let environ = environ(folder);
            environ.split(|&byte| byte == 0).any(is_ours)
        };
        let all = fs::read_dir("/proc").into_iter().flatten().flatten();
        // Other users' processes cannot be read, and are none of ours. Zombies have no environment.
        let pid = |entry: fs::DirEntry| {
            let pid = Pid::from_raw(entry.file_name().to_str()?.parse().ok()?)?;
            bears(&entry.path()).then_some(pid)
        };
        all.filter_map(pid).collect()
    }
}

/// A process's environment. In the middle of an exec it has none for a moment, though whoever started it has gone on.
fn environ(folder: &Path) -> Vec<u8> {
    let begun = Instant::now();
    loop {
        let begins = begins(folder);
        let environ = fs::read(folder.join("environ")).unwrap_or_default();
        if !environ.is_empty() || !begins || begun.elapsed() > BEGUN {
            return environ;
        }
        thread::yield_now();
    }
}

/// Whether a process has a program and no place for an environment yet: proc(5), `stat`, the 51st field. A zombie and a
/// kernel's thread have no program.
fn begins(folder: &Path) -> bool {
    let stat = fs::read_to_string(folder.join("stat")).unwrap_or_default();
    let env_end = stat.rsplit_once(')').and_then(|(_, rest)| rest.split_whitespace().nth(51 - 3));
    env_end == Some("0") && fs::read_link(folder.join("exe")).is_ok()
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn a_part_is_of_its_session_and_of_no_other_part() {
        let session = Strays::of("test-strays-parts");
        let (one, two) = (session.part(1), session.part(12));
        let (name, value) = two.mark();
        let mut child = Command::new("sleep").arg("60").env(name, value).spawn().expect("sleep");
        one.kill();
        assert_eq!((one.living().len(), two.living().len(), session.living().len()), (0, 1, 1));
        session.kill();
        assert!(!child.wait().expect("its end").success());
    }

    #[test]
    fn one_that_has_just_begun_is_found() {
        let session = Strays::of("test-strays-begin");
        let (name, value) = session.mark();
        for _ in 0..300 {
            let mut child = Command::new("sleep").arg("60").env(name, value).spawn().expect("sleep");
            assert_eq!(session.living().len(), 1);
            session.kill();
            assert!(!child.wait().expect("its end").success());
        }
    }

    #[test]
    fn one_that_has_left_its_group_and_its_parent_is_found_and_no_other() {
        let (ours, others) = (Strays::of("test-strays-ours"), Strays::of("test-strays-others"));
        let start = |strays: &Strays| {
            let (name, value) = strays.mark();
            let script = "setsid sleep 60 >/dev/null 2>&1 & echo";
            let mut command = Command::new("sh");
            let started = command.args(["-c", script]).env(name, value).stdin(Stdio::null()).output();
            assert!(started.expect("sh").status.success());
        };
        start(&ours);
        start(&others);
        assert_eq!((ours.living().len(), others.living().len()), (1, 1));
        ours.kill();
        assert_eq!((ours.living().len(), others.living().len()), (0, 1));
        others.kill();
    }
}
