//! `reenact bench`: how soon is a fault in force?
//!
//! Three ways to cut one node off, turn by turn in one run, so that the machine's
//! other load falls on all alike: the firewall of the helper session, a `docker exec
//! … nft` a cut, and `docker network disconnect`.

use std::{
    collections::HashMap,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use clap::Args;

use super::say;
use crate::{
    Error, Result,
    fault::{self, Disconnect, Partition},
    testbed::{NodeSpec, Session, Testbed},
};

#[derive(Args)]
pub(super) struct Bench {
    /// How many times each way is measured
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,

    /// Print one JSON array
    #[arg(long)]
    json: bool,
}

/// The figures of one way, in milliseconds from the call until it is in force.
#[derive(serde::Serialize)]
struct Row {
    way: &'static str,
    runs: usize,
    p50_ms: f64,
    p95_ms: f64,
    max_ms: f64,
}

impl Row {
    fn of(way: &'static str, mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        let at = |share: f64| {
            let rank = (times.len() as f64 * share).ceil() as usize;
            times.get(rank.saturating_sub(1)).map_or(f64::NAN, |time| time.as_secs_f64() * 1000.0)
        };
        Self { way, runs: times.len(), p50_ms: at(0.5), p95_ms: at(0.95), max_ms: at(1.0) }
    }
}

impl Bench {
    pub(super) async fn execute(self, results: &Path) -> Result<u8> {
        let session = Session::open(results, HashMap::new(), false).await?;
        let measured = self.measure(&session).await;
        session.close().await?;
        let rows = measured?;
        if self.json {
            say(crate::report::to_json(&rows));
        } else {
            say(format!("{:<34} {:>5} {:>10} {:>10} {:>10}", "call until in force", "runs", "p50", "p95", "max"));
            for Row { way, runs, p50_ms, p95_ms, max_ms } in rows {
                say(format!("{way:<34} {runs:>5} {p50_ms:>7.2} ms {p95_ms:>7.2} ms {max_ms:>7.2} ms"));
            }
        }
        Ok(0)
    }

    async fn measure(&self, session: &Arc<Session>) -> Result<Vec<Row>> {
        let image = session.image("helper").await?;
        let spec = |name| NodeSpec { name, image: image.clone(), env: vec![], disk: None, single_cpu: false };
        let bed = Testbed::create(session, "bench", &["n1", "n2"], |_| vec![spec("n1"), spec("n2")]).await?;
        let (mut firewall, mut exec, mut disconnect) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..self.runs {
            let active = fault::inject(&bed, Partition::between(&["n1"], &["n2"]), false).await?;
            firewall.push(active.took);
            active.heal(&bed).await?;
            exec.push(exec_nft(session, &bed).await?);
            let active = fault::inject(&bed, Disconnect { node: "n1".into() }, false).await?;
            disconnect.push(active.took);
            active.heal(&bed).await?;
        }
        Ok(vec![
            Row::of("partition by the helper's firewall", firewall),
            Row::of("docker exec … nft", exec),
            Row::of("docker network disconnect", disconnect),
        ])
    }
}

/// A cut by a fresh exec in the helper, in the node's own network namespace.
async fn exec_nft(session: &Session, bed: &Testbed) -> Result<Duration> {
    let pid = bed.node("n1")?.state().await?.pid;
    let enter = format!("nsenter -t {pid} -n nft");
    let rules = "add table inet bench; \
                 add chain inet bench cut { type filter hook input priority 0; policy drop; }";
    let called = Instant::now();
    let (code, said) = session.exec_in_helper(&["sh", "-c", &format!("{enter} '{rules}'")]).await?;
    let took = called.elapsed();
    if code != 0 {
        return Err(Error::inconclusive(format!("nft in the node's namespace: {said}")));
    }
    session.exec_in_helper(&["sh", "-c", &format!("{enter} delete table inet bench")]).await?;
    Ok(took)
}
