//! The readers of logs and of what commands print, on inputs that a seeded driver mutates: of each
//! target so many as `REENACT_INPUTS` says, 2,000 unless that is set.

use std::{fs, path::Path};

use reenact::diagnose::{self, Gathered, Inventory, Lines, Report, Section, Words, Zone, files, stamp};

/// What inputs begin as: a line or two of each kind that a reader knows.
const SEEDS: [&[u8]; 10] = [
    b"2026-11-29  8:00:00 0 [Note] WSREP: view(view_id(PRIM,11111111-8002,4) memb {\n\t11111111-8002,0\n} joined {\n",
    b"Nov 29 08:31:27 db1 mysqld[411]: WSREP: New COMPONENT: primary = no, memb_num = 3\n",
    b"{\"log\":\"raft: tocommit(7) is out of range\\n\",\"stream\":\"stderr\",\"time\":\"2026-11-29T08:31:27.5Z\"}\n",
    b"=reenact galera 1 n1\n=look 2026-11-29T08:00:00Z +0100 0\n=begin ps\n COMMAND\n \n=end 0\n=begin log /x\n WSREP: x\n \n=end 0\n=done\n",
    b"{\"header\":{\"cluster_id\":\"255\",\"member_id\":\"16\"},\"leader\":\"16\",\"raftIndex\":\"42\",\"raftTerm\":\"7\"}",
    b"36 35 98:0 / /var/vcap/store rw,noatime master:1 - ext4 /dev/sdb1 rw,errors=remount-ro\n",
    b"now|now_ms|9\nsql:locks|lock:a|u|1|2\nsql:tasks|1|processing|x|d|1|2|x\n",
    b"# GALERA saved state\nversion: 2.1\nuuid:    5eed5eed\nseqno:   -1\nsafe_to_bootstrap: 0\n",
    b"<?xml version=\"1.0\"?><monit><server/><service type=\"3\"><name>etcd</name><status>0</status><monitor>1</monitor></service></monit>",
    b"wsrep_cluster_status\tPrimary\nwsrep_local_index\t1\nwsrep_incoming_addresses\t10.0.0.1:3306,\n",
];

/// A small generator: xorshift64, the same numbers for the same seed.
struct Random(u64);

impl Random {
    fn next(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % (below.max(1) as u64)).unwrap_or_default()
    }

    /// One of the seeds, bent a few times: bytes changed, cut, doubled, or joined with another's.
    fn input(&mut self) -> Vec<u8> {
        let mut input = SEEDS[self.next(SEEDS.len())].to_vec();
        for _ in 0..=self.next(6) {
            let at = self.next(input.len());
            match self.next(6) {
                0 => input.truncate(at),
                1 => input.extend_from_slice(SEEDS[self.next(SEEDS.len())]),
                2 => input.insert(at, b"\0\n\xff{}|:=9"[self.next(9)]),
                3 => {
                    let end = at + self.next(input.len() - at);
                    let piece = input[at..end].to_vec();
                    input.splice(at..at, piece);
                }
                4 if !input.is_empty() => drop(input.remove(at)),
                _ => {
                    let byte = u8::try_from(self.next(256)).unwrap_or_default();
                    if let Some(place) = input.get_mut(at) {
                        *place = byte;
                    }
                }
            }
        }
        input
    }
}

fn inputs() -> usize {
    std::env::var("REENACT_INPUTS").ok().and_then(|count| count.parse().ok()).unwrap_or(2_000)
}

fn each(seed: u64, mut target: impl FnMut(&[u8])) {
    let mut random = Random(seed);
    (0..inputs()).for_each(|_| target(&random.input()));
}

#[test]
fn logs_are_read_whatever_is_in_them() {
    let zone = Zone { offset: jiff::tz::Offset::UTC, now: "2026-11-29T12:00:00Z".parse().expect("a time") };
    let words = Words::of(diagnose::find("galera").expect("a system"));
    each(1, |input| {
        let lines = Lines::read(input, &words, zone).expect("it is read");
        assert!(lines.kept.len() <= input.len() + 1);
        let _ = stamp(input, zone);
    });
}

#[test]
fn what_commands_print_is_read_whatever_it_is() {
    const NAMES: [&str; 14] = [
        "ps",
        "ss",
        "mountinfo",
        "fstab",
        "devices",
        "dmesg",
        "status",
        "monit",
        "tables",
        "etcd status v3",
        "consul peers",
        "consul self",
        "write",
        "file /var/lib/mysql/grastate.dat",
    ];
    let mut random = Random(2);
    for _ in 0..inputs() {
        let mut node = Gathered::of("n1");
        for _ in 0..2 {
            let name = NAMES[random.next(NAMES.len())];
            let text = String::from_utf8_lossy(&random.input()).into_owned();
            node.take(name, Section { text, status: [Some(0), Some(7), Some(124), None][random.next(4)] });
        }
        for system in diagnose::all() {
            let _ = (system.read)(&node);
            let _ = (system.rank)(std::slice::from_ref(&node), &diagnose::Case::default());
        }
    }
}

/// Files are of any name, and of any content.
#[test]
fn files_are_known_or_not_whatever_is_in_them() {
    for system in diagnose::all() {
        each(3, |input| {
            let head = String::from_utf8_lossy(input);
            let _ = ((system.recognise)(&head, &head), (system.prefix)(&head));
        });
    }
}

/// The whole way, from a file to what is said of it; a tenth of the inputs.
#[test]
fn a_file_is_diagnosed_or_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let (path, galera) = (folder.path().join("n1.look"), diagnose::find("galera").expect("a system"));
    let mut random = Random(4);
    for _ in 0..inputs() / 10 {
        whole_way(&path, galera, &random.input());
    }
}

fn whole_way(path: &Path, system: &diagnose::System, input: &[u8]) {
    fs::write(path, input).expect("a file");
    if let Ok(found) = files::read(path, system) {
        let _ = Report::of(system, &found.gathered, &Inventory::default());
    }
}
