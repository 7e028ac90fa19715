//! A task's states and who may move it from one to the other.
//!
//! `queued → processing → done | error | cancelled`; `queued | processing → cancelling` by the user;
//! `processing | cancelling → timeout` by whoever looks at a task whose checkpoint is old. None of it stops a process.

use std::time::{Duration, SystemTime};

/// A task's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// Waits for a worker.
    Queued,
    /// A worker's child is at it.
    Processing,
    /// Somebody, or a lost lock, asked it to stop.
    Cancelling,
    /// It found itself cancelled and stopped.
    Cancelled,
    /// Done.
    Done,
    /// Failed.
    Error,
    /// Its checkpoint was old when somebody looked. Not proof of death \[M\].
    Timeout,
}

impl State {
    /// All of them, with the names they have in the database.
    const NAMES: [(Self, &'static str); 7] = [
        (Self::Queued, "queued"),
        (Self::Processing, "processing"),
        (Self::Cancelling, "cancelling"),
        (Self::Cancelled, "cancelled"),
        (Self::Done, "done"),
        (Self::Error, "error"),
        (Self::Timeout, "timeout"),
    ];

    /// The state of that name; one that nobody knows counts as an error.
    pub fn parse(name: &str) -> Self {
        Self::NAMES.into_iter().find(|(_, known)| *known == name).map_or(Self::Error, |(state, _)| state)
    }

    /// Its name in the database and in JSON.
    pub fn name(self) -> &'static str {
        Self::NAMES.into_iter().find(|(state, _)| *state == self).map_or("error", |(_, name)| name)
    }

    /// Whether `cancel-task` may ask it to stop; anything else is HTTP 400 \[M\].
    pub fn is_cancellable(self) -> bool {
        matches!(self, Self::Queued | Self::Processing)
    }

    /// Whether the job ends when it sees this at a checkpoint of its own.
    pub fn stops_the_job(self) -> bool {
        matches!(self, Self::Cancelling | Self::Timeout | Self::Cancelled)
    }

    /// Whether the API shows when it ended: `timestamp` is null only while queued or processing.
    pub fn shows_its_time(self) -> bool {
        !matches!(self, Self::Queued | Self::Processing)
    }

    /// Whether it is to be called `timeout`, for somebody who looks at `now`.
    pub fn has_timed_out(self, checkpoint: SystemTime, now: SystemTime, limit: Duration) -> bool {
        let age = now.duration_since(checkpoint).unwrap_or_default();
        matches!(self, Self::Processing | Self::Cancelling) && age > limit
    }
}

/// What a worker does with a job that it has taken from the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pickup {
    /// It was `queued` and is `processing` now: run it.
    Run,
    /// It was cancelled before, or while, its worker died: it becomes `cancelled`, and its job ends at its first
    /// checkpoint \[M\].
    Cancel,
    /// Anything else: the job is dropped, the task stays as it is \[M\].
    Drop,
}

/// What becomes of a job whose task is found in `state`.
pub fn pickup(state: State) -> Pickup {
    match state {
        State::Queued => Pickup::Run,
        State::Cancelling => Pickup::Cancel,
        _ => Pickup::Drop,
    }
}

#[cfg(test)]
mod properties {
    use proptest::prelude::*;

    use super::*;

    const LIMIT: Duration = Duration::from_secs(180);
    const CHECKPOINT: u64 = 30;

    /// What can happen to a task and its process.
    #[derive(Debug, Clone, Copy)]
    enum Step {
        Pickup,
        Cancel,
        LoseTheLock,
        Look,
        JobCheckpoint,
        Finish(State),
        Kill,
        Outage,
        Pass(u64),
    }

    struct World {
        state: State,
        /// The job's process lives.
        alive: bool,
        /// Its checkpoint thread lives.
        checkpoints: bool,
        checkpoint: u64,
        now: u64,
    }

    fn at(second: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(second)
    }

    impl World {
        fn step(&mut self, step: Step) {
            let before = self.state;
            match step {
                Step::Pickup if !self.alive => match pickup(self.state) {
                    Pickup::Run => {
                        (self.state, self.alive, self.checkpoints) = (State::Processing, true, true);
                        self.checkpoint = self.now;
                    }
                    Pickup::Cancel => self.state = State::Cancelled,
                    Pickup::Drop => {}
                },
                Step::Cancel => self.cancel(),
                Step::LoseTheLock if self.alive => self.state = State::Cancelling,
                Step::Look => self.look(),
                Step::JobCheckpoint if self.alive && self.state.stops_the_job() => self.end(State::Cancelled),
                Step::Finish(state) if self.alive => self.end(state),
                Step::Kill => (self.alive, self.checkpoints) = (false, false),
                Step::Outage => self.checkpoints = false,
                Step::Pass(seconds) => {
                    self.now += seconds;
                    if self.checkpoints {
                        self.checkpoint = self.now - self.now % CHECKPOINT.min(seconds.max(1));
                    }
                    assert_eq!(self.state, before, "time alone changes no state");
                }
                _ => {}
            }
            if self.state == State::Timeout && before != State::Timeout {
                assert!(matches!(step, Step::Look), "only a look makes a timeout, not {step:?}");
            }
            if matches!(before, State::Done | State::Error | State::Cancelled) {
                assert!(
                    self.alive || self.state == before,
                    "{before:?} is final, yet {step:?} made it {:?}",
                    self.state
                );
            }
        }

        fn cancel(&mut self) {
            if self.state.is_cancellable() {
                assert!(matches!(self.state, State::Queued | State::Processing));
                self.state = State::Cancelling;
            }
        }

        fn look(&mut self) {
            if self.state.has_timed_out(at(self.checkpoint), at(self.now), LIMIT) {
                assert!(!self.checkpoints, "a task that writes checkpoints never times out");
                assert!(self.now - self.checkpoint > 180 && self.state != State::Queued);
                self.state = State::Timeout;
            }
        }

        fn end(&mut self, state: State) {
            (self.state, self.alive, self.checkpoints) = (state, false, false);
        }
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            Just(Step::Pickup),
            Just(Step::Cancel),
            Just(Step::LoseTheLock),
            Just(Step::Look),
            Just(Step::JobCheckpoint),
            prop_oneof![Just(State::Done), Just(State::Error)].prop_map(Step::Finish),
            Just(Step::Kill),
            Just(Step::Outage),
            (1_u64..400).prop_map(Step::Pass),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_timeout_is_lazy_a_cancel_waits_for_the_job_and_the_end_is_final(steps in prop::collection::vec(step(), 1..50)) {
            let mut world = World { state: State::Queued, alive: false, checkpoints: false, checkpoint: 1000, now: 1000 };
            steps.into_iter().for_each(|step| world.step(step));
        }
    }

    #[test]
    fn a_timeout_is_not_death() {
        let mut world = World { state: State::Queued, alive: false, checkpoints: false, checkpoint: 0, now: 0 };
        for step in [Step::Pickup, Step::Outage, Step::Pass(181), Step::Look] {
            world.step(step);
        }
        assert_eq!((world.state, world.alive), (State::Timeout, true));
        world.step(Step::Cancel);
        assert_eq!(world.state, State::Timeout, "HTTP 400");
        world.step(Step::JobCheckpoint);
        assert_eq!(world.state, State::Cancelled, "the job ends by it all the same");
    }

    #[test]
    fn a_killed_tasks_job_is_taken_up_only_to_be_cancelled() {
        assert_eq!(pickup(State::Cancelling), Pickup::Cancel);
        for state in [State::Processing, State::Timeout, State::Done, State::Error, State::Cancelled] {
            assert_eq!(pickup(state), Pickup::Drop);
        }
    }
}
