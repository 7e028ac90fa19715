//! What the kernel has of a node's processes: the look by which faults on machines and
//! processes prove themselves. Probes ask the daemon instead; were it the same look, a fault
//! that the daemon only talks of would prove itself, and be detected.

use std::time::Duration;

use super::{Node, Testbed};
use reenact_core::{
    Error, Result,
    poll::{self, Look},
};

/// How long the daemon may take to know that a machine is off.
const KNOWN_LIMIT: Duration = Duration::from_secs(20);

/// Where the kernel keeps the processes of a paused container: by the first and by the second
/// kind of control groups.
const FREEZERS: [&str; 2] = ["__refrigerator", "do_freezer_trap"];

/// A process that lives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Alive {
    /// Its id on the daemon's machine.
    pub(crate) pid: u32,
    /// Its id on its own machine: the first one has 1.
    own: u32,
    /// Its state, such as `S`; `T` is stopped.
    pub(crate) state: String,
    /// Its arguments, joined by spaces.
    pub(crate) command: String,
    /// The kernel's function that it waits in.
    waits_in: String,
}

impl Alive {
    /// Whether it has ended and the kernel has not put it away yet: its memory goes before its state does,
    /// and its arguments with it.
    fn is_ending(&self) -> bool {
        self.command.is_empty()
    }

    /// Whether it stands still, as in a paused container. Since Linux 6.1 a process that
    /// sleeps is frozen where it sleeps, and shown as in an uninterruptible wait (`D`); so is
    /// one that waits for a disk, but not all of a machine's at once.
    pub(crate) fn is_frozen(&self) -> bool {
        self.state == "D" || FREEZERS.contains(&self.waits_in.as_str())
    }
}

/// The node's living processes, as the kernel has them: those of its container's control group.
/// None: the machine is off, and the daemon knows it when this returns. One that takes a
/// machine for running would not start it. A machine whose first process is gone is going off:
/// the kernel ends the others.
///
/// # Errors
/// [`Error::Inconclusive`] if the helper is gone, or the daemon goes on saying that the machine
/// runs.
pub(crate) async fn alive(bed: &Testbed, node: &Node) -> Result<Vec<Alive>> {
    let what = format!("the daemon to know that {} is off", node.name());
    let known = poll::until(&what, KNOWN_LIMIT, || async {
        let said = match bed.shell().must(&script(node.id())).await {
            Ok(said) => said,
            Err(error) => return Look::Never(error),
        };
        let alive: Vec<_> = said.lines().filter_map(read).collect();
        if alive.iter().any(|process| process.own == 1 && !process.is_ending()) {
            return Look::Ready(alive);
        }
        match node.state().await {
            Ok(state) if alive.is_empty() && !state.running => Look::Ready(alive),
            Ok(_) => Look::NotYet(format!("{} processes are still there, or it says that it runs", alive.len())),
            Err(error) => Look::Never(error),
        }
    });
    known.await.map_err(|error| match error {
        Error::Failed(why) => Error::inconclusive(why),
        other => other,
    })
}

/// Prints `PID OWN-PID STATE WAITS-IN COMMAND` of each process in the container's control group.
/// A process that has ended meanwhile has no state.
pub(crate) fn script(container: &str) -> String {
    format!(
        r#"for group in $(grep -l {container} /proc/[0-9]*/cgroup 2>/dev/null); do
  folder=${{group%/cgroup}} own=0 state=Z waits_in= words=()
  {{ while read -r key value more; do
       case $key in State:) state=$value;; NSpid:) own=${{more##*[[:space:]]}}; break;; esac
     done <$folder/status
     read -r waits_in <$folder/wchan; mapfile -d '' -t words <$folder/cmdline; }} 2>/dev/null
  echo "${{folder#/proc/}} ${{own:-0}} $state ${{waits_in:-0}} ${{words[*]//$'\n'/ }}"
done"#
    )
}

/// One line of it; `None` for a zombie, which nobody has waited for yet.
fn read(line: &str) -> Option<Alive> {
    let [pid, own, state, waits_in, command] = line.splitn(5, ' ').collect::<Vec<_>>().try_into().ok()?;
    let ended = matches!(state, "Z" | "X");
    let (pid, own) = (pid.parse().ok()?, own.parse().ok()?);
    let alive = Alive { pid, own, state: state.into(), command: command.into(), waits_in: waits_in.into() };
    (!ended).then_some(alive)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_read_with_its_arguments() {
        let alive = read("4711 1 S do_wait sh -c sleep 1").expect("a process");
        assert_eq!((alive.pid, alive.own, alive.state.as_str()), (4711, 1, "S"));
        assert_eq!(alive.command, "sh -c sleep 1");
        assert!(!alive.is_frozen());
        // The kernel does not tell where it waits, or it has no arguments.
        assert!(!read("4711 7 S 0 ").expect("a process").is_frozen());
        assert!(read("4711 7 D hrtimer_nanosleep sleep 1").expect("a process").is_frozen());
        // It ends: its memory is gone, and it is not a zombie yet.
        assert!(read("4711 1 R 0 ").expect("a process").is_ending() && !alive.is_ending());
    }

    #[test]
    fn a_zombie_is_not_alive() {
        assert_eq!(read("4711 7 Z 0 "), None);
        assert_eq!(read("grep: no such file"), None);
    }

    #[test]
    fn the_freezer_is_known_by_its_name_and_no_other_wait_is() {
        for (waits_in, frozen) in [
            ("__refrigerator", true),
            ("do_freezer_trap", true),
            ("do_signal_stop", false),
            ("hrtimer_nanosleep", false),
        ] {
            assert_eq!(read(&format!("1 1 S {waits_in} x")).expect("a process").is_frozen(), frozen, "{waits_in}");
        }
    }
}
