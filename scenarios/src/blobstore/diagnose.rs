//! A machine with a disk that its service writes on, outside of the lab.

use std::collections::BTreeMap;

use reenact::{
    diagnosable,
    diagnose::{Case, Gathered, Section, Standing, System},
    probe::{Access, Answer, Mount, PortState, Signal},
};

use super::{PORTS, advice::ADVICE};

diagnosable! {
    System {
        name: "blobstore",
        script: include_str!("look.sh"),
        write: include_str!("write.sh"),
        words: &["[emerg]", "rror", "ead-only file system"],
        prefix: |_| None,
        recognise,
        parts: |_, _| Vec::new(),
        read,
        implied: |_| Vec::new(),
        needs: &[
            ("/left_read_only", &["mounts", "device:", "kernel:log", "processes"]),
            ("/protected_device", &["mounts", "device:"]),
            ("/filesystem_error", &["mounts", "device:"]),
            ("/disk_full", &["mounts", "statfs:"]),
        ],
        commands: &[
            ("mounts", "cat /proc/self/mountinfo /etc/fstab"),
            ("what disks were declared", "cat /etc/fstab, or an inventory with the disks (docs/diagnose.md)"),
            ("no disk that was declared", "cat /etc/fstab, or an inventory with the disks (docs/diagnose.md)"),
            ("errors", "grep . /sys/fs/ext4/*/errors_count"),
            ("device", "grep . /sys/fs/ext4/*/errors_count /sys/class/block/*/ro"),
            ("write-protected", "grep . /sys/class/block/*/ro"),
            ("kernel", "sudo dmesg, or sudo journalctl -k; of a container, on its host"),
            ("statfs", "stat -f -c '%n|%S|%b|%a' /var/vcap/store"),
            ("processes", "ps -eo args"),
            ("migration copies", "ps -eo args"),
            ("no write was seen", "reenact diagnose --write"),
            ("what a write comes to", "reenact diagnose --write"),
            ("a synthetic write", "a blob of no meaning, put and read back by the service's own client"),
            ("what becomes of a blob", "a blob of no meaning, put and read back by the service's own client"),
            ("round trip", "curl -i http://127.0.0.1:8080/health"),
        ],
        rank: |_, _| Vec::<Standing>::new(),
        contradictions,
        advice: ADVICE,
    }
}

/// Where BOSH mounts a persistent disk, which no `fstab` declares.
const PERSISTENT: &str = "/var/vcap/store";
const DISK_ID: &str = "file /var/vcap/bosh/managed_disk_settings.json";

fn recognise(name: &str, head: &str) -> Option<&'static str> {
    let base = name.rsplit('/').next().unwrap_or(name);
    match base {
        _ if base.contains("pre-start.stderr") => Some("file /var/vcap/sys/log/blobstore/pre-start.stderr.log"),
        _ if head.contains("/errors_count") || head.contains("/ro 0") => Some("devices"),
        _ if head.contains("Monit") && head.contains("uptime") => Some("monit"),
        _ if base.starts_with("statfs") => Some("statfs"),
        _ if head.contains("EXT4-fs") || head.contains("Buffer I/O error on dev") => Some("dmesg"),
        _ if base.contains("nginx") || (base.contains("error") && head.contains('#')) => Some("log"),
        _ => None,
    }
}

fn read(node: &Gathered) -> Vec<Signal> {
    let mut signals: Vec<_> = node.files().chain(node.processes()).chain(node.machine()).collect();
    let mut declared = node.declared();
    // BOSH's agent keeps which disk it has mounted there.
    let has_disk = node.text(DISK_ID).is_some_and(|id| !id.trim().is_empty());
    if (has_disk || node.text("mountinfo").is_some_and(|text| text.contains(PERSISTENT)))
        && declared.iter().all(|(at, _)| at != PERSISTENT)
    {
        declared.push((PERSISTENT.into(), Access::ReadWrite));
    }
    if let Some(mut table) = node.mounts() {
        table.iter_mut().for_each(|mount| {
            mount.declared = declared.iter().find(|(path, _)| *path == mount.path).map(|(_, access)| *access);
        });
        signals.extend(
            declared.iter().filter(|(path, _)| path != "/" && path != "none").map(|disk| is_mounted(disk, &table)),
        );
        signals.extend(rooms(node, &table));
        signals.extend(devices(node, &table));
        signals.push(Signal::Mounts { table });
    }
    if let Some(kernel) = node.text("dmesg") {
        signals.push(query("kernel:log", [("followed", "1")].into_iter().collect()));
        signals.extend(kernel.lines().map(|line| Signal::Kernel { line: without_time(line).to_owned() }));
    }
    signals.extend(node.answer("monit", summary).map(|answer| query("monit:summary", answer)));
    signals.extend(node.section("write /var/vcap/store").and_then(written).map(|answer| query(WRITE, answer)));
    // Where nobody listens, nobody needs to ask.
    let is_one = node.text("monit").is_some();
    let closed = is_one && node.ports(&PORTS[..1]).contains(&Signal::Port { port: PORTS[0], state: PortState::Closed });
    let health = node.answer("health", health).or(closed.then_some(Answer::Refused));
    signals.extend(health.map(|answer| query("http:health", answer)));
    signals
}

/// The question of what a write on the disk comes to.
const WRITE: &str = "write:/var/vcap/store";

/// What came of a synthetic write. One that hangs ends when the disk goes on, and not before.
fn written(section: &Section) -> Option<Answer> {
    const ERRORS: [(&str, &str); 5] = [
        ("Read-only file system", "EROFS"),
        ("No space left on device", "ENOSPC"),
        ("Input/output error", "EIO"),
        ("Structure needs cleaning", "E117"),
        ("Disk quota exceeded", "EDQUOT"),
    ];
    let text = section.text.trim();
    if section.timed_out() || text == "hangs" {
        return Some(Answer::Hung { during: "write".into() });
    }
    let failed = ERRORS.iter().find(|(words, _)| text.contains(words));
    let failed = failed.map(|(words, code)| Answer::Error { code: (*code).into(), text: (*words).into() });
    failed.or_else(|| text.ends_with("written").then(|| Answer::Values { values: BTreeMap::new() }))
}

/// What monit says of a service whose port refuses.
fn contradictions(_: &[Gathered], case: &Case) -> Vec<String> {
    let refuses =
        |node: &str| case.answers("http:health").any(|(of, _, answer)| of == node && *answer == Answer::Refused);
    let said = case.answers("monit:summary").filter(|(node, ..)| refuses(node));
    let is_ok = said.filter(|(.., answer)| answer.get("nginx") == Some("OK"));
    is_ok.map(|(node, ..)| format!("{node}: monit says that nginx is OK, and nobody listens at {}", PORTS[0])).collect()
}

fn query(of: impl Into<String>, answer: Answer) -> Signal {
    Signal::Query { of: of.into(), answer }
}

fn is_mounted((path, access): &(String, Access), table: &[Mount]) -> Signal {
    let access = if *access == Access::ReadWrite { "read_write" } else { "read_only" };
    let mounted = if table.iter().any(|mount| mount.path == *path) { "1" } else { "0" };
    query(format!("declared:{path}"), [("access", access), ("mounted", mounted)].into_iter().collect())
}

/// What `stat -f` says of each file system; whether it is read-only, its mount tells.
fn rooms(node: &Gathered, table: &[Mount]) -> Vec<Signal> {
    let row = |line: &str| {
        let mut fields = line.split('|');
        let path = fields.next()?;
        let mut number = || fields.next()?.trim().parse::<u64>().ok();
        let (block, blocks, available) = (number()?, number()?, number()?);
        let mount = table.iter().find(|mount| mount.path == path)?;
        let read_only = if mount.has("ro") || mount.filesystem_has("ro") { "1" } else { "0" };
        let bytes = |count: u64| count.saturating_mul(block).to_string();
        let (free, size) = (bytes(available), bytes(blocks));
        let values = [("read_only", read_only), ("free_bytes", &free), ("size_bytes", &size)];
        Some(query(format!("statfs:{path}"), values.into_iter().collect()))
    };
    node.text("statfs").into_iter().flat_map(str::lines).filter_map(row).collect()
}

/// What the kernel counts of each device that is mounted. It knows a mapped device, or one of a
/// container, by another name: its numbers tell which.
fn devices(node: &Gathered, table: &[Mount]) -> Vec<Signal> {
    let Some(text) = node.text("devices") else { return Vec::new() };
    let counters: BTreeMap<&str, &str> = text
        .lines()
        .filter_map(|line| line.trim().rsplit_once([' ', ':']))
        .map(|(path, value)| (path.trim_end_matches(':'), value))
        .collect();
    let named = kernel_names(node);
    let of = |mount: &Mount| {
        let own = mount.source.strip_prefix("/dev/")?;
        let kernel = named.get(mount.path.as_str()).copied().unwrap_or(own);
        let counter = |path: String| counters.get(path.as_str()).copied();
        let errors = counter(format!("/sys/fs/ext4/{kernel}/errors_count"));
        let protected = counter(format!("/sys/class/block/{kernel}/ro"));
        let named = [("errors_count", errors), ("write_protected", protected), ("kernel", Some(kernel))];
        let values = named.into_iter().filter_map(|(name, value)| Some((name, value?)));
        Some(query(format!("device:{}", mount.source), values.collect()))
    };
    table.iter().filter_map(of).collect()
}

/// By mount point, what the kernel calls the device: `7:1 -> ../../devices/virtual/block/loop1`.
fn kernel_names(node: &Gathered) -> BTreeMap<&str, &str> {
    let blocks = node.text("blocks").into_iter().flat_map(str::lines);
    let names: BTreeMap<&str, &str> = blocks
        .filter_map(|line| line.split_once(" -> "))
        .filter_map(|(left, right)| Some((left.rsplit(' ').next()?, right.rsplit('/').next()?)))
        .collect();
    let rows = node.text("mountinfo").into_iter().flat_map(str::lines);
    rows.filter_map(|line| {
        let mut fields = line.split(' ').skip(2);
        let (numbers, _, path) = (fields.next()?, fields.next()?, fields.next()?);
        Some((path, *names.get(numbers)?))
    })
    .collect()
}

/// `[12345.678901] EXT4-fs error …`, as it is or after syslog's `Nov 20 10:01:01 host kernel: `.
fn without_time(line: &str) -> &str {
    let line = line.split_once(" kernel: ").map_or(line, |(_, rest)| rest);
    // `dmesg -x` puts who and how grave before it: `kern  :err   : [`.
    let mut line = line.strip_prefix("kern ").and_then(|rest| rest.find('[').map(|at| &rest[at..])).unwrap_or(line);
    // A time, the same for people, a thread: `[  +0.001354] [Tue Jan 13 04:33:10 2026] [T88977] `.
    while let Some((_, rest)) = line.strip_prefix('[').and_then(|rest| rest.split_once("] ")) {
        line = rest;
    }
    line
}

/// `monit summary`: `Process 'nginx'  Running`, or a table.
fn summary(text: &str) -> Option<Answer> {
    let mut values = BTreeMap::new();
    for line in text.lines() {
        let line = line.trim().trim_matches('│').trim();
        if let Some((_, rest)) = line.split_once('\'') {
            let (name, state) = rest.split_once('\'')?;
            let state = state.trim();
            let state = if matches!(state.to_ascii_lowercase().as_str(), "running" | "accessible" | "ok") {
                "OK"
            } else {
                state
            };
            values.insert(name.to_owned(), state.to_owned());
        } else if let Some((name, rest)) = line.split_once("  ") {
            let mut fields =
                rest.split("  ").map(|field| field.trim().trim_matches('│').trim()).filter(|field| !field.is_empty());
            if let (Some(state), Some("Process" | "System")) = (fields.next(), fields.next()) {
                values.insert(name.trim().to_owned(), state.to_owned());
            }
        }
    }
    (!values.is_empty()).then_some(Answer::Values { values })
}

/// curl's `%{http_code}`; 000: nobody answered.
fn health(text: &str) -> Option<Answer> {
    let code = text.trim();
    Some(match code {
        "000" => Answer::Refused,
        _ if code.starts_with('2') => [("status", code)].into_iter().collect(),
        _ if code.len() == 3 && code.bytes().all(|digit| digit.is_ascii_digit()) => {
            Answer::Error { code: code.into(), text: "GET /health".into() }
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_kernel_is_the_same_by_whatever_way_it_came() {
        for line in [
            "EXT4-fs (sdc1): Remounting filesystem read-only",
            "[12345.678901] EXT4-fs (sdc1): Remounting filesystem read-only",
            "[Fri Nov 20 10:01:01 2026] EXT4-fs (sdc1): Remounting filesystem read-only",
            "Nov 20 10:01:01 vm kernel: [12345.678901] EXT4-fs (sdc1): Remounting filesystem read-only",
            "Nov 20 10:01:01 vm kernel: EXT4-fs (sdc1): Remounting filesystem read-only",
        ] {
            assert_eq!(without_time(line), "EXT4-fs (sdc1): Remounting filesystem read-only", "{line}");
        }
    }
}
