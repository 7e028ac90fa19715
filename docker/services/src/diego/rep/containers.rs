//! What a cell runs, and what it says of it.

use std::collections::{BTreeMap, HashMap};

use uuid::Uuid;

use crate::diego::model::{ActualLrp, State};

/// Who the cell is.
#[derive(Debug, Clone)]
pub(super) struct Cell {
    pub(super) id: String,
    /// Where it is told to stop something.
    pub(super) address: String,
}

/// A cell's containers, by the instance that each runs.
#[derive(Debug)]
pub(super) struct Containers {
    cell: Cell,
    running: BTreeMap<(String, u32), ActualLrp>,
}

impl Containers {
    pub(super) fn of(cell: Cell) -> Self {
        Self { cell, running: BTreeMap::new() }
    }

    /// All that run.
    pub(super) fn running(&self) -> Vec<ActualLrp> {
        self.running.values().cloned().collect()
    }

    /// Runs an instance that the BBS has given to this cell.
    pub(super) fn run(&mut self, lrp: ActualLrp) {
        self.running.insert((lrp.process_guid.clone(), lrp.index), lrp);
    }

    /// Stops a container, if there is one of that id.
    pub(super) fn stop(&mut self, instance_guid: &str) {
        self.running.retain(|_, lrp| lrp.instance_guid != instance_guid);
    }

    /// What to say to the BBS: that this cell takes what no cell has, and what it runs
    /// that the BBS does not know, or knows otherwise.
    pub(super) fn statements(&self, known: &[ActualLrp]) -> Vec<ActualLrp> {
        let by_key: HashMap<_, _> = known.iter().map(|lrp| ((lrp.process_guid.clone(), lrp.index), lrp)).collect();
        let unknown = self.running.iter().filter(|(key, lrp)| by_key.get(key) != Some(lrp));
        let unclaimed = known.iter().filter(|lrp| {
            lrp.state == State::Unclaimed && !self.running.contains_key(&(lrp.process_guid.clone(), lrp.index))
        });
        unknown.map(|(_, lrp)| lrp.clone()).chain(unclaimed.map(|lrp| self.start(lrp))).collect()
    }

    /// What the BBS believes that this cell runs, and it does not.
    pub(super) fn removals(&self, known: &[ActualLrp]) -> Vec<ActualLrp> {
        let ours = |lrp: &&ActualLrp| lrp.state != State::Unclaimed && lrp.cell_id == self.cell.id;
        let runs = |lrp: &ActualLrp| self.running.contains_key(&(lrp.process_guid.clone(), lrp.index));
        known.iter().filter(ours).filter(|lrp| !runs(lrp)).cloned().collect()
    }

    fn start(&self, lrp: &ActualLrp) -> ActualLrp {
        ActualLrp {
            state: State::Running,
            instance_guid: Uuid::new_v4().to_string(),
            cell_id: self.cell.id.clone(),
            cell_address: self.cell.address.clone(),
            ..lrp.clone()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell() -> Containers {
        Containers::of(Cell { id: "cell".into(), address: "127.0.0.1:1800".into() })
    }

    fn unclaimed() -> ActualLrp {
        ActualLrp {
            process_guid: "g".into(),
            index: 0,
            domain: "d".into(),
            state: State::Unclaimed,
            instance_guid: String::new(),
            cell_id: String::new(),
            cell_address: String::new(),
        }
    }

    /// A cell that runs one instance.
    fn running() -> (Containers, ActualLrp) {
        let mut cell = cell();
        let lrp = cell.statements(&[unclaimed()]).pop().expect("taken");
        cell.run(lrp.clone());
        (cell, lrp)
    }

    #[test]
    fn what_no_cell_has_is_taken_once() {
        let (cell, lrp) = running();
        assert_eq!((lrp.state, lrp.cell_id.as_str()), (State::Running, "cell"));
        assert!(cell.statements(std::slice::from_ref(&lrp)).is_empty());
    }

    #[test]
    fn what_the_bbs_has_forgotten_is_said_again_as_it_is() {
        let (cell, lrp) = running();
        assert_eq!(cell.statements(&[]), std::slice::from_ref(&lrp));
        assert_eq!(cell.statements(&[unclaimed()]), [lrp], "and not started twice");
    }

    #[test]
    fn what_does_not_run_is_removed_and_another_s_is_not() {
        let (mut cell, lrp) = running();
        let other = ActualLrp { cell_id: "other".into(), index: 1, ..lrp.clone() };
        assert!(cell.removals(&[lrp.clone(), other.clone(), unclaimed()]).is_empty());
        cell.stop(&lrp.instance_guid);
        assert_eq!(cell.removals(&[lrp.clone(), other]), [lrp]);
    }
}
