//! Twin: the migration of the report to a disk that is large enough.

use std::time::Duration;

use reenact::{Error, Result, campaign::Scenario, probe::Signal, scenario, stage::Lab};

use super::super::{NEW_DISK, Setup, VM, blob::Sizes, recipe};

scenario! {
    Scenario {
        id: "blobstore::twin_migration_succeeds",
        story: "The deploy that the report's operators meant: the blobs move to a larger disk. For its time the jobs \
                are stopped, monit shows none of them, PUTs are refused, and the old disk is mounted read-only, all \
                as in the incident.",
        source: "report 004, what was planned (300 GB to 500 GB)",
        faults: &["a deploy moves the blobs to a disk of 500 MiB"],
        images: &["blobstore"],
        run: |lab| Box::pin(run(lab)),
        ..Scenario::TWIN
    }
}

const BLOBS: u64 = 120;

async fn run(lab: Lab) -> Result<()> {
    let setup = Setup { new_disk: Some(500), sizes: Sizes { large_until: BLOBS }, ..Setup::PLAIN };
    let stage = recipe::steady(&lab, setup).await?;
    stage.writes(BLOBS as usize, Duration::from_secs(30)).await?;
    stage.operator().must(VM, &["director", "deploy", NEW_DISK]).await?;
    let stage = stage.heals_itself(Duration::from_secs(30)).await?.quiet(recipe::QUIET).await?;
    let looked_alike = lab.stream().read(|seen| {
        // The mount table may be read-only for less time than lies between two looks.
        let mounted = |line: &str| line.contains("mounted filesystem") && line.contains(" ro with ");
        seen.iter().any(|observation| matches!(&observation.signal, Signal::Kernel { line } if mounted(line)))
    });
    if !looked_alike {
        return Err(Error::inconclusive("the old disk was never mounted read-only, so this was no look-alike"));
    }
    stage.finish().await
}
