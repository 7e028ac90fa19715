//! What a file is, and of which node, by its name and how it begins.

use std::collections::HashMap;

use crate::gathered::file_name;

/// Words of file names that name no node.
const WORDS: [&str; 66] = [
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
    "tasks",
    "events",
    "jobs",
    "vms",
    "hashkv",
    "docker",
    "podman",
    "container",
    "1",
    "2",
    "3",
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
    let left: Vec<_> = base
        .split(['.', '-', '_'])
        .filter(|part| !part.is_empty() && !WORDS.contains(&part.to_ascii_lowercase().as_str()))
        .collect();
    if left.is_empty() { alone.into() } else { left.join("-") }
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
        assert_eq!(nodes(&["case/n1/error.log", "case/n1/grastate.dat"]), ["n1", "n1"]);
    }
}
