//! The deployed service.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use async_trait::async_trait;
use reenact::{
    Error, Result,
    fault::OnTestbed,
    incident::{Lab, System},
    judge::Contents,
    poll::Look,
    probe::{LogTail, Machine, Ports, Probe},
    runbook::Hands,
    testbed::{Node, Testbed},
    workload::{Ledger, Traffic, Workload},
};
use tokio::time::timeout;

use super::{
    super::{
        DB,
        faults::{Ends, Replicated},
        router::Router,
        stories::LEAVER,
    },
    caller::Caller,
    effects::{self, Counted},
    fate::Refused,
    file::{File, PreStop},
    pusher::{Pusher, Target},
    web::Web,
};

/// How many updates are looked at one by one just before a deletion, the newest first: a
/// look at all of them would take longer than their work.
const LOOKED_AT: usize = 200;

/// The service, the containers that it needs, and what was seen of it.
pub(super) struct Own {
    pub(super) file: &'static File,
    pub(super) bed: Testbed,
    pub(super) router: Arc<Router>,
    pub(super) ends: Ends,
    pub(super) ledger: Arc<Ledger>,
    /// The queue that its updates come through, if they do.
    pub(super) queue: Option<Target>,
    pub(super) refused: Arc<Refused>,
    /// What took effect, as it was counted for the judge.
    pub(super) counted: Mutex<Counted>,
    /// What became of the preStop hook's command.
    pub(super) pre_stop: Mutex<Option<String>>,
}

impl Own {
    /// Why not every replica is ready.
    pub(super) async fn unready(&self) -> Option<String> {
        let (all, routed) = (self.file.replicas().len(), self.router.routed());
        if routed < all {
            return Some(format!("{routed} of {all} replicas are ready; {}", self.router.missing().join("; ")));
        }
        self.router.unready().await
    }

    /// The replica that ends.
    pub(super) fn leaver(&self) -> Result<&Node> {
        self.bed.node(LEAVER)
    }

    /// How many of these updates have no effect yet; the newest, where one must be asked
    /// for each.
    pub(super) async fn without_effect(&self, ids: &[u64]) -> Result<usize> {
        let one_by_one = self.file.effects.get_ref().http.is_some();
        let skipped = if one_by_one { ids.len().saturating_sub(LOOKED_AT) } else { 0 };
        let counted = self.count(&ids[skipped..]).await?;
        Ok(ids[skipped..].iter().filter(|id| !counted.contains_key(id)).count())
    }

    /// Counts what took effect; where one must be asked for each, of these.
    async fn count(&self, ids: &[u64]) -> Result<Counted> {
        let effects = self.file.effects.get_ref();
        if let Some(query) = &effects.sql {
            return effects::by_sql(self.bed.node(DB)?.ip(), query).await;
        }
        if let Some(command) = &effects.command {
            return effects::by_command(&self.bed, command).await;
        }
        let http = effects.http.as_ref().ok_or_else(|| Error::Bug("a file without effects was read".into()))?;
        effects::by_http(&self.router, &Web::new(self.file), http, ids).await
    }

    fn counted(&self) -> Counted {
        self.counted.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The updates whose clients were told no, and whether each took effect all the same, as
    /// it was counted for the judge.
    pub(super) fn refused(&self) -> HashMap<u64, bool> {
        let counted = self.counted();
        self.refused.ids().into_iter().map(|id| (id, counted.contains_key(&id))).collect()
    }

    /// What became of the preStop hook's command, if there was one.
    pub(super) fn pre_stop(&self) -> Option<String> {
        self.pre_stop.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl OnTestbed for Own {
    fn bed(&self) -> &Testbed {
        &self.bed
    }
}

#[async_trait]
impl Replicated for Own {
    fn router(&self) -> &Router {
        &self.router
    }

    fn ends(&self) -> &Ends {
        &self.ends
    }

    /// Whatever it has in memory, it need not say.
    async fn in_flight(&self, _: &Node) -> Result<u64> {
        Ok(0)
    }

    /// A hook that fails is told and changes nothing else, as in Kubernetes.
    async fn pre_stop(&self, replica: &Node, limit: Duration) -> Result<()> {
        let Some(PreStop::Command(command)) = self.file.stop.hook() else { return Ok(()) };
        let (words, begun): (Vec<_>, _) = (command.iter().map(String::as_str).collect(), Instant::now());
        let became = match timeout(limit, replica.exec(&words)).await {
            Ok(Ok(output)) => {
                let took = begun.elapsed().as_secs_f64();
                let said = output.text.trim();
                let said = if output.code == 0 || said.is_empty() { String::new() } else { format!(": {said}") };
                format!("exit code {} after {took:.2} s{said}", output.code)
            }
            Ok(Err(error)) => format!("it could not be run: {error}"),
            Err(_) => format!("it had not ended when the grace of {limit:?} was over"),
        };
        *self.pre_stop.lock().unwrap_or_else(PoisonError::into_inner) = Some(became);
        Ok(())
    }
}

#[async_trait]
impl System for Own {
    type Setup = &'static File;

    fn hands(&self) -> Box<dyn Hands> {
        self.bed.hands()
    }

    fn traffic(&self) -> Traffic {
        self.file.load.traffic()
    }

    fn probes(&self) -> Vec<(Duration, Box<dyn Probe>)> {
        let often = Duration::from_millis(250);
        let mut probes: Vec<(Duration, Box<dyn Probe>)> = Vec::new();
        for node in self.bed.nodes() {
            probes.push((often, Box::new(Machine::new(node))));
        }
        for node in self.bed.nodes().iter().filter(|node| self.file.replicas().contains(&node.name())) {
            probes.push((Duration::ZERO, Box::new(LogTail::new(node))));
            if let Some(port) = self.file.service.port {
                probes.push((often, Box::new(Ports::new(node, &[port]))));
            }
        }
        probes
    }

    fn start_workload(&self, lab: &Lab, traffic: Traffic) -> Workload {
        let (ledger, seed, refused) = (lab.ledger(), lab.plan().seed, Arc::clone(&self.refused));
        if let Some(target) = self.queue.clone() {
            return Workload::start(ledger, seed, traffic, 1, move |_| {
                Pusher::new(target.clone(), Arc::clone(&refused))
            });
        }
        let (router, file) = (Arc::clone(&self.router), self.file);
        let caller = move |_| Caller::new(Arc::clone(&router), file, Arc::clone(&refused));
        Workload::start(ledger, seed, traffic, 1, caller)
    }

    /// The updates of the workload that took effect. Other rows, such as those that the
    /// database began with, are none of its business.
    async fn contents(&self) -> Result<Vec<(String, Contents)>> {
        let written: HashMap<u64, u64> =
            self.ledger.read(|entries| entries.iter().map(|entry| (entry.id, entry.value)).collect());
        let mut ids: Vec<_> = written.keys().copied().collect();
        ids.sort_unstable();
        let mut counted = self.count(&ids).await?;
        counted.retain(|id, _| written.contains_key(id));
        let contents = counted.keys().map(|id| (*id, written[id])).collect();
        *self.counted.lock().unwrap_or_else(PoisonError::into_inner) = counted;
        Ok(vec![("effects".into(), contents)])
    }

    async fn repeated(&self) -> Result<BTreeSet<u64>> {
        Ok(self.counted().iter().filter(|(_, times)| **times > 1).map(|(id, _)| *id).collect())
    }

    async fn healthy(&self) -> Look<()> {
        self.router.unready().await.map_or(Look::Ready(()), Look::NotYet)
    }
}
