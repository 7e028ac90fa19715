//! How fast logs are read, and in how much memory, a format at a time: lines that matter to nobody with
//! one in a hundred that does, and logs of which every line matters. Time is what the process had of a
//! core, as Linux counts it, so that other work on the machine does not matter much.
//!
//! `nice cargo run --release -p reenact-diagnose --example throughput -- [MEGABYTES]`; 400 unless told.

use std::io::{self, Read};

use jiff::{Timestamp, tz::Offset};
use reenact_diagnose::{Lines, Words, Zone};

/// Words of Galera's detectors.
const GALERA: &[&str] = &[
    "WSREP",
    "[Galera]",
    "[ERROR]",
    "view (",
    "joined {",
    "as process ",
    "Aborting",
    ": Terminated.",
    "got signal ",
    "ormal shutdown",
    "Received SHUTDOWN",
    "hutdown complete",
    "ready for connections",
];

/// As many words as Diego's detectors have, which have the most.
const DIEGO: &[&str] = &[
    "already been bootstrapped",
    "tocommit(",
    "permanently removed",
    "data-dir used by this member",
    "crc mismatch",
    "max entry size limit",
    "slice bounds out of range",
    "conflicting metadata",
    "snapshot mismatch",
    "wal: file not found",
    "none as id",
    "database snapshot file",
    "invalid database",
    "unexpected fault address",
    "freepages:",
    "Page expected to be",
    "unexpected type/flags",
    "invalid page allocation",
    "already freed",
    "cannot free page",
    "address already in use",
    "No installed keys",
    "panic",
    "fatal",
    "FATAL",
    " C | ",
    "Failed to start Raft",
    "initial configuration",
    "starting member",
    "starting local member",
    "starting etcd server",
    "starting server...",
    "elected leader",
    "became leader",
    "lost leader",
    "new election at term",
    "health check for peer",
    "prober detected unhealthy",
    "became active",
    "No cluster leader",
    "leader elected",
    "leadership acquired",
    "election won",
    "Election timeout reached",
    "equestVote RPC",
    "onsul agent",
    "is out of range",
    "Node at ",
    "etcdserver: no space",
    "database space exceeded",
    "NOSPACE",
    "disarm",
];

/// A format: its name, its words, a line that matters to nobody, and one that does.
const FORMATS: [(&str, &[&str], &str, &str); 8] = [
    (
        "MariaDB's error log",
        GALERA,
        "2026-11-20 10:42:04 37 [Warning] Aborted connection 37 to db: 'ccdb' user: 'cc' host: '10.0.1.7' (Got timeout reading communication packets)\n",
        "2026-11-20 10:42:04 0 [Note] WSREP: (5eed5eed-8002, 'tcp://0.0.0.0:4567') turning message relay requesting on, nonlive peers: tcp://10.0.0.2:4567\n",
    ),
    (
        "etcd, JSON",
        DIEGO,
        "{\"level\":\"warn\",\"ts\":\"2026-11-20T10:42:04.123456Z\",\"caller\":\"etcdserver/util.go:170\",\"msg\":\"apply request took too long\",\"took\":\"157.3ms\",\"expected-duration\":\"100ms\",\"prefix\":\"read-only range \",\"request\":\"key:\\\"/registry/leases\\\" limit:500 \"}\n",
        "{\"level\":\"warn\",\"ts\":\"2026-11-20T10:42:04.123456Z\",\"caller\":\"rafthttp/probing_status.go:68\",\"msg\":\"prober detected unhealthy status\",\"round-tripper-name\":\"ROUND_TRIPPER_SNAPSHOT\",\"remote-peer-id\":\"2b\",\"rtt\":\"0s\",\"error\":\"dial tcp 10.0.0.2:2380: i/o timeout\"}\n",
    ),
    (
        "etcd, text",
        DIEGO,
        "2026-11-20 10:42:04.123456 W | etcdserver: read-only range request \"key:\\\"/registry/leases\\\" \" with result \"range_response_count:1 size:477\" took too long (157ms) to execute\n",
        "2026-11-20 10:42:04.123456 W | rafthttp: health check for peer 2b could not connect: dial tcp 10.0.0.2:2380: i/o timeout (prober \"ROUND_TRIPPER_RAFT_MESSAGE\")\n",
    ),
    (
        "Consul",
        DIEGO,
        "    2026-11-20T10:42:04.123Z [DEBUG] agent.http: Request finished: method=GET url=/v1/kv/v1/locks/bbs_lock from=127.0.0.1:51234 latency=1.2ms\n",
        "    2026-11-20T10:42:04.123Z [ERROR] agent: Coordinate update error: error=\"No cluster leader\"\n",
    ),
    (
        "syslog",
        GALERA,
        "Nov 20 10:42:04 db1 systemd[1]: Started Session 4711 of user vcap, slice User Slice of UID 1000, which says so at some length.\n",
        "Nov 20 10:42:04 db1 mariadbd[411]: 2026-11-20 10:42:04 0 [Note] WSREP: declaring 5eed5eed-8002 at tcp://10.0.0.2:4567 stable\n",
    ),
    (
        "docker, JSON",
        GALERA,
        "{\"log\":\"2026-11-20 10:42:04 37 [Warning] Aborted connection 37 to db: 'ccdb' user: 'cc' host: '10.0.1.7'\\n\",\"stream\":\"stderr\",\"time\":\"2026-11-20T10:42:04.123456789Z\"}\n",
        "{\"log\":\"2026-11-20 10:42:04 0 [Note] WSREP: declaring 5eed5eed-8002 at tcp://10.0.0.2:4567 stable\\n\",\"stream\":\"stderr\",\"time\":\"2026-11-20T10:42:04.123456789Z\"}\n",
    ),
    (
        "journal, short",
        GALERA,
        "2026-11-20T10:42:04.123456+0100 db1 sshd[912]: Accepted publickey for vcap from 10.0.1.7 port 50122 ssh2: ED25519 SHA256:x\n",
        "2026-11-20T10:42:04.123456+0100 db1 mariadbd[411]: 2026-11-20 10:42:04 0 [Note] WSREP: declaring 5eed5eed-8002 at tcp://10.0.0.2:4567 stable\n",
    ),
    (
        "journal, export",
        GALERA,
        "__CURSOR=s=5eed;i=1;b=5eed;m=1;t=1;x=1\n__REALTIME_TIMESTAMP=1763634124123456\n__MONOTONIC_TIMESTAMP=11\n_BOOT_ID=5eed\nPRIORITY=6\n_UID=0\n_TRANSPORT=journal\n_SYSTEMD_UNIT=ssh.service\n_HOSTNAME=db1\nMESSAGE=Accepted publickey for vcap from 10.0.1.7\n\n",
        "__CURSOR=s=5eed;i=1;b=5eed;m=1;t=1;x=1\n__REALTIME_TIMESTAMP=1763634124123456\n__MONOTONIC_TIMESTAMP=11\n_BOOT_ID=5eed\nPRIORITY=6\n_UID=0\n_TRANSPORT=stdout\n_SYSTEMD_UNIT=mariadb.service\n_HOSTNAME=db1\nMESSAGE=2026-11-20 10:42:04 0 [Note] WSREP: declaring 5eed5eed-8002 at tcp://10.0.0.2:4567 stable\n\n",
    ),
];

/// One block of text over and over, up to a length.
struct Cycle {
    block: Vec<u8>,
    at: usize,
    left: usize,
}

impl Cycle {
    fn of(lines: &[&str], length: usize) -> Self {
        let block = lines.concat().repeat(1 + (1 << 20) / lines.iter().map(|line| line.len()).sum::<usize>());
        Self { block: block.into_bytes(), at: 0, left: length }
    }
}

impl Read for Cycle {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let rest = &self.block[self.at..];
        let count = into.len().min(rest.len()).min(self.left);
        into[..count].copy_from_slice(&rest[..count]);
        self.at = (self.at + count) % self.block.len();
        self.left -= count;
        Ok(count)
    }
}

fn main() -> io::Result<()> {
    let megabytes = std::env::args().nth(1).and_then(|count| count.parse().ok()).unwrap_or(400_usize);
    for (name, words, quiet, telling) in FORMATS {
        let hundred: Vec<_> = std::iter::repeat_n(quiet, 99).chain([telling]).collect();
        for (kind, lines) in [("one line in a hundred", &hundred[..]), ("every line", &[telling])] {
            let (speed, kept) = speed(Cycle::of(lines, megabytes * 1_000_000), &Words::new(words))?;
            eprintln!("{name:20} {kind:22} {speed:6.0} MB/s, {kept} lines kept, at most {} MB of memory", peak());
        }
    }
    Ok(())
}

/// Megabytes a second, and how many lines were kept.
fn speed(log: Cycle, words: &Words) -> io::Result<(f64, usize)> {
    let zone = Zone { offset: Offset::UTC, now: Timestamp::now() };
    let began = on_core();
    let lines = Lines::read(log, words, zone)?;
    Ok((lines.bytes as f64 / 1e6 / (on_core() - began), lines.kept.len()))
}

/// For how many seconds this process has had a core.
fn on_core() -> f64 {
    let spent = std::fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    spent.split_whitespace().next().and_then(|nanos| nanos.parse::<f64>().ok()).unwrap_or_default() / 1e9
}

/// The most memory that this process ever had, in megabytes, as Linux counts it.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kilobytes =
        status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.split_whitespace().next()?.parse().ok());
    kilobytes.unwrap_or(0_u64) / 1024
}
