//! A server that hangs, and still counts as a member.

use std::time::Duration;

use reenact::{
    Result,
    campaign::Scenario,
    fault::{Kill, Signal},
    scenario,
    stage::Lab,
};

use super::super::{
    detectors::{MINORITY_PARTITION, STALLED_NODE},
    recipe,
};

scenario! {
    Scenario {
        id: "galera::stalled_node",
        story: "n3's server is frozen. Its kernel still accepts connections, the others still count it, and every \
                write of theirs waits for it. After five seconds they would evict it; noticed before that and \
                thawed, it goes on as if nothing had been.",
        source: "measured facts, other faults: SIGSTOP 3 s and 12 s",
        faults: &["SIGSTOP to n3's server"],
        detector: Some(STALLED_NODE),
        also: &[MINORITY_PARTITION],
        runbooks: &["right: let the server go on, and wait"],
        images: &["galera"],
        run: |lab| Box::pin(run(lab)),
        ..Scenario::INCIDENT
    }
}

async fn run(lab: Lab) -> Result<()> {
    let broken = recipe::steady(&lab)
        .await?
        .inject(Kill { node: "n3".into(), process: "/usr/sbin/mariadbd".into(), signal: Signal::Stop })
        .await?
        .detect(STALLED_NODE, Duration::from_secs(6))
        .await?;
    recipe::comes_back(broken).await
}
