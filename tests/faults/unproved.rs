//! Faults that prove nothing, and requests that do not fit.

use super::*;

/// Each kind of fault, on nodes where n3 is off and n1 runs a `victim`.
pub(crate) fn each_kind() -> Vec<Box<dyn Fault<Testbed>>> {
    let (down, up) = (Duration::from_secs(1), Duration::from_secs(1));
    vec![
        Box::new(Partition::bridge(N1, N2)),
        Box::new(Partition::one_way(&[N1], &[N2])),
        Box::new(Flap { cut: Partition::bridge(N1, N2), down, up }),
        Box::new(Disconnect { node: N1.into() }),
        Box::new(PowerOff::of(&[N1])),
        Box::new(ShutDown { nodes: vec![N1.into()], grace_s: 0 }),
        Box::new(PowerOn::of(&[N3])),
        Box::new(kill("victim", Signal::Kill)),
        Box::new(kill("victim", Signal::Term)),
        Box::new(kill("victim", Signal::Stop)),
        Box::new(CrashLoop { node: N1.into(), process: "victim".into() }),
        Box::new(FileLeft { node: N1.into(), path: "/tmp/left".into(), text: "x".into() }),
        Box::new(Pause { node: N1.into() }),
        Box::new(DiskFull { node: N1.into() }),
    ]
}

pub(crate) async fn faults_left_out_prove_nothing(bed: Bed) -> Result<()> {
    start(&bed, N1, "victim").await?;
    let _off = inject(&bed, PowerOff::of(&[N3])).await?;
    // At once, for each waits as long as an effect may take.
    let shams = each_kind().into_iter().map(|fault| fault::inject(&*bed, fault, true));
    for sham in join_all(shams).await {
        inconclusive(sham, "waited 5s for the effect of the fault");
    }
    assert_eq!(states(&bed, N1, "victim").await?, "S");
    let _on = inject(&bed, PowerOn::of(&[N3])).await?;
    Ok(())
}

/// What only looks alike proves nothing: a machine whose every process is stopped is not
/// paused, and one whose service is gone is not without power.
pub(crate) async fn look_alikes_prove_nothing(bed: Bed) -> Result<()> {
    start(&bed, N1, "victim").await?;
    let stopped = inject(&bed, kill("", Signal::Stop)).await?;
    let paused = fault::inject(&*bed, Pause { node: N1.into() }, true).await;
    inconclusive(paused, "0 of 2 processes in the freezer");
    heal(&bed, stopped).await?;

    let paused = inject(&bed, Pause { node: N1.into() }).await?;
    inconclusive(fault::inject(&*bed, kill("victim", Signal::Stop), true).await, "process states");
    heal(&bed, paused).await?;

    let _killed = inject(&bed, kill("victim", Signal::Kill)).await?;
    inconclusive(fault::inject(&*bed, PowerOff::of(&[N1]), true).await, "with processes: [n1]");
    Ok(())
}

/// A fault that no look ever shows, each look taking a while.
#[derive(Debug)]
pub(crate) struct Unseen;

impl fmt::Display for Unseen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("unseen")
    }
}

#[async_trait]
impl Fault<Testbed> for Unseen {
    async fn inject(&self, _: &Testbed) -> Result<Undo> {
        Ok(Undo::none())
    }

    async fn effect(&self, bed: &Testbed) -> Result<Effect> {
        bed.shell().must("sleep 0.7").await?;
        Ok(Effect::new(false, "nothing"))
    }

    fn is_lasting(&self) -> bool {
        true
    }
}

/// A script that is cut off would close the shell to every later fault.
pub(crate) async fn a_look_at_the_limit_leaves_the_shell_usable(bed: Bed) -> Result<()> {
    inconclusive(fault::inject(&*bed, Unseen, false).await, "nothing");
    bed.shell().must(":").await.map(drop)
}

pub(crate) async fn misfits_are_refused(bed: Bed) -> Result<()> {
    let diskless = fault::inject(&*bed, DiskFull { node: N3.into() }, false).await;
    refused(diskless, "n3 has no disk of its own", "give its NodeSpec a disk");

    let second = Duration::from_secs(1);
    let unknown: [Box<dyn Fault<Testbed>>; 9] = [
        Box::new(Partition::isolate("n9", &[N1])),
        Box::new(Partition::one_way(&[N1], &[N2, "n9"])),
        Box::new(Flap { cut: Partition::bridge(N1, "n9"), down: second, up: second }),
        Box::new(Disconnect { node: "n9".into() }),
        Box::new(PowerOff::of(&[N1, "n9"])),
        Box::new(ShutDown { nodes: vec![N1.into(), "n9".into()], grace_s: 0 }),
        Box::new(PowerOn::of(&["n9"])),
        Box::new(Pause { node: "n9".into() }),
        Box::new(Kill { node: "n9".into(), process: "sleep".into(), signal: Signal::Term }),
    ];
    for fault in unknown {
        refused(fault::inject(&*bed, fault, false).await, "there is no node \"n9\"", "there are: n1, n2, n3");
    }

    inconclusive(fault::inject(&*bed, kill("nonesuch", Signal::Term), false).await, "nonesuch");
    inconclusive(fault::inject(&*bed, kill("nonesuch", Signal::Stop), false).await, "no process nonesuch runs on n1");
    assert!(bed.node(N1)?.state().await?.running, "n1 is off");
    only_cut(&bed, &[]).await
}
