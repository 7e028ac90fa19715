//! Who made a thing, and whether the maker still lives: a process, and the container
//! that the process runs in.

use std::{fmt, fs, str::FromStr};

use bollard::Docker;
use procfs_core::{FromRead, process::Stat};

use reenact_core::{Error, Result};

/// Which process made something, told precisely enough that another process can
/// say whether it still lives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    host: String,
    boot: String,
    /// The process-id namespace: a pid means nothing in another one, and the first
    /// process of every container has the pid 1.
    namespace: String,
    pid: u32,
    /// In clock ticks since boot: tells a process from a later one with its pid.
    started: u64,
    /// The container that it runs in, if the daemon that it uses knows one.
    container: Option<Container>,
}

/// One run of a container, from a start to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Container {
    id: String,
    /// When the daemon started it: tells a run from a later one of the same container.
    since: String,
}

impl Owner {
    /// This process, in its container if it runs in one of this daemon's.
    ///
    /// # Errors
    /// [`Error::Environment`] without a readable `/proc`.
    pub async fn this_process(docker: &Docker) -> Result<Self> {
        let process = Self::without_container();
        let process = process
            .ok_or_else(|| Error::environment("cannot read /proc", "reenact runs on Linux with /proc mounted"))?;
        let told =
            ["/proc/self/mountinfo", "/proc/self/cgroup"].map(|path| fs::read_to_string(path).unwrap_or_default());
        for id in container_ids(&told[0], &told[1]) {
            if let Some(since) = running_since(docker, id).await.unwrap_or_default() {
                return Ok(Self { container: Some(Container { id: id.into(), since }), ..process });
            }
        }
        Ok(process)
    }

    fn without_container() -> Option<Self> {
        let pid = std::process::id();
        Some(Self {
            host: read_word("/proc/sys/kernel/hostname")?,
            boot: read_word("/proc/sys/kernel/random/boot_id")?,
            namespace: fs::read_link("/proc/self/ns/pid").ok()?.to_string_lossy().into_owned(),
            pid,
            started: start_of(pid)?,
            container: None,
        })
    }

    /// Whether the owner is certainly gone: its process, or the container around it. What
    /// can be judged from here by neither counts as alive.
    pub async fn is_dead(&self, here: &Self, docker: &Docker) -> bool {
        let ended = match &self.container {
            Some(Container { id, since }) => {
                running_since(docker, id).await.is_ok_and(|now| now.as_ref() != Some(since))
            }
            None => false,
        };
        ended || self.process_is_gone(here)
    }

    fn process_is_gone(&self, here: &Self) -> bool {
        if self.host != here.host {
            return false;
        }
        if self.boot != here.boot {
            return true;
        }
        self.namespace == here.namespace && start_of(self.pid) != Some(self.started)
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}/{}/{}", self.host, self.boot, self.namespace, self.pid, self.started)?;
        match &self.container {
            Some(Container { id, since }) => write!(f, "/{id}/{since}"),
            None => Ok(()),
        }
    }
}

impl FromStr for Owner {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let words: Vec<_> = text.split('/').collect();
        let (process, container) = words.split_at_checked(5).ok_or(())?;
        let &[host, boot, namespace, pid, started] = process else { return Err(()) };
        let container = match *container {
            [] => None,
            [id, since] => Some(Container { id: id.into(), since: since.into() }),
            _ => return Err(()),
        };
        let (pid, started) = (pid.parse().map_err(drop)?, started.parse().map_err(drop)?);
        Ok(Self { host: host.into(), boot: boot.into(), namespace: namespace.into(), pid, started, container })
    }
}

/// Since when the container runs; `None`: it does not run, or there is none.
async fn running_since(docker: &Docker, id: &str) -> Result<Option<String>, bollard::errors::Error> {
    match docker.inspect_container(id, None).await {
        Ok(found) => {
            let state = found.state.unwrap_or_default();
            Ok(state.started_at.filter(|_| state.running.unwrap_or_default()))
        }
        Err(bollard::errors::Error::DockerResponseServerError { status_code: 404, .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// What may be the id of the container around this process: Docker mounts files of
/// `…/containers/ID/` into it, and where cgroups are not hidden its cgroup bears the id.
/// Whether the daemon knows it must be asked: the container may be another daemon's.
fn container_ids<'a>(mountinfo: &'a str, cgroup: &'a str) -> Vec<&'a str> {
    let words: Vec<_> = mountinfo.split(['/', ' ', '\n']).collect();
    let mounted = words.windows(3).filter(|three| three[0] == "containers" && three[2] == "hostname");
    let grouped = cgroup.split(|c: char| !c.is_ascii_alphanumeric());
    let mut ids: Vec<_> = mounted.map(|three| three[1]).chain(grouped).filter(|word| is_id(word)).collect();
    ids.dedup();
    ids
}

fn is_id(word: &str) -> bool {
    word.len() == 64 && word.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn read_word(path: &str) -> Option<String> {
    fs::read_to_string(path).ok().map(|text| text.trim().to_owned())
}

/// When the process started, in the kernel's ticks since its boot. `None` also for a
/// zombie: in a container whose first process reaps no children, a killed harness stays
/// one for ever.
fn start_of(pid: u32) -> Option<u64> {
    let stat = Stat::from_file(format!("/proc/{pid}/stat")).ok()?;
    (!matches!(stat.state, 'Z' | 'X')).then_some(stat.starttime)
}

/// What no other session has, in other containers neither: all that is named or numbered
/// for a session is made of it.
///
/// # Errors
/// [`Error::Environment`] without a readable `/proc`.
pub(super) fn token() -> Result<u32> {
    let uuid = read_word("/proc/sys/kernel/random/uuid").unwrap_or_default();
    let token = uuid.split('-').next().and_then(|word| u32::from_str_radix(word, 16).ok());
    token.ok_or_else(|| Error::environment("cannot read /proc/sys/kernel/random/uuid", "mount /proc as Linux does"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    fn here() -> Owner {
        Owner::without_container().expect("/proc")
    }

    #[test]
    fn an_owner_survives_its_label() {
        let container = Some(Container { id: ID.into(), since: "2026-11-20T20:19:24.5Z".into() });
        for owner in [here(), Owner { container, ..here() }] {
            assert_eq!(owner.to_string().parse(), Ok(owner));
        }
    }

    #[test]
    fn a_living_process_is_not_gone() {
        assert!(!here().process_is_gone(&here()));
    }

    #[test]
    fn a_later_process_with_the_same_pid_is_another() {
        let earlier = Owner { started: here().started + 1, ..here() };
        assert!(earlier.process_is_gone(&here()));
    }

    #[test]
    fn what_a_boot_ago_ran_here_is_gone() {
        assert!(Owner { boot: "before".into(), ..here() }.process_is_gone(&here()));
    }

    #[test]
    fn another_host_or_pid_namespace_is_left_alone() {
        assert!(!Owner { host: "elsewhere".into(), started: 1, ..here() }.process_is_gone(&here()));
        assert!(!Owner { namespace: "pid:[1]".into(), started: 1, ..here() }.process_is_gone(&here()));
    }

    #[test]
    fn a_foreign_label_is_no_owner() {
        for label in ["somebody", "a/b/c/d/5", "a/b/c/4/5/id", "a/b/c/4/5/id/since/more"] {
            assert!(label.parse::<Owner>().is_err(), "{label}");
        }
    }

    #[test]
    fn the_own_container_is_found_by_its_mounts_or_its_cgroup() {
        let mounts =
            format!("720 700 8:1 /var/lib/docker/containers/{ID}/hostname /etc/hostname rw - ext4 /dev/a rw\n");
        assert_eq!(container_ids(&mounts, "0::/\n"), [ID]);
        assert_eq!(container_ids("", &format!("4:pids:/docker/{ID}\n3:cpu:/docker/{ID}\n")), [ID]);
        assert_eq!(container_ids("", &format!("0::/system.slice/docker-{ID}.scope\n")), [ID]);
    }

    #[test]
    fn layers_and_the_containers_of_this_machine_are_not_the_own_one() {
        let layer = format!("24 1 0:21 / / rw - overlay overlay rw,lowerdir=/var/lib/docker/overlay2/{ID}/diff\n");
        let shm = format!("31 1 0:9 / /var/lib/docker/containers/{ID}/mounts/shm rw - tmpfs shm rw\n");
        assert!(container_ids(&(layer + &shm), "0::/user.slice\n").is_empty());
    }

    #[test]
    fn no_two_tokens_are_alike() {
        assert_ne!(token().expect("/proc"), token().expect("/proc"));
    }
}
