//! The role of Kubernetes' endpoints and of a load balancer: clients reach the replicas
//! that are ready, and no others.
//!
//! It stands in the client's process, so that it is known of each request which replica
//! acknowledged it; an extra proxy would turn every kind of failure into its own.

use std::{
    net::Ipv4Addr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use reenact::testbed::Node;
use reqwest::Client;
use tokio::task::AbortHandle;

use super::PORT;

/// How often a replica's readiness is asked over the network.
pub(super) const ASKED_EVERY: Duration = Duration::from_millis(100);
/// How long the answer may take: what Kubernetes allows before it takes an endpoint away,
/// three tries of a second.
const LIMIT: Duration = Duration::from_secs(3);

/// A replica as the router knows it.
#[derive(Debug, Clone)]
struct Endpoint {
    node: Node,
    routed: bool,
    /// Why it was not ready when it was last asked.
    missing: Option<String>,
    /// Its deletion has begun: its readiness does not matter any more.
    leaving: bool,
}

/// How replicas tell whether they may get requests.
#[async_trait]
pub(super) trait Readiness: Send + Sync + 'static {
    /// Why this one may not; `None`: it may.
    async fn missing(&self, replica: &Node) -> Option<String>;

    /// How often that is asked.
    fn every(&self) -> Duration {
        ASKED_EVERY
    }
}

/// Our services answer 2xx at `/health`.
struct Health(Client);

#[async_trait]
impl Readiness for Health {
    async fn missing(&self, replica: &Node) -> Option<String> {
        let answer = self.0.get(format!("http://{}:{PORT}/health", replica.ip())).timeout(LIMIT).send().await;
        match answer {
            Ok(response) if response.status().is_success() => None,
            Ok(response) => Some(response.status().to_string()),
            Err(error) => Some(error.to_string()),
        }
    }
}

/// The endpoints, and the task that asks for their readiness.
pub(super) struct Router {
    readiness: Box<dyn Readiness>,
    endpoints: Mutex<Vec<Endpoint>>,
    next: AtomicUsize,
    asking: Mutex<Option<AbortHandle>>,
}

impl Router {
    /// Asks these nodes for their readiness from now on.
    pub(super) fn start<'a>(nodes: impl Iterator<Item = &'a Node>) -> Arc<Self> {
        Self::asking(nodes, Box::new(Health(Client::new())))
    }

    /// The same of services that say it elsewhere.
    pub(super) fn asking<'a>(nodes: impl Iterator<Item = &'a Node>, readiness: Box<dyn Readiness>) -> Arc<Self> {
        let endpoint = |node: &Node| Endpoint { node: node.clone(), routed: false, missing: None, leaving: false };
        let endpoints = Mutex::new(nodes.map(endpoint).collect());
        let router = Arc::new(Self { readiness, endpoints, next: AtomicUsize::new(0), asking: Mutex::new(None) });
        let asked = Arc::downgrade(&router);
        let task = tokio::spawn(async move {
            while let Some(router) = asked.upgrade() {
                router.ask().await;
                let every = router.readiness.every();
                drop(router);
                tokio::time::sleep(every).await;
            }
        });
        *router.asking.lock().unwrap_or_else(PoisonError::into_inner) = Some(task.abort_handle());
        router
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Endpoint>> {
        self.endpoints.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn ask(&self) {
        let staying: Vec<_> = self.lock().iter().filter(|endpoint| !endpoint.leaving).cloned().collect();
        // Side by side: one that is gone answers nothing for as long as the limit.
        let ask = |Endpoint { node, .. }: Endpoint| async move {
            let missing = self.readiness.missing(&node).await;
            self.change(node.name(), |endpoint| {
                if !endpoint.leaving {
                    (endpoint.routed, endpoint.missing) = (missing.is_none(), missing.clone());
                }
            });
        };
        futures::future::join_all(staying.into_iter().map(ask)).await;
    }

    /// The endpoint of the next request.
    pub(super) fn pick(&self) -> Option<(String, Ipv4Addr)> {
        let endpoints = self.lock();
        let routed: Vec<_> = endpoints.iter().filter(|endpoint| endpoint.routed).collect();
        let next = self.next.fetch_add(1, Ordering::Relaxed);
        routed.get(next % routed.len().max(1)).map(|endpoint| (endpoint.node.name().into(), endpoint.node.ip()))
    }

    /// How many replicas are routed to.
    pub(super) fn routed(&self) -> usize {
        self.lock().iter().filter(|endpoint| endpoint.routed).count()
    }

    /// A replica's deletion begins: whether it is routed to depends on nothing else now.
    pub(super) fn leaves(&self, name: &str) {
        self.change(name, |endpoint| endpoint.leaving = true);
    }

    /// It is no longer routed to.
    pub(super) fn unroute(&self, name: &str) {
        self.change(name, |endpoint| endpoint.routed = false);
    }

    /// It is gone. Should a replica of its name start, it is routed to when it is ready.
    pub(super) fn is_gone(&self, name: &str) {
        self.change(name, |endpoint| (endpoint.routed, endpoint.leaving) = (false, false));
    }

    fn change(&self, name: &str, change: impl Fn(&mut Endpoint)) {
        self.lock().iter_mut().filter(|endpoint| endpoint.node.name() == name).for_each(change);
    }

    /// Why clients are not served; `None`: they are.
    pub(super) async fn unready(&self) -> Option<String> {
        let routed: Vec<_> = self.lock().iter().filter(|endpoint| endpoint.routed).cloned().collect();
        if routed.is_empty() {
            return Some("no replica is ready".into());
        }
        for Endpoint { node, .. } in routed {
            if let Some(missing) = self.readiness.missing(&node).await {
                return Some(format!("{} is not healthy: {missing}", node.name()));
            }
        }
        None
    }

    /// Why the replicas that are not routed to were not ready when they were last asked.
    pub(super) fn missing(&self) -> Vec<String> {
        let told = |endpoint: &Endpoint| Some(format!("{}: {}", endpoint.node.name(), endpoint.missing.as_ref()?));
        self.lock().iter().filter(|endpoint| !endpoint.routed).filter_map(told).collect()
    }
}

impl Drop for Router {
    fn drop(&mut self) {
        if let Some(task) = self.asking.lock().unwrap_or_else(PoisonError::into_inner).take() {
            task.abort();
        }
    }
}
