//! The field's exporters, as Debian packages them, and the ports that they are known by.

use reenact_testbed::{EXPORTERS, Node};

use super::Monitored;

/// What they are told of Go: one thread that works, and less collecting of garbage, for the
/// testbed's nodes share few processors.
const CHEAP: [&str; 2] = ["GOMAXPROCS=1", "GOGC=400"];

fn exporter(job: &str, node: &Node, port: u16, flags: &[&str], env: &[String]) -> Monitored {
    let listen = format!("--web.listen-address=:{port}");
    let program = format!("{EXPORTERS}/prometheus-{}-exporter", if job == "mysql" { "mysqld" } else { job });
    let flags = flags.iter().map(|&flag| flag.to_owned());
    let command = [program, listen].into_iter().chain(flags).collect();
    let env = CHEAP.iter().map(|&word| word.into()).chain(env.iter().cloned()).collect();
    Monitored::exporter(job, node, port, command, env)
}

/// `node_exporter`, with what it sees of the node and not of the machine under all nodes: file
/// systems, network devices, the kernel's name and the clock.
pub fn node(node: &Node) -> Monitored {
    node_at(node, 9100)
}

/// The same on a port of its own.
pub fn node_at(node: &Node, port: u16) -> Monitored {
    // `/` and these files lie on the host's disk.
    let exclude = format!(
        "--collector.filesystem.mount-points-exclude=^(/|/etc/(hostname|hosts|resolv.conf)|{EXPORTERS}|/(dev|proc|sys)(/.*)?)$"
    );
    let flags = [
        "--web.disable-exporter-metrics",
        "--collector.disable-defaults",
        "--collector.filesystem",
        "--collector.netdev",
        "--collector.time",
        "--collector.uname",
        &exclude,
    ];
    exporter("node", node, port, &flags, &[])
}

/// `mysqld_exporter`; `user` is `NAME:PASSWORD`.
pub fn mysqld(node: &Node, user: &str) -> Monitored {
    let source = format!("DATA_SOURCE_NAME={user}@tcp(127.0.0.1:3306)/");
    exporter("mysql", node, 9104, &["--config.my-cnf=/nonexistent"], &[source])
}

/// `postgres_exporter`, as that user of that database.
pub fn postgres(node: &Node, user: &str, database: &str) -> Monitored {
    let source = format!("DATA_SOURCE_NAME=user={user} host=127.0.0.1 dbname={database} sslmode=disable");
    exporter("postgres", node, 9187, &[], &[source])
}

/// `nginx-prometheus-exporter`, of the page of `stub_status` on that port.
pub fn nginx(node: &Node, port: u16, path: &str) -> Monitored {
    let uri = format!("-nginx.scrape-uri=http://127.0.0.1:{port}{path}");
    // It listens only once nginx has answered it.
    let mut nginx = exporter("nginx", node, 9113, &[&uri, "-nginx.retries=100000"], &[]);
    if let Some(exporter) = &mut nginx.exporter {
        exporter.command[1] = "-web.listen-address=:9113".into();
    }
    nginx
}
