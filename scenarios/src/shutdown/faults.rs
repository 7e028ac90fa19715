//! A replica is deleted, the way Kubernetes deletes a pod.

use std::{
    fmt,
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use async_trait::async_trait;
use reenact::{
    Error, Result,
    fault::{Effect, Fault, Undo},
    probe::{Clock, Moment},
    testbed::{Node, NodeStatus, Testbed},
    wait::{self, Look},
};

use super::{PORT, probes, router::Router};
use crate::answer::describe;

/// How a replica ends.
#[derive(Debug, Clone, Copy)]
pub(super) enum End {
    /// SIGTERM after the preStop hook, and SIGKILL when the grace is over. As in
    /// Kubernetes the grace counts from the deletion, the preStop hook included.
    Terminated {
        /// How long the preStop hook sleeps.
        pre_stop: Duration,
        /// The whole time it has.
        grace: Duration,
    },
    /// SIGKILL at once, as when its machine goes.
    Killed,
    /// A request wants more memory than its container has: SIGKILL by the kernel.
    OutOfMemory,
}

/// What was seen of it.
#[derive(Debug, Clone)]
pub(super) struct Ended {
    /// The service's own gauges just before the signal: works in flight and queued.
    pub(super) in_flight: u64,
    /// The exit code.
    pub(super) exit_code: i64,
    /// When the signal was sent.
    pub(super) signalled: Moment,
    /// From the signal to the end.
    pub(super) took: Duration,
}

/// The deletion of one replica.
pub(super) struct Deleted {
    node: String,
    end: End,
    /// How long after the deletion the endpoint is removed; `None`: not before it is gone.
    unrouted_after: Option<Duration>,
    router: Arc<Router>,
    clock: Clock,
    ended: Arc<OnceLock<Ended>>,
}

impl Deleted {
    /// As in the report: the endpoint goes at once, SIGTERM comes at once, and there are
    /// 30 s.
    pub(super) fn new(node: &str, router: &Arc<Router>, clock: Clock) -> Self {
        Self {
            node: node.into(),
            end: End::Terminated { pre_stop: Duration::ZERO, grace: Duration::from_secs(30) },
            unrouted_after: Some(Duration::ZERO),
            router: Arc::clone(router),
            clock,
            ended: Arc::default(),
        }
    }

    /// Another way to end.
    pub(super) fn by(self, end: End) -> Self {
        Self { end, ..self }
    }

    /// Its endpoint is removed later, or only when it is gone.
    pub(super) fn unrouted_after(self, after: Option<Duration>) -> Self {
        Self { unrouted_after: after, ..self }
    }

    /// Where to read afterwards what was seen of it.
    pub(super) fn ended(&self) -> Arc<OnceLock<Ended>> {
        Arc::clone(&self.ended)
    }

    /// Removes the endpoint when it is time.
    async fn unroute(&self) {
        if let Some(after) = self.unrouted_after {
            tokio::time::sleep(after).await;
            self.router.unroute(&self.node);
        }
    }

    async fn end(&self, node: &Node) -> Result<Ended> {
        if let End::Terminated { pre_stop, .. } = self.end {
            tokio::time::sleep(pre_stop).await;
        }
        let in_flight = in_flight(node).await?;
        let (signalled, begun) = (self.clock.now(), Instant::now());
        match self.end {
            End::Terminated { pre_stop, grace } => {
                let left = grace.saturating_sub(pre_stop);
                node.stop(i32::try_from(left.as_secs()).unwrap_or(i32::MAX)).await?;
            }
            End::Killed => node.signal("KILL").await?,
            End::OutOfMemory => exhaust(node).await?,
        }
        let took = begun.elapsed();
        Ok(Ended { in_flight, exit_code: node.state().await?.exit_code, signalled, took })
    }
}

/// Asks for a report of 4 GiB, and waits for the end of the container.
async fn exhaust(node: &Node) -> Result<()> {
    let report = format!("http://{}:{PORT}/export?mebibytes=4096", node.ip());
    // The kernel answers, by ending the connection; or nobody does, for want of memory.
    let _ = reqwest::Client::new().get(report).timeout(Duration::from_secs(5)).send().await;
    let end = || async {
        match node.state().await {
            Ok(state) if state.running => Look::NotYet("it still runs".into()),
            Ok(_) => Look::Ready(()),
            Err(error) => Look::Never(error),
        }
    };
    wait::until("the kernel to end the container", Duration::from_secs(20), end).await
}

/// The works in memory, by the service's own word. One that says nothing has not said 0.
async fn in_flight(node: &Node) -> Result<u64> {
    let gauges = probes::gauges(&reqwest::Client::new(), node.ip()).await;
    let gauge = |name: &str| gauges.get(name)?.parse::<u64>().ok();
    gauge("bg_inflight").zip(gauge("bg_queued")).map(|(running, queued)| running + queued).ok_or_else(|| {
        Error::inconclusive(format!("{} does not say what it has in flight: {}", node.name(), describe(&gauges)))
    })
}

impl fmt::Debug for Deleted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Deleted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.end {
            End::Terminated { grace, .. } => write!(f, "{} terminated with {grace:?} of grace", self.node),
            End::Killed => write!(f, "{} killed", self.node),
            End::OutOfMemory => write!(f, "{} out of memory", self.node),
        }
    }
}

#[async_trait]
impl Fault for Deleted {
    async fn inject(&self, bed: &Testbed) -> Result<Undo> {
        let node = bed.node(&self.node)?;
        self.router.leaves(&self.node);
        let ((), ended) = tokio::join!(self.unroute(), self.end(node));
        self.router.is_gone(&self.node);
        let _ = self.ended.set(ended?);
        Ok(Undo::none())
    }

    async fn effect(&self, bed: &Testbed) -> Result<Effect> {
        let NodeStatus { running, oom_killed, .. } = bed.node(&self.node)?.state().await?;
        let as_meant = oom_killed == matches!(self.end, End::OutOfMemory);
        Ok(Effect::new(!running && as_meant, format!("running: {running}, killed for want of memory: {oom_killed}")))
    }
}
