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

use reenact::testbed::Node;
use reqwest::Client;
use tokio::task::AbortHandle;

use super::PORT;

/// How often a replica's readiness is asked, and how long the answer may take: what
/// Kubernetes allows before it takes an endpoint away, three tries of a second.
const EVERY: Duration = Duration::from_millis(100);
const LIMIT: Duration = Duration::from_secs(3);

/// A replica as the router knows it.
#[derive(Debug, Clone)]
struct Endpoint {
    name: String,
    ip: Ipv4Addr,
    routed: bool,
    /// Its deletion has begun: its readiness does not matter any more.
    leaving: bool,
}

/// Where replicas are asked for their readiness.
#[derive(Debug, Clone)]
pub(super) struct Readiness {
    /// The port.
    pub(super) port: u16,
    /// The path, which answers 2xx.
    pub(super) path: String,
}

/// The endpoints, and the task that asks for their readiness.
pub(super) struct Router {
    readiness: Readiness,
    endpoints: Mutex<Vec<Endpoint>>,
    next: AtomicUsize,
    asking: Mutex<Option<AbortHandle>>,
}

impl Router {
    /// Asks these nodes for their readiness from now on.
    pub(super) fn start<'a>(nodes: impl Iterator<Item = &'a Node>) -> Arc<Self> {
        Self::asking(nodes, Readiness { port: PORT, path: "/health".into() })
    }

    /// The same of services that say it elsewhere.
    pub(super) fn asking<'a>(nodes: impl Iterator<Item = &'a Node>, readiness: Readiness) -> Arc<Self> {
        let endpoint =
            |node: &Node| Endpoint { name: node.name().into(), ip: node.ip(), routed: false, leaving: false };
        let endpoints = Mutex::new(nodes.map(endpoint).collect());
        let router = Arc::new(Self { readiness, endpoints, next: AtomicUsize::new(0), asking: Mutex::new(None) });
        let asked = Arc::downgrade(&router);
        let task = tokio::spawn(async move {
            let client = Client::new();
            while let Some(router) = asked.upgrade() {
                router.ask(&client).await;
                drop(router);
                tokio::time::sleep(EVERY).await;
            }
        });
        *router.asking.lock().unwrap_or_else(PoisonError::into_inner) = Some(task.abort_handle());
        router
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Endpoint>> {
        self.endpoints.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn ask(&self, client: &Client) {
        let staying: Vec<_> = self.lock().iter().filter(|endpoint| !endpoint.leaving).cloned().collect();
        // Side by side: one that is gone answers nothing for as long as the limit.
        let ask = |Endpoint { name, ip, .. }: Endpoint| async move {
            let ready = self.readiness.holds(client, ip).await;
            for endpoint in self.lock().iter_mut().filter(|endpoint| endpoint.name == name && !endpoint.leaving) {
                endpoint.routed = ready;
            }
        };
        futures::future::join_all(staying.into_iter().map(ask)).await;
    }

    /// The endpoint of the next request.
    pub(super) fn pick(&self) -> Option<(String, Ipv4Addr)> {
        let endpoints = self.lock();
        let routed: Vec<_> = endpoints.iter().filter(|endpoint| endpoint.routed).collect();
        let next = self.next.fetch_add(1, Ordering::Relaxed);
        routed.get(next % routed.len().max(1)).map(|endpoint| (endpoint.name.clone(), endpoint.ip))
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
        self.lock().iter_mut().filter(|endpoint| endpoint.name == name).for_each(change);
    }

    /// Why clients are not served; `None`: they are.
    pub(super) async fn unready(&self) -> Option<String> {
        let routed: Vec<_> = self.lock().iter().filter(|endpoint| endpoint.routed).cloned().collect();
        if routed.is_empty() {
            return Some("no replica is ready".into());
        }
        let client = Client::new();
        for Endpoint { name, ip, .. } in routed {
            if !self.readiness.holds(&client, ip).await {
                return Some(format!("{name} is not healthy"));
            }
        }
        None
    }
}

impl Drop for Router {
    fn drop(&mut self) {
        if let Some(task) = self.asking.lock().unwrap_or_else(PoisonError::into_inner).take() {
            task.abort();
        }
    }
}

impl Readiness {
    async fn holds(&self, client: &Client, ip: Ipv4Addr) -> bool {
        let Self { port, path } = self;
        let answer = client.get(format!("http://{ip}:{port}{path}")).timeout(LIMIT).send().await;
        answer.is_ok_and(|response| response.status().is_success())
    }
}
