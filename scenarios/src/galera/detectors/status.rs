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

    /// Whether its component has a member with this address.
    pub fn lists(&self, address: &str) -> bool {
        self.get("wsrep_incoming_addresses").split(',').any(|member| member == address)
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
