//! Machines, processes and disks.

use super::*;

/// Starts the program `name` on a node: a `sleep` of that name. Nobody reaps it: when
/// it ends it stays as a zombie.
pub(crate) async fn start(bed: &Testbed, node: &str, name: &str) -> Result<()> {
    // A shell's background jobs ignore SIGINT unless told otherwise.
    let run = format!("env --default-signal=INT /tmp/{name} infinity >/dev/null 2>&1");
    run_on(bed, node, &format!("cp /bin/sleep /tmp/{name} && {{ {run} & }}")).await?;
    let running = async || {
        let states = states(bed, node, name).await?;
        Ok((states == "S", states))
    };
    until(&format!("{name} to run"), running).await
}

/// Runs a script on a node that must succeed, and gives what it said.
pub(crate) async fn run_on(bed: &Testbed, node: &str, script: &str) -> Result<String> {
    let output = bed.node(node)?.exec(&["sh", "-c", script]).await?;
    assert_eq!(output.code, 0, "{script}: {}", output.text);
    Ok(output.text)
}

/// The states of a node's programs of that name, as its kernel tells them, a letter
/// each: `S` sleeps, `T` is stopped, `Z` is a zombie.
pub(crate) async fn states(bed: &Testbed, node: &str, name: &str) -> Result<String> {
    let script = "for status in /proc/[0-9]*/status; do
        while read -r key value _; do
          case $key in Name:) name=$value ;; State:) echo \"$name $value\" ;; esac
        done <$status
      done 2>/dev/null; :";
    let all = run_on(bed, node, script).await?;
    Ok(all.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(' ')).collect())
}

pub(crate) fn kill(process: &str, signal: Signal) -> Kill {
    Kill { node: N1.into(), process: process.into(), signal }
}

pub(crate) async fn signals_end_processes(bed: Bed) -> Result<()> {
    start(&bed, N1, "bystander").await?;
    for signal in [Signal::Kill, Signal::Term, Signal::Int, Signal::Abrt] {
        let name = format!("victim-{signal:?}");
        start(&bed, N1, &name).await?;
        start(&bed, N2, &name).await?;
        let active = inject(&bed, kill(&name, signal)).await?;
        inject_again(&bed, kill(&name, signal)).await;
        assert!(active.heal(&bed).await?.is_zero(), "something took {signal:?} back");
        assert_eq!(states(&bed, N1, &name).await?, "Z");
        assert_eq!(states(&bed, N1, "bystander").await?, "S");
        assert_eq!(states(&bed, N2, &name).await?, "S");
    }
    Ok(())
}

pub(crate) async fn a_stop_freezes_a_process(bed: Bed) -> Result<()> {
    for name in ["frozen", "neighbour"] {
        start(&bed, N1, name).await?;
    }
    let active = inject(&bed, kill("frozen", Signal::Stop)).await?;
    inject_again(&bed, kill("frozen", Signal::Stop)).await;
    assert_eq!(states(&bed, N1, "frozen").await?, "T");
    assert_eq!(states(&bed, N1, "neighbour").await?, "S");
    heal(&bed, active).await?;
    assert_eq!(states(&bed, N1, "frozen").await?, "S");
    Ok(())
}

/// The first process of a pid namespace gets no signal that it does not handle.
pub(crate) async fn a_blocked_signal_proves_nothing(bed: Bed) -> Result<()> {
    inconclusive(fault::inject(&*bed, kill("sleep infinity", Signal::Term), false).await, "1 such process");
    assert!(bed.node(N1)?.state().await?.running, "n1 ended");
    Ok(())
}

pub(crate) async fn a_kill_of_the_first_process_ends_the_node(bed: Bed) -> Result<()> {
    let _active = inject(&bed, kill("sleep infinity", Signal::Kill)).await?;
    // Else it could not be started again.
    assert!(!bed.node(N1)?.state().await?.running, "the daemon does not know yet that n1 is off");
    let _on = inject(&bed, PowerOn::of(&[N1])).await?;
    Ok(())
}

/// A fault whose victim is gone is over.
pub(crate) async fn what_died_meanwhile_heals(bed: Bed) -> Result<()> {
    start(&bed, N1, "dead").await?;
    let stopped = inject(&bed, kill("dead", Signal::Stop)).await?;
    let _killed = inject(&bed, kill("dead", Signal::Kill)).await?;
    stopped.heal(&bed).await?;

    let paused = inject(&bed, Pause { node: N1.into() }).await?;
    let unplugged = inject(&bed, Disconnect { node: N2.into() }).await?;
    let _off = inject(&bed, PowerOff::of(&[N1, N2])).await?;
    paused.heal(&bed).await?;
    unplugged.heal(&bed).await?;
    let _on = inject(&bed, PowerOn::of(&[N1, N2])).await?;
    only_cut(&bed, &[]).await
}

/// Starts a program on a node that writes to its disk until `/tmp/beating` goes.
pub(crate) async fn start_beat(bed: &Testbed, node: &str) -> Result<()> {
    let beat = "while [ -e /tmp/beating ]; do echo; sleep 0.02; done >/data/beat 2>&1 &";
    run_on(bed, node, &format!("touch /tmp/beating; ({beat})")).await.map(drop)
}

/// Whether that program writes: looked at for 300 ms from outside of the node.
pub(crate) async fn beats(bed: &Testbed, node: &str) -> Result<bool> {
    let file = bed.node(node)?.reach("/data/beat").await?;
    let size = format!("$(stat -c %s {file})");
    let script =
        format!("before={size}; for i in {{1..30}}; do sleep 0.01; [ {size} -gt $before ] && exit; done; exit 9");
    match bed.probe_shell().run(&script).await? {
        (0, _) => Ok(true),
        (9, _) => Ok(false),
        (code, said) => panic!("{script}: {code}: {said}"),
    }
}

pub(crate) async fn a_pause_freezes_a_node(bed: Bed) -> Result<()> {
    for node in [N1, N2] {
        start_beat(&bed, node).await?;
        until("a beat", async || Ok((beats(&bed, node).await?, "none".into()))).await?;
    }
    let active = inject(&bed, Pause { node: N1.into() }).await?;
    inject_again(&bed, Pause { node: N1.into() }).await;
    assert!(!beats(&bed, N1).await?, "n1 goes on");
    assert!(beats(&bed, N2).await?, "n2 stands still");
    // The kernel of a frozen machine still answers.
    only_cut(&bed, &[]).await?;
    heal(&bed, active).await?;
    assert!(beats(&bed, N1).await?, "n1 stands still");
    for node in [N1, N2] {
        run_on(&bed, node, "rm /tmp/beating /data/beat").await?;
    }
    Ok(())
}

/// When a node's machine was last started.
pub(crate) async fn started_at(bed: &Bed, node: &str) -> Result<Timestamp> {
    Ok(container(bed, node).await?.started_at.expect("it was started").parse().expect("a time"))
}

/// When a node's machine last ended.
pub(crate) async fn finished_at(bed: &Bed, node: &str) -> Result<Timestamp> {
    Ok(container(bed, node).await?.finished_at.expect("it has ended").parse().expect("a time"))
}

/// The state of a node as the daemon tells it.
pub(crate) async fn container(bed: &Bed, node: &str) -> Result<ContainerState> {
    let inspected = bed.session.docker().inspect_container(bed.node(node)?.container(), None).await;
    Ok(inspected.map_err(Error::docker("inspect a node"))?.state.expect("a state"))
}

pub(crate) async fn power_goes_and_comes_in_order(bed: Bed) -> Result<()> {
    run_on(&bed, N1, "echo kept >/data/file").await?;
    let untouched = started_at(&bed, N3).await?;
    let off = inject(&bed, PowerOff::of(&[N1, N2])).await?;
    inject_again(&bed, PowerOff::of(&[N1, N2])).await;
    assert!(off.heal(&bed).await?.is_zero(), "something gave the power back");
    for node in [N1, N2] {
        let status = bed.node(node)?.state().await?;
        assert!(!status.running && status.exit_code == 137, "{node} was not killed: {status:?}");
    }
    let _on = inject(&bed, PowerOn::of(&[N2, N1])).await?;
    inject_again(&bed, PowerOn::of(&[N2, N1])).await;
    assert!(started_at(&bed, N2).await? < started_at(&bed, N1).await?, "n1 came first");
    assert_eq!(started_at(&bed, N3).await?, untouched, "n3 was touched");
    assert_eq!(run_on(&bed, N1, "cat /data/file; rm /data/file").await?, "kept\n");
    Ok(())
}

/// The nodes' first process ignores SIGTERM, so that each takes its grace.
pub(crate) async fn machines_shut_down_in_order(bed: Bed) -> Result<()> {
    let down = ShutDown { nodes: [N2, N1].map(String::from).into(), grace_s: 1 };
    let active = inject(&bed, down.clone()).await?;
    assert!(active.took >= Duration::from_secs(2), "one had no grace: {:?}", active.took);
    inject_again(&bed, down).await;
    assert!(active.heal(&bed).await?.is_zero(), "something gave the power back");
    assert_eq!(running(&bed).await?.into_keys().collect::<Vec<_>>(), [N3]);
    assert!(finished_at(&bed, N2).await? < finished_at(&bed, N1).await?, "n1 went first");
    let _on = inject(&bed, PowerOn::of(&[N1, N2])).await?;
    Ok(())
}

pub(crate) async fn a_full_disk_takes_nothing(bed: Bed) -> Result<()> {
    run_on(&bed, N1, "echo kept >/data/file").await?;
    let full = DiskFull { node: N1.into() };
    let active = inject(&bed, full.clone()).await?;
    inject_again(&bed, full).await;
    let wrote = bed.node(N1)?.exec(&["sh", "-c", "cat /etc/issue >/data/more"]).await?;
    assert!(wrote.code != 0 && wrote.text.contains("No space left"), "n1 wrote: {wrote:?}");
    run_on(&bed, N2, "cat /etc/issue >/data/more; rm /data/more").await?;
    heal(&bed, active).await?;
    run_on(&bed, N1, "cat /etc/issue >/data/more").await?;
    assert_eq!(run_on(&bed, N1, "cd /data; ls -A; cat file; rm *").await?, "file\nmore\nkept\n");
    Ok(())
}
