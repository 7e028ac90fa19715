//! An etcd that nobody owns.

use std::time::Duration;

use reenact::{
    Result,
    fault::{Kill, PowerOff, PowerOn, Signal},
    stage::{Lab, Stage, phase::Faulted},
    testbed::Testbed,
    wait::Look,
};

use super::super::{Diego, Setup, probes, recipe};

/// Where the orphan is.
pub(in super::super) const ORPHANED: &str = "etcd1";

/// etcd is killed while its peers are down; its next start waits for them, its script is
/// killed at its time limit; then the peers boot.
pub(in super::super) async fn orphaned(lab: &Lab, setup: Setup) -> Result<Stage<Diego, Faulted>> {
    let mut stage = recipe::steady(lab, setup).await?;
    stage.strike(PowerOff::of(&["etcd2", "etcd3"])).await?;
    let killed = Kill { node: ORPHANED.into(), process: "etcd --name".into(), signal: Signal::Kill };
    stage.strike(killed).await?;
    // monit starts it at once, and waits ten seconds for the script.
    let bed = stage.system().bed.clone();
    stage
        .wait_for("the start script to be killed, and etcd to be left", Duration::from_secs(40), || async {
            match is_left(&bed).await {
                Ok(true) => Look::Ready(()),
                Ok(false) => Look::NotYet("it is not".into()),
                Err(why) => Look::NotYet(why),
            }
        })
        .await?;
    stage.inject(PowerOn::of(&["etcd2", "etcd3"])).await
}

/// Whether an etcd listens whose parent is not its start script any more.
async fn is_left(bed: &Testbed) -> Result<bool, String> {
    let text = |error: reenact::Error| error.to_string();
    let node = bed.node(ORPHANED).map_err(text)?;
    let (pidfile, listener) = probes::owner(node, bed.probe_shell()).await.map_err(|answer| format!("{answer:?}"))?;
    if listener.is_empty() || pidfile == listener {
        return Ok(false);
    }
    let said = node.exec(&["ps", "-o", "ppid=", "-p", &listener]).await.map_err(text)?;
    Ok(said.text.trim() == "1")
}
