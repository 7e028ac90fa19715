//! Time: one factor for every interval of the director, and a clock that can be wrong.

use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// The director's intervals in seconds, all multiplied by one factor; 1 is the real director.
#[derive(Debug, Clone, Copy)]
pub struct Intervals {
    scale: f64,
}

impl Intervals {
    /// The real director's intervals, times `scale`.
    pub fn scaled_by(scale: f64) -> Self {
        Self { scale }
    }

    /// The factor itself.
    pub fn factor(self) -> f64 {
        self.scale
    }

    /// `seconds` of production time as they pass here.
    pub fn seconds(self, seconds: f64) -> Duration {
        Duration::from_secs_f64((seconds * self.scale).max(0.0))
    }

    /// From acquiring or renewing a lock to its expiry: 240 s + 1 s \[S\].
    pub fn lock_expiry(self) -> Duration {
        self.seconds(241.0)
    }

    /// Between two renewals of a held lock: half of 240 s \[S\].
    pub fn lock_renewal(self) -> Duration {
        self.seconds(120.0)
    }

    /// Between two tries to acquire a lock \[S\].
    pub fn lock_poll(self) -> Duration {
        self.seconds(0.5)
    }

    /// How long an expired row is still listed before `GET /locks` deletes it \[M\].
    pub fn lock_purge(self) -> Duration {
        self.seconds(60.0)
    }

    /// Between two writes of `checkpoint_time` \[S\].
    pub fn checkpoint(self) -> Duration {
        self.seconds(30.0)
    }

    /// A checkpoint older than this makes a task `timeout`, when somebody looks \[M\].
    pub fn task_timeout(self) -> Duration {
        self.seconds(180.0)
    }

    /// One ping of an agent, answered or not \[S\].
    pub fn agent_ping(self) -> Duration {
        self.seconds(1.0)
    }

    /// How long a new VM's agent is waited for \[S\].
    pub fn agent_wait(self) -> Duration {
        self.seconds(600.0)
    }

    /// Any other message to an agent; `get_state` is tried three times \[S\].
    pub fn agent_message(self) -> Duration {
        self.seconds(45.0)
    }

    /// `get_state` for a cloud check's scan, once \[S\].
    pub fn agent_scan(self) -> Duration {
        self.seconds(10.0)
    }

    /// `get_state` for `bosh vms`.
    pub fn agent_state(self) -> Duration {
        self.seconds(5.0)
    }

    /// Between a worker's looks into an empty queue; never busier than every 10 ms.
    pub fn worker_poll(self) -> Duration {
        self.seconds(1.0).max(Duration::from_millis(10))
    }
}

/// The clock of one process. The database's clock is never used \[S\], so a skew here is what the locks see.
#[derive(Debug, Clone, Copy, Default)]
pub struct Clock {
    ahead: Duration,
    behind: Duration,
}

impl Clock {
    /// A clock `seconds` of production time ahead of the host's (behind, when negative).
    pub fn skewed(seconds: f64, intervals: Intervals) -> Self {
        let by = intervals.seconds(seconds.abs());
        match seconds < 0.0 {
            true => Self { ahead: Duration::ZERO, behind: by },
            false => Self { ahead: by, behind: Duration::ZERO },
        }
    }

    /// What this process takes for the time.
    pub fn now(self) -> SystemTime {
        SystemTime::now() + self.ahead - self.behind
    }
}

/// A time as Sequel writes it into a statement: `2026-11-20 09:19:27.344320+0000`.
pub fn sql(at: SystemTime) -> String {
    format!("'{}'", civil(at).strftime("%Y-%m-%d %H:%M:%S.%6f+0000"))
}

/// A time as Ruby's logger writes it: `2026-11-20T09:15:26.344252`.
pub fn logged(at: SystemTime) -> String {
    civil(at).strftime("%Y-%m-%dT%H:%M:%S.%6f").to_string()
}

/// A time as the API's JSON has it: `2026-11-20T09:15:26Z`.
pub fn iso(at: SystemTime) -> String {
    civil(at).strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Whole seconds since 1970.
pub fn unix(at: SystemTime) -> i64 {
    seconds(at) as i64
}

/// Seconds since 1970, with their fraction.
pub fn seconds(at: SystemTime) -> f64 {
    at.duration_since(SystemTime::UNIX_EPOCH).map_or(0.0, |age| age.as_secs_f64())
}

/// A `timestamp without time zone` of the database, in UTC; `None` for what is no time.
pub fn parse(text: &str) -> Option<SystemTime> {
    let civil: jiff::civil::DateTime = text.replacen(' ', "T", 1).parse().ok()?;
    Some(civil.to_zoned(TimeZone::UTC).ok()?.timestamp().into())
}

fn civil(at: SystemTime) -> jiff::Zoned {
    Timestamp::try_from(at).unwrap_or_default().to_zoned(TimeZone::UTC)
}
