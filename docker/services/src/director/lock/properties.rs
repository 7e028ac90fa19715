//! Random interleavings of acquire, renew, takeover, release, kill, suspend, clock skew and an operator's delete, over
//! a table in memory whose statements are those of the real one.

use std::time::{Duration, SystemTime};

use futures_util::FutureExt as _;
use proptest::prelude::*;

use super::memory::{Intrusion, Memory};
use super::*;
use crate::director::task::State;
use crate::testing::{Postgres, START_LIMIT};

pub(super) const NAME: &str = "lock:deployment:paasta";
const EXPIRY: u64 = 241;
const RENEWAL: u64 = 120;

/// What can happen next.
#[derive(Debug, Clone, Copy)]
enum Step {
    Attempt(usize),
    Release(usize),
    Kill(usize),
    Suspend(usize),
    Resume(usize),
    Cancel(usize),
    OperatorDeletes,
    Purge,
    Pass(u64),
}

/// A task's process.
#[derive(Debug, Clone)]
struct Process {
    skew: i64,
    lock: Option<Lock>,
    /// It has the lock, for all that it knows.
    believes: bool,
    renews_at: u64,
    alive: bool,
    suspended: bool,
    /// It was suspended, or an operator or a skewed clock took its lock: a zombie is nobody's surprise.
    disturbed: bool,
    state: State,
}

struct World {
    table: Memory,
    processes: Vec<Process>,
    now: u64,
    uids: u64,
}

pub(super) fn at(second: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(second)
}

fn done<T>(future: impl Future<Output = Result<T>>) -> T {
    future.now_or_never().expect("the table in memory never waits").expect("and never fails")
}

impl World {
    fn new(skews: &[i64]) -> Self {
        let process = |skew: &i64| Process {
            skew: *skew,
            lock: None,
            believes: false,
            renews_at: 0,
            alive: true,
            suspended: false,
            disturbed: false,
            state: State::Processing,
        };
        Self { table: Memory::default(), processes: skews.iter().map(process).collect(), now: 10_000, uids: 0 }
    }

    fn clock(&self, of: usize) -> SystemTime {
        at(self.now.saturating_add_signed(self.processes[of].skew))
    }

    fn runs(&self, which: usize) -> bool {
        self.processes[which].alive && !self.processes[which].suspended
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Attempt(which) => self.attempt(which),
            Step::Release(which) => self.release(which),
            Step::Kill(which) => self.processes[which].alive = false,
            Step::Suspend(which) => {
                (self.processes[which].suspended, self.processes[which].disturbed) = (true, true);
            }
            Step::Resume(which) => self.processes[which].suspended = false,
            Step::Cancel(which) => {
                let before = self.table.row();
                if self.processes[which].state.is_cancellable() {
                    self.processes[which].state = State::Cancelling;
                }
                assert_eq!(self.table.row(), before, "a cancel touches no lock");
            }
            Step::OperatorDeletes => {
                self.disturb_the_holder();
                self.table.rows.lock().unwrap().clear();
            }
            Step::Purge => {
                let purge = at(self.now - 60);
                let gone = self.table.row().is_some_and(|row| row.expired_at <= purge);
                if gone {
                    self.table.rows.lock().unwrap().clear();
                }
            }
            Step::Pass(seconds) => (0..seconds).for_each(|_| self.pass_a_second()),
        }
        self.check();
    }

    fn disturb_the_holder(&mut self) {
        let holder = self.table.holder();
        for process in &mut self.processes {
            process.disturbed |= process.lock.as_ref().map(|lock| lock.uid.clone()) == holder;
        }
    }

    /// A second passes: everybody whose renewal is due, and who runs, renews.
    fn pass_a_second(&mut self) {
        self.now += 1;
        for which in 0..self.processes.len() {
            if self.runs(which) && self.processes[which].believes && self.processes[which].renews_at <= self.now {
                self.renew(which);
            }
        }
    }

    fn attempt(&mut self, which: usize) {
        if !self.runs(which) || self.processes[which].believes {
            return;
        }
        self.uids += 1;
        let lock = Lock {
            name: NAME.to_owned(),
            uid: format!("uid-{}", self.uids),
            task_id: which.to_string(),
            expiry: Duration::from_secs(EXPIRY),
        };
        let (before, now) = (self.table.row(), self.clock(which));
        if before.as_ref().is_some_and(|row| at(self.now) < row.expired_at && row.expired_at < now) {
            // Stolen: only a clock that is ahead sees it expired.
            self.disturb_the_holder();
        }
        let attempt = done(lock.attempt(&self.table, now));
        let could = before.as_ref().is_none_or(|row| row.expired_at < now);
        assert_eq!(attempt == Attempt::Acquired, could, "{before:?} at {now:?}");
        if attempt == Attempt::Refused {
            assert_eq!(self.table.row(), before, "who is refused changes nothing");
            return;
        }
        let row = self.table.row().expect("an acquired lock has a row");
        assert_eq!(row.uid, lock.uid);
        let task = before.map_or(lock.task_id.clone(), |before| before.task_id);
        assert_eq!(row.task_id, task, "a takeover leaves the first task's number");
        let renews_at = self.now + RENEWAL;
        let process = &mut self.processes[which];
        (process.lock, process.believes, process.renews_at, process.disturbed) = (Some(lock), true, renews_at, false);
    }

    fn renew(&mut self, which: usize) {
        let lock = self.processes[which].lock.clone().expect("who believes has a lock");
        let before = self.table.row();
        let owns = before.as_ref().is_some_and(|row| row.uid == lock.uid);
        match done(lock.renew(&self.table, self.clock(which))) {
            Renewal::Renewed => {
                assert!(owns, "nobody renews another's row");
                self.processes[which].renews_at = self.now + RENEWAL;
            }
            Renewal::Lost => {
                assert!(!owns, "nobody loses a row that is theirs");
                assert_eq!(self.table.row(), before, "a lost lock is not made again");
                assert!(self.processes[which].disturbed || self.processes[which].skew < 0, "lost for no reason");
                (self.processes[which].believes, self.processes[which].state) = (false, State::Cancelling);
            }
        }
    }

    fn release(&mut self, which: usize) {
        if !self.runs(which) || !self.processes[which].believes {
            return;
        }
        let lock = self.processes[which].lock.clone().expect("who believes has a lock");
        let before = self.table.row();
        let owns = before.as_ref().is_some_and(|row| row.uid == lock.uid);
        assert_eq!(done(lock.release(&self.table)), owns);
        let after = if owns { None } else { before };
        assert_eq!(self.table.row(), after, "a zombie's release leaves its successor's row");
        self.processes[which].believes = false;
    }

    fn check(&self) {
        let rows = self.table.rows.lock().unwrap();
        assert!(rows.len() <= 1, "two rows of one name: {rows:?}");
        let running = |process: &&Process| process.alive && !process.suspended && process.believes;
        let sure: Vec<_> = self.processes.iter().filter(running).filter(|process| !process.disturbed).collect();
        assert!(sure.len() <= 1, "two holders that nothing happened to: {sure:?}");
        if let Some(holder) = sure.first() {
            let uid = holder.lock.as_ref().map(|lock| lock.uid.as_str());
            assert_eq!(rows.first().map(|row| row.uid.as_str()), uid, "an undisturbed holder's row is there");
        }
    }
}

fn steps(processes: usize) -> impl Strategy<Value = Vec<Step>> {
    let which = 0..processes;
    let step = prop_oneof![
        4 => which.clone().prop_map(Step::Attempt),
        1 => which.clone().prop_map(Step::Release),
        1 => which.clone().prop_map(Step::Kill),
        2 => which.clone().prop_map(Step::Suspend),
        2 => which.clone().prop_map(Step::Resume),
        1 => which.prop_map(Step::Cancel),
        1 => Just(Step::OperatorDeletes),
        1 => Just(Step::Purge),
        4 => (1_u64..300).prop_map(Step::Pass),
    ];
    prop::collection::vec(step, 1..60)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn one_holder_no_resurrected_row_and_no_successor_deleted(steps in steps(4)) {
        let mut world = World::new(&[0; 4]);
        steps.into_iter().for_each(|step| world.step(step));
    }

    #[test]
    fn a_clock_up_to_two_minutes_ahead_steals_nothing(steps in steps(3), ahead in 0_i64..=RENEWAL as i64) {
        let mut world = World::new(&[0, ahead, 0]);
        for step in steps {
            // Without these nothing but a clock could take a lock away.
            if !matches!(step, Step::OperatorDeletes | Step::Suspend(_)) {
                world.step(step);
                let stolen = world.processes.iter().filter(|process| process.alive).any(|process| process.disturbed);
                prop_assert!(!stolen, "stolen by a clock {} s ahead", ahead);
            }
        }
    }

    #[test]
    fn any_clock_keeps_the_rules_of_the_rows(steps in steps(3), skews in [-400_i64..400, -400..400, -400..400]) {
        let mut world = World::new(&skews);
        for process in &mut world.processes {
            process.disturbed = true;
        }
        for step in steps {
            world.step(step);
            world.processes.iter_mut().for_each(|process| process.disturbed = true);
        }
    }

    #[test]
    fn whoever_comes_between_two_statements_one_row_is_left(
        held in prop::option::of(0_u64..600),
        intrusion in prop_oneof![Just(Intrusion::Insert), Just(Intrusion::TakeOver), Just(Intrusion::Delete)],
    ) {
        let table = Memory::default();
        if let Some(expired_at) = held {
            let row = LockRow { name: NAME.into(), uid: "old".into(), expired_at: at(expired_at), task_id: "1".into() };
            table.rows.lock().unwrap().push(row);
        }
        *table.between.lock().unwrap() = Some(intrusion);
        let expiry = Duration::from_secs(EXPIRY);
        let lock = Lock { name: NAME.into(), uid: "new".into(), task_id: "2".into(), expiry };
        let attempt = done(lock.attempt(&table, at(300)));
        prop_assert!(table.rows.lock().unwrap().len() <= 1);
        prop_assert_eq!(attempt == Attempt::Acquired, table.holder().as_deref() == Some("new"));
    }
}

/// The trap of the fact sheet: a lock that is renewed on time always has 121 s to live; a clock further ahead than
/// that sees it expired.
#[test]
fn a_clock_more_than_121_seconds_ahead_steals_a_healthy_lock() {
    let mut world = World::new(&[0, 123]);
    world.step(Step::Attempt(0));
    world.step(Step::Pass(EXPIRY - 123));
    world.step(Step::Attempt(1));
    assert!(!world.processes[1].believes, "not expired even for that clock");
    world.step(Step::Pass(1));
    world.step(Step::Attempt(1));
    assert!(world.processes[1].believes && world.processes[0].believes, "two at work");
    world.step(Step::Pass(1));
    assert!(!world.processes[0].believes, "the first learns of it at its renewal");
    assert_eq!(world.processes[0].state, State::Cancelling, "with no user's cancel");
}

#[test]
fn a_suspended_holder_finds_itself_lost_and_leaves_its_successor_alone() {
    let mut world = World::new(&[0, 0]);
    world.step(Step::Attempt(0));
    world.step(Step::Suspend(0));
    world.step(Step::Pass(EXPIRY));
    world.step(Step::Attempt(1));
    assert!(!world.processes[1].believes, "not yet expired");
    world.step(Step::Pass(1));
    world.step(Step::Attempt(1));
    assert!(world.processes[1].believes);
    let successor = world.table.row();
    world.step(Step::Resume(0));
    world.step(Step::Release(0));
    assert_eq!(world.table.row(), successor);
    assert_eq!(successor.unwrap().task_id, "0", "the row still names the first");
}

#[test]
fn the_refusal_names_the_task_of_the_row() {
    let lock = Lock { name: NAME.into(), uid: "u".into(), task_id: "101".into(), expiry: Duration::from_secs(EXPIRY) };
    let told = "Failed to acquire lock for lock:deployment:paasta uid: u. Locking task id is 100, description: 'create deployment'";
    assert_eq!(refusal(&lock, Some(("100", Some("create deployment")))), told);
    assert!(refusal(&lock, None).ends_with("Lock is gone"));
}

/// The statements against the real table: every one of them does what the table in memory does.
#[test]
fn the_real_table_does_what_the_one_in_memory_does() {
    let Some(postgres) = Postgres::start() else { return };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let db = crate::director::db::Db::new(postgres.url());
    let log = crate::director::log::Logger::nowhere();
    runtime.block_on(crate::director::schema::migrate_when_up(&db, 1, START_LIMIT)).unwrap();
    let real = crate::director::store::locks::Locks { db: db.clone(), log: log.clone() };
    let statement = (0_u8..5, prop::sample::select(vec!["a", "b", "c"]), 0_u64..6);
    let config = ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() };
    let mut runner = proptest::test_runner::TestRunner::new(config);
    let statements = prop::collection::vec(statement, 1..40);
    let ran = runner.run(&statements, |statements| {
        let name = format!("lock:test:{}", uuid::Uuid::new_v4());
        let memory = Memory::default();
        for (which, uid, second) in statements {
            // The table's uids are unique over all locks.
            let uid = format!("{name}-{uid}");
            let (ours, theirs) = runtime.block_on(async {
                (
                    statement_on(&memory, which, &name, &uid, second).await,
                    statement_on(&real, which, &name, &uid, second).await,
                )
            });
            prop_assert_eq!(ours, theirs, "statement {} of {} at {}", which, uid, second);
        }
        let sql = format!("DELETE FROM locks WHERE name = {}", crate::director::db::lit(name.as_str()));
        runtime.block_on(db.execute(&log, &sql)).unwrap();
        Ok(())
    });
    ran.unwrap();
}

/// One statement, and the row that it leaves.
async fn statement_on<T: LockTable>(
    table: &T,
    which: u8,
    name: &str,
    uid: &str,
    second: u64,
) -> (u64, Option<LockRow>) {
    let row = LockRow { name: name.into(), uid: uid.into(), expired_at: at(second), task_id: uid.into() };
    let changed = match which {
        0 => table.insert(&row).await.map(u64::from),
        1 => table.take_over(name, uid, at(second + 3), at(second)).await,
        2 => table.renew(name, uid, at(second)).await,
        3 => table.delete(name, uid).await,
        _ => Ok(0),
    };
    (changed.unwrap(), table.find(name).await.unwrap())
}
