//! Trials: a re-enacted story on a system of the user's own, described in a file.
//!
//! A trial knows the story, the engine knows how to run it: with a session, a limit, the
//! evidence and the clean-up of every other run.

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures::future::BoxFuture;
use serde::Serialize;

use super::{RunResult, Runner};
use crate::lab::Lab;
use reenact_core::{Error, Result};
use reenact_testbed::Session;

/// What an image's name begins with if it is one of ours: `reenact:NAME`.
const OURS: &str = "reenact:";

/// A story that can be tried on a system of the user's own.
pub struct Trial {
    /// Its name, the first part of its runs' ids.
    pub name: &'static str,
    /// Where its files are explained.
    pub help: &'static str,
    /// Reads its file.
    pub read: Reader,
}

/// Reads the text of a trial's file, in which paths begin at the file's folder; the error
/// has line, caret and what is allowed.
pub type Reader = fn(&str, &Path) -> Result<Box<dyn Subject>, String>;

inventory::collect!(Trial);

/// Registers a [`Trial`].
#[macro_export]
macro_rules! trial {
    ($($trial:tt)*) => {
        $crate::private::inventory::submit! { $($trial)* }
    };
}

/// A system as its file describes it.
pub trait Subject: Send + Sync {
    /// Every image that it needs: see [`image`].
    fn images(&self) -> Vec<&str>;

    /// How long one run may take.
    fn limit(&self) -> Duration;

    /// Deploys it, plays the story and counts.
    ///
    /// An error says that nothing was proved; what was lost is in [`Told::broken`].
    fn run(&self, session: Arc<Session>, lab: Lab) -> BoxFuture<'static, Result<Told>>;
}

/// What one run of a trial has to tell.
#[derive(Debug, Default, Clone, PartialEq, Serialize)]
pub struct Told {
    /// Why the system did not hold; `None`: it did.
    pub broken: Option<String>,
    /// Figures by name, of which repeated runs have a median.
    pub figures: Vec<(&'static str, f64)>,
    /// The same for people: what it is about, and what was found.
    pub lines: Vec<(&'static str, String)>,
    /// What the pattern means, and what to do about it.
    pub meaning: Vec<String>,
}

/// A run of a trial.
#[derive(Debug, Clone)]
pub struct Tried {
    /// How it ended, and where its evidence is.
    pub result: RunResult,
    /// What it told, if it came to that.
    pub told: Option<Told>,
}

/// Reads a trial's file.
///
/// # Errors
/// [`Error::Usage`] with the file's line, a caret and what is allowed.
pub fn subject(path: &Path) -> Result<(&'static Trial, Box<dyn Subject>)> {
    let trial = inventory::iter::<Trial>().next();
    let trial = trial.ok_or_else(|| Error::Bug("no trial is registered".into()))?;
    let help = format!("name a file as {} explains it", trial.help);
    let unreadable = |error| Error::usage(format!("cannot read {}: {error}", path.display()), &help);
    let text = std::fs::read_to_string(path).map_err(unreadable)?;
    let broken = |why| Error::usage(format!("{}: {why}", path.display()), format!("see {}", trial.help));
    let folder = path.parent().unwrap_or(Path::new(""));
    Ok((trial, (trial.read)(&text, folder).map_err(broken)?))
}

/// The reference of an image that a trial's file names: one of ours as `reenact:NAME`,
/// made now if need be, or one that the daemon has.
///
/// # Errors
/// [`Error::Environment`] if it cannot be made, or is not there.
pub async fn image(session: &Session, name: &str) -> Result<String> {
    if let Some(ours) = name.strip_prefix(OURS) {
        return session.image(ours).await;
    }
    let help = format!("`docker pull {name}`, or build it with `docker build -t {name} .`");
    let missing = |error| Error::environment(format!("there is no image {name:?}: {error}"), help);
    session.docker().inspect_image(name).await.map_err(missing)?;
    Ok(name.to_owned())
}

impl Runner {
    /// Makes or finds the images of a trial's subject, so that no run pays for it.
    ///
    /// # Errors
    /// As [`image`]; [`Error::Usage`] for an image that would be ours, and is not.
    pub async fn prepare_trial(&self, subject: &dyn Subject) -> Result<()> {
        // First what is looked up, then what may take minutes to make.
        let (ours, foreign): (Vec<_>, Vec<_>) = subject.images().into_iter().partition(|name| name.starts_with(OURS));
        for name in foreign.into_iter().chain(ours) {
            image(&self.session, name).await?;
        }
        self.prepare([]).await
    }

    /// Runs a trial once. Never fails: whatever happens is in the result. Only what the
    /// trial itself found broken is a failure; all else that goes wrong proves nothing.
    pub async fn attempt(&self, trial: &Trial, subject: &dyn Subject, run: u32, seed: u64) -> Tried {
        let slot = Arc::new(Mutex::new(None));
        let (limit, kept) = (subject.limit(), Arc::clone(&slot));
        let start = |lab: Lab| -> BoxFuture<'static, Result<()>> {
            let story = subject.run(Arc::clone(&self.session), lab);
            Box::pin(async move {
                let ended = tokio::time::timeout(limit, story).await;
                let told = ended.unwrap_or_else(|_| Err(Error::inconclusive(format!("not done after {limit:.0?}"))));
                let told = told.map_err(proves_nothing)?;
                let broken = told.broken.clone();
                *kept.lock().unwrap_or_else(PoisonError::into_inner) = Some(told);
                broken.map_or(Ok(()), |why| Err(Error::failed(why)))
            })
        };
        let told = || slot.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let fair = |ended| unless_told(ended, told().as_ref());
        let result = self.conduct_trial(format!("{}::try", trial.name), run, seed, limit, start, fair).await;
        Tried { result, told: told() }
    }
}

/// An error before the end of the story says nothing about the subject.
fn proves_nothing(error: Error) -> Error {
    match error {
        Error::Failed(why) => Error::Inconclusive(why),
        other => other,
    }
}

/// A failure that the trial did not tell of, such as one of the clean-up, is none of the
/// subject's.
fn unless_told(ended: Result<()>, told: Option<&Told>) -> Result<()> {
    match told {
        Some(Told { broken: Some(_), .. }) => ended,
        _ => ended.map_err(proves_nothing),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_trial_told_of_is_the_subject_s_failure() {
        let failed = || Err(Error::failed("left: a container"));
        let broken = Told { broken: Some("3 are lost".into()), ..Told::default() };
        assert!(matches!(unless_told(failed(), Some(&broken)), Err(Error::Failed(_))));
        for told in [None, Some(&Told::default())] {
            assert!(matches!(unless_told(failed(), told), Err(Error::Inconclusive(_))), "{told:?}");
            assert!(unless_told(Ok(()), told).is_ok());
        }
    }
}
