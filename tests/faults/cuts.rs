//! Cuts between nodes.

use super::*;

/// From whom to whom.
pub(crate) type Way = (&'static str, &'static str);

/// All ways but these.
pub(crate) fn all_but(cut: &[Way]) -> BTreeSet<Way> {
    let nodes = [N1, N2, N3];
    let ways = nodes.into_iter().flat_map(|from| nodes.map(|to| (from, to)));
    ways.filter(|way @ (from, to)| from != to && !cut.contains(way)).collect()
}

/// These ways and their ways back.
pub(crate) fn both(cut: &[Way]) -> Vec<Way> {
    cut.iter().flat_map(|&(from, to)| [(from, to), (to, from)]).collect()
}

/// Sends one datagram from `$1` to `$2` (process ids), to the address `$3`, where
/// nobody listens, and says `$4` if the receiver's kernel counted it. Other than a
/// ping this tells the two ways of a link apart. What arrives is counted within a
/// millisecond; what does not within 400 ms is lost.
pub(crate) const SEND: &str = r#"
count() { while read -r kind _ none _; do [ "$kind" = Udp: ] && count=$none; done <"/proc/$1/net/snmp"; }
send() {
  count "$2"; before=$count
  nsenter -t "$1" -n bash -c "echo >/dev/udp/$3/9" 2>/dev/null
  end=$((${EPOCHREALTIME/./} + 400000))
  while count "$2"; [ "$count" = "$before" ]; do
    [ "${EPOCHREALTIME/./}" -gt "$end" ] && return
    sleep 0.01
  done
  echo "$4"
}
"#;

/// The ways on which a datagram arrives. In each of two rounds every node hears from
/// one other node only, so that a count belongs to one way.
pub(crate) async fn open_ways(bed: &Testbed) -> Result<BTreeSet<Way>> {
    let running = running(bed).await?;
    let mut script = String::from(SEND);
    for round in [[(N1, N2), (N2, N3), (N3, N1)], [(N2, N1), (N3, N2), (N1, N3)]] {
        for (from, to) in round {
            if let (Some(sender), Some(receiver)) = (running.get(from), running.get(to)) {
                script.push_str(&format!("send {sender} {receiver} {} {from},{to} &\n", bed.node(to)?.ip()));
            }
        }
        script.push_str("wait\n");
    }
    let arrived = bed.probe_shell().must(&script).await?;
    let arrived = |(from, to): &Way| arrived.lines().any(|line| line == format!("{from},{to}"));
    Ok(all_but(&[]).into_iter().filter(arrived).collect())
}

/// The first processes of the nodes that run.
pub(crate) async fn running(bed: &Testbed) -> Result<HashMap<&str, i64>> {
    let states = try_join_all(bed.nodes().iter().map(|node| node.state())).await?;
    let nodes = bed.nodes().iter().map(Node::name).zip(states);
    Ok(nodes.filter(|(_, status)| status.running).map(|(name, status)| (name, status.pid)).collect())
}

/// Asserts that these ways are cut and no others.
pub(crate) async fn only_cut(bed: &Testbed, cut: &[Way]) -> Result<()> {
    assert_eq!(open_ways(bed).await?, all_but(cut), "the open ways");
    Ok(())
}

/// A cut's whole life: it cuts these ways and no others, is not proved twice, and
/// ends when it is healed.
pub(crate) async fn live(bed: &Testbed, fault: impl Fault<Testbed> + Clone, cut: &[Way]) -> Result<()> {
    let active = inject(bed, fault.clone()).await?;
    inject_again(bed, fault).await;
    only_cut(bed, cut).await?;
    heal(bed, active).await?;
    only_cut(bed, &[]).await
}

pub(crate) async fn a_partition_lives(bed: Bed) -> Result<()> {
    live(&bed, Partition::between(&[N1, N2], &[N3]), &both(&[(N1, N3), (N2, N3)])).await
}

pub(crate) async fn an_isolation_lives(bed: Bed) -> Result<()> {
    live(&bed, Partition::isolate(N1, &[N2, N3]), &both(&[(N1, N2), (N1, N3)])).await
}

pub(crate) async fn a_shattering_lives(bed: Bed) -> Result<()> {
    live(&bed, Partition::shatter(&[N1, N2, N3]), &both(&[(N1, N2), (N1, N3), (N2, N3)])).await
}

pub(crate) async fn a_bridge_lives(bed: Bed) -> Result<()> {
    live(&bed, Partition::bridge(N1, N2), &both(&[(N1, N2)])).await
}

pub(crate) async fn a_one_way_cut_lives(bed: Bed) -> Result<()> {
    live(&bed, Partition::one_way(&[N2, N3], &[N1]), &[(N2, N1), (N3, N1)]).await
}

pub(crate) async fn a_disconnect_lives(bed: Bed) -> Result<()> {
    live(&bed, Disconnect { node: N2.into() }, &both(&[(N1, N2), (N2, N3)])).await
}

/// Healed while it is down: its first phase lasts longer than the test.
pub(crate) async fn a_flap_lives(bed: Bed) -> Result<()> {
    let (down, up) = (Duration::from_secs(60), Duration::from_secs(1));
    live(&bed, Flap { cut: Partition::isolate(N1, &[N2, N3]), down, up }, &both(&[(N1, N2), (N1, N3)])).await
}

pub(crate) async fn a_flap_comes_and_goes_until_it_is_healed(bed: Bed) -> Result<()> {
    let (down, up) = (Duration::from_secs(2), Duration::from_secs(2));
    let active = inject(&bed, Flap { cut: Partition::bridge(N1, N2), down, up }).await?;
    let (whole, cut) = (all_but(&[]), all_but(&both(&[(N1, N2)])));
    for phase in [&whole, &cut, &whole] {
        let look = async || {
            let open = open_ways(&bed).await?;
            Ok((open == *phase, format!("open: {open:?}")))
        };
        until(&format!("only the ways {phase:?} to be open"), look).await?;
    }
    heal(&bed, active).await?;
    // It must not come down once more.
    let healed = Instant::now();
    while healed.elapsed() < down + up {
        only_cut(&bed, &[]).await?;
    }
    Ok(())
}

/// A partition that does other than it declares: it cuts these ways, and its undo
/// leaves those to the testbed's end.
#[derive(Debug, Clone)]
pub(crate) struct Crooked {
    declared: Partition,
    cuts: Vec<Way>,
    leaves: Vec<Way>,
}

impl fmt::Display for Crooked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "crooked: {}", self.declared)
    }
}

#[async_trait]
impl Fault<Testbed> for Crooked {
    async fn inject(&self, bed: &Testbed) -> Result<Undo> {
        drop_ways(bed, "cut", &self.cuts).await?;
        if !self.leaves.is_empty() {
            drop_ways(bed, "left", &self.leaves).await?;
        }
        let bed = bed.clone();
        Ok(Undo::by(async move { bed.firewall().lift("cut").await }))
    }

    async fn effect(&self, bed: &Testbed) -> Result<Effect> {
        self.declared.effect(bed).await
    }
}

/// Cuts these ways under a name, past all faults.
pub(crate) async fn drop_ways(bed: &Testbed, name: &str, ways: &[Way]) -> Result<()> {
    let flow = |&(from, to): &Way| Ok(Flow { from: bed.node(from)?.ip(), to: bed.node(to)?.ip() });
    bed.firewall().drop_flows(name, &ways.iter().map(flow).collect::<Result<Vec<_>>>()?).await
}

pub(crate) async fn a_fault_that_hits_too_much_is_noticed(bed: Bed) -> Result<()> {
    let cuts = both(&[(N1, N2), (N2, N3)]);
    let crooked = Crooked { declared: Partition::bridge(N1, N2), cuts, leaves: vec![] };
    inconclusive(fault::inject(&*bed, crooked, false).await, "hit more than it should");
    // It was taken back: nobody else knows of it.
    assert!(bed.firewall().lift("cut").await.is_err(), "the cut is still there");
    Ok(())
}

/// nft tells of an error and of the command after it over one pipe: over two the error came
/// later now and then, and the refused command passed for done.
pub(crate) async fn a_refusal_of_the_firewall_is_heard(bed: Bed) -> Result<()> {
    for call in 0..200 {
        assert!(
            bed.firewall().lift("nonesuch").await.is_err(),
            "call {call}: nothing was lifted, and that was no error"
        );
    }
    Ok(())
}

pub(crate) async fn a_fault_that_hits_too_little_is_noticed(bed: Bed) -> Result<()> {
    let cuts = both(&[(N1, N2)]);
    let declared = Partition::isolate(N1, &[N2, N3]);
    let crooked = Crooked { declared, cuts: cuts.clone(), leaves: vec![] };
    inconclusive(fault::inject(&*bed, crooked, false).await, "n1→n3 answers");
    // What could not be proved was taken back, so that it can be cut once more.
    // The way back was to stay open.
    let crooked = Crooked { declared: Partition::one_way(&[N1], &[N2]), cuts, leaves: vec![] };
    inconclusive(fault::inject(&*bed, crooked, false).await, "n2→n1 lost");
    Ok(())
}

pub(crate) async fn a_heal_that_leaves_something_is_noticed(bed: Bed) -> Result<()> {
    let declared = Partition::isolate(N1, &[N2, N3]);
    let crooked = Crooked { declared, cuts: both(&[(N1, N2)]), leaves: both(&[(N1, N3)]) };
    let active = inject(&bed, crooked).await?;
    inconclusive(active.heal(&bed).await, "n1→n3 silent");
    bed.firewall().lift("left").await
}

pub(crate) async fn partitions_heal_in_either_order(bed: Bed) -> Result<()> {
    let (left, right) = (both(&[(N1, N2)]), both(&[(N2, N3)]));
    for first_is_healed_first in [true, false] {
        let first = inject(&bed, Partition::bridge(N1, N2)).await?;
        let second = inject(&bed, Partition::bridge(N2, N3)).await?;
        only_cut(&bed, &[left.clone(), right.clone()].concat()).await?;
        let (sooner, later, still) =
            if first_is_healed_first { (first, second, &right) } else { (second, first, &left) };
        heal(&bed, sooner).await?;
        only_cut(&bed, still).await?;
        heal(&bed, later).await?;
        only_cut(&bed, &[]).await?;
    }
    Ok(())
}

/// What an earlier fault holds is not the later one's to end.
pub(crate) async fn overlapping_partitions_heal_last_first(bed: Bed) -> Result<()> {
    let narrow = inject(&bed, Partition::bridge(N1, N2)).await?;
    let wide = inject(&bed, Partition::isolate(N1, &[N2, N3])).await?;
    only_cut(&bed, &both(&[(N1, N2), (N1, N3)])).await?;
    heal(&bed, wide).await?;
    only_cut(&bed, &both(&[(N1, N2)])).await?;
    heal(&bed, narrow).await?;
    only_cut(&bed, &[]).await
}

pub(crate) async fn a_partition_outlives_a_power_cycle(bed: Bed) -> Result<()> {
    let active = inject(&bed, Partition::isolate(N1, &[N2, N3])).await?;
    let _off = inject(&bed, PowerOff::of(&[N1])).await?;
    let _on = inject(&bed, PowerOn::of(&[N1])).await?;
    only_cut(&bed, &both(&[(N1, N2), (N1, N3)])).await?;
    heal(&bed, active).await?;
    only_cut(&bed, &[]).await
}

/// The same fault in both; healed in one, it holds in the other.
pub(crate) async fn testbeds_are_apart(bed: Bed) -> Result<()> {
    let session = &bed.session;
    let other = create(session, &format!("{}-2", bed.lab())).await?;
    let cut = both(&[(N1, N2), (N1, N3)]);
    let here = inject(&bed, Partition::isolate(N1, &[N2, N3])).await?;
    only_cut(&other, &[]).await?;
    let there = inject(&other, Partition::isolate(N1, &[N2, N3])).await?;
    heal(&bed, here).await?;
    only_cut(&bed, &[]).await?;
    only_cut(&other, &cut).await?;
    heal(&other, there).await?;
    Testbed::remove(session, other.lab()).await
}
