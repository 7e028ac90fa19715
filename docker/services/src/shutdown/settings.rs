//! What the service is told by its environment.

use std::{fmt, str::FromStr, time::Duration};

use tokio_postgres::Config;

use crate::setting::{BadSetting, setting};

/// What becomes of the work of a request that was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Variant {
    /// The incident: a task that nobody waits for.
    Spawn,
    /// The incident again: a queue in memory, and workers that nobody waits for.
    Queue,
    /// A task that the shutdown waits for, as long as its drain limit allows.
    Tracker,
    /// The intent is a row of the request's transaction; workers do the work and
    /// mark the row in one transaction. No kill loses it.
    Outbox,
    /// As the outbox, but a worker deletes the row *before* it does the work.
    AckFirst,
}

/// The name of no [`Variant`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnknownVariant;

impl fmt::Display for UnknownVariant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("there are: spawn, queue, tracker, outbox, ackfirst")
    }
}

impl std::error::Error for UnknownVariant {}

impl FromStr for Variant {
    type Err = UnknownVariant;

    fn from_str(text: &str) -> Result<Self, UnknownVariant> {
        Ok(match text {
            "spawn" => Self::Spawn,
            "queue" => Self::Queue,
            "tracker" => Self::Tracker,
            "outbox" => Self::Outbox,
            "ackfirst" => Self::AckFirst,
            _ => return Err(UnknownVariant),
        })
    }
}

impl fmt::Display for Variant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Spawn => "spawn",
            Self::Queue => "queue",
            Self::Tracker => "tracker",
            Self::Outbox => "outbox",
            Self::AckFirst => "ackfirst",
        })
    }
}

impl Variant {
    /// Whether the intent is a row of its own until a worker claims it.
    pub(super) fn keeps_intents(self) -> bool {
        matches!(self, Self::Outbox | Self::AckFirst)
    }
}

/// All settings, each an environment variable, given in capitals.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    /// `DATABASE_URL`.
    pub database: Config,
    /// `DATABASE_LIMIT_MS` (2000): how long any one step at the database may take.
    pub database_limit: Duration,
    /// `POOL` (16): connections, besides those that workers hold.
    pub pool: usize,
    /// `START_LIMIT_MS` (15000): how long the database may take to be there.
    pub start_limit: Duration,
    /// `PORT` (8080).
    pub port: u16,
    /// `INSTANCE` (the host name, and so the container's id): who executed a work.
    pub instance: String,
    /// `HANDLE_SIGTERM` (true): false leaves the signal to the kernel.
    pub handle_sigterm: bool,
    /// `VARIANT` (spawn).
    pub variant: Variant,
    /// `REQUEST_MS` (0): how long a request itself takes, before it is stored.
    pub request: Duration,
    /// `WORK_MS` (500): how long the work takes, before its effect.
    pub work: Duration,
    /// `WORKERS` (8): of the queue, the outbox and `ackfirst`.
    pub workers: usize,
    /// `DRAIN_MS` (25000): how long the shutdown waits for the work, where it does.
    pub drain: Duration,
    /// `RETRY_MS` (200 for the tracker, else 0): the pause before a failed work in
    /// memory is tried again; 0 gives it up. The outbox always tries again.
    pub retry: Option<Duration>,
    /// `TELEMETRY_LIMIT` (32): telemetry in flight; more is dropped.
    pub telemetry_limit: usize,
}

impl Settings {
    /// Reads the environment.
    ///
    /// # Errors
    /// If a value cannot be used.
    pub fn from_environment() -> Result<Self, BadSetting> {
        let milliseconds = |name, default| setting(name, default).map(Duration::from_millis);
        let variant = setting("VARIANT", Variant::Spawn)?;
        let retry = milliseconds("RETRY_MS", if variant == Variant::Tracker { 200 } else { 0 })?;
        Ok(Self {
            database: setting("DATABASE_URL", Config::new())?,
            database_limit: milliseconds("DATABASE_LIMIT_MS", 2000)?,
            pool: setting("POOL", 16)?,
            start_limit: milliseconds("START_LIMIT_MS", 15_000)?,
            port: setting("PORT", 8080)?,
            instance: setting("INSTANCE", host_name())?,
            handle_sigterm: setting("HANDLE_SIGTERM", true)?,
            variant,
            request: milliseconds("REQUEST_MS", 0)?,
            work: milliseconds("WORK_MS", 500)?,
            workers: setting("WORKERS", 8)?,
            drain: milliseconds("DRAIN_MS", 25_000)?,
            retry: Some(retry).filter(|pause| !pause.is_zero()),
            telemetry_limit: setting("TELEMETRY_LIMIT", 32)?,
        })
    }
}

impl fmt::Display for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "variant={} port={} work_ms={} workers={} drain_ms={} instance={}",
            self.variant,
            self.port,
            self.work.as_millis(),
            self.workers,
            self.drain.as_millis(),
            self.instance
        )
    }
}

fn host_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname");
    name.map_or_else(|_| "unknown".into(), |name| name.trim().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variants_read_as_they_are_written() {
        for variant in [Variant::Spawn, Variant::Queue, Variant::Tracker, Variant::Outbox, Variant::AckFirst] {
            assert_eq!(variant.to_string().parse(), Ok(variant));
        }
        assert_eq!("Spawn".parse::<Variant>(), Err(UnknownVariant));
    }
}
