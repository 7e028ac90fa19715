//! Deployment manifests: what they say, and what is wrong with them, in the director's words.

use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::cloud::CloudConfig;
use super::error::{Error, Result};
use super::store::disks::Wanted;
use super::store::links::LinkedJob;

/// What of a manifest this director looks at.
#[derive(Debug, Clone, Deserialize)]
pub struct Manifest {
    /// The deployment's name.
    pub name: String,
    /// Releases, by name and version.
    #[serde(default)]
    pub releases: Vec<Value>,
    /// Stemcells.
    #[serde(default)]
    pub stemcells: Vec<Value>,
    /// How instances are updated.
    #[serde(default)]
    pub update: Value,
    /// What is to stand where.
    #[serde(default)]
    pub instance_groups: Vec<Group>,
}

/// An instance group.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Group {
    /// Its name.
    pub name: String,
    /// How many.
    #[serde(default)]
    pub instances: i64,
    /// The zones that they are spread over.
    #[serde(default)]
    pub azs: Vec<String>,
    /// The networks that they stand in; the first one counts here.
    #[serde(default)]
    pub networks: Vec<GroupNetwork>,
    /// The jobs on each.
    #[serde(default)]
    pub jobs: Vec<GroupJob>,
    /// The kind of VM.
    #[serde(default)]
    pub vm_type: Option<String>,
    /// The alias of its stemcell.
    #[serde(default)]
    pub stemcell: Option<String>,
    /// The size of its persistent disk in MiB; 0: it has none.
    #[serde(default)]
    pub persistent_disk: Option<i64>,
    /// The kind of its persistent disk.
    #[serde(default)]
    pub persistent_disk_type: Option<String>,
    /// `service` or `errand`; an errand's VMs are not made by a deploy.
    #[serde(default)]
    pub lifecycle: Option<String>,
}

/// A network of an instance group.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct GroupNetwork {
    /// Its name in the cloud-config.
    pub name: String,
    /// The addresses that its instances are given, in order; none: any that is free.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub static_ips: Vec<Ipv4Addr>,
}

/// A job of an instance group.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct GroupJob {
    /// Its name.
    pub name: String,
    /// The release that it is of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<String>,
    /// The links that it consumes, by their original names.
    #[serde(default)]
    pub consumes: Map<String, Value>,
    /// The links that it provides.
    #[serde(default)]
    pub provides: Map<String, Value>,
    /// Its properties.
    #[serde(default)]
    pub properties: Value,
}

impl Manifest {
    /// Reads a manifest that the API has let through.
    ///
    /// # Errors
    /// `DeploymentInvalidProperty`-like, in words.
    pub fn parse(text: &str) -> Result<Self> {
        serde_yaml_ng::from_str(text)
            .map_err(|error| Error::bad(190014, format!("Invalid deployment manifest: {error}")))
    }

    /// What is wrong between the manifest and the cloud-config.
    ///
    /// # Errors
    /// The first thing that is.
    pub fn validate(&self, cloud: &CloudConfig) -> Result<()> {
        if !self.update.is_object() {
            let told =
                format!("Required property 'update' was not specified in object ({})", json!({"name": self.name}));
            return Err(Error::bad(40_001, told));
        }
        for group in &self.instance_groups {
            self.validate_names(group)?;
            group.validate(cloud)?;
        }
        Ok(())
    }

    /// Whether the group's release and stemcell stand in the manifest.
    fn validate_names(&self, group: &Group) -> Result<()> {
        let (name, named) =
            (&group.name, |list: &[Value], key: &str, of: &String| list.iter().any(|one| one[key] == **of));
        for job in &group.jobs {
            if let Some(release) = job.release.as_ref().filter(|of| !named(&self.releases, "name", of)) {
                let job = &job.name;
                let told = format!("Job '{job}' (instance group '{name}') references an unknown release '{release}'");
                return Err(Error::bad(140_002, told));
            }
        }
        match group.stemcell.as_ref().filter(|of| !named(&self.stemcells, "alias", of)) {
            Some(stemcell) => {
                Err(Error::bad(140_005, format!("Instance group '{name}' references an unknown stemcell '{stemcell}'")))
            }
            None => Ok(()),
        }
    }

    /// The jobs that provide (or consume) links.
    pub fn linked(&self, links: impl Fn(&GroupJob) -> &Map<String, Value>) -> Vec<LinkedJob> {
        let mut linked = Vec::new();
        for group in &self.instance_groups {
            for job in group.jobs.iter().filter(|job| !links(job).is_empty()) {
                let links = links(job).keys().cloned().collect();
                linked.push(LinkedJob { group: group.name.clone(), job: job.name.clone(), links });
            }
        }
        linked
    }
}

impl Group {
    fn validate(&self, cloud: &CloudConfig) -> Result<()> {
        let name = &self.name;
        let network = self.network();
        if cloud.network(network).is_none() {
            return Err(Error::bad(
                150001,
                format!("Instance group '{name}' references an unknown network '{network}'"),
            ));
        }
        let known: Vec<_> = cloud.azs.iter().map(|az| az.name.as_str()).collect();
        for az in &self.azs {
            if !known.contains(&az.as_str()) {
                let known = known.join(", ");
                let told = format!("Instance group '{name}' references unknown AZ '{az}'. Known AZs are: [{known}]");
                return Err(Error::bad(140018, told));
            }
            if cloud.network(network).is_none_or(|network| !network.serves(az)) {
                let told = format!(
                    "Instance group '{name}' must specify availability zone that matches availability zones of network '{network}'"
                );
                return Err(Error::bad(150006, told));
            }
        }
        let asked = self.networks.first().map_or(0, |network| network.static_ips.len());
        if asked > 0 && asked != self.instances.unsigned_abs() as usize {
            let instances = self.instances;
            let told = format!(
                "Instance group '{name}' has {instances} instances but was allocated {asked} static IPs in network '{network}'"
            );
            return Err(Error::bad(150_002, told));
        }
        self.validate_disk(cloud)?;
        match &self.vm_type {
            Some(kind) if !cloud.vm_types.iter().any(|known| known.name == *kind) => {
                Err(Error::bad(140004, format!("Instance group '{name}' references an unknown vm type '{kind}'")))
            }
            _ => Ok(()),
        }
    }

    fn validate_disk(&self, cloud: &CloudConfig) -> Result<()> {
        let name = &self.name;
        let (code, told) = match (self.persistent_disk, &self.persistent_disk_type) {
            (Some(_), Some(_)) => {
                let keys = "'persistent_disk', 'persistent_disk_type', 'persistent_disk_pool' and 'persistent_disks'";
                (140_013, format!("specifies more than one of the following keys: {keys}. Choose one."))
            }
            (Some(size), None) if size < 0 => (140_013, format!("references an invalid persistent disk size '{size}'")),
            (None, Some(kind)) if !cloud.disk_types.iter().any(|known| known.name == *kind) => {
                (140_012, format!("references an unknown disk type '{kind}'"))
            }
            _ => return Ok(()),
        };
        Err(Error::bad(code, format!("Instance group '{name}' {told}")))
    }

    /// What its instances' persistent disks are made by; `None`: they have none.
    pub fn disk(&self, cloud: &CloudConfig) -> Option<Wanted> {
        let wanted = match &self.persistent_disk_type {
            None => Wanted { size: self.persistent_disk?, cloud_properties: json!({}) },
            Some(name) => {
                let kind = cloud.disk_types.iter().find(|kind| kind.name == *name)?;
                let cloud_properties = kind.cloud_properties.as_object().cloned().unwrap_or_default();
                Wanted { size: kind.disk_size, cloud_properties: cloud_properties.into() }
            }
        };
        (wanted.size > 0).then_some(wanted)
    }

    /// The network that its instances have their address in.
    pub fn network(&self) -> &str {
        self.networks.first().map_or("", |network| network.name.as_str())
    }

    /// The address that the manifest gives to the instance of that number.
    pub fn static_ip(&self, index: i64) -> Option<Ipv4Addr> {
        self.networks.first()?.static_ips.get(index.unsigned_abs() as usize).copied()
    }

    /// The zone of the instance of that number: they are spread evenly.
    pub fn az(&self, index: i64) -> &str {
        let zones = self.azs.len().max(1);
        self.azs.get(index.unsigned_abs() as usize % zones).map_or("", String::as_str)
    }

    /// What an instance is brought to: when this changes, it is updated.
    pub fn spec(&self) -> String {
        let disk = (self.persistent_disk, &self.persistent_disk_type);
        json!({"jobs": self.jobs, "vm_type": self.vm_type, "networks": self.networks, "disk": disk}).to_string()
    }
}

/// A YAML document that is a mapping, or the director's refusal of it.
///
/// # Errors
/// `BadManifest`.
pub fn mapping(text: &str) -> Result<Value> {
    if text.is_empty() {
        return Err(Error::bad(440001, "Manifest should not be empty"));
    }
    let value: Value = serde_yaml_ng::from_str(text).map_err(|error| {
        let told = format!("#<Psych::SyntaxError: (<unknown>): {error}>");
        Error::bad(440001, format!("Incorrect YAML structure of the uploaded manifest: {told}"))
    })?;
    if value.is_object() { Ok(value) } else { Err(Error::bad(440001, "Manifest should be a hash")) }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test")]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_mapping_is_refused_as_the_director_does() {
        assert_eq!(mapping("").unwrap_err().message, "Manifest should not be empty");
        assert_eq!(mapping("- a\n").unwrap_err().message, "Manifest should be a hash");
        assert_eq!(mapping("a: [").unwrap_err().code, 440001);
    }

    fn refusal(manifest: Value) -> (u32, String) {
        let cloud = CloudConfig::merged(&["networks: [{name: default, subnets: [{range: 10.0.1.0/24}]}]"]).unwrap();
        let error = Manifest::parse(&manifest.to_string()).unwrap().validate(&cloud).unwrap_err();
        (error.code, error.message)
    }

    #[test]
    fn what_a_manifest_does_not_declare_is_refused_in_the_director_s_words() {
        let group = |more: Value| {
            let mut group = json!({"name": "web", "instances": 2, "networks": [{"name": "default"}]});
            group.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            json!({"name": "paasta", "update": {}, "instance_groups": [group]})
        };
        for (manifest, code, told) in [
            (json!({"name": "paasta"}), 40_001, "Required property 'update' was not specified in object"),
            (
                group(json!({"jobs": [{"name": "web", "release": "cf"}]})),
                140_002,
                "Job 'web' (instance group 'web') references an unknown release 'cf'",
            ),
            (group(json!({"stemcell": "jammy"})), 140_005, "references an unknown stemcell 'jammy'"),
            (group(json!({"persistent_disk_type": "big"})), 140_012, "references an unknown disk type 'big'"),
            (group(json!({"persistent_disk": -1})), 140_013, "references an invalid persistent disk size '-1'"),
            (group(json!({"persistent_disk": 1, "persistent_disk_type": "big"})), 140_013, "Choose one."),
            (
                group(json!({"networks": [{"name": "default", "static_ips": ["10.0.1.9"]}]})),
                150_002,
                "has 2 instances but was allocated 1 static IPs",
            ),
        ] {
            let (refused, said) = refusal(manifest);
            assert!(refused == code && said.contains(told), "{refused} {said}");
        }
    }

    #[test]
    fn a_disk_is_as_large_as_the_group_or_its_kind_says() {
        let cloud = CloudConfig {
            disk_types: serde_json::from_value(json!([
                {"name": "big", "disk_size": 10_240, "cloud_properties": {"type": "ssd"}},
                {"name": "none", "disk_size": 0},
            ]))
            .unwrap(),
            ..CloudConfig::default()
        };
        let group = |mut more: Value| -> Group {
            more.as_object_mut().unwrap().insert("name".into(), "db".into());
            serde_json::from_value(more).unwrap()
        };
        let disk = |more: Value| group(more).disk(&cloud).map(|disk| (disk.size, disk.cloud_properties.to_string()));
        assert_eq!(disk(json!({})), None);
        assert_eq!(disk(json!({"persistent_disk": 0})), None);
        assert_eq!(disk(json!({"persistent_disk": 1024})), Some((1024, "{}".to_owned())));
        assert_eq!(disk(json!({"persistent_disk_type": "big"})), Some((10_240, r#"{"type":"ssd"}"#.to_owned())));
        assert_eq!(disk(json!({"persistent_disk_type": "none"})), None);
        assert_ne!(group(json!({})).spec(), group(json!({"persistent_disk": 1024})).spec());
    }
}
