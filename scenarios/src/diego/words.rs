//! The words with which etcd and Consul say what ails them, which detectors and runbooks
//! look for alike, and where their sources have them.

/// Why a member of etcd does not start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Why {
    /// Its files are damaged.
    Damaged,
    /// It has not the log that it should have.
    Wiped,
    /// It is no member of the cluster any more.
    Removed,
}

/// What etcd ends with, and where its source has the words (versions 3.3 to 3.6; `bbolt` is
/// its database's library, at 1.3 and 1.4). All parts must be in the line. The first that
/// fits counts.
pub(super) const ENDS: [(&[&str], Why); 22] = [
    // server/etcdserver, bootstrap: its data or its peers know it as a member already.
    (&["has already been bootstrapped"], Why::Wiped),
    // raft, log.commitTo: its leader knows that it had more.
    (&["tocommit(", "is out of range"], Why::Wiped),
    // server/etcdserver and rafthttp: what the peers answer, or the log itself has.
    (&["member has been permanently removed from the cluster"], Why::Removed),
    // The first versions of 2016 said it in their own name.
    (&["the data-dir used by this member must be removed"], Why::Removed),
    // wal: walpb.ErrCRCMismatch, and wal.ErrCRCMismatch beside it.
    (&["walpb: crc mismatch"], Why::Damaged),
    (&["wal: crc mismatch"], Why::Damaged),
    // wal: a length that nothing wrote (3.3 to 3.5), and the same in 3.6.
    (&["max entry size limit exceeded"], Why::Damaged),
    (&["wal: slice bounds out of range"], Why::Damaged),
    (&["wal: conflicting metadata found"], Why::Damaged),
    (&["wal: snapshot mismatch"], Why::Damaged),
    (&["wal: file not found"], Why::Damaged),
    // raft, loadState: what it has committed is not in its log.
    (&["state.commit ", "is out of range"], Why::Damaged),
    // raft, newRaft: a log whose first record is gone.
    (&["cannot use none as id"], Why::Damaged),
    // server/etcdserver, recoverSnapshotBackend: the snapshot is there, its database is not.
    (&["failed to find database snapshot file"], Why::Damaged),
    // bbolt, db.go: ErrInvalid; a file that is shorter than its pages makes Go's runtime fault.
    (&["invalid database"], Why::Damaged),
    (&["unexpected fault address"], Why::Damaged),
    // bbolt, db.go and tx_check.go: the walk over all pages at the start.
    (&["freepages: failed to get all reachable pages"], Why::Damaged),
    // bbolt, page.go: a page that is not what it should be.
    (&["Page expected to be:", "but self identifies as"], Why::Damaged),
    (&["page ", "has unexpected type/flags:"], Why::Damaged),
    // bbolt, freelist.go: free pages that cannot be free.
    (&["invalid page allocation:"], Why::Damaged),
    (&["panic: page ", "already freed"], Why::Damaged),
    (&["cannot free page 0 or 1"], Why::Damaged),
];

/// What etcd ends with where another etcd has its port: Go's words for EADDRINUSE.
pub(super) const PORT_TAKEN: &str = "address already in use";

/// What a Consul agent says of messages under another key (memberlist, security.go).
pub(super) const UNDECRYPTABLE: &str = "No installed keys could decrypt the message";

/// [`ENDS`] and [`PORT_TAKEN`] as an extended regular expression.
pub(super) fn ends_as_pattern() -> String {
    let one = |parts: &[&str]| parts.join(".*").replace('(', "[(]");
    let all = ENDS.iter().map(|(parts, _)| one(parts)).chain([PORT_TAKEN.into()]);
    all.collect::<Vec<_>>().join("|")
}
