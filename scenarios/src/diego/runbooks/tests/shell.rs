//! What is typed on a machine: looks, which change nothing, and all else.

use super::{
    super::super::{BBSES, ETCDS},
    world::{LEADER, LED, Machine, Server, World, ip, peers},
};

type Said = (i64, String);

/// What a look shows; none: it is no look.
pub(super) fn look(world: &World, node: &str, command: &[&str]) -> Option<Said> {
    let machine = &world.machines[node];
    let code = |holds: bool| Some((i64::from(!holds), String::new()));
    match command {
        ["monit", "summary"] => Some((0, summary(machine))),
        ["pgrep", "-x", "etcd"] => code(!machine.listener.is_empty()),
        ["pgrep", "-x", "consul"] => code(machine.runs_consul),
        ["test", "-s", _] => code(!machine.pidfile.is_empty()),
        ["bash", "-c", script] => shown(world, node, script).map(|text| (0, text)).or_else(|| {
            let address = script.split_once("/dev/tcp/")?.1;
            code(world.answers_at.iter().any(|at| address.starts_with(at.as_str())))
        }),
        _ => None,
    }
}

fn summary(machine: &Machine) -> String {
    let line = |job: &&str| {
        let state = if machine.given_up.contains(*job) { "Not monitored" } else { "Running" };
        format!("Process '{job}' {state}")
    };
    ["etcd", "consul_agent", "bbs"].iter().map(line).collect::<Vec<_>>().join("\n")
}

fn shown(world: &World, node: &str, script: &str) -> Option<String> {
    let machine = &world.machines[node];
    let has = |words: &str| script.contains(words);
    if has("echo log=$(ls") {
        let started = machine.started_at.map(|index| index.to_string()).unwrap_or_default();
        return Some(format!(
            "log={}\npidfile={}\nlistener={}\nparent={}\nstarted={started}\nlast={}\nforced={}",
            u8::from(machine.has_log),
            machine.pidfile,
            machine.listener,
            machine.parent,
            machine.last_words,
            u8::from(machine.is_forced),
        ));
    }
    if has("${FLAGS-}") {
        return Some(machine.flags.clone());
    }
    if has("flag provided but not defined") {
        return Some(u8::from(machine.complains).to_string());
    }
    if has("${NODE_IP-}") {
        return Some(ip(node).to_string());
    }
    if has("${RAFT_PROTOCOL-}") {
        return Some("2".into());
    }
    if has("initial configuration") {
        let peer = |(address, _): &(String, bool)| format!("{{Suffrage:Voter ID:x Address:{address}}}");
        return Some(machine.peers.iter().map(peer).collect());
    }
    if has("tr -d ' \\n' <") {
        return Some(machine.keyring.into());
    }
    if has("/node-id") {
        return Some(format!("id-{node}"));
    }
    if has("ss -Hltn 'sport = :7001'") {
        return Some(machine.listener.into());
    }
    let lists = script.ends_with("/v2/members") && !has("-X") && !has("-d");
    let member =
        |name: &str| format!(r#"{{"id": "{name}", "name": "{name}", "peerURLs": ["http://{}:7001"]}}"#, ip(name));
    lists.then(|| format!(r#"{{"members": [{}]}}"#, ETCDS.map(member).join(",")))
}

/// What a change does, and says.
pub(super) fn change(world: &mut World, node: &str, what: &str) -> Said {
    let heals = world.heals;
    let machine = world.machine(node);
    match what.split(' ').collect::<Vec<_>>()[..] {
        ["power", "on"] => boots(machine, node, heals),
        ["monit", "stop", job] => {
            machine.given_up.insert(job.into());
            stops(machine, job);
        }
        ["monit", "unmonitor", job] => drop(machine.given_up.insert(job.into())),
        ["monit", "start", job] => {
            machine.given_up.remove(job);
            starts(machine, job, heals);
        }
        ["monit", "restart", "bbs"] => {}
        ["consul", "leave"] => stops(machine, "consul_agent"),
        ["consul", "join", ..] => {}
        ["kill", "-TERM", "1"] if machine.is_stubborn => {}
        ["kill", "-TERM", "1"] => World::off(machine),
        ["bash", "-c", ..] => return script(world, node, what),
        _ => panic!("{node}$ {what}"),
    }
    (0, String::new())
}

fn script(world: &mut World, node: &str, what: &str) -> Said {
    let has = |words: &str| what.contains(words);
    let heals = world.heals;
    let machine = world.machine(node);
    if has("killall -q etcd;") {
        (machine.etcd, machine.listener) = (None, "");
    } else if has("FLAGS=") {
        machine.is_forced = has("--force-new-cluster");
        machine.flags = what.split('\'').nth(3).unwrap_or_default().trim_end_matches('\\').into();
    } else if has("session/destroy") || has("-X DELETE \"{url}") || has("?cas=") {
        world.lock = None;
        world.machine("bbs1").leads = heals;
    }
    let code = if has("-X DELETE http://127.0.0.1:4001") { "204" } else { "201" };
    (0, code.into())
}

fn boots(machine: &mut Machine, node: &str, heals: bool) {
    machine.up = true;
    machine.given_up.clear();
    let jobs: &[&str] = if ETCDS.contains(&node) { &["etcd"] } else { &["consul_agent"] };
    jobs.iter().for_each(|job| starts(machine, job, heals));
    machine.leads |= heals && node == BBSES[0];
}

fn stops(machine: &mut Machine, job: &str) {
    match job {
        _ if machine.is_stubborn => {}
        // The supervisor stops what its file names.
        "etcd" if machine.listener != machine.pidfile => {}
        "etcd" => (machine.etcd, machine.listener) = (None, ""),
        "consul_agent" => (machine.consul, machine.runs_consul) = (Server::Refuses, false),
        _ => {}
    }
}

fn starts(machine: &mut Machine, job: &str, heals: bool) {
    match job {
        "etcd" if machine.flags.contains("--typo") => {}
        // Another one has its port.
        "etcd" if !machine.listener.is_empty() => machine.last_words = "address already in use",
        "etcd" => {
            (machine.pidfile, machine.listener) = ("71", "71");
            machine.etcd = Some(if heals { LED } else { super::world::Member { leader: 0, ..LED } });
        }
        "consul_agent" => {
            machine.runs_consul = true;
            machine.consul = if heals { Server::Led(LEADER) } else { Server::Alone };
            machine.peers = if heals { peers() } else { machine.peers.clone() };
        }
        _ => {}
    }
}
