//! A replica is deleted, the way Kubernetes deletes a pod.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use async_trait::async_trait;
use reenact::{
    Error, Result,
    campaign::Span,
    fault::{self, Effect, Fault, OnTestbed, Undo},
    poll::{self, Look},
    probe::{Clock, Moment},
    testbed::Node,
};
use schemars::JsonSchema;
use serde::{
    Deserialize,
    de::{IntoDeserializer, value::StrDeserializer},
};

use super::{PORT, probes, router::Router};
use crate::answer::describe;

/// What the kubelet leaves for SIGTERM at the least, however long the preStop hook took.
const LEAST_LEFT: Duration = Duration::from_secs(2);

/// How a replica ends.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum End {
    /// SIGTERM after the preStop hook, and SIGKILL when the grace is over. As in
    /// Kubernetes the grace counts from the deletion, the preStop hook included.
    Terminated {
        /// How long the preStop hook sleeps.
        pre_stop: Span,
        /// The whole time it has.
        grace: Span,
    },
    /// SIGKILL at once, as when its machine goes.
    Killed,
    /// A request wants more memory than its container has: SIGKILL by the kernel.
    OutOfMemory,
}

impl Default for End {
    /// SIGTERM at once, and the report's 30 s.
    fn default() -> Self {
        Self::terminated(Duration::ZERO, Duration::from_secs(30))
    }
}

impl End {
    /// SIGTERM after a preStop hook of that length, and so much grace in all.
    pub(super) const fn terminated(pre_stop: Duration, grace: Duration) -> Self {
        Self::Terminated { pre_stop: Span(pre_stop), grace: Span(grace) }
    }
}

/// When the endpoint goes: after a time, or `never`, that is, only with the replica.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(try_from = "String")]
pub(super) struct Unrouted(pub(super) Option<Duration>);

impl Default for Unrouted {
    fn default() -> Self {
        Self(Some(Duration::ZERO))
    }
}

impl TryFrom<String> for Unrouted {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text == "never" {
            return Ok(Self(None));
        }
        let deserializer: StrDeserializer<'_, serde::de::value::Error> = text.as_str().into_deserializer();
        let span = Span::deserialize(deserializer);
        span.map(|span| Self(Some(span.0)))
            .map_err(|error| format!("expected a time such as \"2s\", or \"never\": {error}"))
    }
}

/// What was seen of a replica's end.
#[derive(Debug, Clone)]
pub(super) struct Ended {
    /// The service's own gauges just before the signal: works in flight and queued. 0 of a
    /// system that has none.
    pub(super) in_flight: u64,
    /// The exit code.
    pub(super) exit_code: i64,
    /// When the signal was sent.
    pub(super) signalled: Moment,
    /// From the signal to the end.
    pub(super) took: Duration,
    /// From SIGTERM to the SIGKILL that would have come.
    pub(super) time_left: Duration,
}

/// How each replica ended when it was last deleted.
pub(super) struct Ends {
    clock: Clock,
    seen: Mutex<BTreeMap<String, Ended>>,
}

impl Ends {
    /// None yet; their moments are those of this clock.
    pub(super) fn new(clock: Clock) -> Self {
        Self { clock, seen: Mutex::default() }
    }

    /// How that replica ended.
    ///
    /// # Errors
    /// [`Error::Bug`] if it was not deleted.
    pub(super) fn of(&self, node: &str) -> Result<Ended> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.get(node).cloned().ok_or_else(|| Error::Bug(format!("{node} was not deleted")))
    }

    fn put(&self, node: &str, ended: Ended) {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).insert(node.into(), ended);
    }
}

/// A system whose replicas stand behind a router, so that they can be deleted.
#[async_trait]
pub(super) trait Replicated: OnTestbed {
    /// Who routes the requests.
    fn router(&self) -> &Router;

    /// What was seen of the deletions.
    fn ends(&self) -> &Ends;

    /// The works that a replica has in memory, by its own word.
    async fn in_flight(&self, replica: &Node) -> Result<u64>;

    /// Runs a command of the preStop hook in a replica, where there is one; gives up after
    /// the limit.
    async fn pre_stop(&self, _replica: &Node, _limit: Duration) -> Result<()> {
        Ok(())
    }
}

/// The deletion of one replica.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Deleted {
    /// The replica.
    pub(super) node: String,
    /// How it ends.
    #[serde(default)]
    pub(super) end: End,
    /// From the deletion until its endpoint is removed.
    #[serde(default)]
    pub(super) unrouted_after: Unrouted,
}

impl Deleted {
    /// As in the report: the endpoint goes at once, SIGTERM comes at once, and there are
    /// 30 s.
    pub(super) fn of(node: &str) -> Self {
        Self { node: node.into(), end: End::default(), unrouted_after: Unrouted::default() }
    }

    /// Another way to end.
    pub(super) fn by(self, end: End) -> Self {
        Self { end, ..self }
    }

    /// Its endpoint is removed that much later, or (`None`) only when it is gone.
    pub(super) fn unrouted_after(self, after: Option<Duration>) -> Self {
        Self { unrouted_after: Unrouted(after), ..self }
    }

    /// Removes the endpoint when it is time.
    async fn unroute(&self, router: &Router) {
        if let Unrouted(Some(after)) = self.unrouted_after {
            tokio::time::sleep(after).await;
            router.unroute(&self.node);
        }
    }

    async fn end(&self, system: &impl Replicated, node: &Node) -> Result<Ended> {
        let time_left = match self.end {
            End::Terminated { pre_stop, grace } => before_term(system, node, pre_stop.0, grace.0).await?,
            End::Killed | End::OutOfMemory => Duration::ZERO,
        };
        let in_flight = system.in_flight(node).await?;
        let (signalled, begun) = (system.ends().clock.now(), Instant::now());
        match self.end {
            End::Terminated { .. } => node.stop(i32::try_from(time_left.as_secs()).unwrap_or(i32::MAX)).await?,
            End::Killed => node.signal("KILL").await?,
            End::OutOfMemory => exhaust(node).await?,
        }
        let took = begun.elapsed();
        Ok(Ended { in_flight, exit_code: node.state().await?.exit_code, signalled, took, time_left })
    }
}

/// The preStop hook; gives the time from SIGTERM to SIGKILL, in whole seconds as the kubelet
/// counts: the grace without what the hook took, and two seconds at the least.
async fn before_term(system: &impl Replicated, node: &Node, pause: Duration, grace: Duration) -> Result<Duration> {
    let begun = Instant::now();
    tokio::time::sleep(pause).await;
    system.pre_stop(node, grace.saturating_sub(pause)).await?;
    let hook = Duration::from_secs(begun.elapsed().as_secs());
    Ok(grace.saturating_sub(hook).max(LEAST_LEFT.min(grace)))
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
    poll::until("the kernel to end the container", Duration::from_secs(20), end).await
}

/// The works in memory, by our services' own word. One that says nothing has not said 0.
pub(super) async fn in_flight(node: &Node) -> Result<u64> {
    let gauges = probes::gauges(&reqwest::Client::new(), node.ip()).await;
    let gauge = |name: &str| gauges.get(name)?.parse::<u64>().ok();
    gauge("bg_inflight").zip(gauge("bg_queued")).map(|(running, queued)| running + queued).ok_or_else(|| {
        Error::inconclusive(format!("{} does not say what it has in flight: {}", node.name(), describe(&gauges)))
    })
}

impl fmt::Display for Deleted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.end {
            End::Terminated { grace, .. } => write!(f, "{} terminated with {:?} of grace", self.node, grace.0),
            End::Killed => write!(f, "{} killed", self.node),
            End::OutOfMemory => write!(f, "{} out of memory", self.node),
        }
    }
}

#[async_trait]
impl<S: Replicated> Fault<S> for Deleted {
    async fn inject(&self, system: &S) -> Result<Undo> {
        let (node, router, ends) = (system.bed().node(&self.node)?, system.router(), system.ends());
        router.leaves(&self.node);
        let ((), ended) = tokio::join!(self.unroute(router), self.end(system, node));
        router.is_gone(&self.node);
        ends.put(&self.node, ended?);
        Ok(Undo::none())
    }

    async fn effect(&self, system: &S) -> Result<Effect> {
        let gone = fault::with_processes(system.bed(), std::slice::from_ref(&self.node), 0).await?;
        // Why the kernel ended it is known to the daemon alone, once its control group is gone.
        let oom_killed = system.bed().node(&self.node)?.state().await?.oom_killed;
        let as_meant = oom_killed == matches!(self.end, End::OutOfMemory);
        Ok(Effect::new(gone.holds && as_meant, format!("{}, killed for want of memory: {oom_killed}", gone.seen)))
    }

    fn is_lasting(&self) -> bool {
        true
    }
}

/// Where a rollout puts a replica's settings.
const SETTINGS: &str = "/etc/service.env";

/// A replica's settings have a value that the service does not take. It reads them when it
/// starts.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SettingBroken {
    /// The replica.
    pub(super) node: String,
}

impl fmt::Display for SettingBroken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a setting of {} that the service does not take", self.node)
    }
}

#[async_trait]
impl<S: OnTestbed> Fault<S> for SettingBroken {
    async fn inject(&self, system: &S) -> Result<Undo> {
        let written =
            system.bed().node(&self.node)?.exec(&["bash", "-c", &format!("echo WORKERS=80k >{SETTINGS}")]).await?;
        match written.code {
            0 => Ok(Undo::none()),
            _ => Err(Error::inconclusive(format!("the settings were not written: {}", written.text.trim()))),
        }
    }

    async fn effect(&self, system: &S) -> Result<Effect> {
        let bed = system.bed();
        let said = bed.node(&self.node)?.read(bed.shell(), SETTINGS).await?.unwrap_or_default();
        Ok(Effect::new(said.trim() == "WORKERS=80k", format!("{SETTINGS}: {said}")))
    }

    fn is_lasting(&self) -> bool {
        true
    }
}
