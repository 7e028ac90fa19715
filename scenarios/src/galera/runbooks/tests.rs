//! Runbooks where they must refuse, at nodes in memory. Their SQL ports are closed.

use reenact::runbook::{
    Conclusion, Output, Runbook,
    testing::{Bench, Nodes},
};

use super::{BootstrapMostAdvanced, BootstrapNode, EndReadLock, PcBootstrap, PcBootstrapSurvivors};

/// Three machines, some of which are off; no server runs.
struct Machines {
    off: Vec<&'static str>,
}

impl Nodes for Machines {
    fn names(&self) -> Vec<&'static str> {
        vec!["n1", "n2", "n3"]
    }

    fn run(&mut self, node: &str, command: &[&str]) -> Output {
        assert!(self.is_up(node), "a command on a machine that is off: {command:?}");
        Output { code: 3, text: "pid=\n".into() }
    }

    fn is_up(&self, node: &str) -> bool {
        !self.off.contains(&node)
    }

    fn power_on(&mut self, node: &str) {
        self.off.retain(|off| *off != node);
    }
}

fn bench(off: &[&'static str]) -> Bench<Machines> {
    Bench::new(Machines { off: off.to_vec() })
}

async fn why_not(bench: &Bench<Machines>, runbook: &dyn Runbook) -> String {
    match bench.call(runbook).await {
        Ok(Conclusion::Refused { why }) => why,
        other => panic!("\"{runbook}\" should refuse: {other:?}"),
    }
}

#[tokio::test]
async fn with_a_machine_off_each_recovery_of_the_whole_refuses_and_says_what_comes_first() {
    let all: [&dyn Runbook; 4] = [
        &BootstrapMostAdvanced,
        &PcBootstrap { node: "n2", force: false },
        &EndReadLock,
        &BootstrapNode { node: "n2", force: false },
    ];
    for runbook in all {
        let bench = bench(&["n1"]);
        let why = why_not(&bench, runbook).await;
        assert!(why.contains("n1"), "{runbook}: {why}");
        let is_look = |done: &String| done.ends_with("galera-node status");
        assert!(bench.commands().iter().all(is_look), "{runbook} changed something: {:?}", bench.commands());
    }
    let why = why_not(&bench(&["n1"]), &BootstrapMostAdvanced).await;
    assert!(why.contains("(power_on)") && why.contains("(pc_bootstrap_survivors)"), "{why}");
}

#[tokio::test]
async fn survivors_are_declared_primary_only_where_somebody_is_gone_and_somebody_waits() {
    assert!(why_not(&bench(&[]), &PcBootstrapSurvivors).await.contains("nobody is gone"));
    let bench = bench(&["n1"]);
    assert!(why_not(&bench, &PcBootstrapSurvivors).await.contains("no survivor waits"));
    assert!(bench.commands().iter().all(|done| done.ends_with("galera-node status")));
}
