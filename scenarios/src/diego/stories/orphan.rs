//! An etcd that nobody owns.

use reenact::{
    Error, Result,
    fault::{Kill, PowerOff, PowerOn, Signal},
    incident::*,
    poll::Look,
    testbed::Testbed,
};

use super::super::{Diego, probes};

/// Where the orphan is.
pub(crate) const ORPHANED: &str = "etcd1";

/// etcd is killed while its peers are down; its next start waits for them, its script is
/// killed at its time limit; then the peers boot.
pub(crate) fn orphaned() -> Vec<Action<Diego>> {
    vec![
        inject(PowerOff::of(&["etcd2", "etcd3"])),
        // monit starts it at once, and waits ten seconds for the script.
        inject(Kill { node: ORPHANED.into(), process: "etcd --name".into(), signal: Signal::Kill }),
        wait("the start script is killed, and etcd is left", secs(40), |run: &Run<Diego>| {
            Box::pin(async move {
                match is_left(&run.system().bed).await {
                    Ok(true) => Look::Ready(()),
                    Ok(false) => Look::NotYet("it is not".into()),
                    Err(error) => Look::NotYet(error.to_string()),
                }
            })
        }),
        inject(PowerOn::of(&["etcd2", "etcd3"])),
    ]
}

/// Whether an etcd listens whose parent is not its start script any more.
async fn is_left(bed: &Testbed) -> Result<bool> {
    let node = bed.node(ORPHANED)?;
    let owner = probes::owner(node, bed.probe_shell()).await;
    let (pidfile, listener) = owner.map_err(|answer| Error::inconclusive(format!("{answer:?}")))?;
    if listener.is_empty() || pidfile == listener {
        return Ok(false);
    }
    let said = node.exec(&["ps", "-o", "ppid=", "-p", &listener]).await?;
    Ok(said.text.trim() == "1")
}
