//! Deployment manifests and cloud-configs: what they say, and what is wrong with them, in the director's words.

use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value, json};

use super::error::{Error, Result};
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
    /// `service` or `errand`; an errand's VMs are not made by a deploy.
    #[serde(default)]
    pub lifecycle: Option<String>,
}

/// A network of an instance group.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct GroupNetwork {
    /// Its name in the cloud-config.
    pub name: String,
}

/// A job of an instance group.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct GroupJob {
    /// Its name.
    pub name: String,
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

/// What of a cloud-config this director looks at.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct CloudConfig {
    /// Zones.
    #[serde(default)]
    pub azs: Vec<Named>,
    /// Networks.
    #[serde(default)]
    pub networks: Vec<Network>,
    /// Kinds of VM.
    #[serde(default)]
    pub vm_types: Vec<Named>,
    /// Kinds of disk.
    #[serde(default)]
    pub disk_types: Vec<Named>,
    /// Where packages are compiled.
    #[serde(default)]
    pub compilation: Option<Value>,
}

/// A zone or a kind of VM.
#[derive(Debug, Clone, Deserialize)]
pub struct Named {
    /// Its name.
    pub name: String,
    /// What the CPI is told of it.
    #[serde(default)]
    pub cloud_properties: Value,
}

/// A network.
#[derive(Debug, Clone, Deserialize)]
pub struct Network {
    /// Its name.
    pub name: String,
    /// Its subnets.
    #[serde(default)]
    pub subnets: Vec<Subnet>,
}

/// A subnet of a network: the report's mistake stands in one.
#[derive(Debug, Clone, Deserialize)]
pub struct Subnet {
    /// Its addresses.
    pub range: Cidr,
    /// Its router.
    #[serde(default)]
    pub gateway: Option<Ipv4Addr>,
    /// The one zone that it serves.
    #[serde(default)]
    pub az: Option<String>,
    /// The zones that it serves.
    #[serde(default)]
    pub azs: Vec<String>,
    /// Addresses that are not given to instances.
    #[serde(default, deserialize_with = "one_or_many")]
    pub reserved: Vec<String>,
    /// Addresses for those who ask for them by name; not given to anybody else.
    #[serde(default, rename = "static", deserialize_with = "one_or_many")]
    pub fixed: Vec<String>,
    /// Name servers.
    #[serde(default)]
    pub dns: Vec<Ipv4Addr>,
    /// What the CPI is told of it.
    #[serde(default)]
    pub cloud_properties: Value,
}

/// A subnet's addresses, `10.0.1.0/24`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cidr {
    base: u32,
    bits: u8,
}

impl Cidr {
    /// Whether the address is in it.
    pub fn contains(self, ip: Ipv4Addr) -> bool {
        u32::from(ip) & self.mask() == self.base
    }

    /// Its netmask.
    pub fn netmask(self) -> Ipv4Addr {
        self.mask().into()
    }

    /// The addresses that a machine can have, without the first and the last.
    pub fn hosts(self) -> impl Iterator<Item = Ipv4Addr> {
        let last = self.base | !self.mask();
        (self.base.saturating_add(1)..last).map(Ipv4Addr::from)
    }

    fn mask(self) -> u32 {
        u32::MAX.checked_shl(32 - u32::from(self.bits)).unwrap_or(0)
    }
}

impl FromStr for Cidr {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let wrong = || format!("`{text}` is no IPv4 range");
        let (ip, bits) = text.split_once('/').ok_or_else(wrong)?;
        let (ip, bits): (Ipv4Addr, u8) = (ip.parse().map_err(|_| wrong())?, bits.parse().map_err(|_| wrong())?);
        if bits > 32 {
            return Err(wrong());
        }
        let range = Self { base: 0, bits };
        Ok(Self { base: u32::from(ip) & range.mask(), bits })
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "{}/{}", Ipv4Addr::from(self.base), self.bits)
    }
}

impl<'de> Deserialize<'de> for Cidr {
    fn deserialize<D: Deserializer<'de>>(from: D) -> std::result::Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(D::Error::custom)
    }
}

impl Serialize for Cidr {
    fn serialize<S: Serializer>(&self, to: S) -> std::result::Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl Subnet {
    /// Whether it serves the zone.
    pub fn serves(&self, az: &str) -> bool {
        self.az.as_deref() == Some(az) || self.azs.iter().any(|served| served == az)
    }

    /// Whether an instance may have the address.
    pub fn gives(&self, ip: Ipv4Addr) -> bool {
        let listed = |ranges: &[String]| ranges.iter().any(|range| within(range, ip));
        self.range.contains(ip) && self.gateway != Some(ip) && !listed(&self.reserved) && !listed(&self.fixed)
    }
}

impl CloudConfig {
    /// Several cloud-configs as one: their lists joined, in order; `compilation` may stand in one of them.
    ///
    /// # Errors
    /// When it stands in two, or one of them is no cloud-config.
    pub fn merged(contents: &[&str]) -> Result<Self> {
        let mut merged = Self::default();
        for content in contents {
            let one: Self = serde_yaml_ng::from_str(content)
                .map_err(|error| Error::bad(160_008, format!("Invalid cloud-config: {error}")))?;
            if merged.compilation.is_some() && one.compilation.is_some() {
                let told = "Cloud config 'compilation' key cannot be defined in multiple cloud configs.";
                return Err(Error::bad(570_000, told));
            }
            merged.compilation = merged.compilation.or(one.compilation);
            merged.azs.extend(one.azs);
            merged.networks.extend(one.networks);
            merged.vm_types.extend(one.vm_types);
            merged.disk_types.extend(one.disk_types);
        }
        Ok(merged)
    }

    /// The network of that name.
    pub fn network(&self, name: &str) -> Option<&Network> {
        self.networks.iter().find(|network| network.name == name)
    }

    /// The zone's subnet in the network.
    pub fn subnet(&self, network: &str, az: &str) -> Option<&Subnet> {
        self.network(network)?.subnets.iter().find(|subnet| subnet.serves(az))
    }

    /// What the CPI is told to make a VM by: the kind of VM's properties, over the zone's.
    pub fn vm_properties(&self, vm_type: Option<&str>, az: &str) -> Value {
        let of = |list: &[Named], name: &str| {
            list.iter().find(|item| item.name == name).map(|item| item.cloud_properties.clone())
        };
        let mut merged = Map::new();
        let both = [of(&self.azs, az), vm_type.and_then(|name| of(&self.vm_types, name))];
        for properties in both.into_iter().flatten() {
            merged.extend(properties.as_object().cloned().unwrap_or_default());
        }
        Value::Object(merged)
    }
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
        for group in &self.instance_groups {
            group.validate(cloud)?;
        }
        Ok(())
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
            if cloud.subnet(network, az).is_none() {
                let told = format!(
                    "Instance group '{name}' must specify availability zone that matches availability zones of network '{network}'"
                );
                return Err(Error::bad(150006, told));
            }
        }
        match &self.vm_type {
            Some(kind) if !cloud.vm_types.iter().any(|known| known.name == *kind) => {
                Err(Error::bad(140004, format!("Instance group '{name}' references an unknown vm type '{kind}'")))
            }
            _ => Ok(()),
        }
    }

    /// The network that its instances have their address in.
    pub fn network(&self) -> &str {
        self.networks.first().map_or("", |network| network.name.as_str())
    }

    /// The zone of the instance of that number: they are spread evenly.
    pub fn az(&self, index: i64) -> &str {
        let zones = self.azs.len().max(1);
        self.azs.get(index.unsigned_abs() as usize % zones).map_or("", String::as_str)
    }

    /// What an instance is brought to: when this changes, it is updated.
    pub fn spec(&self) -> String {
        json!({"jobs": self.jobs, "vm_type": self.vm_type, "networks": self.networks}).to_string()
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

/// `10.0.1.5` or `10.0.1.5 - 10.0.1.9` or `10.0.1.8/30`.
fn within(range: &str, ip: Ipv4Addr) -> bool {
    let address = |text: &str| text.trim().parse::<Ipv4Addr>().ok();
    if let Ok(cidr) = range.trim().parse::<Cidr>() {
        return cidr.contains(ip);
    }
    match range.split_once('-') {
        Some((from, to)) => address(from).is_some_and(|from| from <= ip) && address(to).is_some_and(|to| ip <= to),
        None => address(range) == Some(ip),
    }
}

fn one_or_many<'de, D: Deserializer<'de>>(from: D) -> std::result::Result<Vec<String>, D::Error> {
    match Value::deserialize(from)? {
        Value::Null => Ok(Vec::new()),
        Value::String(one) => Ok(vec![one]),
        many => serde_json::from_value(many).map_err(D::Error::custom),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test")]
mod tests {
    use super::*;

    #[test]
    fn a_range_knows_its_addresses() {
        let range: Cidr = "10.0.1.7/29".parse().unwrap();
        assert_eq!(range.to_string(), "10.0.1.0/29");
        assert_eq!(range.netmask(), Ipv4Addr::new(255, 255, 255, 248));
        let hosts: Vec<_> = range.hosts().collect();
        assert_eq!((hosts[0], hosts.len()), (Ipv4Addr::new(10, 0, 1, 1), 6));
        assert!("10.0.1.0/33".parse::<Cidr>().is_err());
        assert!("0.0.0.0/0".parse::<Cidr>().unwrap().contains(Ipv4Addr::LOCALHOST));
    }

    #[test]
    fn a_subnet_keeps_back_what_is_not_to_be_given() {
        let text =
            "{range: 10.0.1.0/24, gateway: 10.0.1.1, az: z1, reserved: [10.0.1.2 - 10.0.1.9], static: 10.0.1.20}";
        let subnet: Subnet = serde_yaml_ng::from_str(text).unwrap();
        let given: Vec<_> = subnet.range.hosts().filter(|ip| subnet.gives(*ip)).take(2).collect();
        assert_eq!(given, [Ipv4Addr::new(10, 0, 1, 10), Ipv4Addr::new(10, 0, 1, 11)]);
        assert!(!subnet.gives(Ipv4Addr::new(10, 0, 1, 20)));
    }

    #[test]
    fn what_is_no_mapping_is_refused_as_the_director_does() {
        assert_eq!(mapping("").unwrap_err().message, "Manifest should not be empty");
        assert_eq!(mapping("- a\n").unwrap_err().message, "Manifest should be a hash");
        assert_eq!(mapping("a: [").unwrap_err().code, 440001);
    }
}
