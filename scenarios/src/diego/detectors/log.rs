//! What a line of a machine's log says of why a process cannot start. The formats differ
//! between versions, the words do not.

use std::collections::BTreeMap;

use super::super::words::{ENDS, PORT_TAKEN, UNDECRYPTABLE, Why};

/// What a line says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Said {
    /// A member of etcd ended for this reason.
    Ended(Why),
    /// etcd ended because another has its port.
    PortTaken,
    /// A Consul agent could not read what another sent.
    Undecryptable,
}

/// Reads a line; `None`: it says nothing of this kind.
pub fn parse(line: &str) -> Option<Said> {
    let has = |part: &str| line.contains(part);
    if has(UNDECRYPTABLE) {
        return Some(Said::Undecryptable);
    }
    // Consul's database is of the same kind.
    if has("Failed to start Raft") {
        return None;
    }
    if has(":7001: bind: ") && has(PORT_TAKEN) {
        return Some(Said::PortTaken);
    }
    let ends = ENDS.iter().find(|(parts, _)| parts.iter().all(|part| has(part)));
    ends.map(|(_, why)| Said::Ended(*why))
}

/// Raft's peers as a Consul server has them on its disk when it starts, which it says in its log:
/// each one's address and whether it votes. `None`: the line says nothing of them.
pub fn peers(line: &str) -> Option<BTreeMap<String, bool>> {
    let (_, servers) = line.split_once("initial configuration: index=")?;
    let one = |server: &str| {
        let (role, rest) = server.split_once(' ')?;
        let (_, address) = rest.split_once("Address:")?;
        Some((address.split(['}', ' ']).next()?.to_owned(), role == "Voter"))
    };
    let peers: BTreeMap<_, _> = servers.split("Suffrage:").skip(1).filter_map(one).collect();
    (!peers.is_empty()).then_some(peers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_s_peers_are_read_of_its_start() {
        let line = "[INFO]  agent.server.raft: initial configuration: index=32 servers=\"[{Suffrage:Voter ID:58f8932f \
                    Address:10.0.0.5:8300} {Suffrage:Nonvoter ID:5e4a841c Address:10.0.0.6:8300}]\"";
        let expected = [("10.0.0.5:8300", true), ("10.0.0.6:8300", false)];
        assert_eq!(peers(line), Some(expected.map(|(address, votes)| (address.to_owned(), votes)).into()));
        assert_eq!(peers("agent.server.raft: initial configuration: index=0 servers=[]"), None);
    }

    #[test]
    fn each_line_of_the_fact_sheet_is_read() {
        for (line, said) in [
            ("C | etcdmain: walpb: crc mismatch", Said::Ended(Why::Damaged)),
            ("panic: cannot use none as id", Said::Ended(Why::Damaged)),
            (
                r#"{"level":"panic","msg":"failed to open database","error":"invalid database"}"#,
                Said::Ended(Why::Damaged),
            ),
            ("unexpected fault address 0x7f", Said::Ended(Why::Damaged)),
            ("C | etcdserver: failed to find database snapshot file (snap: x)", Said::Ended(Why::Damaged)),
            ("C | etcdmain: member 8e9e05c52164694d has already been bootstrapped", Said::Ended(Why::Wiped)),
            (
                "C | raft: tocommit(32) is out of range [lastIndex(0)]. Was the raft log corrupted?",
                Said::Ended(Why::Wiped),
            ),
            ("C | etcdmain: listen tcp 0.0.0.0:7001: bind: address already in use", Said::PortTaken),
            ("memberlist: No installed keys could decrypt the message from=10.0.0.1", Said::Undecryptable),
        ] {
            assert_eq!(parse(line), Some(said), "{line}");
        }
    }

    /// etcd-io/etcd#11949 (the first three), #10722, #18642, #18096, #17772 and #10518.
    #[test]
    fn other_words_for_damaged_files_are_known() {
        for line in [
            "panic: freepages: failed to get all reachable pages (page 9: out of bounds: 3)",
            "panic: assertion failed: Page expected to be: 36, but self identifies as 0",
            "panic: invalid page allocation: 0",
            "panic: page 12 already freed",
            "assertion failed: page 7: has unexpected type/flags: 0",
            "C | etcdserver: read wal error (wal: max entry size limit exceeded) and cannot be repaired",
            r#"{"level":"fatal","msg":"failed to read WAL, cannot be repaired","error":"wal: crc mismatch"}"#,
            r#"{"level":"fatal","error":"unexpected EOF: [wal] max entry size limit exceeded when reading \"0.wal\""}"#,
            r#"{"level":"fatal","msg":"failed to open WAL","error":"wal: file not found"}"#,
        ] {
            assert_eq!(parse(line), Some(Said::Ended(Why::Damaged)), "{line}");
        }
    }

    #[test]
    fn a_member_that_was_removed_says_so() {
        for line in [
            "E | etcdserver: the member has been permanently removed from the cluster",
            r#"{"level":"warn","msg":"server error","error":"the member has been permanently removed from the cluster"}"#,
            "etcdserver: this member has been permanently removed from the cluster",
            "etcdserver: the data-dir used by this member must be removed so that this host can be re-added",
        ] {
            assert_eq!(parse(line), Some(Said::Ended(Why::Removed)), "{line}");
        }
    }

    #[test]
    fn lines_of_those_that_are_well_say_nothing() {
        for line in [
            "I | wal: repaired WAL error (unexpected EOF)",
            "Failed to start Raft: invalid database",
            "etcdserver: publish error: etcdserver: request timed out",
            "listen tcp 0.0.0.0:8889: bind: address already in use",
            "snap: renamed corrupted snapshot file to 1.broken",
            "W | snap: failed to read a snapshot file 1.snap: snap: crc mismatch",
            "rafthttp: request cluster ID mismatch (got 1 want 2)",
        ] {
            assert_eq!(parse(line), None, "{line}");
        }
    }
}
