//! A synthetic write: a small one of no meaning, tried again and again.
//!
//! Whether a system takes writes shows by a write alone: reads, statuses and checks of health
//! answer while every write hangs.

use std::{future::Future, time::Duration};

use serde::{Deserialize, Serialize};
use tokio::{
    task::JoinSet,
    time::{Instant, timeout},
};

use super::{Answer, Question};

/// What became of a synthetic write. Each system has a name of its own for the question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tried {
    /// Whether it is done.
    pub done: bool,
    /// How long it took, or has taken so far, in milliseconds.
    pub ms: u64,
    /// What it waits for, as far as the service says.
    pub waits_for: String,
}

impl Question for Tried {
    const OF: &'static str = "a synthetic write";
}

/// How long one look waits: the next look goes on with the same write.
const LOOK: Duration = Duration::from_secs(1);

/// One who writes, one write at a time: one that hangs is waited for, however often it is
/// looked at, so that none piles up. One that the service or its client gives up is begun
/// again, and counts as hanging since the first.
pub struct Canary {
    /// Between two writes.
    pause: Duration,
    /// By which the service says that it gave a write up.
    gave_up: &'static [&'static str],
    /// When the first began of those that are not done.
    since: Option<Instant>,
    /// When the last one was done, and what came of it.
    last: Option<(Instant, Answer)>,
    /// In a set so that it ends with this.
    pending: JoinSet<Result<(), Answer>>,
}

impl Canary {
    /// One that rests for so long after each write; an error that holds any of these words says
    /// that the service gave the write up.
    pub fn every(pause: Duration, gave_up: &'static [&'static str]) -> Self {
        Self { pause, gave_up, since: None, last: None, pending: JoinSet::new() }
    }

    /// Writes, or waits on for the write under way. The answer is a [`Tried`], or what else the
    /// service says.
    pub async fn look<F>(&mut self, write: impl FnOnce() -> F) -> Answer
    where
        F: Future<Output = Result<(), Answer>> + Send + 'static,
    {
        if self.pending.is_empty() {
            if let Some((_, answer)) = self.last.as_ref().filter(|(at, _)| at.elapsed() < self.pause) {
                return answer.clone();
            }
            self.pending.spawn(write());
        }
        let since = *self.since.get_or_insert_with(Instant::now);
        match timeout(LOOK, self.pending.join_next()).await {
            Ok(Some(Ok(Ok(())))) => {
                self.since = None;
                let answer = Answer::of(&Tried { done: true, ms: age(since), waits_for: String::new() });
                self.last = Some((Instant::now(), answer.clone()));
                answer
            }
            Ok(Some(Ok(Err(answer)))) => self.failed(since, answer),
            Ok(Some(Err(error))) => {
                self.failed(since, Answer::Error { code: "client".into(), text: error.to_string() })
            }
            Ok(None) | Err(_) => hangs(since, "an answer".into()),
        }
    }

    fn failed(&mut self, since: Instant, answer: Answer) -> Answer {
        match answer {
            Answer::Hung { during } => hangs(since, format!("an answer to the {during}")),
            Answer::Error { text, .. } if self.gave_up.iter().any(|words| text.contains(words)) => hangs(since, text),
            answer => {
                self.since = None;
                answer
            }
        }
    }
}

fn hangs(since: Instant, waits_for: String) -> Answer {
    Answer::of(&Tried { done: false, ms: age(since), waits_for })
}

fn age(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use tokio::time::sleep;

    use super::*;

    /// Looks once, at a write that takes so many milliseconds and comes to this. None ends at the
    /// very moment at which a look does: which of the two were first would be nobody's to say.
    async fn look(canary: &mut Canary, takes_ms: u64, comes_to: Result<(), Answer>) -> Answer {
        canary
            .look(|| async move {
                sleep(Duration::from_millis(takes_ms)).await;
                comes_to
            })
            .await
    }

    fn tried(answer: &Answer) -> (bool, u64) {
        let Tried { done, ms, .. } = answer.read().expect("a write");
        (done, ms)
    }

    #[tokio::test(start_paused = true)]
    async fn a_write_that_hangs_is_waited_for_and_no_second_one_begins() {
        let mut canary = Canary::every(Duration::ZERO, &["gave up"]);
        assert_eq!(tried(&look(&mut canary, 2_500, Ok(())).await), (false, 1_000));
        // A second write would be done at once.
        assert_eq!(tried(&look(&mut canary, 0, Ok(())).await), (false, 2_000));
        assert_eq!(tried(&look(&mut canary, 0, Ok(())).await), (true, 2_500));
        assert_eq!(tried(&look(&mut canary, 0, Ok(())).await), (true, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_is_given_up_hangs_since_the_first() {
        let mut canary = Canary::every(Duration::ZERO, &["gave up"]);
        let timed_out = || Err(Answer::Error { code: "500".into(), text: "we gave up".into() });
        for (takes_ms, ms) in [(900, 900), (1_900, 1_900), (0, 2_800), (900, 3_700)] {
            assert_eq!(tried(&look(&mut canary, takes_ms, timed_out()).await), (false, ms));
        }
        let hung = || Err(Answer::Hung { during: "request".into() });
        let full = Answer::Error { code: "500".into(), text: "no room".into() };
        assert_eq!(tried(&look(&mut canary, 0, hung()).await), (false, 3_700));
        assert_eq!(tried(&look(&mut canary, 0, Ok(())).await), (true, 3_700));
        assert_eq!(look(&mut canary, 0, Err(full.clone())).await, full, "another error is an answer");
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_is_an_answer_and_no_hanging_write() {
        let mut canary = Canary::every(Duration::ZERO, &["gave up"]);
        assert_eq!(tried(&look(&mut canary, 4_500, Err(Answer::Refused)).await), (false, 1_000));
        for _ in 0..3 {
            assert!(!tried(&look(&mut canary, 0, Ok(())).await).0);
        }
        assert_eq!(look(&mut canary, 0, Ok(())).await, Answer::Refused);
        assert_eq!(tried(&look(&mut canary, 0, Ok(())).await), (true, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn between_two_writes_it_tells_of_the_last() {
        let mut canary = Canary::every(Duration::from_secs(5), &[]);
        assert_eq!(tried(&look(&mut canary, 0, Ok(())).await), (true, 0));
        sleep(Duration::from_secs(4)).await;
        assert_eq!(tried(&look(&mut canary, 9_000, Ok(())).await), (true, 0));
        sleep(Duration::from_secs(1)).await;
        assert_eq!(tried(&look(&mut canary, 9_000, Ok(())).await), (false, 1_000));
    }
}
