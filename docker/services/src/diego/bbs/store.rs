//! The BBS's data in etcd.

use std::{collections::BTreeSet, time::Duration};

use serde::{Serialize, de::DeserializeOwned};

use crate::diego::{
    etcd::{Cluster, Failure, When},
    model::{ActualLrp, DesiredLrp, RunInfo, State, Task, Version, key},
    scale::Scale,
};

/// What a caller is told: that etcd failed, or what is wrong with the request.
#[derive(Debug)]
pub(super) enum Refusal {
    /// etcd's error, which the caller is not told.
    Etcd(Failure),
    /// Another cell has it, or none should.
    ActualLrpCannotBeTaken,
}

impl From<Failure> for Refusal {
    fn from(error: Failure) -> Self {
        Self::Etcd(error)
    }
}

pub(super) struct Store {
    cluster: Cluster,
    scale: Scale,
}

impl Store {
    pub(super) fn new(members: Vec<String>, scale: Scale) -> Self {
        Self { cluster: Cluster::of(members), scale }
    }

    pub(super) fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// `None`: the data is new.
    pub(super) async fn version(&self) -> Result<Option<Version>, Failure> {
        match self.cluster.read(key::VERSION).await {
            Ok(node) => node.parse().map(Some),
            Err(Failure::NotFound) => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub(super) async fn set_version(&self, version: Version) -> Result<(), Failure> {
        self.cluster.write(key::VERSION, &text(&version), When::Always, None).await
    }

    async fn all<T: DeserializeOwned>(&self, folder: &str) -> Result<Vec<T>, Failure> {
        self.cluster.list(folder).await?.leaves().into_iter().map(|leaf| leaf.parse()).collect()
    }

    pub(super) async fn desires(&self) -> Result<Vec<DesiredLrp>, Failure> {
        self.all(key::SCHEDULES).await
    }

    pub(super) async fn actuals(&self) -> Result<Vec<ActualLrp>, Failure> {
        self.all(key::ACTUALS).await
    }

    pub(super) async fn tasks(&self) -> Result<Vec<Task>, Failure> {
        self.all(key::TASKS).await
    }

    /// The domains that are fresh.
    pub(super) async fn domains(&self) -> Result<BTreeSet<String>, Failure> {
        let folder = self.cluster.list(key::DOMAINS).await?;
        let name = |path: &str| path.rsplit('/').next().map(str::to_owned);
        Ok(folder.leaves().into_iter().filter_map(|leaf| name(&leaf.key)).collect())
    }

    /// Keeps a domain fresh for this long; for ever if it is zero.
    pub(super) async fn refresh(&self, domain: &str, ttl: Duration) -> Result<(), Failure> {
        let ttl = (!ttl.is_zero()).then(|| self.scale.seconds(ttl));
        self.cluster.write(&key::domain(domain), "", When::Always, ttl).await
    }

    /// Desires: the run information first, so that what is scheduled can be run. It may
    /// be left of a desire that came half through.
    pub(super) async fn desire(&self, desired: &DesiredLrp, run: &RunInfo) -> Result<(), Failure> {
        let guid = &desired.process_guid;
        unless_exists(self.cluster.write(&key::run(guid), &text(run), When::Absent, None).await)?;
        self.cluster.write(&key::schedule(guid), &text(desired), When::Absent, None).await?;
        for index in 0..desired.instances {
            self.create_unclaimed(desired, index).await?;
        }
        Ok(())
    }

    /// Changes how many instances are desired.
    pub(super) async fn update(&self, guid: &str, instances: u32, annotation: String) -> Result<(), Failure> {
        let node = self.cluster.read(&key::schedule(guid)).await?;
        let desired = DesiredLrp { instances, annotation, ..node.parse()? };
        let when = When::Unchanged(node.modified_index);
        self.cluster.write(&key::schedule(guid), &text(&desired), when, None).await
    }

    pub(super) async fn undesire(&self, guid: &str) -> Result<(), Failure> {
        self.cluster.delete(&key::schedule(guid)).await?;
        match self.cluster.delete(&key::run(guid)).await {
            Err(Failure::NotFound) => Ok(()),
            other => other,
        }
    }

    /// An instance that waits for a cell; nothing if there is one already.
    pub(super) async fn create_unclaimed(&self, desired: &DesiredLrp, index: u32) -> Result<(), Failure> {
        let actual = ActualLrp {
            process_guid: desired.process_guid.clone(),
            index,
            domain: desired.domain.clone(),
            state: State::Unclaimed,
            instance_guid: String::new(),
            cell_id: String::new(),
            cell_address: String::new(),
        };
        let path = key::actual(&actual.process_guid, index);
        unless_exists(self.cluster.write(&path, &text(&actual), When::Absent, None).await)
    }

    /// A cell says that it has this instance now. One that is not known is created, so
    /// that what runs is known again after the data was lost.
    pub(super) async fn take(&self, new: &ActualLrp) -> Result<(), Refusal> {
        let path = key::actual(&new.process_guid, new.index);
        let when = match self.cluster.read(&path).await {
            Err(Failure::NotFound) => When::Absent,
            Err(error) => return Err(error.into()),
            Ok(node) => {
                let old: ActualLrp = node.parse()?;
                if !may_take(&old, new) {
                    return Err(Refusal::ActualLrpCannotBeTaken);
                }
                When::Unchanged(node.modified_index)
            }
        };
        match self.cluster.write(&path, &text(new), when, None).await {
            Err(Failure::Exists | Failure::Changed) => Err(Refusal::ActualLrpCannotBeTaken),
            other => Ok(other?),
        }
    }

    pub(super) async fn remove_actual(&self, guid: &str, index: u32) -> Result<(), Failure> {
        self.cluster.delete(&key::actual(guid, index)).await
    }

    pub(super) async fn desire_task(&self, task: &Task) -> Result<(), Failure> {
        self.cluster.write(&key::task(&task.task_guid), &text(task), When::Absent, None).await
    }
}

/// What is there already is as good.
fn unless_exists(result: Result<(), Failure>) -> Result<(), Failure> {
    match result {
        Err(Failure::Exists) => Ok(()),
        other => other,
    }
}

/// An instance changes hands only while no cell has it, or within its cell.
fn may_take(old: &ActualLrp, new: &ActualLrp) -> bool {
    match old.state {
        State::Unclaimed => true,
        State::Claimed => old.cell_id == new.cell_id || new.state == State::Running,
        State::Running => old.cell_id == new.cell_id && old.instance_guid == new.instance_guid,
    }
}

/// A value as it is kept.
fn text(value: &impl Serialize) -> String {
    // Our own types: their maps have text for keys, which is all that can fail.
    serde_json::to_string(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn actual(state: State, cell: &str) -> ActualLrp {
        ActualLrp {
            process_guid: "g".into(),
            index: 0,
            domain: "d".into(),
            state,
            instance_guid: format!("on-{cell}"),
            cell_id: cell.into(),
            cell_address: String::new(),
        }
    }

    #[test]
    fn what_runs_on_one_cell_is_not_taken_by_another() {
        let (a, b) = (actual(State::Running, "a"), actual(State::Running, "b"));
        assert!(may_take(&actual(State::Unclaimed, ""), &a));
        assert!(may_take(&a, &a), "saying it again changes nothing");
        assert!(!may_take(&a, &b));
        assert!(!may_take(&actual(State::Claimed, "a"), &actual(State::Claimed, "b")));
        assert!(may_take(&actual(State::Claimed, "a"), &b), "what runs wins over what may");
    }
}
