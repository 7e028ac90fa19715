//! Who holds a lock, by the events: the only record of it that a takeover keeps right.

use std::collections::BTreeMap;

use reenact::probe::Moment;

use super::super::signals::Event;

/// So many events on locks are remembered.
const EVENTS_KEPT: usize = 400;

/// What a task did to a lock, or what became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deed {
    /// It acquired it, as a new row or by a takeover.
    Acquired,
    /// Its renewal found no row of its own.
    Lost,
    /// It gave it back.
    Released,
}

#[derive(Debug, Clone)]
struct Entry {
    task: u64,
    deed: Deed,
    /// When it was first seen.
    seen: Moment,
}

/// The lock events so far: each lock's, by id.
#[derive(Debug, Default)]
pub struct History(BTreeMap<String, BTreeMap<u64, Entry>>);

/// A task that had a lock and has not given it back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Former {
    /// The task.
    pub task: u64,
    /// The event by which it is known.
    pub event: u64,
    /// When that was first seen.
    pub since: Moment,
    /// Who acquired the lock after it; `None`: its own renewal found it lost.
    pub successor: Option<u64>,
}

impl History {
    /// Takes an event of `events`; those of other objects are none.
    pub fn take(&mut self, id: u64, event: &Event, seen: Moment) {
        let deed = match event.action.as_str() {
            "acquire" => Deed::Acquired,
            "lost" => Deed::Lost,
            "release" => Deed::Released,
            _ => return,
        };
        let Some(task) = event.task.filter(|_| event.object_type == "lock") else { return };
        let of_lock = self.0.entry(event.object_name.clone()).or_default();
        of_lock.entry(id).or_insert(Entry { task, deed, seen });
        while self.len() > EVENTS_KEPT {
            self.forget_oldest();
        }
    }

    fn len(&self) -> usize {
        self.0.values().map(BTreeMap::len).sum()
    }

    fn forget_oldest(&mut self) {
        let oldest = self.0.values_mut().min_by_key(|of_lock| of_lock.keys().next().copied().unwrap_or(u64::MAX));
        oldest.map(BTreeMap::pop_first);
        self.0.retain(|_, of_lock| !of_lock.is_empty());
    }

    fn of(&self, lock: &str) -> impl Iterator<Item = (u64, &Entry)> {
        self.0.get(lock).into_iter().flatten().map(|(id, entry)| (*id, entry))
    }

    /// The task that acquired the lock last and has neither lost it nor given it back,
    /// with the event and when that was first seen.
    pub fn owner(&self, lock: &str) -> Option<(u64, u64, Moment)> {
        let mut owner = None;
        for (id, Entry { task, deed, seen, .. }) in self.of(lock) {
            match deed {
                Deed::Acquired => owner = Some((*task, id, *seen)),
                Deed::Lost | Deed::Released if owner.is_some_and(|(holder, ..)| holder == *task) => owner = None,
                Deed::Lost | Deed::Released => {}
            }
        }
        owner
    }

    /// The tasks that had the lock, lost it or saw it taken, and have not given it back.
    pub fn formers(&self, lock: &str) -> Vec<Former> {
        let mut formers = BTreeMap::new();
        let mut holder = None;
        for (event, Entry { task, deed, seen, .. }) in self.of(lock) {
            let former = |task, successor| Former { task, event, since: *seen, successor };
            match deed {
                Deed::Acquired => {
                    if let Some(before) = holder.filter(|before| before != task) {
                        formers.insert(before, former(before, Some(*task)));
                    }
                    formers.remove(task);
                    holder = Some(*task);
                }
                // Whoever was robbed has been without it since then.
                Deed::Lost => {
                    formers.entry(*task).or_insert_with(|| former(*task, None));
                    holder = holder.filter(|holder| holder != task);
                }
                Deed::Released => {
                    formers.remove(task);
                    holder = holder.filter(|holder| holder != task);
                }
            }
        }
        formers.into_values().collect()
    }

    /// The event by which the task gave a lock back last.
    pub fn released_by(&self, task: u64) -> Option<u64> {
        let all = self.0.values().flatten();
        all.filter(|(_, entry)| entry.task == task && entry.deed == Deed::Released).map(|(id, _)| *id).max()
    }

    /// Every lock that any event is about.
    pub fn locks(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::{super::super::signals::Events, *};

    const LOCK: &str = "lock:deployment:paasta";

    fn event(action: &str, object_type: &str, object_name: &str, task: Option<u64>) -> Event {
        let task = task.map_or_else(String::new, |task| task.to_string());
        let row = format!("{action}|{object_type}|{object_name}|{task}||");
        let Events(mut rows) = reenact::detect::testing::values([("1", row)]).read().expect("a row");
        rows.remove(&1).expect("the first")
    }

    /// The deeds in order, as `action task`; ids and moments count from 1.
    fn history(deeds: &[(&str, u64)]) -> History {
        let mut history = History::default();
        for (id, (action, task)) in (1..).zip(deeds) {
            history.take(id, &event(action, "lock", LOCK, Some(*task)), Moment(id));
        }
        history
    }

    /// The owner, and those who had the lock, each with its successor.
    fn holders(deeds: &[(&str, u64)]) -> (Option<u64>, Vec<(u64, Option<u64>)>) {
        let history = history(deeds);
        let formers = history.formers(LOCK).into_iter().map(|former| (former.task, former.successor));
        (history.owner(LOCK).map(|(task, ..)| task), formers.collect())
    }

    #[test]
    fn the_owner_is_who_acquired_last_and_has_it_still() {
        let (acquire, lost, release) = ("acquire", "lost", "release");
        assert_eq!(holders(&[]), (None, vec![]));
        assert_eq!(holders(&[(acquire, 100)]), (Some(100), vec![]));
        assert_eq!(holders(&[(acquire, 100), (release, 100)]), (None, vec![]));
        assert_eq!(holders(&[(acquire, 100), (lost, 100)]), (None, vec![(100, None)]));
        assert_eq!(holders(&[(acquire, 100), (acquire, 163)]), (Some(163), vec![(100, Some(163))]));
        let robbed = [(acquire, 100), (acquire, 163), (lost, 100)];
        assert_eq!(holders(&robbed), (Some(163), vec![(100, Some(163))]));
        // A zombie that ends gives back nothing of its successor's.
        assert_eq!(holders(&[&robbed[..], &[(release, 100)]].concat()), (Some(163), vec![]));
        assert_eq!(holders(&[(acquire, 100), (acquire, 163), (acquire, 100)]).0, Some(100));
        // A release whose event comes after the next one's acquire.
        assert_eq!(holders(&[(acquire, 100), (acquire, 163), (release, 100)]), (Some(163), vec![]));
    }

    #[test]
    fn other_events_and_other_locks_do_not_count() {
        let mut history = history(&[("acquire", 100), ("create", 100)]);
        let event = |object_type: &str, object_name: &str, task| event("acquire", object_type, object_name, task);
        history.take(7, &event("vm", LOCK, Some(7)), Moment(7));
        history.take(8, &event("lock", "lock:deployment:cf", Some(8)), Moment(8));
        history.take(9, &event("lock", LOCK, None), Moment(9));
        assert_eq!(history.owner(LOCK), Some((100, 1, Moment(1))));
        assert_eq!(history.locks().collect::<Vec<_>>(), ["lock:deployment:cf", LOCK]);
        // An event that is seen again keeps the moment of its first sight.
        history.take(1, &event("lock", LOCK, Some(100)), Moment(99));
        assert_eq!(history.owner(LOCK), Some((100, 1, Moment(1))));
    }

    #[test]
    fn four_hundred_events_are_kept() {
        let deeds: Vec<_> = (0..405).map(|task| ("acquire", task)).collect();
        let history = history(&deeds);
        assert_eq!((history.len(), history.formers(LOCK).len()), (400, 399));
    }
}
