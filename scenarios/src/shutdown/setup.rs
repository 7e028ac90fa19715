//! How one deployment of the service may differ from another.

use std::{net::Ipv4Addr, time::Duration};

/// How much older than its work's time a row may be before it is overdue: the time in a
/// queue, and that of a drain which is expected to end well.
const MARGIN: Duration = Duration::from_secs(2);

/// Which service, and what it does with the work of a request that it has answered.
#[derive(Debug, Clone, Copy)]
pub(crate) enum App {
    /// The Rust service, by its variant.
    Rust(&'static str),
    /// The Spring service, by its executor.
    Spring(&'static str),
}

/// The service under a supervisor: what has ended is started again a second later, with the
/// settings that are there then, over those of the container. SIGTERM ends both.
pub(super) const SUPERVISED: &str = r#"
trap 'kill -TERM $pid; wait $pid; exit' TERM
while :; do
    (set -a; [[ ! -e /etc/service.env ]] || . /etc/service.env; exec shutdown-service) & pid=$!
    wait $pid
    echo "supervisor: it ended with $?; it is started again"
    sleep 1
done
"#;

/// How the service is made.
#[derive(Debug, Clone)]
pub(crate) struct Setup {
    pub(super) app: App,
    /// How many replicas run: one or two.
    pub(super) replicas: usize,
    /// How long the work of a request takes, before its effect.
    pub(super) work: Duration,
    /// How many do the work at once, where there is a bound.
    pub(super) workers: u32,
    /// How long a shutdown waits for the work, where it does.
    pub(super) drain: Duration,
    /// How much memory a replica has, in MiB, where that is bounded.
    pub(super) memory: Option<u32>,
    /// What a replica runs instead of its image's command.
    pub(super) command: Vec<&'static str>,
}

impl Setup {
    /// Two replicas of this service with a second of work a request, two where a JVM must
    /// first come to its shutdown, and workers enough for all of it.
    pub(crate) fn of(app: App) -> Self {
        let (seconds, workers) = match app {
            App::Rust(_) => (1, 80),
            App::Spring(_) => (2, 300),
        };
        Self {
            app,
            replicas: 2,
            work: Duration::from_secs(seconds),
            workers,
            drain: Duration::from_secs(25),
            memory: None,
            command: Vec::new(),
        }
    }

    /// When an unmatched row is overdue, as whoever runs the service has set it: they know how
    /// long a work takes at most.
    pub(super) fn age_limit(&self) -> Duration {
        self.work + MARGIN
    }

    pub(super) fn image(&self) -> &'static str {
        match self.app {
            App::Rust(_) => "services",
            App::Spring(_) => "spring",
        }
    }

    pub(super) fn env(&self, name: &str, db: Ipv4Addr) -> Vec<String> {
        let how = match self.app {
            App::Rust(variant) => format!("VARIANT={variant}"),
            App::Spring(executor) => format!("EXECUTOR={executor}"),
        };
        vec![
            how,
            format!("DATABASE_URL=postgres://app@{db}:5432/app"),
            format!("INSTANCE={name}"),
            format!("WORK_MS={}", self.work.as_millis()),
            format!("WORKERS={}", self.workers),
            format!("DRAIN_MS={}", self.drain.as_millis()),
            format!("AWAIT_S={}", self.drain.as_secs()),
            // On a busy machine a start and a question may take their time: to lose work to
            // that is another incident.
            "START_LIMIT_MS=60000".into(),
            "DATABASE_LIMIT_MS=15000".into(),
        ]
    }
}
