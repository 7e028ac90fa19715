//! What a file is, and of which node, by its name and how it begins.

use std::collections::HashMap;

use crate::gathered::file_name;

/// Words of file names that name no node.
const WORDS: [&str; 65] = [
    "error",
    "err",
    "log",
    "logs",
    "txt",
    "out",
    "stdout",
    "stderr",
    "look",
    "gz",
    "dat",
    "json",
    "tsv",
    "csv",
    "md",
    "conf",
    "cnf",
    "mysql",
    "mysqld",
    "mariadb",
    "mariadbd",
    "pxc",
    "galera",
    "grastate",
    "gvwstate",
    "wsrep",
    "status",
    "ps",
    "aux",
    "ss",
    "netstat",
    "mountinfo",
    "mounts",
    "mount",
    "fstab",
    "dmesg",
    "kern",
    "kernel",
    "journal",
    "journalctl",
    "syslog",
    "messages",
    "monit",
    "summary",
    "etcd",
    "consul",
    "bbs",
    "endpoint",
    "raft",
    "peers",
    "inspect",
    "statfs",
    "df",
    "devices",
    "locks",
    "iaas",
    "inflight",
    "tasks",
    "events",
    "jobs",
    "vms",
    "hashkv",
    "docker",
    "podman",
    "container",
];

/// The sections that every system has.
pub(super) fn common(name: &str, head: &str) -> Option<&'static str> {
    let base = file_name(name);
    let first = head.lines().next().unwrap_or_default();
    let words: Vec<_> = base.split(['.', '-', '_']).collect();
    let is = |word: &str| words.contains(&word);
    if is("fstab") {
        Some("fstab")
    } else if is("mountinfo") {
        Some("mountinfo")
    } else if first.contains("Recv-Q") || first.starts_with("Active Internet connections") {
        Some("ss")
    } else if is("ps") || ["COMMAND", "CMD", "ARGS"].iter().any(|title| first.trim_end().ends_with(title)) {
        Some("ps")
    } else if is("dmesg") || is("kern") || is("kernel") {
        Some("dmesg")
    } else if is("inspect") && head.contains("\"State\"") {
        Some("inspect")
    } else {
        None
    }
}

/// The node of each file: what the script printed is its file's name; else the folder that it is
/// in, where there are several; else what is left of its name without the words of [`WORDS`].
pub(super) fn of<'n>(names: &[&'n str]) -> HashMap<&'n str, String> {
    let common = common_folders(names);
    let node = |name: &'n str| {
        let parts: Vec<_> = name.split('/').collect();
        let folder = (parts.len() > common + 1).then(|| parts[common]);
        let alone = || common.checked_sub(1).map_or("node", |last| parts[last]);
        folder.map_or_else(|| by_file(file_name(name), alone()), str::to_owned)
    };
    names.iter().map(|name| (*name, node(name))).collect()
}

/// How many folders all of them are in.
fn common_folders(names: &[&str]) -> usize {
    let folders = |name: &str| name.split('/').count() - 1;
    let most = names.iter().map(|name| folders(name)).min().unwrap_or_default();
    let part = |name: &str, at: usize| name.split('/').nth(at).map(str::to_owned);
    // Files of one folder alone are of one node, whose name that may be.
    let is_shared = |at: &usize| names.windows(2).all(|pair| part(pair[0], *at) == part(pair[1], *at));
    (0..most).take_while(is_shared).count()
}

fn by_file(base: &str, alone: &str) -> String {
    let parts: Vec<_> = base.split_inclusive(['.', '-', '_']).collect();
    let bare = |at: usize| parts[at].trim_end_matches(['.', '-', '_']);
    let is_number = |at: usize| bare(at).bytes().all(|byte| byte.is_ascii_digit());
    // Logs that were put aside are counted behind a dot, `error.log.1`, or dated, `error.log-20261120`.
    let is_aside = |at: usize| {
        is_number(at) && (bare(at).len() == 8 || at.checked_sub(1).is_some_and(|before| parts[before].ends_with('.')))
    };
    let is_word = |at: usize| WORDS.contains(&bare(at).to_ascii_lowercase().as_str());
    let left: Vec<_> = (0..parts.len()).filter(|at| !bare(*at).is_empty() && !is_word(*at) && !is_aside(*at)).collect();
    match left[..] {
        [] => alone.into(),
        // A pod is called by what it runs and its number: `galera-1`.
        [number] if number > 0 && is_number(number) => format!("{}-{}", bare(number - 1), bare(number)),
        _ => left.into_iter().map(bare).collect::<Vec<_>>().join("-"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nodes(names: &[&str]) -> Vec<String> {
        let of = of(names);
        names.iter().map(|name| of[name].clone()).collect()
    }

    #[test]
    fn the_kernel_s_log_is_known_by_its_names() {
        for name in ["n1/dmesg", "n1/kern.log", "kernel-n1.txt"] {
            assert_eq!(common(name, "Nov 20 10:01:01 n1 kernel: [1.2] x"), Some("dmesg"), "{name}");
        }
        assert_eq!(nodes(&["kern.log", "n1-kernel.log"]), ["node", "n1"]);
    }

    #[test]
    fn a_node_is_its_folder_or_what_its_file_is_called() {
        assert_eq!(nodes(&["n1/error.log", "n1/ps.txt", "n2/error.log"]), ["n1", "n1", "n2"]);
        assert_eq!(nodes(&["case/n1/error.log", "case/n2/a/error.log"]), ["n1", "n2"]);
        assert_eq!(nodes(&["db-a.look", "db-b.look"]), ["db-a", "db-b"]);
        assert_eq!(nodes(&["db1-error.log", "db1_grastate.dat", "mysqld.db2.err"]), ["db1", "db1", "db2"]);
        assert_eq!(nodes(&["error.log", "grastate.dat"]), ["node", "node"]);
        let pods = nodes(&["galera-0.log", "galera-1.log", "galera-1_grastate.dat", "mysql-2-error.log.gz"]);
        assert_eq!(pods, ["galera-0", "galera-1", "galera-1", "mysql-2"]);
        let aside = nodes(&["error.log", "error.log.1", "error.log.2.gz", "error.log-20261120.gz", "db1-error.log.3"]);
        assert_eq!(aside, ["node", "node", "node", "node", "db1"]);
        assert_eq!(nodes(&["case/n1/error.log", "case/n1/grastate.dat"]), ["n1", "n1"]);
    }
}
