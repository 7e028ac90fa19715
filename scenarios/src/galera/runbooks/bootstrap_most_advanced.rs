//! The right recovery of a cluster without a primary component, and of nodes that
//! are left out of one.

use std::{fmt, time::Duration};

use async_trait::async_trait;
use reenact::{
    Error, Result,
    probe::Answer,
    runbook::{Conclusion, Operator, Runbook},
};

use super::survey::{self, Position, START, Survey};

/// How long a node whose SQL port is still closed may be on its way by itself before
/// it is restarted: a joiner was seen to take up to 12 s.
const PATIENCE: Duration = Duration::from_secs(15);

/// How long a primary component may take to install a view with one member more or
/// less; suspecting a dead one takes 5 s.
const VIEW_CHANGE: Duration = Duration::from_secs(8);

/// Stops every server for certain, finds the most advanced position, bootstraps
/// from there and joins the others, one by one. Where a primary component lives it
/// bootstraps nothing, and only restarts the nodes that are not in it.
///
/// It goes by what it finds, not by what it has done, so it can be run again after
/// any of its steps.
#[derive(Debug)]
pub(crate) struct BootstrapMostAdvanced;

impl fmt::Display for BootstrapMostAdvanced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("bootstrap the most advanced node and join the others")
    }
}

#[async_trait]
impl Runbook for BootstrapMostAdvanced {
    async fn run(&self, operator: &Operator) -> Result<Conclusion> {
        let survey = Survey::take(operator).await?;
        if survey.all_serve() {
            return Ok(Conclusion::NothingToDo);
        }
        if let Some(why) = objection(operator, &survey).await? {
            return Ok(Conclusion::Refused { why });
        }
        if !survey.primary().is_empty() {
            mend_members(operator, &survey).await?;
        }
        // A zombie counts as a member: to kill it can cost its component the quorum.
        if !lives(operator, &survey).await? {
            let Some(first) = bootstrap(operator).await? else {
                return Ok(Conclusion::Refused { why: "the nodes belong to different histories".into() });
            };
            let rest = operator.nodes().into_iter().filter(|node| *node != first);
            join(operator, rest.collect()).await?;
        }
        let nodes = operator.nodes();
        // Where all the others need a full copy, the one donor serves them in turn.
        let in_turn = START * (nodes.len() - 1) as u32;
        survey::until_serving(operator, &nodes, nodes.len(), in_turn).await?;
        survey::same_contents(operator).await?;
        Ok(Conclusion::Done)
    }
}

/// Why this is not the time for it.
async fn objection(operator: &Operator<'_>, survey: &Survey<'_>) -> Result<Option<String>> {
    if let Some(why) = survey.lacks_machines() {
        return Ok(Some(why));
    }
    if let Some(joiner) = survey.joiner() {
        return Ok(Some(format!(
            "{joiner} is receiving a copy of the data: to kill it or its donor now loses time or data"
        )));
    }
    if let Some(sizes) = survey.components_disagree() {
        return Ok(Some(format!(
            "there is more than one primary component ({sizes}): a person must choose the one to keep"
        )));
    }
    let cut = survey::cut_link(operator, &survey.names()).await?;
    Ok(cut.map(|(from, to)| format!("{from} does not reach {to}: mend the network first, else they part again")))
}

/// Kills all, and starts the cluster from the node that has seen most. `None`: the
/// positions cannot be compared.
async fn bootstrap<'a>(operator: &'a Operator<'_>) -> Result<Option<&'a str>> {
    let nodes = operator.nodes();
    operator.step("stop every server for certain", survey::kill_all(operator, &nodes)).await?;
    let positions = operator.step("read every node's position", survey::positions(operator)).await?;
    let mut last = Vec::new();
    for (node, _) in &positions {
        if survey::was_last(operator, node).await? {
            last.push(*node);
        }
    }
    let Some(first) = most_advanced(&positions, &last) else { return Ok(None) };
    operator.step(&format!("bootstrap {first}"), survey::bootstrap(operator, first)).await?;
    Ok(Some(first))
}

/// The node with the highest position, if all defined ones are of one history; among equals,
/// one of those that were the last to leave. (A flag alone may be a person's word.)
fn most_advanced<'a>(positions: &[(&'a str, Position)], last: &[&str]) -> Option<&'a str> {
    let defined: Vec<_> = positions.iter().filter(|(_, position)| position.is_defined()).collect();
    let (_, first) = defined.first()?;
    if defined.iter().any(|(_, position)| position.history != first.history) {
        return None;
    }
    defined.iter().max_by_key(|(node, position)| (position.seqno, last.contains(node))).map(|(node, _)| *node)
}

async fn join(operator: &Operator<'_>, rest: Vec<&str>) -> Result<()> {
    for node in rest {
        operator.step(&format!("join {node}"), survey::start(operator, node)).await?;
    }
    Ok(())
}

/// Whether a node that was primary at the survey still is, or is again within a
/// moment: a node that joins makes its component change its view.
async fn lives(operator: &Operator<'_>, survey: &Survey<'_>) -> Result<bool> {
    match survey.primary().first() {
        None => Ok(false),
        Some(found) => match survey::until_primary(operator, found.name, VIEW_CHANGE).await {
            Ok(()) => Ok(true),
            Err(Error::Failed(_)) => Ok(false),
            Err(error) => Err(error),
        },
    }
}

/// Brings the nodes that a living primary component lacks, one at a time: each is
/// waited for, so that the component does not lose more than one member at once. One
/// that is still starting may come by itself.
async fn mend_members(operator: &Operator<'_>, survey: &Survey<'_>) -> Result<()> {
    for found in survey.others() {
        let node = found.name;
        let starting = found.runs && found.status == Answer::Refused;
        if starting && survey::until_primary(operator, node, PATIENCE).await.is_ok() {
            continue;
        }
        let work = async {
            survey::kill(operator, node).await?;
            survey::start(operator, node).await
        };
        operator.step(&format!("restart {node} for certain"), work).await?;
        // It may need what the next restart brings: whether all serve is asked at the end.
        let _ = survey::until_primary(operator, node, PATIENCE).await;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(history: &str, seqno: i64) -> Position {
        Position { history: history.into(), seqno }
    }

    #[test]
    fn the_highest_of_one_history_is_chosen() {
        let highest = |positions: &[(&'static str, Position)]| most_advanced(positions, &[]);
        assert_eq!(highest(&[("n1", at("a", 19)), ("n2", at("a", 26)), ("n3", at("a", 26))]), Some("n3"));
        assert_eq!(highest(&[("n1", at("a", 30)), ("n2", at("a", 26))]), Some("n1"));
    }

    #[test]
    fn of_equals_the_last_to_leave_is_chosen_and_the_flag_outweighs_no_write() {
        let equals = [("n1", at("a", 26)), ("n2", at("a", 26)), ("n3", at("a", 26))];
        assert_eq!(most_advanced(&equals, &["n1"]), Some("n1"));
        assert_eq!(most_advanced(&[("n1", at("a", 19)), ("n2", at("a", 26))], &["n1"]), Some("n2"));
    }

    #[test]
    fn a_wiped_node_is_never_chosen() {
        assert_eq!(most_advanced(&[("n1", at("00000000-0000", -1)), ("n2", at("a", 3))], &["n1"]), Some("n2"));
        assert_eq!(most_advanced(&[("n1", at("00000000-0000", -1))], &["n1"]), None);
    }

    #[test]
    fn different_histories_cannot_be_compared() {
        assert_eq!(most_advanced(&[("n1", at("a", 1)), ("n2", at("b", 2))], &[]), None);
    }
}
