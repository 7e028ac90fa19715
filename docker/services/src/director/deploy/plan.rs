//! Which instances there should be, where, and with which address.

use std::net::Ipv4Addr;

use crate::director::cloud::{CloudConfig, Network};
use crate::director::error::{Error, Result};
use crate::director::job::Job;
use crate::director::manifest::{Group, Manifest};
use crate::director::store::deployments::Deployment;
use crate::director::store::instances::{self, Instance};

/// A deploy's plan. Instances and addresses are in the database from here on: a second deploy of a deployment whose
/// first one still runs plans the very same instances with the very same addresses \[M\].
#[derive(Debug)]
pub struct Plan {
    /// The deployment.
    pub deployment: Deployment,
    /// Its groups.
    pub groups: Vec<Group>,
    /// What should be there.
    pub desired: Vec<Planned>,
    /// What should not.
    pub obsolete: Vec<Instance>,
}

/// An instance that should be there.
#[derive(Debug, Clone)]
pub struct Planned {
    /// As the database has it.
    pub instance: Instance,
    /// Whether the VM that it has can't stay: its address or its zone is another now.
    pub recreate: bool,
}

impl Planned {
    /// Whether a VM is to be made for it first of all.
    pub fn is_missing(&self) -> bool {
        self.instance.state != "detached" && (self.instance.vm.is_none() || self.recreate)
    }
}

impl Plan {
    /// Whether it makes the instance's VM.
    pub fn makes(&self, instance: &Instance) -> bool {
        self.desired.iter().any(|planned| planned.instance.id == instance.id && planned.is_missing())
    }

    /// Makes the plan, and the rows of what is new in it.
    ///
    /// # Errors
    /// When a subnet has no address left; the database's.
    pub async fn make(job: &Job, manifest: &Manifest, cloud: &CloudConfig, deployment: Deployment) -> Result<Self> {
        let (db, log) = (&job.config.db, &job.log);
        let mut there = instances::list(db, log, deployment.id).await?;
        let mut taken = instances::ips(db, log).await?;
        let mut desired = Vec::new();
        let groups: Vec<_> = manifest
            .instance_groups
            .iter()
            .filter(|group| group.lifecycle.as_deref() != Some("errand"))
            .cloned()
            .collect();
        for group in &groups {
            for index in 0..group.instances {
                let position = there.iter().position(|old| old.job == group.name && old.index == index);
                let instance = match position {
                    Some(position) => there.remove(position),
                    None => new_instance(job, deployment.id, group, index).await?,
                };
                desired.push(settle(job, group, cloud, instance, &mut taken).await?);
            }
        }
        Ok(Self { deployment, groups, desired, obsolete: there })
    }
}

async fn new_instance(job: &Job, deployment: i64, group: &Group, index: i64) -> Result<Instance> {
    let new = Instance {
        id: 0,
        job: group.name.clone(),
        index,
        uuid: uuid::Uuid::new_v4().to_string(),
        state: "started".to_owned(),
        az: group.az(index).to_owned(),
        bootstrap: index == 0,
        spec: String::new(),
        updated: false,
        vm: None,
        ip: None,
    };
    let id = instances::create(&job.config.db, &job.log, deployment, &new).await?;
    Ok(Instance { id, ..new })
}

/// Gives the instance the zone and the address that the manifest and the cloud-config want; keeps what fits.
async fn settle(
    job: &Job,
    group: &Group,
    cloud: &CloudConfig,
    mut instance: Instance,
    taken: &mut Vec<Ipv4Addr>,
) -> Result<Planned> {
    let (db, log, now) = (&job.config.db, &job.log, job.config.clock.now());
    let (network, az) = (group.network(), group.az(instance.index));
    let moved = instance.az != az;
    if moved {
        instances::set(db, log, instance.id, &[("availability_zone", crate::director::db::lit(az))]).await?;
        az.clone_into(&mut instance.az);
    }
    if cloud.network(network).is_some_and(Network::is_dynamic) {
        // The IaaS will give it one.
        let recreate = instance.vm.is_some() && moved;
        return Ok(Planned { instance, recreate });
    }
    let subnet = cloud.subnet(network, az).or_else(|| cloud.network(network)?.subnets.first());
    let Some(subnet) = subnet else {
        return Err(Error::bad(130010, format!("Network '{network}' has no subnet for '{}'", instance.label())));
    };
    let fixed = group.static_ip(instance.index);
    if let Some(ip) = fixed.filter(|ip| !subnet.range.contains(ip)) {
        let told = format!("Provided static IP '{ip}' does not belong to any subnet in network '{network}'");
        return Err(Error::bad(130_012, told));
    }
    let suits = |ip: Ipv4Addr| fixed.map_or_else(|| subnet.gives(ip), |fixed| fixed == ip);
    let fits = instance.ip.as_ref().is_some_and(|(ip, of)| of == network && suits(*ip));
    if !fits {
        let ip = loop {
            let free = subnet.range.hosts().find(|ip| suits(*ip) && !taken.contains(ip));
            let ip = free.ok_or_else(|| no_more_addresses(&instance, network))?;
            taken.push(ip);
            if instances::set_ip(db, log, instance.id, (ip, network), job.id(), now).await? {
                break ip;
            }
        };
        instance.ip = Some((ip, network.to_owned()));
    }
    let recreate = instance.vm.is_some() && (moved || !fits);
    Ok(Planned { instance, recreate })
}

fn no_more_addresses(instance: &Instance, network: &str) -> Error {
    let name = instance.name();
    Error::bad(130011, format!("Failed to reserve IP for '{name}' for manual network '{network}': no more available"))
}
