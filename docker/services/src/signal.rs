//! The signals that end a service.

use tokio::signal::unix::{Signal, SignalKind, signal};

/// SIGTERM, caught from the moment this value is made.
#[derive(Debug)]
pub struct Termination(Option<Signal>);

impl Termination {
    /// Catches the signal from now on.
    ///
    /// # Errors
    /// If the kernel refuses the handler.
    pub fn caught() -> std::io::Result<Self> {
        Ok(Self(Some(signal(SignalKind::terminate())?)))
    }

    /// Leaves the signal to the kernel: it kills the process, or means nothing if
    /// that is PID 1, since the kernel spares PID 1 what it has no handler for.
    #[must_use]
    pub fn left_alone() -> Self {
        Self(None)
    }

    /// Waits for the signal.
    pub async fn received(&mut self) {
        let caught = match &mut self.0 {
            Some(signal) => signal.recv().await,
            None => None,
        };
        // None: the signal cannot come.
        if caught.is_none() {
            std::future::pending().await
        }
    }
}
