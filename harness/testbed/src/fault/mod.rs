//! Faults: typed values with `inject`, a proof of effect, and `heal`.
//!
//! A fault's *effect* is looked at before and after it is injected, by a probe of
//! its own that no detector uses. Only an effect that was absent before and is
//! there afterwards proves the fault; anything else makes the run inconclusive.

mod disk;
mod file;
mod freeze;
mod mount;
mod network;
mod power;
mod process;
mod slow;

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use futures::future::BoxFuture;
use tokio::time::Instant;

use crate::Testbed;
use reenact_core::{Error, Result, poll};

pub use disk::DiskFull;
pub use file::FileLeft;
pub use freeze::FilesystemFrozen;
pub use mount::{BindReadOnly, DeviceShrunk, FilesystemError, FilesystemShutDown, RemountReadOnly, WriteProtected};
pub use network::{Disconnect, Flap, Partition};
pub use power::{PowerOff, PowerOn, ShutDown, with_processes};
pub use process::{CrashLoop, Kill, Pause, Signal};
pub use slow::SlowDevice;

/// How long a fault's effect may take to show. The rules themselves are in force
/// at once; a process may need a moment to die.
const EFFECT_LIMIT: Duration = Duration::from_secs(5);

/// Whether a fault's effect is there, and what showed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effect {
    /// Whether it is there.
    pub holds: bool,
    /// What was seen.
    pub seen: String,
    /// What the fault should leave alone and was seen to work: whatever is named
    /// here before the fault must be named here afterwards.
    pub control: Vec<String>,
    /// What of it is there, where it has several parts: none of them may outlast the
    /// fault.
    pub parts: Vec<String>,
}

impl Effect {
    /// What was seen, and whether that is the effect.
    pub fn new(holds: bool, seen: impl Into<String>) -> Self {
        Self { holds, seen: seen.into(), control: Vec::new(), parts: Vec::new() }
    }
}

/// What takes a fault back. In a mutex only so that it may be shared: it is taken
/// out once.
pub struct Undo(Mutex<Option<BoxFuture<'static, Result<()>>>>);

impl Undo {
    /// Runs `undo` when the fault is healed.
    pub fn by(undo: impl Future<Output = Result<()>> + Send + 'static) -> Self {
        Self(Mutex::new(Some(Box::pin(undo))))
    }

    /// For faults that nothing takes back, such as a kill: recovering from it is an
    /// operator's business.
    pub fn none() -> Self {
        Self(Mutex::new(None))
    }

    /// Whether nothing takes it back.
    fn is_none(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_none()
    }

    /// Takes the fault back, if anything does.
    async fn run(self) -> Result<()> {
        let undo = self.0.into_inner().unwrap_or_else(PoisonError::into_inner);
        match undo {
            Some(undo) => undo.await,
            None => Ok(()),
        }
    }
}

/// A system whose nodes stand in a testbed: the engine's own faults work on it.
pub trait OnTestbed: Sync + 'static {
    /// Its nodes.
    fn bed(&self) -> &Testbed;
}

impl OnTestbed for Testbed {
    fn bed(&self) -> &Testbed {
        self
    }
}

/// A way to break a system `S`. A value that says what is to be done and holds no handle of
/// the system, so that it can stand in a plan file.
///
/// Its `Display` fits "the fault is …": "n1 is partitioned from n2, n3".
#[async_trait]
pub trait Fault<S>: fmt::Display + fmt::Debug + Send + Sync + 'static {
    /// Puts it in force; when this returns, it is.
    async fn inject(&self, system: &S) -> Result<Undo>;

    /// Looks whether its effect is there.
    async fn effect(&self, system: &S) -> Result<Effect>;

    /// Whether nothing takes it back, so that it makes no sense to say how long it lasts:
    /// [`inject`](Self::inject) then gives [`Undo::none`], and else it does not.
    fn is_lasting(&self) -> bool {
        false
    }

    /// Whom of these voters it leaves without a majority of them for as long as it is in force. Nobody, where
    /// that cannot be said of all that time.
    fn leaves_in_a_minority<'v>(&self, _voters: &[&'v str]) -> Vec<&'v str> {
        Vec::new()
    }
}

#[async_trait]
impl<S: Sync + 'static> Fault<S> for Box<dyn Fault<S>> {
    async fn inject(&self, system: &S) -> Result<Undo> {
        self.as_ref().inject(system).await
    }

    async fn effect(&self, system: &S) -> Result<Effect> {
        self.as_ref().effect(system).await
    }

    fn is_lasting(&self) -> bool {
        self.as_ref().is_lasting()
    }

    fn leaves_in_a_minority<'v>(&self, voters: &[&'v str]) -> Vec<&'v str> {
        self.as_ref().leaves_in_a_minority(voters)
    }
}

/// A fault that is in force, with the proof. Heal it with [`FaultHandle::heal`]: dropping
/// it leaves the fault in force until the testbed goes.
#[must_use = "a fault stays in force until it is healed"]
#[derive(Debug)]
pub struct FaultHandle<S> {
    fault: Arc<dyn Fault<S>>,
    undo: Undo,
    /// The parts of its effect that were there before: another fault's, to be left.
    before: Vec<String>,
    /// From the call to the moment it was in force.
    pub took: Duration,
    /// What the effect probe saw.
    pub proof: String,
}

impl fmt::Debug for Undo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Undo")
    }
}

/// Injects a fault and proves it. With `left_out` the fault itself is left out and all
/// else done: the proof must then fail.
///
/// # Errors
/// [`Error::Inconclusive`] if the effect was there before, [`Error::Unproved`] if it is not
/// there within five seconds.
pub async fn inject<S: Sync + 'static>(system: &S, fault: impl Fault<S>, left_out: bool) -> Result<FaultHandle<S>> {
    inject_shared(system, Arc::new(fault), left_out).await
}

/// The same for a fault that somebody else keeps too.
///
/// # Errors
/// As [`inject`].
pub async fn inject_shared<S: Sync + 'static>(
    system: &S,
    fault: Arc<dyn Fault<S>>,
    left_out: bool,
) -> Result<FaultHandle<S>> {
    let before = fault.effect(system).await?;
    if before.holds {
        let seen = before.seen;
        return Err(Error::inconclusive(format!("before the fault \"{fault}\" its effect was there already: {seen}")));
    }
    let called = Instant::now();
    let undo = if left_out { Undo::none() } else { fault.inject(system).await? };
    if !left_out && undo.is_none() != fault.is_lasting() {
        return Err(Error::Bug(format!("\"{fault}\" says of itself that it lasts or not, and does otherwise")));
    }
    let took = called.elapsed();
    match proved(system, fault.as_ref(), &before).await {
        Ok(proof) => Ok(FaultHandle { fault, undo, before: before.parts, took, proof }),
        Err(unproved) => {
            // It may be in force all the same, and nobody would heal it.
            undo.run().await?;
            Err(unproved)
        }
    }
}

/// What showed the fault's effect, and that it left alone what it should.
async fn proved<S: Sync + 'static>(system: &S, fault: &dyn Fault<S>, before: &Effect) -> Result<String> {
    let effect = effect_becomes(system, fault, "effect", |effect| effect.holds).await?;
    match before.control.iter().find(|part| !effect.control.contains(part)) {
        Some(hit) => Err(Error::inconclusive(format!("the fault \"{fault}\" hit more than it should: before, {hit}"))),
        None => Ok(effect.seen),
    }
}

impl<S: Sync + 'static> FaultHandle<S> {
    /// As [`Fault::leaves_in_a_minority`].
    pub fn leaves_in_a_minority<'v>(&self, voters: &[&'v str]) -> Vec<&'v str> {
        self.fault.leaves_in_a_minority(voters)
    }

    /// Takes the fault back and proves that its effect is gone; gives the time that it took.
    /// Nothing is done where nothing takes it back.
    ///
    /// # Errors
    /// [`Error::Unproved`] if the effect is still there after five seconds. The fault is
    /// then neither in force nor healed for certain.
    pub async fn heal(&self, system: &S) -> Result<Duration> {
        self.heal_beside(system, std::iter::empty()).await
    }

    /// The same beside `others`, which stay in force: what they have a hand in may remain.
    ///
    /// # Errors
    /// As [`FaultHandle::heal`].
    pub async fn heal_beside<'a>(&self, system: &S, others: impl Iterator<Item = &'a Self> + Send) -> Result<Duration> {
        let called = Instant::now();
        let undo = self.undo.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(undo) = undo else { return Ok(Duration::ZERO) };
        undo.await?;
        let took = called.elapsed();
        let mut theirs = self.before.clone();
        for other in others {
            theirs.extend(other.fault.effect(system).await?.parts);
        }
        let over = |effect: &Effect| match effect.parts[..] {
            [] => !effect.holds,
            _ => effect.parts.iter().all(|part| theirs.contains(part)),
        };
        effect_becomes(system, self.fault.as_ref(), "effect's end", over).await?;
        Ok(took)
    }
}

impl<S> fmt::Display for FaultHandle<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fault.fmt(f)
    }
}

/// Looks at the effect until it is as wanted.
///
/// Other than [`poll::until`] this cuts no look off at the limit: a script that is cut
/// off closes the helper's shell to every later fault, and to every heal.
async fn effect_becomes<S: Sync + 'static>(
    system: &S,
    fault: &dyn Fault<S>,
    what: &str,
    wanted: impl Fn(&Effect) -> bool,
) -> Result<Effect> {
    let begun = Instant::now();
    loop {
        let effect = fault.effect(system).await?;
        if wanted(&effect) {
            return Ok(effect);
        }
        if begun.elapsed() > EFFECT_LIMIT {
            let seen = effect.seen;
            return Err(Error::Unproved(format!(
                "waited {EFFECT_LIMIT:.0?} for the {what} of the fault \"{fault}\": {seen}"
            )));
        }
        tokio::time::sleep(poll::EVERY).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A fault that says of itself whether it lasts, and is taken back or not.
    #[derive(Debug)]
    struct Says {
        lasting: bool,
        undone: bool,
    }

    impl fmt::Display for Says {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a word")
        }
    }

    #[async_trait]
    impl Fault<()> for Says {
        async fn inject(&self, (): &()) -> Result<Undo> {
            Ok(if self.undone { Undo::by(async { Ok(()) }) } else { Undo::none() })
        }

        async fn effect(&self, (): &()) -> Result<Effect> {
            Ok(Effect::new(false, "nothing"))
        }

        fn is_lasting(&self) -> bool {
            self.lasting
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_fault_that_lies_about_lasting_is_a_bug() {
        for (lasting, undone) in [(true, true), (false, false), (true, false), (false, true)] {
            let injected = inject(&(), Says { lasting, undone }, false).await.expect_err("it has no effect");
            assert_eq!(matches!(injected, Error::Bug(_)), lasting == undone, "{injected}");
        }
    }
}
