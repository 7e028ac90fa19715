//! Twin of a lost quorum: Consul's leader is restarted in order.

use reenact::{Error, Result, incident::*};

use super::super::{
    Diego, Setup,
    runbooks::RestartServer,
    stories::consul::{is_led_by, leader_and_others, leader_and_standby},
};

reenact::incident!(
    Diego,
    Incident {
        id: "diego::twin_consul_leader_transfer",
        story: "An operator restarts the server that leads Consul. The others elect another one, and the BBS that leads \
                keeps its lock over that.",
        source: "measured facts: a healthy election takes up to 2.2 s; what Diego did: the lock outlives it",
        setup: Setup::PLAIN,
        acts: vec![Act::benign(
            vec![
                is_led_by("bbs1"),
                story("an operator restarts the server that leads Consul", |run| Box::pin(restart_leader(run))),
                heals_itself(secs(40)),
                story("bbs1's BBS has kept its lock", |run| Box::pin(still_leads(run, "bbs1"))),
            ],
            secs(40)
        )],
    }
);

async fn restart_leader(run: &Run<Diego>) -> Result<()> {
    let (node, _) = leader_and_others(run.system()).await?;
    run.operate(&RestartServer { node }, None).await.map(drop)
}

async fn still_leads(run: &Run<Diego>, bbs: &str) -> Result<()> {
    match leader_and_standby(run.system()).await? {
        (still, _) if still == bbs => Ok(()),
        (other, _) => {
            Err(Error::failed(format!("{bbs} has lost the lock to {other}, although Consul was only restarted")))
        }
    }
}
