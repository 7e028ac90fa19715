//! Whatever is in a file, nothing panics. `PROPTEST_CASES=1000000` tries more.

use std::collections::BTreeMap;

use proptest::prelude::*;
use reenact::diagnose::{self, Gathered, Inventory, Report, Section};

/// The sections that any system reads.
const SECTIONS: [&str; 24] = [
    "ps",
    "ss",
    "mountinfo",
    "fstab",
    "statfs",
    "devices",
    "dmesg",
    "inspect",
    "status",
    "monit",
    "health",
    "tables",
    "metrics",
    "reconcile",
    "unit x",
    "etcd status v3",
    "etcd hash v3",
    "consul self",
    "consul peers",
    "consul lock",
    "consul session",
    "listeners",
    "iaas:inflight",
    "file /var/lib/mysql/grastate.dat",
];

/// Pieces of what the sections are made of, so that garbage is nearly right.
fn text() -> impl Strategy<Value = String> {
    let pieces = prop_oneof![
        Just("COMMAND\n".to_owned()),
        Just("LISTEN 0 80 0.0.0.0:3306 0.0.0.0:*\n".to_owned()),
        Just("36 35 98:0 / /var/vcap/store rw,noatime master:1 - ext4 /dev/sdb1 rw,errors=remount-ro\n".to_owned()),
        Just("/dev/sdb1 /var/vcap/store ext4 defaults 0 0\n".to_owned()),
        Just("/var/vcap/store|4096|99|18446744073709551615\n".to_owned()),
        Just("/sys/fs/ext4/sdb1/errors_count 3\n".to_owned()),
        Just("wsrep_cluster_status\tPrimary\nwsrep_local_index\t1\nwsrep_incoming_addresses\t,:\n".to_owned()),
        Just("uuid:    5eed\nseqno:   9223372036854775807\nsafe_to_bootstrap: 1\n".to_owned()),
        Just("now|now_ms|9\nsql:locks|lock:a|u|1|2\nsql:jobs|1|a|b|c|d\ncloud|cloud|{\"networks\":[{}]}\n".to_owned()),
        Just("[{\"State\":{\"Running\":false,\"ExitCode\":137,\"FinishedAt\":\"2026-11-29T08:31:27Z\"}}]".to_owned()),
        Just("{\"header\":{\"cluster_id\":\"18446744073709551615\"},\"raftIndex\":\"1\"}".to_owned()),
        Just("[{\"LockIndex\":1,\"Flags\":3,\"Value\":\"eyJpZCI6ImIifQ==\",\"Session\":\"s\"}]".to_owned()),
        Just("{\"Config\":{\"Server\":true},\"Member\":{\"Addr\":\"10.0.0.1\"}}".to_owned()),
        Just("Process 'nginx'  Running\n".to_owned()),
        Just(
            "ExecMainStatus=9\nExecMainCode=2\nActiveState=failed\nExecMainExitTimestamp=Sun 2026-11-29 08:31:27 UTC\n"
                .to_owned()
        ),
        any::<String>(),
    ];
    prop::collection::vec(pieces, 0..5).prop_map(|pieces| pieces.concat())
}

fn section() -> impl Strategy<Value = (String, Section)> {
    let name = prop::sample::select(&SECTIONS[..]).prop_map(str::to_owned);
    let status = prop::option::of(prop::sample::select(vec![0, 1, 7, 28, 124, 126]));
    (name, text(), status).prop_map(|(name, text, status)| (name, Section { text, status }))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
    #[test]
    fn nothing_panics(nodes in prop::collection::vec(prop::collection::vec(section(), 0..8), 1..3)) {
        let gathered: Vec<_> = nodes
            .into_iter()
            .enumerate()
            .map(|(number, sections)| Gathered {
                sections: sections.into_iter().collect::<BTreeMap<_, _>>(),
                ..Gathered::of(format!("n{number}"))
            })
            .collect();
        for system in diagnose::all() {
            let report = Report::of(system, &gathered, &Inventory::default());
            prop_assert!(report.is_some_and(|report| report.json().len() < 200));
        }
    }

    #[test]
    fn no_name_and_no_beginning_panics(name in any::<String>(), head in text()) {
        for system in diagnose::all() {
            let _ = (system.recognise)(&name, &head);
            let _ = (system.prefix)(&name);
        }
    }
}
