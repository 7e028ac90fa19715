//! Twin: a machine whose mounts are read-only on purpose.

use std::time::Duration;

use reenact::{
    Error, Result,
    campaign::Scenario,
    probe::{Access, Signal},
    scenario,
    stage::Lab,
};

use super::super::{Setup, recipe};

scenario! {
    Scenario {
        id: "blobstore::twin_read_only_by_design",
        story: "Beside the blobstore stands a machine with a read-only root file system and a volume that it may only \
                read; and every container has a dozen read-only mounts of sysfs, cgroup and proc. A rule that looks \
                for `ro` fires on all of them.",
        source: "measured facts, detectors: a healthy container has 16 ro mounts",
        images: &["blobstore"],
        run: |lab| Box::pin(run(lab)),
        ..Scenario::TWIN
    }
}

async fn run(lab: Lab) -> Result<()> {
    let setup = Setup { read_only_neighbour: true, ..Setup::PLAIN };
    let stage = recipe::steady(&lab, setup).await?.quiet(Duration::from_secs(5)).await?;
    let looked_alike = lab.stream().read(|seen| {
        seen.iter().any(|observation| match &observation.signal {
            Signal::Mounts { table } => {
                let by_design = |path: &str| {
                    table
                        .iter()
                        .any(|mount| mount.path == path && mount.has("ro") && mount.declared == Some(Access::ReadOnly))
                };
                by_design("/") && by_design("/srv/published")
            }
            _ => false,
        })
    });
    if !looked_alike {
        return Err(Error::inconclusive("nothing was read-only by design, so this was no look-alike"));
    }
    stage.finish().await
}
