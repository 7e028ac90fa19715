//! Twin of the flow control that never ends: a node falls behind, and keeps up again.

use reenact::{incident::*, poll::Look, probe::Signal};

use super::super::{Galera, Machines, faults::ReadLockHeld};

reenact::incident!(
    Galera,
    Incident {
        id: "galera::twin_flow_control_comes_and_goes",
        story: "n3 falls behind three times, each time for some seconds, and the others wait for it: writes hang, and \
                go on as soon as its queue is applied. Flow control does just that for a slow node; nobody needs to \
                be woken.",
        source: "measured: flow control while a read lock is held for three seconds",
        setup: Machines::Ordinary,
        acts: vec![Act::benign((0..3).flat_map(|_| falls_behind()).collect(), secs(30))],
    }
);

fn falls_behind() -> [Action<Galera>; 5] {
    [
        inject_as("behind", ReadLockHeld { node: "n3".into() }),
        wait("writes wait for n3", secs(20), |run: &Run<Galera>| {
            let waits = is_throttled(run);
            Box::pin(async move { waits })
        }),
        quiet(secs(3)),
        heal("behind"),
        writes(50, secs(20)),
    ]
}

/// Whether n1 was seen, since the last fault, to wait for another node.
fn is_throttled(run: &Run<Galera>) -> Look<()> {
    let since = run.effect_at();
    let throttled = run.read(|seen| {
        seen.iter().rev().take_while(|o| o.at >= since).any(|o| match &o.signal {
            Signal::Query { answer, .. } => o.node == "n1" && answer.get("wsrep_flow_control_active") == Some("true"),
            _ => false,
        })
    });
    if throttled { Look::Ready(()) } else { Look::NotYet("n1 does not wait".into()) }
}
