//! What a line of a machine's log says of why a process cannot start. The formats differ
//! between versions, the words do not; they are those of the fact sheet.

/// What a line says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Said {
    /// etcd ended on damaged files.
    Corrupt,
    /// etcd ended because it has not the log that it should have.
    Wiped,
    /// etcd ended because another has its port.
    PortTaken,
    /// A Consul agent could not read what another sent.
    Undecryptable,
}

/// What etcd ends with on damaged files: its log, its database's first pages, its
/// database's end, and a database that is away.
const CORRUPT: [&str; 5] = [
    "walpb: crc mismatch",
    "cannot use none as id",
    "invalid database",
    "unexpected fault address",
    "failed to find database snapshot file",
];

/// Reads a line; `None`: it says nothing of this kind.
pub fn parse(line: &str) -> Option<Said> {
    let has = |part: &str| line.contains(part);
    if has("No installed keys could decrypt the message") {
        return Some(Said::Undecryptable);
    }
    // Consul's database is of the same kind.
    if has("Failed to start Raft") {
        return None;
    }
    if has("has already been bootstrapped") || (has("tocommit(") && has("is out of range")) {
        return Some(Said::Wiped);
    }
    if has(":7001: bind: address already in use") {
        return Some(Said::PortTaken);
    }
    CORRUPT.into_iter().any(has).then_some(Said::Corrupt)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_of_the_fact_sheet_is_read() {
        for (line, said) in [
            ("C | etcdmain: walpb: crc mismatch", Said::Corrupt),
            ("panic: cannot use none as id", Said::Corrupt),
            (r#"{"level":"panic","msg":"failed to open database","error":"invalid database"}"#, Said::Corrupt),
            ("unexpected fault address 0x7f", Said::Corrupt),
            ("C | etcdserver: failed to find database snapshot file (snap: x)", Said::Corrupt),
            ("C | etcdmain: member 8e9e05c52164694d has already been bootstrapped", Said::Wiped),
            ("C | raft: tocommit(32) is out of range [lastIndex(0)]. Was the raft log corrupted?", Said::Wiped),
            ("C | etcdmain: listen tcp 0.0.0.0:7001: bind: address already in use", Said::PortTaken),
            ("memberlist: No installed keys could decrypt the message from=10.0.0.1", Said::Undecryptable),
        ] {
            assert_eq!(parse(line), Some(said), "{line}");
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
            "rafthttp: request cluster ID mismatch (got 1 want 2)",
        ] {
            assert_eq!(parse(line), None, "{line}");
        }
    }
}
