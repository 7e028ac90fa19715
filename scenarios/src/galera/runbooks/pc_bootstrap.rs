//! To declare the part at hand primary: right where it is all there is, wrong on a minority.

use std::{fmt, net::Ipv4Addr, time::Duration};

use async_trait::async_trait;
use futures::future::try_join_all;
use mysql_async::prelude::Queryable;
use reenact::{
    Result,
    poll::{self, Look},
    probe::Answer,
    runbook::{Conclusion, Operator, Runbook},
};

use super::{
    super::node,
    survey::{self, Found, Survey},
};

/// Sets `pc.bootstrap` on a living non-primary node, starts the servers that have given up
/// waiting, and waits until all serve. Refuses while any other node could be primary without
/// it; forced, it only sets it, and there are two primary components.
#[derive(Debug)]
pub(crate) struct PcBootstrap {
    pub(crate) node: &'static str,
    pub(crate) force: bool,
}

impl fmt::Display for PcBootstrap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "set pc.bootstrap on {}{}", self.node, if self.force { " whatever the others do" } else { "" })
    }
}

#[async_trait]
impl Runbook for PcBootstrap {
    async fn run(&self, operator: &Operator) -> Result<Conclusion> {
        if self.force {
            operator.step("set pc.bootstrap", set(operator, self.node)).await?;
            return Ok(Conclusion::Done);
        }
        let survey = Survey::take(operator).await?;
        if survey.all_serve() {
            return Ok(Conclusion::NothingToDo);
        }
        if let Some(why) = survey.lacks_machines() {
            return Ok(Conclusion::Refused { why });
        }
        declare(operator, &survey, self.node).await
    }
}

/// Declares the nodes whose machines are up primary, since those that are off are gone for
/// good: who calls it says so. No acknowledged write is lost, for each was sent to all.
#[derive(Debug)]
pub(crate) struct PcBootstrapSurvivors;

impl fmt::Display for PcBootstrapSurvivors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("declare the survivors of machines that are gone for good primary")
    }
}

#[async_trait]
impl Runbook for PcBootstrapSurvivors {
    async fn run(&self, operator: &Operator) -> Result<Conclusion> {
        let survey = Survey::take(operator).await?;
        match chosen(&survey) {
            Choice::Nothing => Ok(Conclusion::NothingToDo),
            Choice::Refused(why) => Ok(Conclusion::Refused { why }),
            Choice::Node(node) => declare(operator, &survey, node).await,
        }
    }
}

/// What is to be done about the survivors.
#[derive(Debug, PartialEq, Eq)]
enum Choice<'a> {
    Nothing,
    Refused(String),
    /// One of them is, or is to be declared, primary.
    Node(&'a str),
}

fn chosen<'a>(survey: &Survey<'a>) -> Choice<'a> {
    if survey.survivors_serve() && !survey.nodes.is_empty() {
        return Choice::Nothing;
    }
    if survey.off.is_empty() {
        return Choice::Refused("no machine is off, so nobody is gone for good".into());
    }
    if let Some(found) = survey.nodes.iter().find(|found| matches!(found.status, Answer::Hung { .. })) {
        return Choice::Refused(format!("{} hangs, so it is not known what it is: thaw or kill it first", found.name));
    }
    let waits = |found: &&Found<'_>| {
        found.status.get("wsrep_cluster_status").is_some_and(|status| status.eq_ignore_ascii_case("non-Primary"))
    };
    let primary = survey.primary().first().map(|found| found.name);
    match primary.or_else(|| survey.nodes.iter().find(waits).map(|found| found.name)) {
        Some(node) => Choice::Node(node),
        None => Choice::Refused("no survivor waits for a primary component".into()),
    }
}

/// Sets it on that node unless it is primary already, starts the servers of those whose
/// machines are up, and waits until they all serve.
async fn declare(operator: &Operator<'_>, survey: &Survey<'_>, node: &str) -> Result<Conclusion> {
    let members = survey.names();
    let bootstrapped = survey.primary().iter().any(|found| found.name == node);
    if !bootstrapped {
        if let Some(primary) = survey.primary().first() {
            return Ok(Conclusion::Refused { why: format!("{} is primary already", primary.name) });
        }
        if let Some((from, to)) = survey::cut_link(operator, &members).await? {
            return Ok(Conclusion::Refused { why: format!("{from} does not reach {to}") });
        }
        operator.step("set pc.bootstrap", set(operator, node)).await?;
    }
    operator.step("start the servers that have given up", start_all(operator, &members)).await?;
    survey::until_serving(operator, &members, members.len(), survey::START).await?;
    Ok(Conclusion::Done)
}

/// How long members may take to agree on who they are: a node that has just booted joins the
/// others within two seconds.
const AGREED: Duration = Duration::from_secs(20);

/// How soon a node is primary that has taken it: the members agree within milliseconds.
const TAKEN: Duration = Duration::from_secs(2);

/// Galera takes it between two views only. While a node joins it answers `ERROR 1210, Incorrect
/// arguments to SET` (2 of 9 runs in which n3 had just booted); or it says that it has set it,
/// and logs `ignoring 'pc.bootstrap' in state STATES_EXCH` (one run at load 20). So it is set
/// until the node is primary.
async fn set(operator: &Operator<'_>, node: &str) -> Result<()> {
    let ip = operator.ip(node)?;
    poll::until(&format!("{node} to take pc.bootstrap"), AGREED, || async {
        let mut conn = match node::connect(ip).await {
            Ok(conn) => conn,
            Err(answer) => return Look::NotYet(node::describe(&answer)),
        };
        let set = conn.query_drop("SET GLOBAL wsrep_provider_options = 'pc.bootstrap=YES'").await;
        if let Err(error) = set {
            return Look::NotYet(error.to_string());
        }
        let primary = poll::until("it to be primary", TAKEN, || is_primary(ip)).await;
        primary.map_or_else(|error| Look::NotYet(format!("it was set: {error}")), Look::Ready)
    })
    .await
}

async fn is_primary(ip: Ipv4Addr) -> Look<()> {
    let status = node::status(ip).await;
    if node::is_primary(&status) { Look::Ready(()) } else { Look::NotYet(node::describe(&status)) }
}

/// A node that booted meanwhile waits for a primary component for 30 s, and then ends.
async fn start_all(operator: &Operator<'_>, nodes: &[&str]) -> Result<()> {
    try_join_all(nodes.iter().map(|node| survey::start(operator, node))).await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(name: &'static str, status: &str, size: &str) -> Found<'static> {
        let (ready, comment) = if status == "Primary" { ("ON", "Synced") } else { ("OFF", "Initialized") };
        let status = Answer::from_iter([
            ("wsrep_cluster_status", status),
            ("wsrep_cluster_size", size),
            ("wsrep_ready", ready),
            ("wsrep_local_state_comment", comment),
        ]);
        Found { name, status, runs: true, in_transfer: false }
    }

    fn hung(name: &'static str) -> Found<'static> {
        Found { name, status: Answer::Hung { during: "handshake".into() }, runs: true, in_transfer: false }
    }

    fn survivors(nodes: Vec<Found<'static>>, off: &[&'static str]) -> Survey<'static> {
        Survey { nodes, off: off.to_vec() }
    }

    #[test]
    fn survivors_that_wait_are_declared_primary() {
        let waiting = || vec![found("n2", "non-Primary", "2"), found("n3", "non-Primary", "2")];
        assert_eq!(chosen(&survivors(waiting(), &["n1"])), Choice::Node("n2"));
        // Killed after its first step it goes on with who is primary.
        let half = vec![found("n2", "non-Primary", "1"), found("n3", "Primary", "1")];
        assert_eq!(chosen(&survivors(half, &["n1"])), Choice::Node("n3"));
    }

    #[test]
    fn survivors_that_serve_need_nothing() {
        let serving = vec![found("n2", "Primary", "2"), found("n3", "Primary", "2")];
        assert_eq!(chosen(&survivors(serving, &["n1"])), Choice::Nothing);
    }

    #[test]
    fn it_refuses_where_somebody_may_live_and_where_nobody_waits() {
        let refuses = |survey: &Survey<'_>, word: &str| {
            let Choice::Refused(why) = chosen(survey) else { panic!("it should refuse: {word}") };
            assert!(why.contains(word), "{why}");
        };
        let waiting = ["n1", "n2", "n3"].map(|name| found(name, "non-Primary", "3"));
        refuses(&survivors(waiting.into(), &[]), "nobody is gone");
        refuses(&survivors(vec![found("n2", "non-Primary", "2"), hung("n3")], &["n1"]), "n3 hangs");
        let gone = Found { status: Answer::Refused, runs: false, ..found("n2", "", "") };
        refuses(&survivors(vec![gone], &["n1", "n3"]), "no survivor waits");
        refuses(&survivors(Vec::new(), &["n1", "n2", "n3"]), "no survivor waits");
    }
}
