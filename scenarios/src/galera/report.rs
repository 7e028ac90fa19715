//! The marks of the report, by which the wedge is known.

use reenact::{
    fingerprint::{Fingerprint, latest, logged},
    probe::{Answer, Observation, PortState, Signal},
};

use super::NODES;

/// The marks of the report. Where Galera has changed its wording since 3.20, the
/// mark is the line's meaning.
pub(super) const FINGERPRINTS: &[Fingerprint] = &[
    Fingerprint {
        id: "position-recovered",
        report: "mysqld_safe WSREP: Recovered position 746e46f3-…:20626756",
        shows: |seen| logged(seen, &["mysqld_safe WSREP: Recovered position"]),
    },
    Fingerprint {
        id: "unsafe-saved-state",
        report: "Found saved state: 746e46f3-…:-1, safe_to_bootsrap: 0",
        shows: |seen| logged(seen, &["Found saved state", ":-1, safe_to_boot", ": 0"]),
    },
    Fingerprint {
        id: "pc-restored",
        report: "restore pc from disk successfully",
        shows: |seen| logged(seen, &["restore pc from disk successfully"]),
    },
    Fingerprint {
        id: "no-prim-possible",
        report: "no nodes coming from prim view, prim not possible",
        shows: |seen| {
            logged(seen, &["No nodes coming from primary view, primary view is not possible"])
                || logged(seen, &["no nodes coming from prim view, prim not possible"])
        },
    },
    Fingerprint {
        id: "non-prim-view",
        report: "view(view_id(NON_PRIM,069ddd4c,111) memb {",
        shows: |seen| logged(seen, &["view(view_id(NON_PRIM,"]),
    },
    Fingerprint {
        id: "two-first-not-primary",
        report: "New COMPONENT: primary = no, bootstrap = no, my_idx = 0, memb_num = 2",
        shows: |seen| logged(seen, &["New COMPONENT: primary = no, bootstrap = no", "memb_num = 2"]),
    },
    Fingerprint {
        id: "three-and-not-primary",
        report: "New COMPONENT: primary = no, bootstrap = no, my_idx = 0, memb_num = 3",
        shows: |seen| logged(seen, &["New COMPONENT: primary = no, bootstrap = no", "memb_num = 3"]),
    },
    Fingerprint {
        id: "received-non-primary",
        report: "Received NON-PRIMARY.",
        shows: |seen| logged(seen, &["Received NON-PRIMARY."]),
    },
    Fingerprint {
        id: "inconsistent-last-prim",
        report: "node uuid: 11247975 last_prim(type: 2, …) is inconsistent to restored view(type: V_NON_PRIM, …",
        shows: |seen| logged(seen, &["last_prim(type: 2, ", "is inconsistent to restored view(type: V_NON_PRIM, "]),
    },
    Fingerprint {
        id: "sql-port-closed",
        report: "netstat: nothing listens on 3306",
        shows: |seen| everywhere(seen, |signal| port(signal, 3306).map(|state| state == PortState::Closed)),
    },
    Fingerprint {
        id: "group-port-open",
        report: "netstat: 0.0.0.0:4567 LISTEN 1890/mysqld",
        shows: |seen| everywhere(seen, |signal| port(signal, 4567).map(|state| state == PortState::Open)),
    },
    Fingerprint {
        id: "no-pid-file",
        report: "/var/vcap/sys/run/mysql/mysql.pid does not exist",
        shows: |seen| {
            everywhere(seen, |signal| match signal {
                Signal::File { path, content } if path.ends_with("/mysqld.pid") => Some(content.is_none()),
                _ => None,
            })
        },
    },
    Fingerprint {
        id: "server-with-start-position",
        report: "mysqld … --wsrep_start_position=746e46f3-…:20626756",
        shows: |seen| {
            everywhere(seen, |signal| match signal {
                Signal::Processes { commands } => {
                    Some(commands.iter().any(|command| command.contains("--wsrep_start_position=")))
                }
                _ => None,
            })
        },
    },
];

/// What a node that is cut off from its peers shows, as measured.
pub(super) const CUT_OFF: &[Fingerprint] = &[
    Fingerprint {
        id: "alone-and-not-primary",
        report: "New COMPONENT: primary = no, bootstrap = no, my_idx = 0, memb_num = 1",
        shows: |seen| logged(seen, &["New COMPONENT: primary = no, bootstrap = no, my_idx = 0, memb_num = 1"]),
    },
    Fingerprint {
        id: "initialized",
        report: "wsrep_local_state_comment is Initialized, wsrep_cluster_size is 1",
        shows: |seen| {
            said(seen, |status| {
                status.get("wsrep_local_state_comment") == Some("Initialized")
                    && status.get("wsrep_cluster_size") == Some("1")
            })
        },
    },
];

/// What the others' vote against a node shows, as measured.
pub(super) const VOTED_OUT: &[Fingerprint] = &[
    Fingerprint {
        id: "inconsistent-by-consensus",
        report: "Inconsistency detected: Inconsistent by consensus on 5eed…",
        shows: |seen| logged(seen, &["Inconsistency detected: Inconsistent by consensus on "]),
    },
    Fingerprint {
        id: "inconsistent",
        report: "wsrep_local_state_comment is Inconsistent, and 3306 is open",
        shows: |seen| said(seen, |status| status.get("wsrep_local_state_comment") == Some("Inconsistent")),
    },
];

/// A frozen server takes a connection and answers nothing.
pub(super) const HANGS: &[Fingerprint] = &[Fingerprint {
    id: "handshake-hangs",
    report: "3306 accepts, and no handshake comes",
    shows: |seen| said(seen, |status| matches!(status, Answer::Hung { .. })),
}];

/// Two nodes that are all there are, and not primary.
pub(super) const TWO_LEFT: &[Fingerprint] = &[Fingerprint {
    id: "two-and-not-primary",
    report: "New COMPONENT: primary = no, bootstrap = no, my_idx = 0, memb_num = 2",
    shows: |seen| logged(seen, &["New COMPONENT: primary = no, bootstrap = no", "memb_num = 2"]),
}];

/// Both sides of a split are primary.
pub(super) const BOTH_PRIMARY: &[Fingerprint] = &[Fingerprint {
    id: "primary-one-and-two",
    report: "n1: Primary, wsrep_cluster_size 1; n2 and n3: Primary, 2",
    shows: |seen| {
        let sizes = latest(seen, |signal| match signal {
            Signal::Query { of, answer } if of == "sql:status" => {
                let primary = answer.get("wsrep_cluster_status") == Some("Primary");
                Some(answer.get("wsrep_cluster_size").filter(|_| primary).map(str::to_owned))
            }
            _ => None,
        });
        let size = |node: &str| sizes.get(node).and_then(Option::as_deref);
        (size("n1"), size("n2"), size("n3")) == (Some("1"), Some("2"), Some("2"))
    },
}];

/// Nodes that were shut down in order and started again, none of which began a cluster.
pub(super) const STOPPED_IN_ORDER: &[Fingerprint] = &[
    Fingerprint {
        id: "no-primary-view",
        report: "failed to open gcomm backend connection: 110: failed to reach primary view",
        shows: |seen| logged(seen, &["failed to open gcomm backend connection: 110: failed to reach primary view"]),
    },
    ABORTING,
    Fingerprint {
        id: "last-to-leave",
        report: "the last one to stop has safe_to_bootstrap: 1",
        shows: |seen| {
            let safe = latest(seen, |signal| match signal {
                Signal::File { path, content: Some(text) } if path.ends_with("/grastate.dat") => {
                    Some(text.contains("safe_to_bootstrap: 1"))
                }
                _ => None,
            });
            (safe.get("n1"), safe.get("n2"), safe.get("n3")) == (Some(&false), Some(&false), Some(&true))
        },
    },
];

/// A node that is started as the first one of a cluster that it has not left last.
pub(super) const NOT_SAFE_TO_BOOTSTRAP: &[Fingerprint] = &[
    Fingerprint {
        id: "may-not-be-safe",
        report: "It may not be safe to bootstrap the cluster from this node",
        shows: |seen| logged(seen, &["It may not be safe to bootstrap the cluster from this node"]),
    },
    ABORTING,
];

const ABORTING: Fingerprint =
    Fingerprint { id: "aborting", report: "[ERROR] Aborting", shows: |seen| logged(seen, &["[ERROR] Aborting"]) };

/// Writes that wait for a node which applies nothing.
pub(super) const HELD_UP: &[Fingerprint] = &[
    Fingerprint {
        id: "waiting-for-certification",
        report: "all writes are in `Waiting for certification`",
        shows: |seen| {
            seen.iter().any(|o| match &o.signal {
                Signal::Query { answer, .. } => answer.get("waits_for") == Some("Waiting for certification"),
                _ => false,
            })
        },
    },
    Fingerprint {
        id: "flow-control-active",
        report: "wsrep_flow_control_active is true, and the node is Synced",
        shows: |seen| {
            said(seen, |status| {
                status.get("wsrep_flow_control_active") == Some("true")
                    && status.get("wsrep_local_state_comment") == Some("Synced")
            })
        },
    },
    Fingerprint {
        id: "queue-of-the-slow-one",
        report: "n3 is Donor/Desynced and has a receive queue",
        shows: |seen| {
            said(seen, |status| {
                status.get("wsrep_local_state_comment") == Some("Donor/Desynced")
                    && status.get("wsrep_local_recv_queue").is_some_and(|queue| queue != "0")
            })
        },
    },
];

/// Whether any node's status was ever so.
fn said(seen: &[Observation], so: impl Fn(&Answer) -> bool) -> bool {
    seen.iter().any(|o| matches!(&o.signal, Signal::Query { of, answer } if of == "sql:status" && so(answer)))
}

/// Whether the latest word of every node on this is yes.
fn everywhere(seen: &[Observation], pick: impl Fn(&Signal) -> Option<bool>) -> bool {
    let words = latest(seen, pick);
    words.len() == NODES.len() && words.values().all(|yes| *yes)
}

fn port(signal: &Signal, wanted: u16) -> Option<PortState> {
    match signal {
        Signal::Port { port, state } if *port == wanted => Some(*state),
        _ => None,
    }
}
