//! What a node answers of itself.

use std::collections::BTreeMap;

use reenact::probe::Answer;

/// What `SHOW GLOBAL STATUS LIKE 'wsrep%'` says.
#[derive(Debug, Clone, Copy)]
pub struct Status<'v>(&'v BTreeMap<String, String>);

impl<'v> Status<'v> {
    /// `None` for another answer, and for a server that has no Galera.
    pub(super) fn of(answer: &'v Answer) -> Option<Self> {
        match answer {
            Answer::Values { values } if values.contains_key("wsrep_cluster_status") => Some(Self(values)),
            _ => None,
        }
    }

    /// One of the variables, empty if it is not there.
    pub fn get(&self, name: &str) -> &'v str {
        self.0.get(name).map_or("", String::as_str)
    }

    /// Whether it serves clients in a primary component.
    pub fn is_primary(&self) -> bool {
        self.get("wsrep_cluster_status") == "Primary" && self.get("wsrep_ready") == "ON"
    }

    /// Whether it is in a component that has lost the quorum.
    pub fn is_non_primary(&self) -> bool {
        self.get("wsrep_cluster_status").eq_ignore_ascii_case("non-Primary") && !self.is_expelled()
    }

    /// Whether it has left its group, for its data differ.
    pub fn is_expelled(&self) -> bool {
        self.get("wsrep_cluster_status") == "Disconnected" || self.get("wsrep_local_state_comment") == "Inconsistent"
    }

    /// The number of members of its component.
    pub fn size(&self) -> usize {
        self.get("wsrep_cluster_size").parse().unwrap_or(0)
    }

    /// Whether its component has a member with this address, or one of several with spaces between.
    pub fn lists(&self, addresses: &str) -> bool {
        let members = self.get("wsrep_incoming_addresses").split(',');
        let is_listed = |own| members.clone().any(|member| is_same(own, member));
        addresses.split_whitespace().any(is_listed)
    }

    /// Its own address. Only a primary component's list is complete; `AUTO` and
    /// `unspecified` are nobody's.
    pub(super) fn own_address(&self) -> Option<&'v str> {
        let index = self.get("wsrep_local_index").parse().ok()?;
        let own = self.get("wsrep_incoming_addresses").split(',').nth(index)?;
        (self.is_primary() && own.contains(':') && !own.starts_with("AUTO")).then_some(own)
    }

    /// Whether it says anything of flow control.
    pub fn tells_of_flow(&self) -> bool {
        !self.get("wsrep_flow_control_active").is_empty()
    }

    /// Whether writers wait for a member that asks them to.
    pub fn is_throttled(&self) -> bool {
        self.get("wsrep_flow_control_active") == "true"
    }

    /// Whether this is the member that asks writers to wait.
    pub fn throttles(&self) -> bool {
        self.get("wsrep_flow_control_requested") == "true"
    }

    /// How many write sets wait here to be applied.
    pub fn queue(&self) -> u64 {
        self.get("wsrep_local_recv_queue").parse().unwrap_or(0)
    }
}

/// Whether two addresses are one node's. MariaDB writes the port 0 for the one that it listens at by default, and a node
/// knows itself by the first word of its name.
fn is_same(own: &str, member: &str) -> bool {
    let parts = |address: &str| {
        let (host, port) = address.rsplit_once(':').unwrap_or((address, "0"));
        (host.to_owned(), port.parse::<u16>().unwrap_or_default())
    };
    let ((own, own_port), (host, port)) = (parts(own), parts(member));
    let is_name = host.parse::<std::net::Ipv4Addr>().is_err();
    let is_host = own == host || is_name && host.split('.').next() == Some(own.as_str());
    !own.is_empty() && is_host && (own_port == port || own_port == 0 || port == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_is_known_by_its_host_and_by_its_port_where_both_are_told() {
        for (own, member, same) in [
            ("10.0.0.1:3306", "10.0.0.1:3306", true),
            ("10.0.0.1:3306", "10.0.0.1:0", true),
            ("10.0.0.1", "10.0.0.1:3306", true),
            ("10.0.0.1:3306", "10.0.0.1:3307", false),
            ("10.0.0.1", "10.0.0.2:3306", false),
            ("10", "10.0.0.2:3306", false),
            ("pxc-0", "pxc-0.pxc.db.svc:3306", true),
            ("pxc-0.pxc.db.svc", "pxc-0.pxc.db.svc:3306", true),
            ("pxc-0", "pxc-1.pxc.db.svc:3306", false),
            ("pxc-0", "AUTO", false),
            ("", "", false),
        ] {
            assert_eq!(is_same(own, member), same, "{own} {member}");
        }
    }
}
