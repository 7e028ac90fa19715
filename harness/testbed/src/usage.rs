//! What containers have used of the processors, by the kernel's count for their control
//! groups.

use std::{
    collections::HashMap,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use super::{Session, helper::Reach};
use reenact_core::{Error, Result};

/// The time that all containers of the daemon have used since this was made. One that stops
/// takes its count with it, so that it counts as last looked at.
pub struct Usage {
    /// The folder with a group for each container.
    groups: PathBuf,
    counts: Counts,
    seen: HashMap<OsString, Count>,
}

/// The two kinds of control groups tell it in different files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Counts {
    /// `cpuacct.usage`, in nanoseconds.
    First,
    /// `usage_usec` in `cpu.stat`.
    Second,
}

#[derive(Debug, Default, Clone, Copy)]
struct Count {
    /// What it was at first, to be left out.
    first: Duration,
    last: Duration,
    /// Of earlier lives of a group of that name.
    before: Duration,
}

impl Usage {
    /// Begins to count.
    ///
    /// # Errors
    /// [`Error::Environment`] if the control groups cannot be read from here, as in a
    /// container that has a namespace of its own.
    pub async fn begin(session: &Session) -> Result<Self> {
        let helper = session.helper(Reach::Networks).await?.container();
        let inspected = session.docker().inspect_container(helper, None).await;
        let state = inspected.map_err(Error::docker("inspect the helper"))?.state.unwrap_or_default();
        let path = format!("/proc/{}/cgroup", state.pid.unwrap_or_default());
        let text = fs::read_to_string(&path).map_err(Error::file("read", &path))?;
        let (groups, counts) = groups(&text).filter(|(groups, _)| groups.is_dir()).ok_or_else(|| {
            let help = "run it on the daemon's own machine, outside of any container";
            Error::environment("the containers' control groups cannot be read from here", help)
        })?;
        let mut usage = Self { groups, counts, seen: HashMap::new() };
        usage.look();
        usage.seen.values_mut().for_each(|count| count.first = count.last);
        Ok(usage)
    }

    /// Reads all counts.
    pub fn look(&mut self) {
        for group in fs::read_dir(&self.groups).into_iter().flatten().flatten() {
            let Some(now) = self.counts.read(&group.path()) else { continue };
            let count = self.seen.entry(group.file_name()).or_default();
            if now < count.last {
                count.before += count.last - count.first;
                count.first = Duration::ZERO;
            }
            count.last = now;
        }
    }

    /// What was used up to the last look.
    pub fn total(&self) -> Duration {
        self.seen.values().map(|count| count.before + count.last - count.first).sum()
    }
}

/// The folder of the groups beside this one, by the text of a `/proc/PID/cgroup`.
fn groups(text: &str) -> Option<(PathBuf, Counts)> {
    let mut lines = text.lines().filter_map(|line| {
        let [_, controllers, path] = line.splitn(3, ':').collect::<Vec<_>>().try_into().ok()?;
        let own = Path::new(path.strip_prefix('/')?);
        match controllers {
            "" => Some((Path::new("/sys/fs/cgroup").join(own.parent()?), Counts::Second)),
            _ if controllers.split(',').any(|controller| controller == "cpuacct") => {
                Some((Path::new("/sys/fs/cgroup").join(controllers).join(own.parent()?), Counts::First))
            }
            _ => None,
        }
    });
    // Where both kinds are there, the second one may count nothing.
    lines.clone().find(|(_, counts)| *counts == Counts::First).or_else(|| lines.next())
}

impl Counts {
    fn read(self, group: &Path) -> Option<Duration> {
        match self {
            Self::First => {
                let text = fs::read_to_string(group.join("cpuacct.usage")).ok()?;
                text.trim().parse().ok().map(Duration::from_nanos)
            }
            Self::Second => {
                let text = fs::read_to_string(group.join("cpu.stat")).ok()?;
                let used = text.lines().find_map(|line| line.strip_prefix("usage_usec "))?;
                used.trim().parse().ok().map(Duration::from_micros)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_groups_of_both_kinds_are_found() {
        let first = "9:name=systemd:/docker/abc\n4:cpu,cpuacct:/docker/abc\n0::/docker/abc\n";
        assert_eq!(groups(first), Some(("/sys/fs/cgroup/cpu,cpuacct/docker".into(), Counts::First)));
        let second = "0::/system.slice/docker-abc.scope\n";
        assert_eq!(groups(second), Some(("/sys/fs/cgroup/system.slice".into(), Counts::Second)));
        assert_eq!(groups("8:pids:/docker/abc\n"), None);
    }

    #[test]
    fn what_a_group_used_before_it_was_made_anew_is_kept() {
        let folder = tempfile::tempdir().expect("a folder");
        let group = folder.path().join("docker-abc.scope");
        fs::create_dir(&group).expect("a group");
        let says = |usec: u64| fs::write(group.join("cpu.stat"), format!("usage_usec {usec}\nuser_usec 1\n"));
        let mut usage = Usage { groups: folder.path().into(), counts: Counts::Second, seen: HashMap::new() };
        for (usec, total) in [(300, 300), (500, 500), (100, 600), (150, 650)] {
            says(usec).expect("a count");
            usage.look();
            assert_eq!(usage.total(), Duration::from_micros(total));
        }
        fs::remove_dir_all(&group).expect("it goes");
        usage.look();
        assert_eq!(usage.total(), Duration::from_micros(650), "gone, and not forgotten");
    }
}
