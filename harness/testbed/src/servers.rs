//! What serves on a node: processes that a person on call does not want to be restarted.

use super::{EXPORTERS, Node, OPERATOR, Shell};
use reenact_core::Result;

/// A process of a node that serves, by what no later one has in common with it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Server {
    /// Its command line.
    pub command: String,
    /// Its id on the node.
    pub pid: u32,
    /// When it was started, in the kernel's ticks since the host's boot.
    pub started: u64,
}

impl Node {
    /// Its processes that are more than a shell's work of the moment; none while it does not
    /// run.
    ///
    /// # Errors
    /// As [`Node::commands`].
    pub async fn servers(&self, shell: &Shell) -> Result<Vec<Server>> {
        let pid = match self.state().await?.pid {
            0 => return Ok(Vec::new()),
            pid => pid,
        };
        let said = shell
            .must(&format!(
                "for folder in /proc/{pid}/root/proc/[0-9]*; do
                   {{ read -r stat <$folder/stat; mapfile -d '' -t words <$folder/cmdline; }} 2>/dev/null || continue
                   line=${{words[*]}}; [ -z \"$line\" ] || printf '%s\\t%s\\n' \"$stat\" \"${{line//$'\\n'/ }}\"
                 done"
            ))
            .await?;
        Ok(servers(&said))
    }
}

/// Those that no other one has forked: a connection's process of PostgreSQL, or a worker of
/// nginx's, comes and goes with its server's work.
fn servers(said: &str) -> Vec<Server> {
    let all: Vec<_> = said.lines().filter_map(server).collect();
    let has = |parent: u32| parent != 1 && all.iter().any(|(_, other)| other.pid == parent);
    all.iter().filter(|(parent, _)| !has(*parent)).map(|(_, server)| server.clone()).collect()
}

/// Shells' work, and what waits or watches.
const NO_SERVERS: [&str; 9] = ["sleep", "tail", "bash", "-bash", "sh", "timeout", "sshd:", "mariadb", "curl"];

/// A process by its line of `stat` and its command line, with its parent's id; `None`: it serves
/// nobody.
fn server(line: &str) -> Option<(u32, Server)> {
    let (stat, command) = line.split_once('\t')?;
    let (pid, rest) = stat.split_once(' ')?;
    let fields: Vec<_> = rest.rsplit_once(") ")?.1.split(' ').collect();
    let program = command.split(' ').next().unwrap_or_default();
    let name = program.rsplit('/').next().unwrap_or_default();
    let is_ours = program.starts_with(EXPORTERS) || program.starts_with(OPERATOR);
    if fields.first() == Some(&"Z") || NO_SERVERS.contains(&name) || is_ours {
        return None;
    }
    let server = Server { command: command.into(), pid: pid.parse().ok()?, started: fields.get(19)?.parse().ok()? };
    Some((fields.get(1)?.parse().ok()?, server))
}

#[cfg(test)]
mod tests {
    use super::{server, servers};

    fn of(command: &str) -> Option<u64> {
        let stat = "42 (a) b) S 1 42 42 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 777 99 9";
        server(&format!("{stat}\t{command}")).map(|(_, server)| server.started)
    }

    #[test]
    fn a_server_is_known_by_its_pid_and_its_start_and_shells_are_none() {
        assert_eq!(of("/usr/sbin/mariadbd --wsrep_start_position=x:1"), Some(777));
        assert_eq!(of("/opt/etcd/3.4/etcd --name n1"), Some(777));
        for other in
            ["sleep infinity", "/bin/bash /usr/local/bin/node", "sshd: root@notty", "/opt/operator/lib/ld.so x"]
        {
            assert_eq!(of(other), None, "{other}");
        }
    }

    #[test]
    fn what_a_server_has_forked_is_no_server_of_its_own() {
        let line = |pid: u32, parent: u32, command: &str| {
            format!("{pid} (x) S {parent} 42 42 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 777 99 9\t{command}\n")
        };
        let said = line(1, 0, "shutdown-service")
            + &line(7, 1, "/usr/lib/postgresql/15/bin/postgres -D x")
            + &line(8, 7, "postgres: app app 10.213.0.3(40000) idle")
            + &line(9, 4, "etcd --name etcd1");
        assert_eq!(servers(&said).iter().map(|server| server.pid).collect::<Vec<_>>(), [1, 7, 9]);
    }
}
