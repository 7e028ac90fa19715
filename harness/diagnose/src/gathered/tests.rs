//! What commands print, in the forms in which people have them.

use super::*;

fn with(name: &str, text: &str) -> Gathered {
    let mut node = Gathered::of("n1");
    node.take(name, Section { text: text.into(), status: Some(0) });
    node
}

fn commands(text: &str) -> Vec<String> {
    match with("ps", text).processes() {
        Some(Signal::Processes { commands }) => commands,
        other => panic!("no processes: {other:?}"),
    }
}

#[test]
fn any_ps_tells_the_command_lines() {
    let expected = ["/usr/sbin/mariadbd --wsrep-on=ON", "sshd: x"];
    for text in [
        "COMMAND\n/usr/sbin/mariadbd --wsrep-on=ON\nsshd: x\n",
        "/usr/sbin/mariadbd --wsrep-on=ON\nsshd: x\n",
        "USER PID %CPU %MEM VSZ RSS TTY STAT START TIME COMMAND\n\
         mysql 12 0.0 0.1 1 2 ? Ssl 08:00 0:01 /usr/sbin/mariadbd --wsrep-on=ON\nroot 13 0.0 0.1 1 2 ? Ss 08:00 0:00 sshd: x\n",
        "COMMAND                        PID    PPID\n/usr/sbin/mariadbd --wsrep-on=ON  12      1\nsshd: x       13  1\n",
        "UID          PID    PPID  C STIME TTY          TIME CMD\n\
         mysql         12       1  0 08:00 ?        00:00:01 /usr/sbin/mariadbd --wsrep-on=ON\nroot 13 1 0 08:00 ? 00:00:00 sshd: x\n",
    ] {
        assert_eq!(commands(text), expected, "{text}");
    }
}

#[test]
fn a_ps_with_their_columns_tells_each_process_s_number_and_its_parent_s() {
    let numbers = |text: &str| {
        let node = with("ps", text);
        let listed = node.listed().expect("processes");
        let tell = |process: &Process<'_>| {
            format!("{} {:?} {:?}", process.command, process.pid.unwrap_or("-"), process.parent.unwrap_or("-"))
        };
        listed.iter().map(tell).collect::<Vec<_>>()
    };
    let expected = [r#"director worker --name w "40" "1""#];
    for text in [
        "    PID    PPID COMMAND\n     40       1 director worker --name w\n",
        "COMMAND   PID    PPID\ndirector worker --name w     40       1\n",
        "UID PID PPID C STIME TTY TIME CMD\nroot 40 1 0 08:00 ? 00:00:00 director worker --name w\n",
    ] {
        assert_eq!(numbers(text), expected, "{text}");
    }
    assert_eq!(numbers("COMMAND\ndirector worker --name w\n"), [r#"director worker --name w "-" "-""#]);
}

#[test]
fn a_port_is_open_closed_or_has_a_full_queue() {
    let states = |text: &str| {
        let ports = with("ss", text).ports(&[3306, 4567]);
        ports
            .into_iter()
            .map(|port| if let Signal::Port { state, .. } = port { state } else { PortState::Silent })
            .collect::<Vec<_>>()
    };
    let ss = "State  Recv-Q Send-Q Local Address:Port Peer Address:Port\n";
    use PortState::{Closed, Open, Silent};
    assert_eq!(states(&format!("{ss}LISTEN 0 80 0.0.0.0:3306 0.0.0.0:*\n")), [Open, Closed]);
    assert_eq!(states(&format!("{ss}LISTEN 81 80 *:3306 *:*\nLISTEN 0 128 [::]:4567 [::]:*\n")), [Silent, Open]);
    assert_eq!(states(ss), [Closed, Closed]);
    let netstat = "Active Internet connections (only servers)\nProto Recv-Q Send-Q Local Address Foreign Address State\n\
                   tcp 0 0 0.0.0.0:4567 0.0.0.0:* LISTEN\n";
    assert_eq!(states(netstat), [Closed, Open]);
    let proc = "  sl  local_address rem_address   st tx_queue rx_queue\n   0: 00000000:0CEA 00000000:0000 0A 00000000:00000000\n";
    assert_eq!(states(proc), [Open, Closed]);
    assert_eq!(states("sh: ss: not found"), []);
}

#[test]
fn what_may_not_be_read_is_not_taken_for_what_is_not_there() {
    let file = |text: &str, status| {
        let mut node = Gathered::of("n1");
        node.take("file /x", Section { text: text.into(), status: Some(status) });
        node.files().next()
    };
    let signal = |content: Option<&str>| Some(Signal::File { path: "/x".into(), content: content.map(str::to_owned) });
    assert_eq!(file("seqno: 1\n", 0), signal(Some("seqno: 1\n")));
    assert_eq!(file("head: cannot open '/x' for reading: No such file or directory\n", 1), signal(None));
    assert_eq!(file("head: cannot open '/x' for reading: Permission denied\n", 1), None);
}

#[test]
fn a_disk_is_declared_by_an_inventory_or_by_fstab() {
    let mut node = with(
        "mountinfo",
        "36 35 98:0 / /data rw,noatime - ext4 /dev/sdb1 ro,errors=remount-ro\n37 35 98:1 / /log ro - ext4 /dev/sdc1 rw\n",
    );
    node.take("fstab", Section { text: "# x\n/dev/sdb1 /data ext4 defaults 0 0\n".into(), status: Some(0) });
    node.declared = vec![("/log".into(), Access::ReadOnly)];
    let table = node.mounts().expect("a table");
    let row = |path: &str| table.iter().find(|mount| mount.path == path).expect("it is mounted");
    assert_eq!((row("/data").declared, row("/log").declared), (Some(Access::ReadWrite), Some(Access::ReadOnly)));
    assert!(row("/data").filesystem_has("ro") && !row("/data").has("ro") && row("/log").has("ro"));
}

#[test]
fn docker_tells_how_a_machine_ended() {
    let text = r#"[{"State":{"Running":false,"Paused":false,"OOMKilled":true,"ExitCode":137,"FinishedAt":"2026-11-29T08:31:27.5Z"}}]"#;
    let expected = Signal::Machine {
        running: false,
        paused: false,
        exit_code: Some(137),
        oom_killed: true,
        finished: "2026-11-29T08:31:27.5Z".parse().ok(),
    };
    assert_eq!(with("inspect", text).machine(), Some(expected));
    assert_eq!(with("inspect", "[]").machine(), None);
}
