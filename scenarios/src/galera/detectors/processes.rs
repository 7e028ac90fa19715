//! What a list of processes tells of a node.

/// What the list of processes tells.
#[derive(Debug, Clone)]
pub(super) struct Running {
    /// Whether the server runs.
    pub(super) server: bool,
    /// Whether its position is being recovered, which goes before its start.
    pub(super) recovers: bool,
    /// The state transfer that runs, if one does.
    pub(super) transfer: Option<String>,
}

impl Running {
    pub(super) fn of(commands: &[String]) -> Self {
        Self {
            server: commands.iter().any(|command| is_server(command)),
            recovers: commands.iter().any(|command| is_program(command) && is_recovery(command)),
            transfer: commands.iter().find(|command| is_transfer(command)).cloned(),
        }
    }
}

/// Whether this is the server, not a position recovery that is run beside it.
pub(super) fn is_server(command: &str) -> bool {
    is_program(command) && !is_recovery(command)
}

fn is_program(command: &str) -> bool {
    matches!(command.split_whitespace().next().map(file_name), Some("mariadbd" | "mysqld"))
}

fn is_recovery(command: &str) -> bool {
    command.contains("--wsrep-recover") || command.contains("--wsrep_recover")
}

fn is_transfer(command: &str) -> bool {
    let mut words = command.split_whitespace().map(file_name);
    let script = words.clone().take(3).any(|word| word.starts_with("wsrep_sst_"));
    script || (words.next() == Some("rsync") && words.any(|word| word == "--daemon"))
}

pub(super) fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processes_are_told_apart() {
        assert!(is_server("/var/vcap/packages/mariadb/bin/mysqld --wsrep_on=ON"));
        assert!(!is_server("/bin/sh /usr/bin/mysqld_safe --wsrep-x"));
        assert!(!is_server("/usr/sbin/mariadbd --wsrep-recover --user=mysql"));
        let recovery = Running::of(&["/usr/sbin/mariadbd --wsrep-recover --user=mysql".into()]);
        assert!(recovery.recovers && !recovery.server);
        assert!(!Running::of(&["/usr/sbin/mariadbd --wsrep_on=ON".into()]).recovers);
        assert!(is_transfer("/bin/bash -ue /usr/bin/wsrep_sst_rsync --role joiner"));
        assert!(is_transfer("rsync --daemon --no-detach --port 4444"));
        assert!(!is_transfer("rsync -a /backup /elsewhere"));
        assert!(!is_transfer("/usr/sbin/mariadbd --wsrep_sst_method=rsync --daemon"));
    }
}
