//! The one way to wait: look often, stop at a limit, say what was still missing.

use std::{future::Future, time::Duration};

use tokio::time::Instant;

use crate::{Error, Result};

/// How often a condition is looked at, if a look takes no longer. Polls of a local service
/// cost well under a millisecond, so this bounds the error of every timing.
pub const EVERY: Duration = Duration::from_millis(20);

/// The longest pause after a long look.
const LONGEST: Duration = Duration::from_millis(200);

/// What a look at a condition found.
#[derive(Debug)]
pub enum Look<T> {
    /// It holds.
    Ready(T),
    /// It does not hold yet; the text says what is still missing.
    NotYet(String),
    /// It can no longer come true.
    Never(Error),
}

/// Looks every [`EVERY`] until the condition holds, and fails with what was still
/// missing after `limit`. A single look is cut off at the limit too. After a look that took
/// longer it pauses for twice as long as that, so that looking is a third of the machine's
/// work at the most.
///
/// # Errors
/// [`Error::Failed`] "waited … for {what}: …" at the limit; the error of
/// [`Look::Never`].
pub async fn until<T, F, Fut>(what: &str, limit: Duration, mut look: F) -> Result<T>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Look<T>>,
{
    let deadline = Instant::now() + limit;
    let mut missing = String::from("no look finished");
    loop {
        let began = Instant::now();
        match tokio::time::timeout_at(deadline, look()).await {
            Ok(Look::Ready(value)) => return Ok(value),
            Ok(Look::Never(error)) => return Err(error),
            Ok(Look::NotYet(why)) => missing = why,
            Err(_) => {}
        }
        let pause = (began.elapsed() * 2).clamp(EVERY, LONGEST);
        if Instant::now() + pause > deadline {
            return Err(Error::failed(format!("waited {limit:.0?} for {what}: {missing}")));
        }
        tokio::time::sleep(pause).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn says_what_was_missing_at_the_limit() {
        let error =
            until::<(), _, _>("the sun", Duration::from_secs(1), || async { Look::NotYet("it is night".into()) })
                .await
                .expect_err("never ready");
        assert!(error.to_string().contains("the sun: it is night"), "{error}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_look_that_hangs_is_cut_off() {
        let before = Instant::now();
        let hangs = until::<(), _, _>("nothing", Duration::from_secs(2), std::future::pending);
        assert!(hangs.await.is_err());
        assert!(before.elapsed() <= Duration::from_secs(3));
    }

    #[tokio::test(start_paused = true)]
    async fn stops_at_never() {
        let mut looks = 0;
        let result = until::<(), _, _>("it", Duration::from_secs(9), || {
            looks += 1;
            async { Look::Never(Error::failed("gone")) }
        });
        assert_eq!(result.await.expect_err("never").to_string(), "gone");
        assert_eq!(looks, 1);
    }
}
