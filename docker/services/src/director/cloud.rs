//! Cloud-configs: zones, kinds of VM and of disk, networks, and which addresses there are.

use std::net::Ipv4Addr;
use std::ops::Deref;

use ipnet::Ipv4Net;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use super::error::{Error, Result};

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
    pub disk_types: Vec<DiskType>,
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

/// A kind of disk.
#[derive(Debug, Clone, Deserialize)]
pub struct DiskType {
    /// Its name.
    pub name: String,
    /// MiB.
    #[serde(default)]
    pub disk_size: i64,
    /// What the CPI is told of it.
    #[serde(default)]
    pub cloud_properties: Value,
}

/// A network.
#[derive(Debug, Clone, Deserialize)]
pub struct Network {
    /// Its name.
    pub name: String,
    /// `manual`, where the director gives the addresses, `dynamic`, where the IaaS does, or `vip`.
    #[serde(rename = "type", default = "manual")]
    pub kind: String,
    /// Its subnets; a dynamic network's have no range, and it may have none.
    #[serde(default)]
    pub subnets: Vec<Subnet>,
    /// What the CPI is told of a dynamic network without subnets.
    #[serde(default)]
    pub cloud_properties: Value,
}

impl Network {
    /// Whether the IaaS gives the addresses.
    pub fn is_dynamic(&self) -> bool {
        self.kind == "dynamic"
    }

    /// Whether an instance in that zone may stand in it.
    pub fn serves(&self, az: &str) -> bool {
        self.subnets.iter().any(|subnet| subnet.serves(az)) || (self.is_dynamic() && self.subnets.is_empty())
    }
}

fn manual() -> String {
    "manual".to_owned()
}

/// A subnet of a network: the report's mistake stands in one.
#[derive(Debug, Clone, Deserialize)]
pub struct Subnet {
    /// Its addresses; a dynamic network's subnet has none that the director knows.
    #[serde(default)]
    pub range: Range,
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

/// A subnet's addresses, `10.0.1.0/24`; what is written as `10.0.1.7/24` is the same.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Range(Ipv4Net);

impl Deref for Range {
    type Target = Ipv4Net;

    fn deref(&self) -> &Ipv4Net {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Range {
    fn deserialize<D: Deserializer<'de>>(from: D) -> std::result::Result<Self, D::Error> {
        let net: Ipv4Net = String::deserialize(from)?.parse().map_err(D::Error::custom)?;
        Ok(Self(net.trunc()))
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
        self.range.contains(&ip) && self.gateway != Some(ip) && !listed(&self.reserved) && !listed(&self.fixed)
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

/// `10.0.1.5` or `10.0.1.5 - 10.0.1.9` or `10.0.1.8/30`.
fn within(range: &str, ip: Ipv4Addr) -> bool {
    let address = |text: &str| text.trim().parse::<Ipv4Addr>().ok();
    if let Ok(net) = range.trim().parse::<Ipv4Net>() {
        return net.contains(&ip);
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
    fn a_range_is_its_subnets_whichever_address_it_is_written_by() {
        let range: Range = serde_yaml_ng::from_str("10.0.1.7/29").unwrap();
        assert_eq!((range.to_string(), range.netmask()), ("10.0.1.0/29".into(), Ipv4Addr::new(255, 255, 255, 248)));
        let hosts: Vec<_> = range.hosts().collect();
        assert_eq!((hosts[0], hosts.len()), (Ipv4Addr::new(10, 0, 1, 1), 6));
        assert!(serde_yaml_ng::from_str::<Range>("10.0.1.0/33").is_err());
    }

    #[test]
    fn a_dynamic_network_may_have_no_subnets_and_serves_every_zone() {
        let network = |text: &str| serde_yaml_ng::from_str::<Network>(text).unwrap();
        assert!(network("{name: a, type: dynamic}").serves("z1"));
        assert!(!network("{name: a, type: dynamic, subnets: [{az: z2}]}").serves("z1"));
        let manual = network("{name: a, subnets: [{range: 10.0.1.0/24, az: z1}]}");
        assert!(manual.serves("z1") && !manual.serves("z2") && !manual.is_dynamic());
    }

    #[test]
    fn cloud_configs_are_joined() {
        let merged =
            CloudConfig::merged(&["azs: [{name: z1}]\ncompilation: {workers: 1}", "azs: [{name: z2}]"]).unwrap();
        assert_eq!(merged.azs.iter().map(|az| az.name.as_str()).collect::<Vec<_>>(), ["z1", "z2"]);
        assert_eq!(CloudConfig::merged(&["compilation: {}", "compilation: {}"]).unwrap_err().code, 570_000);
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
}
