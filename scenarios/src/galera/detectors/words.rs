//! The words in which Galera nodes log what matters, by who writes them.
//!
//! Galera's own text is the same in all of them but for spaces. What differs is who logs it:
//! MariaDB 10.1 to 11.8, and Percona XtraDB Cluster up to 5.7, say `WSREP:`; MySQL 8.0's log,
//! and with it Percona XtraDB Cluster 8.0 and Codership's own, says `[MY-000000] [Galera]`.

use std::sync::LazyLock;

use regex::{Captures, Regex};

/// What one line says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Event {
    /// A server's program began; not yet that it is one of Galera's.
    Begins,
    /// The server loads its provider.
    Started,
    /// It looks for its group at this many configured addresses.
    Connecting { peers: usize },
    /// The first line of gcomm's view block; its members follow, a line each.
    ViewOpens { primary: bool, id: String },
    /// A member, if a view block is open.
    Member,
    /// The end of the view block's members.
    MembersEnd,
    /// The group layer has a new component.
    Component { primary: bool, members: usize },
    /// The node left its group.
    Left,
    /// A member's last primary view is not the one that this node restored.
    DivergedRestore,
    /// This node's data were found to differ from the group's.
    Inconsistency,
    /// The server gives up and ends.
    Aborts,
    /// The server dies by a signal of its own making, such as 6 or 11.
    Crashes,
    /// Somebody asked the server to shut down.
    ShutsDown,
    /// The server has ended, as it was asked to.
    Ended,
    /// The server takes clients.
    Ready,
    /// Any other error.
    Error,
}

/// A pattern, and what a line that holds it says.
type Word = (&'static str, fn(&Captures<'_>) -> Option<Event>);

/// The first that fits counts.
const WORDS: &[Word] = &[
    // gcomm/src/view.cpp. MariaDB and Codership, on one line: `WSREP: view(view_id(PRIM,…,4) memb {`.
    // Percona (5.7 and 8.0; its pull request 1379) begins a line of its own: `view (view_id(PRIM,…,4)`.
    // Short UUIDs: `069ddd4c` in Galera 3, `11111111-8003` in 26.4.
    (r"(?:^|\s)view ?\(view_id\((NON_PRIM|PRIM),([0-9a-f]{8}(?:-[0-9a-f]{4})?,\d+)\)", |found| {
        Some(Event::ViewOpens { primary: &found[1] == "PRIM", id: found[2].to_owned() })
    }),
    // gcs/src/gcs.cpp, the same everywhere.
    (r"New COMPONENT: primary = (yes|no), .*memb_num = (\d+)", |found| {
        Some(Event::Component { primary: &found[1] == "yes", members: found[2].parse().ok()? })
    }),
    // gcomm/src/view.cpp: `} joined {`; Percona closes the members' brace on a line before it.
    (r"^\s*(?:\} )?joined \{", |_| Some(Event::MembersEnd)),
    (r"^\s*[0-9a-f]{8}(?:-[0-9a-f]{4})?,\d+\s*$", |_| Some(Event::Member)),
    // gcomm/src/view.cpp: `view((empty))`, Percona's `view ((empty))`.
    (r"(?:^|\s)view ?\(\(empty\)\)", |_| Some(Event::Left)),
    // gcomm/src/pc_proto.cpp, the same everywhere.
    (r"last_prim\(.*is inconsistent to restored view", |_| Some(Event::DivergedRestore)),
    // galera/src/replicator_smm.cpp: Galera 26.4 votes; Galera 3 decides alone and says `compromised`,
    // with an s or a z.
    (r"(?:WSREP:|\[Galera\]) (?:Inconsistency detected|Node consistency compromi[sz]ed)", |_| {
        Some(Event::Inconsistency)
    }),
    // gcomm/src/gmcast.cpp, the same everywhere.
    (r"gcomm: connecting to group '[^']*', peer '([^']*)'", |found| {
        Some(Event::Connecting { peers: found[1].split(',').filter(|peer| !peer.is_empty()).count() })
    }),
    // wsrep-API's loader, the same everywhere. `--wsrep-recover`, which a person may run beside a
    // stuck server, loads 'none'.
    (r"wsrep_load\(\): loading provider library '[^']*/", |_| Some(Event::Started)),
    // MySQL, Percona and MariaDB up to 10.6: `mysqld (mysqld 5.7.31-34) starting as process 2`; later
    // MariaDB: `Starting MariaDB 11.8.2-MariaDB-… source revision … as process 1`.
    (r"(?: starting|Starting MariaDB .*) as process \d+", |_| Some(Event::Begins)),
    // MariaDB and MySQL 5.7: `[ERROR] Aborting`; 8.0: `[ERROR] [MY-010119] [Server] Aborting`. Galera 3
    // ends its server itself: `WSREP: /usr/sbin/mysqld: Terminated.`
    (r"\[ERROR\](?: \[MY-\d+\] \[Server\])? Aborting|(?:mysqld|mariadbd): Terminated\.", |_| Some(Event::Aborts)),
    // The crash handler of all: `mysqld got signal 11 ;`.
    (r"(?:mysqld|mariadbd) got signal \d+", |_| Some(Event::Crashes)),
    // MariaDB and MySQL 5.7: `Normal shutdown`; 8.0: `[System] [MY-013172] [Server] Received SHUTDOWN from user`.
    (r"(?:mysqld|mariadbd) \(.*\): Normal shutdown|Received SHUTDOWN from user", |_| Some(Event::ShutsDown)),
    // MariaDB and MySQL 5.7: `mariadbd: Shutdown complete`; 8.0: `mysqld: Shutdown complete (mysqld 8.0.30-22)`.
    (r"(?:mysqld|mariadbd): Shutdown complete", |_| Some(Event::Ended)),
    // The same everywhere.
    (r"(?:mysqld|mariadbd): ready for connections", |_| Some(Event::Ready)),
    (r"\[ERROR\]", |_| Some(Event::Error)),
];

type Pattern = (Regex, fn(&Captures<'_>) -> Option<Event>);

/// All that compile: `fixed_patterns_compile` holds that each does.
static PATTERNS: LazyLock<Vec<Pattern>> =
    LazyLock::new(|| WORDS.iter().filter_map(|(text, event)| Some((Regex::new(text).ok()?, *event))).collect());

/// What a line says, if it is one that matters.
pub(super) fn parse(line: &str) -> Option<Event> {
    PATTERNS.iter().find_map(|(pattern, event)| pattern.captures(line).map(|found| event(&found)))?
}

/// Whether a line is one of Galera's.
pub(super) fn is_galera(line: &str) -> bool {
    line.contains("WSREP") || line.contains("[Galera]")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fixed_patterns_compile() {
        assert_eq!(PATTERNS.len(), WORDS.len());
    }

    fn view(primary: bool, id: &str) -> Event {
        Event::ViewOpens { primary, id: id.into() }
    }

    /// Who says it, the line, and what it says.
    fn examples() -> Vec<(&'static str, &'static str, Event)> {
        let component = |primary, members| Event::Component { primary, members };
        vec![
            (
                "MariaDB 10.1, Galera 3.20",
                "2017-10-21 21:57:52 140045705000704 [Note] WSREP: view(view_id(NON_PRIM,069ddd4c,111) memb {",
                view(false, "069ddd4c,111"),
            ),
            (
                "MariaDB 10.11, Galera 26.4",
                "2026-11-20 10:42:04 0 [Note] WSREP: view(view_id(PRIM,11111111-8002,4) memb {",
                view(true, "11111111-8002,4"),
            ),
            (
                "MySQL-wsrep 8.0",
                "2023-03-16T20:09:52.554860Z 0 [Note] [MY-000000] [Galera] view(view_id(NON_PRIM,582bb7c0-8cec,5) memb {",
                view(false, "582bb7c0-8cec,5"),
            ),
            ("PXC 5.7 and 8.0", "view (view_id(NON_PRIM,582bb7c0-8cec,5)", view(false, "582bb7c0-8cec,5")),
            ("Galera 3", "\t069ddd4c,0", Event::Member),
            ("Galera 26.4", "\t11111111-8002,0", Event::Member),
            ("MariaDB", "} joined {", Event::MembersEnd),
            ("PXC", "joined {", Event::MembersEnd),
            ("MariaDB 10.1", "151113 10:58:06 [Note] WSREP: view((empty))", Event::Left),
            ("PXC", "view ((empty))", Event::Left),
            (
                "PXC 5.7",
                "2021-04-22T08:01:05.000581Z 0 [Note] WSREP: New COMPONENT: primary = no, bootstrap = no, my_idx = 0, memb_num = 3",
                component(false, 3),
            ),
            (
                "PXC 8.0",
                "2023-10-21T04:01:01.704318Z 0 [Note] [MY-000000] [Galera] New COMPONENT: primary = yes, bootstrap = no, my_idx = 0, memb_num = 1",
                component(true, 1),
            ),
            (
                "PXC 8.0",
                "2023-10-21T04:01:01.7Z 4 [ERROR] [MY-000000] [Galera] Inconsistency detected: Inconsistent by consensus on e234baca:73",
                Event::Inconsistency,
            ),
            (
                "Galera 3",
                "2001-01-01T01:01:01.481967+09:00 4 [ERROR] WSREP: Node consistency compromised, aborting...",
                Event::Inconsistency,
            ),
            (
                "Galera 3, older",
                "2017-06-14  8:01:24 86 [ERROR] WSREP: Node consistency compromized, leaving cluster...",
                Event::Inconsistency,
            ),
            (
                "PXC 8.0",
                "0 [Warning] [MY-000000] [Galera] node uuid: 22222222-8003 last_prim(type: 2, uuid: 22222222-8002) is inconsistent to restored view(type: V_NON_PRIM, uuid: 1",
                Event::DivergedRestore,
            ),
            (
                "PXC 8.0",
                "0 [Note] [MY-000000] [Galera] wsrep_load(): loading provider library '/usr/lib64/galera4/libgalera_smm.so'",
                Event::Started,
            ),
            (
                "PXC 8.0",
                "0 [Note] [MY-000000] [Galera] gcomm: connecting to group 'pxc', peer '10.0.0.1:,10.0.0.2:'",
                Event::Connecting { peers: 2 },
            ),
            (
                "MariaDB 10.1",
                "2017-10-21 21:56:55 1 [Note] mysqld (mysqld 10.1.24-MariaDB) starting as process 1822 ...",
                Event::Begins,
            ),
            (
                "MariaDB 11.8",
                "2025-10-13 15:14:42 0 [Note] Starting MariaDB 11.8.2-MariaDB-ubu2404 source revision 8d36 server_uid iU9n= as process 1",
                Event::Begins,
            ),
            (
                "PXC 8.0",
                "0 [System] [MY-010116] [Server] /usr/sbin/mysqld (mysqld 8.0.30-22) starting as process 1",
                Event::Begins,
            ),
            ("MariaDB", "2026-11-29  8:31:27 0 [ERROR] Aborting", Event::Aborts),
            ("PXC 8.0", "2001-01-01T01:01:01.000000Z 0 [ERROR] [MY-010119] [Server] Aborting", Event::Aborts),
            ("Galera 3", "2001-01-01T01:01:01.000000Z 8 [Note] WSREP: /usr/sbin/mysqld: Terminated.", Event::Aborts),
            ("MySQL", "01:01:01 UTC - mysqld got signal 11 ;", Event::Crashes),
            ("MariaDB", "260814  7:51:05 [ERROR] mariadbd got signal 6 ;", Event::Crashes),
            (
                "MariaDB",
                "2001-01-01  1:01:01 0 [Note] /usr/sbin/mariadbd (initiated by: unknown): Normal shutdown",
                Event::ShutsDown,
            ),
            (
                "PXC 8.0",
                "0 [System] [MY-013172] [Server] Received SHUTDOWN from user <via user signal>. Shutting down mysqld",
                Event::ShutsDown,
            ),
            ("MariaDB", "2026-11-20 10:42:04 0 [Note] /usr/sbin/mariadbd: Shutdown complete", Event::Ended),
            (
                "PXC 8.0",
                "0 [System] [MY-010910] [Server] /usr/sbin/mysqld: Shutdown complete (mysqld 8.0.30-22)  Percona XtraDB Cluster",
                Event::Ended,
            ),
            ("MariaDB", "2026-11-20 10:42:04 0 [Note] /usr/sbin/mariadbd: ready for connections.", Event::Ready),
            (
                "PXC 8.0",
                "0 [System] [MY-010931] [Server] /usr/sbin/mysqld: ready for connections. Version: '8.0.30-22'",
                Event::Ready,
            ),
            (
                "PXC 8.0",
                "0 [ERROR] [MY-000000] [Galera] failed to open gcomm backend connection: 110: failed to reach primary view",
                Event::Error,
            ),
        ]
    }

    #[test]
    fn each_wording_is_read() {
        for (who, line, event) in examples() {
            assert_eq!(parse(line), Some(event), "{who}: {line}");
        }
    }

    #[test]
    fn a_log_that_goes_through_syslog_says_the_same() {
        for (who, line, event) in examples().into_iter().filter(|(_, line, _)| line.contains("] ")) {
            assert_eq!(parse(&format!("Nov 29 08:31:27 db1 mysqld[411]: {line}")), Some(event), "{who}: {line}");
        }
    }

    #[test]
    fn what_looks_alike_is_not_read() {
        let install = "2026-11-20 10:42:04 0 [Warning] WSREP: non weight changing install in S_PRIM: pcmsg{ type=INSTALL, \
                       seq=0, flags= 2, node_map {\t11111111-8002,prim=0,un=0,last_seq=4294967295,\
                       last_prim=view_id(NON_PRIM,11111111-8001,1),to_seq=-1,weight=1,segment=0";
        for line in [
            install,
            "\t22222222-8002,prim=0,un=0,last_seq=4294967295,weight=1,segment=0",
            "\t0: 11111111-1111-11e1-8002-111111111111, n1",
            "current_view=Current view of cluster as seen by this node",
            "view (view_id(REG,02e369be-8363,1046)",
            "0 [Note] WSREP: wsrep_load(): loading provider library 'none'",
            "0 [Warning] [MY-000000] [Galera] Exception while mapping writeset addr. Aborting GCache recovery.",
            "2026-11-29  8:31:33 0 [Note] WSREP: No nodes coming from primary view, primary view is not possible",
        ] {
            assert_eq!(parse(line), None, "{line}");
        }
    }
}
