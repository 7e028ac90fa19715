//! The director's processes, by their command lines.

/// What a process of the director is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Role {
    /// The API.
    Serve,
    /// A worker, by its name.
    Worker(String),
    /// A task's own process.
    Job {
        /// The task.
        task: u64,
        /// The worker that made it.
        worker: String,
    },
    /// A CPI call.
    Cpi,
    /// What ships the tasks' logs: no part of the director, and never without it.
    Watch,
}

/// A process of the director.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// What it is.
    pub role: Role,
    /// Its id, as the container counts.
    pub pid: Option<u32>,
    /// Its parent's.
    pub parent: Option<u32>,
}

/// Reads a command line; `None`: it is not the director's.
pub fn parse(command: &str) -> Option<Process> {
    let words: Vec<_> = command.split_whitespace().collect();
    let is_director = words.first()?.rsplit('/').next() == Some("director");
    let after = |name: &str| {
        let mut pairs = words.iter().zip(words.iter().skip(1));
        pairs.find(|(word, _)| **word == name).map(|(_, value)| (*value).to_owned())
    };
    let role = match *words.get(1).filter(|_| is_director)? {
        "serve" => Role::Serve,
        "worker" => Role::Worker(after("--name").unwrap_or_else(|| "worker_1".into())),
        "run-job" => Role::Job { task: after("--task")?.parse().ok()?, worker: after("--worker").unwrap_or_default() },
        "cpi" => Role::Cpi,
        "watch" => Role::Watch,
        _ => return None,
    };
    let number = |name: &str| words.iter().rev().find_map(|word| word.strip_prefix(name)?.parse().ok());
    Some(Process { role, pid: number("pid="), parent: number("ppid=") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_directors_processes_are_told_from_others() {
        let job = Role::Job { task: 100, worker: "worker_1".into() };
        for (command, role, pid) in [
            ("/usr/bin/director serve pid=7 ppid=1", Role::Serve, Some(7)),
            ("director worker --name worker_2 --scale 0.02 pid=8 ppid=1", Role::Worker("worker_2".into()), Some(8)),
            ("director worker", Role::Worker("worker_1".into()), None),
            ("director run-job --task 100 --worker worker_1 pid=9 ppid=8", job, Some(9)),
            ("/usr/local/bin/director watch pid=7 ppid=1", Role::Watch, Some(7)),
            ("director cpi --iaas /iaas pid=10 ppid=9", Role::Cpi, Some(10)),
        ] {
            let parent = pid.map(|pid: u32| if pid < 9 { 1 } else { pid - 1 });
            assert_eq!(parse(command), Some(Process { role, pid, parent }), "{command}");
        }
        for other in ["", "[director] <defunct>", "mariadbd --wsrep-on", "director run-job", "sh -c director serve"] {
            assert_eq!(parse(other), None, "{other}");
        }
    }
}
