//! One factor for all intervals that are ours, so that a night's incident takes minutes.

use std::{fmt, str::FromStr, time::Duration};

/// By how much faster than Diego's the intervals are. 1 is real time.
///
/// What etcd and Consul time by themselves is not ours: the 7 s after which either
/// gives up a write without a leader, elections, and the second half of a session's
/// time to live. Consul refuses a time to live under its servers' `session_ttl_min`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scale(f64);

impl Scale {
    /// Diego's own intervals.
    pub const REAL: Self = Self(1.0);

    /// This interval of Diego's, scaled; at least a millisecond.
    #[must_use]
    pub fn of(self, interval: Duration) -> Duration {
        interval.div_f64(self.0).max(Duration::from_millis(1))
    }

    /// The same in whole seconds, rounded up, for etcd's times to live.
    #[must_use]
    pub fn seconds(self, interval: Duration) -> u64 {
        let scaled = self.of(interval);
        scaled.as_secs() + u64::from(scaled.subsec_nanos() > 0)
    }
}

impl fmt::Display for Scale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Scale {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.parse() {
            Ok(factor) if (1.0..=1000.0).contains(&factor) => Ok(Self(factor)),
            _ => Err("must be a number from 1 to 1000".into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_shrink_and_never_vanish() {
        let scale: Scale = "5".parse().expect("valid");
        assert_eq!(scale.of(Duration::from_secs(10)), Duration::from_secs(2));
        assert_eq!(Scale(1000.0).of(Duration::from_micros(1)), Duration::from_millis(1));
        assert_eq!(scale.seconds(Duration::from_secs(6)), 2, "rounded up");
        assert_eq!(Scale::REAL.seconds(Duration::from_secs(120)), 120);
    }

    #[test]
    fn what_would_slow_down_is_refused() {
        for text in ["0", "-1", "0.5", "NaN", "inf", "fast", ""] {
            assert!(text.parse::<Scale>().is_err(), "{text}");
        }
    }
}
