//! What is deployed, as JSON, which is YAML: the report's deployment, the cloud-config,
//! and the small deployments of a platform's other users.

use reenact::{Error, Result};
use serde_json::{Value, json};

/// The report's deployment.
pub(super) const PAASTA: &str = "paasta";
/// The lock on it.
pub(super) const PAASTA_LOCK: &str = "lock:deployment:paasta";
/// Another deployment, beside the report's.
pub(super) const PORTAL: &str = "portal";
/// The lock on that.
pub(super) const PORTAL_LOCK: &str = "lock:deployment:portal";
/// How many of its instances are in z3, the zone of the wrong subnet.
pub(super) const WEBS: usize = 3;

/// The zones and the subnets that there are.
pub(super) const SUBNETS: [(&str, &str); 3] = [("z1", "10.0.1.0/24"), ("z2", "10.0.2.0/24"), ("z3", "10.0.3.0/24")];
/// What the report's cloud-config says of z3: a network that cannot be reached.
pub(super) const WRONG_RANGE: &str = "10.0.30.0/24";

/// A zone's range.
///
/// # Errors
/// [`Error::Usage`] if there is no such zone.
pub(super) fn range(az: &str) -> Result<&'static str> {
    let found = SUBNETS.iter().find(|(zone, _)| *zone == az).map(|(_, range)| *range);
    found.ok_or_else(|| Error::usage(format!("there is no zone {az:?}"), "there are: z1, z2, z3"))
}

/// A cloud-config with these subnets, each a zone and its range.
pub(super) fn cloud_config(subnets: &[(&str, &str)]) -> Value {
    let subnet = |&(az, range): &(&str, &str)| {
        let gateway = range.replace(".0/24", ".1");
        json!({"range": range, "gateway": gateway, "az": az, "cloud_properties": {"net_id": format!("net-{az}")}})
    };
    let zones: Vec<_> = subnets.iter().map(|(az, _)| json!({"name": az})).collect();
    json!({
        "azs": zones,
        "vm_types": [{"name": "small"}],
        "networks": [{
            "name": "default", "type": "manual", "subnets": subnets.iter().map(subnet).collect::<Vec<_>>(),
        }],
        "compilation": {"workers": 2, "az": "z1", "network": "default", "vm_type": "small"},
    })
}

/// As it should be.
pub(super) fn right_cloud_config() -> Value {
    cloud_config(&SUBNETS)
}

/// The report's: z3's subnet is one that cannot be reached.
pub(super) fn wrong_cloud_config() -> Value {
    let [z1, z2, (z3, _)] = SUBNETS;
    cloud_config(&[z1, z2, (z3, WRONG_RANGE)])
}

/// The fake IaaS: it reaches the subnets that there are, and a call into any other hangs.
pub(super) fn behaviour(call_ms: u64) -> Value {
    let reachable: Vec<_> = SUBNETS.iter().map(|(_, range)| range).collect();
    json!({"reachable": reachable, "unreachable": "hang", "ms": call_ms})
}

/// The report's deployment: a database in z1, and in z3 what consumes its link.
pub(super) fn paasta() -> Value {
    alike(PAASTA)
}

/// The same under another name.
pub(super) fn alike(name: &str) -> Value {
    deployment(
        name,
        json!({}),
        &[
            group("database", 1, "z1", json!({"name": "postgres", "provides": {"db": {}}})),
            group("web", WEBS, "z3", json!({"name": "web", "consumes": {"db": {"from": "db"}}})),
        ],
    )
}

/// Another deployment, in z2.
pub(super) fn portal() -> Value {
    deployment(PORTAL, json!({}), &[group("portal", 1, "z2", json!({"name": "portal"}))])
}

/// The deployment of a service instance, as a broker makes it: one VM in z2, where no
/// address is wanted by the report's.
pub(super) fn service_instance(name: &str, value: u64) -> Value {
    deployment(name, json!({"value": value}), &[group("service", 1, "z2", json!({"name": "service"}))])
}

fn deployment(name: &str, tags: Value, groups: &[Value]) -> Value {
    json!({
        "name": name, "tags": tags,
        "releases": [{"name": name, "version": "5.6"}],
        "stemcells": [{"alias": "default", "os": "ubuntu-xenial", "version": "315.36"}],
        "update": {"canaries": 1, "max_in_flight": 1, "canary_watch_time": 1000, "update_watch_time": 1000},
        "instance_groups": groups,
    })
}

fn group(name: &str, instances: usize, az: &str, job: Value) -> Value {
    json!({
        "name": name, "instances": instances, "azs": [az], "vm_type": "small", "stemcell": "default",
        "networks": [{"name": "default"}], "jobs": [job],
    })
}
