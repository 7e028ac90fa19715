//! What is done in a story, one thing after another.

use std::{sync::Arc, time::Duration};

use futures::future::BoxFuture;
use reenact_core::{
    Error, Result,
    poll::Look,
    probe::Observation,
    runbook::{Conclusion, Runbook},
    workload::{Ack, Entry},
};
use reenact_testbed::fault::Fault;

use super::{Procedure, Run, System};

/// The work of an action.
type Work<S> = Box<dyn for<'r> Fn(&'r Run<S>) -> BoxFuture<'r, Result<()>> + Send + Sync>;

/// What an action is, for those who only read an incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A fault is injected.
    Fault,
    /// Somebody works on the system: an operator, or a wrong runbook.
    Operator,
    /// The story waits for something.
    Wait,
    /// Any other piece of the story.
    Story,
}

/// One thing that is done.
pub struct Action<S: System> {
    /// What, for people.
    pub what: String,
    /// What it is.
    pub kind: Kind,
    /// The type of the fault that it injects, where that is known before the run.
    pub fault: Option<&'static str>,
    work: Work<S>,
}

impl<S: System> Action<S> {
    fn new<F>(kind: Kind, what: impl Into<String>, work: F) -> Self
    where
        F: for<'r> Fn(&'r Run<S>) -> BoxFuture<'r, Result<()>> + Send + Sync + 'static,
    {
        Self { what: what.into(), kind, fault: None, work: Box::new(work) }
    }

    pub(crate) async fn perform(&self, run: &Run<S>) -> Result<()> {
        (self.work)(run).await
    }
}

/// Injects a fault, to be healed with all others before the system is left to itself.
pub fn inject<S: System>(fault: impl Fault<S>) -> Action<S> {
    injected(None, false, fault)
}

/// The same, to be healed by its name as well: see [`heal`].
pub fn inject_as<S: System>(name: &'static str, fault: impl Fault<S>) -> Action<S> {
    injected(Some(name), false, fault)
}

/// Injects a fault that is an act, such as an administrator's remount: nobody takes it back
/// but a runbook.
pub fn act<S: System>(fault: impl Fault<S>) -> Action<S> {
    injected(None, true, fault)
}

fn injected<S: System, F: Fault<S>>(name: Option<&'static str>, lasts: bool, fault: F) -> Action<S> {
    let (what, fault) = (fault.to_string(), Arc::new(fault) as Arc<dyn Fault<S>>);
    let injects = Action::new(Kind::Fault, what, move |run| {
        let fault = Arc::clone(&fault);
        Box::pin(async move { run.inject_shared(name.map(str::to_owned), lasts, fault).await })
    });
    Action { fault: std::any::type_name::<F>().rsplit("::").next(), ..injects }
}

/// Injects a fault that depends on what is seen in this run, such as who leads.
pub fn inject_chosen<S: System, F>(what: impl Into<String>, choose: F) -> Action<S>
where
    F: for<'r> Fn(&'r Run<S>) -> BoxFuture<'r, Result<Arc<dyn Fault<S>>>> + Send + Sync + 'static,
{
    let choose = Arc::new(choose);
    Action::new(Kind::Fault, what, move |run| {
        let choose = Arc::clone(&choose);
        Box::pin(async move { run.inject_shared(None, false, choose(run).await?).await })
    })
}

/// Heals the fault of that name: see [`inject_as`].
pub fn heal<S: System>(name: &'static str) -> Action<S> {
    Action::new(Kind::Story, format!("heal: {name}"), move |run| Box::pin(run.heal(name)))
}

/// Heals every fault that is in force, the last one first.
pub fn heal_all<S: System>() -> Action<S> {
    Action::new(Kind::Story, "heal every fault", |run| Box::pin(run.heal_all()))
}

/// Waits for something that the story needs and that no fault brings about by itself.
pub fn wait<S: System, F>(what: impl Into<String>, limit: Duration, look: F) -> Action<S>
where
    F: for<'r> Fn(&'r Run<S>) -> BoxFuture<'r, Look<()>> + Send + Sync + 'static,
{
    let (what, look) = (what.into(), Arc::new(look));
    Action::new(Kind::Wait, what.clone(), move |run| {
        let (what, look) = (what.clone(), Arc::clone(&look));
        Box::pin(async move { run.wait_for(&what, limit, || look(run)).await })
    })
}

/// Waits until clients had this many more writes acknowledged.
pub fn writes<S: System>(more: usize, limit: Duration) -> Action<S> {
    Action::new(Kind::Wait, format!("{more} more writes are acknowledged"), move |run| {
        Box::pin(run.writes(more, limit))
    })
}

/// Waits until a node has acknowledged a write that began since the effect.
pub fn acknowledges<S: System>(node: &'static str, limit: Duration) -> Action<S> {
    says(node, "acknowledges", |ack| *ack == Ack::Ok, limit)
}

/// Waits until a node has refused a write that began since the effect: it certainly failed.
pub fn refuses_writes<S: System>(node: &'static str, limit: Duration) -> Action<S> {
    says(node, "refuses", |ack| matches!(ack, Ack::Failed { .. }), limit)
}

fn says<S: System>(node: &'static str, verb: &str, said: fn(&Ack) -> bool, limit: Duration) -> Action<S> {
    wait(format!("{node} {verb} a write"), limit, move |run: &Run<S>| {
        let since = run.effect_at();
        let fits = |entry: &Entry| entry.node == node && entry.from >= since && said(&entry.ack);
        let some = run.ledger().read(|entries| entries.iter().any(fits));
        let look = if some { Look::Ready(()) } else { Look::NotYet("it has not".into()) };
        Box::pin(async { look })
    })
}

/// Lets no new write begin, and waits for those under way.
pub fn pause_workload<S: System>() -> Action<S> {
    Action::new(Kind::Story, "clients pause", |run| {
        Box::pin(async move {
            run.workload().pause();
            run.workload().idle().await
        })
    })
}

/// Lets writes begin again.
pub fn resume_workload<S: System>() -> Action<S> {
    Action::new(Kind::Story, "clients go on", |run| {
        run.workload().resume();
        Box::pin(async { Ok(()) })
    })
}

/// Runs a command on a node, as an operator; it must succeed.
pub fn command<S: System>(node: &'static str, words: &[&'static str]) -> Action<S> {
    let words = words.to_vec();
    Action::new(Kind::Operator, format!("{node}$ {}", words.join(" ")), move |run| {
        let words = words.clone();
        Box::pin(async move { run.operator().must(node, &words).await.map(drop) })
    })
}

/// Runs a command on a node, as an operator; it must fail, as it did in the report.
pub fn failing_command<S: System>(node: &'static str, words: &[&'static str]) -> Action<S> {
    let words = words.to_vec();
    Action::new(Kind::Operator, format!("{node}$ {}, which fails", words.join(" ")), move |run| {
        let words = words.clone();
        Box::pin(async move {
            match run.operator().run(node, &words).await?.code {
                0 => {
                    let text = format!("`{}` succeeded, so this is another incident", words.join(" "));
                    Err(Error::inconclusive(text))
                }
                _ => Ok(()),
            }
        })
    })
}

/// Runs a runbook to its end, whatever comes of it: a wrong one, or an operator's work.
pub fn call<S: System>(runbook: impl Into<Procedure<S>>) -> Action<S> {
    let procedure = Arc::new(runbook.into());
    Action::new(Kind::Operator, format!("call: {}", procedure.what), move |run| {
        let procedure = Arc::clone(&procedure);
        Box::pin(async move { run.operate(procedure.runbook(run)?.as_ref(), None).await.map(drop) })
    })
}

/// Runs a runbook that must do its work to the end.
pub fn done<S: System>(runbook: impl Runbook + 'static) -> Action<S> {
    let runbook = Arc::new(runbook);
    Action::new(Kind::Operator, format!("call: {runbook}"), move |run| {
        let runbook = Arc::clone(&runbook);
        Box::pin(async move {
            match run.operate(runbook.as_ref(), None).await? {
                Conclusion::Done => Ok(()),
                other => Err(Error::failed(format!("\"{runbook}\" should be done, but: {other:?}"))),
            }
        })
    })
}

/// Waits until another detector fires on the way, within that time from the effect.
pub fn detected<S: System>(detector: &'static str, within: Duration) -> Action<S> {
    Action::new(Kind::Wait, format!("{detector} fires"), move |run| {
        Box::pin(async move { run.detects(detector, within).await.map(drop) })
    })
}

/// Claims that a detector fires at this moment, whatever was done meanwhile.
pub fn still_detected<S: System>(detector: &'static str) -> Action<S> {
    Action::new(Kind::Wait, format!("{detector} still fires"), move |run| {
        Box::pin(async move { run.still_detects(detector) })
    })
}

/// Waits until no detector fires any more: one part of a longer story is over.
pub fn falls_silent<S: System>(limit: Duration) -> Action<S> {
    Action::new(Kind::Wait, "every detector falls silent", move |run| Box::pin(run.falls_silent(limit)))
}

/// Waits until every node serves again, with no help.
pub fn heals_itself<S: System>(limit: Duration) -> Action<S> {
    Action::new(Kind::Wait, "every node serves again", move |run| Box::pin(run.heals_itself(limit)))
}

/// Watches for a while: no detector says a word that is not true.
pub fn quiet<S: System>(time: Duration) -> Action<S> {
    Action::new(Kind::Wait, format!("quiet for {time:.0?}"), move |run| Box::pin(run.quiet(time)))
}

/// Claims that this was seen since the story began, by the probes or by hand; else it was another story.
pub fn shown<S: System>(what: impl Into<String>, shows: fn(&[Observation]) -> bool) -> Action<S> {
    let what = what.into();
    Action::new(Kind::Story, format!("seen: {what}"), move |run| {
        let shown =
            if run.shows(shows) { Ok(()) } else { Err(Error::inconclusive(format!("it was never seen: {what}"))) };
        Box::pin(async { shown })
    })
}

/// Says that the effect which is to be detected takes hold now, not at the last fault.
pub fn effect_begins<S: System>() -> Action<S> {
    Action::new(Kind::Story, "the effect takes hold", |run| {
        run.effect_begins();
        Box::pin(async { Ok(()) })
    })
}

/// A piece of the story that is none of the others.
pub fn story<S: System, F>(what: impl Into<String>, work: F) -> Action<S>
where
    F: for<'r> Fn(&'r Run<S>) -> BoxFuture<'r, Result<()>> + Send + Sync + 'static,
{
    Action::new(Kind::Story, what, work)
}
