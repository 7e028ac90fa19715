//! A session: one process's claim on the daemon, and what it has made there.

use std::{
    collections::HashMap,
    fs,
    net::Ipv4Addr,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    thread,
};

use bollard::Docker;
use tokio::sync::{Mutex, OnceCell, Semaphore, SemaphorePermit};

use super::{
    OWNER_LABEL, Owner, SESSION_LABEL, docker,
    helper::{Helper, Reach},
    leftovers::{Held, Leftovers},
    owner, probe,
    reaper::Reaper,
    strays::Strays,
};
use reenact_core::{Error, Result};

/// The end of the id of a session that may leave something on purpose.
const KEPT: &str = "-keep";

/// One process's use of the daemon, from [`Session::open`] to [`Session::close`].
///
/// If the process dies before, the [`super::reaper`] removes what it made.
pub struct Session {
    docker: Docker,
    id: String,
    token: u32,
    count: AtomicU32,
    owner: Owner,
    results: PathBuf,
    reaper: Reaper,
    helper: OnceCell<Helper>,
    disk_helper: OnceCell<Helper>,
    images: Mutex<HashMap<String, String>>,
    exporters: OnceCell<String>,
    operator: OnceCell<String>,
    reached: OnceCell<()>,
    kept: AtomicBool,
    cut_off: AtomicBool,
    bursts: Semaphore,
}

/// Held while requests to make something are under way. Dropped before
/// [`Making::done`] it tells the session that the daemon may still be at it.
#[must_use = "say `done` when all requests were answered"]
pub(super) struct Making<'a>(Option<&'a AtomicBool>);

impl Making<'_> {
    /// All requests were answered.
    pub(super) fn done(mut self) {
        self.0 = None;
    }
}

impl Drop for Making<'_> {
    fn drop(&mut self) {
        if let Some(cut_off) = self.0 {
            cut_off.store(true, Ordering::Relaxed);
        }
    }
}

impl Session {
    /// Connects, sweeps what dead sessions left, starts the reaper and makes the
    /// folder `results/<time>-<token>`. `images` replaces images by name: `galera` to
    /// `my/galera:11.4`, say. With `keep`, later starts do not sweep what this session
    /// leaves; `reenact clean` does.
    ///
    /// # Errors
    /// [`Error::Environment`] if there is no daemon or no `/proc`; [`Error::File`]
    /// if the results' folder cannot be made.
    pub async fn open(results: &Path, images: HashMap<String, String>, keep: bool) -> Result<Arc<Self>> {
        let docker = docker::connect().await?;
        let (owner, token) = (Owner::this_process(&docker).await?, owner::token()?);
        for image in images.values() {
            let missing = |error| Error::environment(format!("{error}"), format!("`docker pull {image}`, or build it"));
            docker.inspect_image(image).await.map_err(missing)?;
        }
        // A reaper or another start may be at the same things just now.
        match sweep(&docker, SweepScope::Dead, false).await {
            Ok(Swept { held, .. }) if !held.is_empty() => tracing::warn!("{}; {}", held.count(), Held::WAY_OUT),
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, "what a dead session left is still there"),
        }
        let now = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%SZ");
        let id = format!("{now}-{token:08x}{}", if keep { KEPT } else { "" });
        let results = std::path::absolute(results.join(&id)).map_err(Error::file("find", results))?;
        fs::create_dir_all(&results).map_err(Error::file("create", &results))?;
        let reaper = Reaper::start(&id).await?;
        let (helper, disk_helper, images) = (OnceCell::new(), OnceCell::new(), Mutex::new(images));
        let (kept, cut_off) = (AtomicBool::new(false), AtomicBool::new(false));
        let count = AtomicU32::new(0);
        let bursts = Semaphore::new(thread::available_parallelism().map_or(1, usize::from));
        Ok(Arc::new(Self {
            docker,
            id,
            token,
            count,
            owner,
            results,
            reaper,
            helper,
            disk_helper,
            images,
            exporters: OnceCell::new(),
            operator: OnceCell::new(),
            reached: OnceCell::new(),
            kept,
            cut_off,
            bursts,
        }))
    }

    /// The daemon.
    pub fn docker(&self) -> &Docker {
        &self.docker
    }

    /// The session's id, which is also its label's value.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The processes of this machine that are started for it.
    pub fn strays(&self) -> Strays {
        Strays::of(&self.id)
    }

    /// The folder that the session's runs are kept in.
    pub fn results(&self) -> &Path {
        &self.results
    }

    /// The images that are ready, by name; locked while one is being built.
    pub(super) fn images(&self) -> &Mutex<HashMap<String, String>> {
        &self.images
    }

    /// The volume with the exporters' programs, where they are offered.
    pub(super) fn exporters(&self) -> &OnceCell<String> {
        &self.exporters
    }

    /// The volume with the operator's programs, where one is expected.
    /// Makes sure, once, that the clients of this process reach the containers' addresses. A harness in a
    /// container on another network does not, and all that it watches would look dead.
    ///
    /// # Errors
    /// [`Error::Environment`] if they do not.
    pub(super) async fn reaches(&self, address: Ipv4Addr) -> Result<()> {
        self.reached.get_or_try_init(|| probe::reached(address)).await.copied()
    }

    pub(super) fn operator(&self) -> &OnceCell<String> {
        &self.operator
    }

    /// The helper container that reaches so far, started at the first call.
    ///
    /// # Errors
    /// [`Error::Environment`] if its image cannot be had or its rights are refused.
    pub(super) async fn helper(&self, reach: Reach) -> Result<&Helper> {
        let helper = match reach {
            Reach::Networks => &self.helper,
            Reach::Disks => &self.disk_helper,
        };
        helper.get_or_try_init(|| Helper::start(self, reach)).await
    }

    /// Runs a command in the helper by an exec of its own, as other tools do for
    /// each fault. For the benchmark.
    pub async fn exec_in_helper(&self, command: &[&str]) -> Result<(i64, String)> {
        let output = super::node::exec(&self.docker, self.helper(Reach::Networks).await?.container(), command).await;
        let output = output.map_err(Error::docker("run a command in the helper"))?;
        Ok((output.code, output.text))
    }

    /// A number that no other object of this session has.
    pub fn next(&self) -> u32 {
        self.count.fetch_add(1, Ordering::Relaxed)
    }

    /// What only this session has, on this machine and in all its containers.
    pub(super) fn token(&self) -> u32 {
        self.token
    }

    /// The labels that every object of this session bears.
    pub(super) fn labels(&self) -> HashMap<String, String> {
        HashMap::from([(SESSION_LABEL.into(), self.id.clone()), (OWNER_LABEL.into(), self.owner.to_string())])
    }

    /// Leaves what a run made where it is, at the end of the session too. Only for a
    /// session that was opened for keeping.
    pub fn keep(&self) {
        self.kept.store(true, Ordering::Relaxed);
    }

    /// To be held while testbeds are made or removed, which keeps a processor busy for
    /// seconds: as many do so at once as there are processors.
    pub(super) async fn burst(&self) -> Option<SemaphorePermit<'_>> {
        self.bursts.acquire().await.ok()
    }

    /// To be held while requests to make something are under way.
    pub(super) fn making(&self) -> Making<'_> {
        Making(Some(&self.cut_off))
    }

    /// Whether the making of something was cut off: the daemon may still be at it.
    pub(super) fn was_cut_off(&self) -> bool {
        self.cut_off.load(Ordering::Relaxed)
    }

    /// Removes what is left, unless it is to be kept, and dismisses the reaper; but
    /// where the making of something was cut off, the reaper first waits for what the
    /// daemon may still bring forth.
    ///
    /// # Errors
    /// [`Error::Docker`] if something cannot be removed; the reaper will try again.
    /// [`Error::Inconclusive`] if the daemon does not give back a network.
    pub async fn close(&self) -> Result<()> {
        self.strays().end();
        let mut held = Held::default();
        if !self.kept.load(Ordering::Relaxed) {
            if self.was_cut_off() {
                self.reaper.finish().await?;
            }
            let left = Leftovers::find(&self.docker, &format!("{SESSION_LABEL}={}", self.id)).await?;
            held = left.remove(&self.docker).await?;
        }
        self.reaper.dismiss();
        // Goes only if no run was kept in it.
        let _ = fs::remove_dir(&self.results);
        held.none_is_left()
    }
}

/// Which sessions' leavings to remove.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SweepScope {
    /// Those of dead processes that did not ask to keep them.
    Dead,
    /// Those of everybody, living sessions too.
    Everybody,
}

/// What came of a sweep.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Swept {
    /// What was removed.
    pub removed: Leftovers,
    /// What the daemon does not give back.
    pub held: Held,
}

/// Removes what sessions left, and says what it was. What was kept on purpose is
/// removed when `kept` says so.
///
/// # Errors
/// [`Error::Docker`] if the daemon cannot tell, or for the first thing that it could
/// not remove; all the others are tried all the same.
pub async fn sweep(docker: &Docker, scope: SweepScope, kept: bool) -> Result<Swept> {
    let here = Owner::this_process(docker).await?;
    let (mut swept, mut outcome) = (Swept::default(), Ok(()));
    for (session, owner) in sessions(docker).await? {
        let dead = match owner.parse::<Owner>() {
            Ok(owner) => owner.is_dead(&here, docker).await,
            Err(()) => false,
        };
        if !(dead || scope == SweepScope::Everybody) {
            continue;
        }
        if session.ends_with(KEPT) && !kept {
            continue;
        }
        let left = Leftovers::find(docker, &format!("{SESSION_LABEL}={session}")).await?;
        tracing::info!(session, %left, "sweeping what a dead session left");
        match left.remove(docker).await {
            Ok(held) => {
                swept.removed.extend(left.without(&held));
                swept.held.extend(held);
            }
            Err(error) => outcome = outcome.and(Err(error)),
        }
    }
    outcome.map(|()| swept)
}

/// Every session that has something on the daemon, with its owner's label.
async fn sessions(docker: &Docker) -> Result<HashMap<String, String>> {
    use bollard::query_parameters::{
        ListContainersOptionsBuilder, ListNetworksOptionsBuilder, ListVolumesOptionsBuilder,
    };
    let filters = HashMap::from([("label", vec![SESSION_LABEL])]);
    let containers = ListContainersOptionsBuilder::new().all(true).filters(&filters).build();
    let networks = ListNetworksOptionsBuilder::new().filters(&filters).build();
    let volumes = ListVolumesOptionsBuilder::new().filters(&filters).build();
    let (containers, networks, volumes) = tokio::try_join!(
        docker.list_containers(Some(containers)),
        docker.list_networks(Some(networks)),
        docker.list_volumes(Some(volumes)),
    )
    .map_err(Error::docker("list sessions"))?;
    let containers = containers.into_iter().filter_map(|container| container.labels);
    let networks = networks.into_iter().filter_map(|network| network.labels);
    let volumes = volumes.volumes.unwrap_or_default().into_iter().map(|volume| volume.labels);
    let labels = containers.chain(networks).chain(volumes);
    Ok(labels.filter_map(|mut all| Some((all.remove(SESSION_LABEL)?, all.remove(OWNER_LABEL)?))).collect())
}
