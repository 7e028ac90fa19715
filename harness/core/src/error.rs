//! Every way a run can end other than well.

use std::path::PathBuf;

/// The engine's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, and whose turn it is.
///
/// The kind decides the verdict: see [`Error::exit_code`].
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The subject failed: a detector was silent or cried wolf, a runbook did not
    /// heal or did harm, an invariant broke.
    #[error("{0}")]
    Failed(String),

    /// Nothing can be said: a fault had no provable effect, a fingerprint was
    /// missing, the testbed was not healthy to begin with.
    #[error("{0}")]
    Inconclusive(String),

    /// A fault has no provable effect: nothing can be said. What the no-fault control must
    /// end in.
    #[error("{0}")]
    Unproved(String),

    /// The environment lacks something: no daemon, no image, no capability.
    #[error("{what}\n  help: {help}")]
    Environment {
        /// What is missing.
        what: String,
        /// What a person can do about it.
        help: String,
    },

    /// The user asked for something that does not exist or does not parse.
    #[error("{what}\n  help: {help}")]
    Usage {
        /// What is wrong with the request.
        what: String,
        /// What would be right.
        help: String,
    },

    /// Docker refused or failed at a request.
    #[error("docker could not {action}: {source}")]
    Docker {
        /// What was asked of it, fitting "could not …".
        action: String,
        /// Its answer.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },

    /// A file of the run's folder could not be read or written.
    #[error("could not {action} {}: {source}", path.display())]
    File {
        /// "read", "write", "create".
        action: &'static str,
        /// Which file.
        path: PathBuf,
        /// The system's answer.
        #[source]
        source: std::io::Error,
    },

    /// The runbook was stopped after a step on purpose.
    #[error("the runbook was killed after step {after} ({step})")]
    Killed {
        /// Which step, from 1.
        after: usize,
        /// Its name.
        step: String,
    },

    /// A mistake of ours.
    #[error("this is a bug in reenact: {0}\n  help: please report it with the run's folder")]
    Bug(String),
}

impl Error {
    /// A failure of the subject.
    pub fn failed(why: impl Into<String>) -> Self {
        Self::Failed(why.into())
    }

    /// A run that proves nothing.
    pub fn inconclusive(why: impl Into<String>) -> Self {
        Self::Inconclusive(why.into())
    }

    /// Something the environment lacks.
    pub fn environment(what: impl Into<String>, help: impl Into<String>) -> Self {
        Self::Environment { what: what.into(), help: help.into() }
    }

    /// A request that cannot be met as put.
    pub fn usage(what: impl Into<String>, help: impl Into<String>) -> Self {
        Self::Usage { what: what.into(), help: help.into() }
    }

    /// For `map_err` on a Docker request; `action` fits "could not …".
    pub fn docker<E: std::error::Error + Send + Sync + 'static>(action: impl Into<String>) -> impl FnOnce(E) -> Self {
        let action = action.into();
        move |source| Self::Docker { action, source: source.into() }
    }

    /// For `map_err` on a file operation.
    pub fn file(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { action, path, source }
    }

    /// The process's exit code for this error: 1 the subject failed, 2 usage,
    /// 3 the environment cannot, 4 inconclusive, 70 a bug of ours.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Failed(_) => 1,
            Self::Usage { .. } => 2,
            Self::Environment { .. } | Self::File { .. } => 3,
            Self::Inconclusive(_) | Self::Unproved(_) | Self::Docker { .. } => 4,
            Self::Killed { .. } | Self::Bug(_) => 70,
        }
    }
}
