//! A testbed: a network of its own, nodes with fixed addresses, and their disks.

use std::{collections::HashMap, fs, net::Ipv4Addr, path::Path, sync::Arc};

use bollard::{
    models::{
        ContainerCreateBody, EndpointIpamConfig, EndpointSettings, HostConfig, Ipam, IpamConfig, NetworkConnectRequest,
        NetworkCreateRequest, NetworkDisconnectRequest, NetworkingConfig,
    },
    query_parameters::{CreateContainerOptionsBuilder, LogsOptionsBuilder},
};
use futures::{StreamExt, future::try_join_all};

use super::{
    Device, Disk, Firewall, LAB_LABEL, Leftovers, Lines, Node, Session, Shell,
    disk::{Devices, mappings},
    helper::Reach,
    holder::Holder,
    node::{Disks, named},
    terminals::OnNodes,
};
use reenact_core::{Error, Result, runbook::Hands};

/// The pool that the testbeds' networks of 16 addresses are taken from.
const POOL: [u8; 2] = [10, 213];
/// How many networks the pool holds.
const NETWORKS: u32 = 4096;

/// How a node's `/run` is mounted. On fuse-overlayfs a folder whose files are removed at a boot
/// may lose those that are made after it.
const RUN: &str = "mode=755,size=64m";

/// What a node is made of; to be filled up with `..NodeSpec::default()`.
#[derive(Debug, Clone, Default)]
pub struct NodeSpec {
    /// Its name, such as `n1`.
    pub name: &'static str,
    /// The image's reference: see [`Session::image`].
    pub image: String,
    /// Its environment.
    pub env: Vec<String>,
    /// What it runs instead of the image's own command; empty: that one.
    pub command: Vec<&'static str>,
    /// Its disks: at most one volume, and any number of block devices.
    pub disks: Vec<Disk>,
    /// Whether it may write on its disks only, and not on its root file system.
    pub read_only: bool,
    /// Whether it is a machine with a single CPU; else it has all of the host's.
    pub single_cpu: bool,
    /// How much memory it has, in MiB, and no swap; `None`: as much as the host.
    pub memory: Option<u32>,
    /// Whether it is left switched off, for [`Node::start`] to come later.
    pub off: bool,
    /// Whether its `/run` is the image's own, as in a container; else it is in memory and empty
    /// at each boot, as a host's is.
    pub keeps_run: bool,
}

/// The running system; cheap to clone.
#[derive(Clone)]
pub struct Testbed(Arc<Inner>);

struct Inner {
    session: Arc<Session>,
    lab: String,
    network: String,
    nodes: Vec<Node>,
    reach: Reach,
    firewall: Firewall,
    faults: Shell,
    probes: Arc<Shell>,
}

impl Testbed {
    /// Makes the network and the disks and starts all nodes at once. `specs` gets
    /// each node's address.
    ///
    /// # Errors
    /// [`Error::Environment`] if the helper cannot start, [`Error::Docker`] if
    /// anything cannot be made.
    pub async fn create(
        session: &Arc<Session>,
        lab: &str,
        names: &[&'static str],
        specs: impl FnOnce(&HashMap<&'static str, Ipv4Addr>) -> Vec<NodeSpec>,
    ) -> Result<Self> {
        let _burst = session.burst().await;
        let making = session.making();
        let labels = labels(session, lab);
        let (network, first) = create_network(session, lab, &labels).await?;
        let address = |index: usize| Ipv4Addr::from(u32::from(first) + 2 + index as u32);
        let addresses: HashMap<_, _> = names.iter().enumerate().map(|(at, &name)| (name, address(at))).collect();
        let specs = specs(&addresses);
        let hosts = names.iter().map(|&name| format!("{name}:{}", addresses[name])).collect();
        let maker = Maker { session, labels: &labels, network: &network, hosts };
        let devices = maker.keep_devices(&specs).await?;
        let reach = if devices.is_empty() { Reach::Networks } else { Reach::Disks };
        let helper = session.helper(reach).await?;
        let table = format!("{:08x}_{}", session.token(), session.next());
        maker.set_desk().await?;
        let (keeper, firewall, faults, probes, ids) = tokio::try_join!(
            maker.keep_volumes(&specs),
            helper.firewall(session, &table),
            helper.shell(session),
            helper.shell(session),
            async {
                let start = |spec| maker.node(spec, addresses[spec.name], of(&devices, spec.name));
                try_join_all(specs.iter().map(start)).await
            },
        )?;
        making.done();
        if let Some(address) = names.first().map(|&name| addresses[name]) {
            session.reaches(address).await?;
        }
        let node = |(spec, id): (&NodeSpec, String)| {
            let docker = session.docker().clone();
            let disks = Disks::new(spec, keeper, of(&devices, spec.name).to_vec());
            Node::new(spec.name, addresses[spec.name], maker.container(spec.name), id, docker, disks)
        };
        let nodes = specs.iter().zip(ids).map(node).collect();
        let (session, lab, probes) = (Arc::clone(session), lab.into(), Arc::new(probes));
        Ok(Self(Arc::new(Inner { session, lab, network, nodes, reach, firewall, faults, probes })))
    }

    /// Its nodes, in the order of their making.
    pub fn nodes(&self) -> &[Node] {
        &self.0.nodes
    }

    /// The node of that name.
    ///
    /// # Errors
    /// [`Error::Usage`] if there is none; it lists those there are.
    pub fn node(&self, name: &str) -> Result<&Node> {
        named(&self.0.nodes, name)
    }

    /// What a person on call can do here. Each call gives terminals of their own.
    pub fn hands(&self) -> Box<dyn Hands> {
        Box::new(OnNodes::new(&self.0.nodes))
    }

    /// The packet filters of faults.
    pub fn firewall(&self) -> &Firewall {
        &self.0.firewall
    }

    /// The shell of faults, in the helper.
    pub fn shell(&self) -> &Shell {
        &self.0.faults
    }

    /// The shell of probes, in the helper, so that a slow look delays no fault.
    pub fn probe_shell(&self) -> &Arc<Shell> {
        &self.0.probes
    }

    /// Runs a program in the helper and follows what it writes.
    pub async fn follow(&self, command: &[&str]) -> Result<Lines> {
        let session = &self.0.session;
        Ok(Lines::new(session.helper(self.0.reach).await?.open(session, command).await?))
    }

    /// Runs a program that holds something in the kernel, and waits until it says `ready`.
    pub(crate) async fn hold(&self, command: Vec<String>, ready: &str) -> Result<Holder> {
        let Inner { session, lab, network, .. } = &*self.0;
        let container = format!("{network}-holder-{}", session.next());
        Holder::start(session, container, labels(session, lab), command, ready).await
    }

    /// A name that no other rule of this testbed has.
    pub(crate) fn rule_name(&self) -> String {
        format!("f{}", self.0.session.next())
    }

    /// Unplugs a node's network cable.
    pub(crate) async fn disconnect(&self, node: &Node) -> Result<()> {
        let request = NetworkDisconnectRequest { container: node.container().into(), force: Some(false) };
        let done = self.0.session.docker().disconnect_network(&self.0.network, request).await;
        done.map_err(Error::docker(format!("disconnect {}", node.name())))
    }

    /// Plugs it in again, with the address it had.
    pub(crate) async fn connect(&self, node: &Node) -> Result<()> {
        let request =
            NetworkConnectRequest { container: node.container().into(), endpoint_config: Some(endpoint(node.ip())) };
        let done = self.0.session.docker().connect_network(&self.0.network, request).await;
        done.map_err(Error::docker(format!("connect {}", node.name())))
    }

    /// Keeps each node's whole log and its container's description in `folder`.
    ///
    /// # Errors
    /// [`Error::File`] or [`Error::Docker`] if that fails.
    pub async fn keep_evidence(&self, folder: &Path) -> Result<()> {
        for node in &self.0.nodes {
            let docker = self.0.session.docker();
            let options = LogsOptionsBuilder::new().stdout(true).stderr(true).timestamps(true).build();
            let mut lines = docker.logs(node.container(), Some(options));
            let mut log = String::new();
            while let Some(line) = lines.next().await {
                log.push_str(&line.map_err(Error::docker(format!("read the log of {}", node.name())))?.to_string());
            }
            let path = folder.join(format!("{}.log", node.name()));
            fs::write(&path, log).map_err(Error::file("write", path))?;
            let inspected = docker.inspect_container(node.container(), None).await;
            let inspected = inspected.map_err(Error::docker(format!("inspect {}", node.name())))?;
            let path = folder.join(format!("{}.json", node.name()));
            let json = serde_json::to_vec_pretty(&inspected).map_err(|error| Error::Bug(error.to_string()))?;
            fs::write(&path, json).map_err(Error::file("write", path))?;
        }
        Ok(())
    }

    /// Removes all of it and proves that nothing is left.
    ///
    /// # Errors
    /// [`Error::Docker`] if something cannot be removed, [`Error::Failed`] if
    /// something is still there afterwards, [`Error::Inconclusive`] if all that is left is a
    /// network that the daemon does not give back.
    pub async fn remove(session: &Session, lab: &str) -> Result<()> {
        let _burst = session.burst().await;
        let (docker, label) = (session.docker(), format!("{LAB_LABEL}={}", lab_of(session, lab)));
        let there = match session.was_cut_off() {
            true => Leftovers::find_when_calm(docker, &label).await?,
            false => Leftovers::find(docker, &label).await?,
        };
        let held = there.remove(docker).await?;
        let left = Leftovers::find(docker, &label).await?.without(&held);
        if !left.is_empty() {
            return Err(Error::failed(format!("after the run there are left: {left}")));
        }
        held.none_is_left()
    }

    /// The session that made it.
    pub(super) fn session(&self) -> &Session {
        &self.0.session
    }

    /// Its network's name, with which its containers' names begin.
    pub(super) fn network(&self) -> &str {
        &self.0.network
    }

    /// The run that it belongs to.
    pub fn lab(&self) -> &str {
        &self.0.lab
    }
}

/// A node's block devices.
fn of<'a>(devices: &'a Devices, node: &str) -> &'a [Device] {
    devices.get(node).map_or(&[], Vec::as_slice)
}

pub(super) fn labels(session: &Session, lab: &str) -> HashMap<String, String> {
    let mut labels = session.labels();
    labels.insert(LAB_LABEL.into(), lab_of(session, lab));
    labels
}

/// A run's name on the daemon. Runs of other sessions may have the same id: without
/// the session in it one run's clean-up would take another's nodes away.
pub(super) fn lab_of(session: &Session, lab: &str) -> String {
    format!("{}/{lab}", session.id())
}

fn bytes(mebibytes: u32) -> i64 {
    i64::from(mebibytes) << 20
}

pub(super) fn endpoint(ip: Ipv4Addr) -> EndpointSettings {
    let ipam_config = Some(EndpointIpamConfig { ipv4_address: Some(ip.to_string()), ..Default::default() });
    EndpointSettings { ipam_config, ..Default::default() }
}

/// Takes the first network of the pool that the daemon lets us have. It has no way
/// out: nothing that a node does leaves the machine.
async fn create_network(session: &Session, lab: &str, labels: &HashMap<String, String>) -> Result<(String, Ipv4Addr)> {
    let name = format!("reenact-{}-{lab}", session.id());
    // Sessions start looking at different places, so that they seldom collide.
    let start = session.token().wrapping_add(session.next()) % NETWORKS;
    for step in 0..NETWORKS {
        let index = (start + step) % NETWORKS;
        let first = Ipv4Addr::new(POOL[0], POOL[1], (index / 16) as u8, (index % 16 * 16) as u8);
        let config = IpamConfig { subnet: Some(format!("{first}/28")), ..Default::default() };
        let request = NetworkCreateRequest {
            name: name.clone(),
            driver: Some("bridge".into()),
            internal: Some(true),
            ipam: Some(Ipam { config: Some(vec![config]), ..Default::default() }),
            labels: Some(labels.clone()),
            ..Default::default()
        };
        match session.docker().create_network(request).await {
            Ok(_) => return Ok((name, first)),
            Err(bollard::errors::Error::DockerResponseServerError { message, .. }) if message.contains("overlaps") => {}
            Err(error) => return Err(Error::docker("create the testbed's network")(error)),
        }
    }
    let [a, b] = POOL;
    Err(Error::environment(
        format!("every network of {a}.{b}.0.0/16 is taken"),
        "`reenact clean` removes what is left over",
    ))
}

/// Makes the parts of one testbed.
pub(super) struct Maker<'a> {
    pub(super) session: &'a Session,
    pub(super) labels: &'a HashMap<String, String>,
    pub(super) network: &'a str,
    /// The nodes' names and addresses, for their `/etc/hosts`. Without it each look-up
    /// of a peer's name waits ten seconds for a name server that the testbed's closed
    /// network does not reach; every rsync of a state transfer makes one.
    hosts: Vec<String>,
}

impl Maker<'_> {
    pub(super) fn container(&self, node: &str) -> String {
        format!("{}-{node}", self.network)
    }

    /// Makes a node's container, and gives its id.
    async fn node(&self, spec: &NodeSpec, ip: Ipv4Addr, devices: &[Device]) -> Result<String> {
        self.create_volumes(spec).await?;
        let networks = HashMap::from([(self.network.to_owned(), endpoint(ip))]);
        let body = ContainerCreateBody {
            image: Some(spec.image.clone()),
            cmd: (!spec.command.is_empty()).then(|| spec.command.iter().map(|&word| word.into()).collect()),
            hostname: Some(spec.name.into()),
            env: Some(spec.env.clone()),
            labels: Some(self.labels.clone()),
            networking_config: Some(NetworkingConfig { endpoints_config: Some(networks) }),
            host_config: Some(HostConfig {
                mounts: Some(self.mounts(spec)),
                // A machine that has devices mounts them by itself, and reads what its kernel says of them.
                cap_add: (!devices.is_empty()).then(|| vec!["SYS_ADMIN".into(), "SYSLOG".into()]),
                security_opt: (!devices.is_empty()).then(|| vec!["apparmor=unconfined".into()]),
                devices: Some(mappings(devices)),
                readonly_rootfs: Some(spec.read_only),
                tmpfs: (!spec.keeps_run).then(|| [("/run".into(), RUN.into())].into()),
                network_mode: Some(self.network.to_owned()),
                extra_hosts: Some(self.hosts.clone()),
                memory: spec.memory.map(bytes),
                memory_swap: spec.memory.map(bytes),
                cpuset_cpus: spec.single_cpu.then(|| "0".into()),
                ..Default::default()
            }),
            ..Default::default()
        };
        let name = self.container(spec.name);
        if spec.off { create(self.session, &name, body).await } else { self.run(&name, body).await }
    }

    pub(super) async fn run(&self, name: &str, body: ContainerCreateBody) -> Result<String> {
        start(self.session, name, body).await
    }
}

async fn create(session: &Session, name: &str, body: ContainerCreateBody) -> Result<String> {
    let options = CreateContainerOptionsBuilder::new().name(name).build();
    let made = session.docker().create_container(Some(options), body).await;
    made.map(|made| made.id).map_err(Error::docker(format!("start {name}")))
}

/// Makes a container and starts it; gives its id.
pub(super) async fn start(session: &Session, name: &str, body: ContainerCreateBody) -> Result<String> {
    let id = create(session, name, body).await?;
    session.docker().start_container(name, None).await.map_err(Error::docker(format!("start {name}")))?;
    Ok(id)
}
