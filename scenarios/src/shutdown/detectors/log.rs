//! What the lines of a service's log say about its background work.
//!
//! The wordings are those of `docker/services` and `docker/spring`, which log alike.

/// Where a service keeps what it still owes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keeps {
    /// In memory: its end takes it along.
    InMemory,
    /// In a row until the work is claimed, from then on in memory (`ackfirst`).
    UntilClaimed,
    /// In a row until the work is done (`outbox`): any replica takes it up.
    UntilDone,
}

/// The work that a service says it has in memory; telemetry does not count.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Gauge {
    /// Begun, and neither done nor given up.
    pub in_flight: u64,
    /// Promised in memory only, and begun by nobody yet.
    pub queued: u64,
}

impl Gauge {
    /// All of it.
    pub fn all(self) -> u64 {
        self.in_flight.saturating_add(self.queued)
    }
}

/// What one line says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// The service has started.
    Started(Keeps),
    /// The signal arrived: the shutdown begins.
    Begins(Gauge),
    /// The shutdown goes on: its requests are over.
    GoesOn(Gauge),
    /// Its drain is over, or its context is closed: it has no more to say, and ends.
    Leaves(Gauge),
    /// A work was begun.
    Begun(u64),
    /// A work was done.
    Done(u64),
    /// A work was given up.
    Failed {
        /// The request's id.
        id: u64,
        /// Whether it was, by the shutdown of what executed it.
        interrupted: bool,
    },
    /// A work that failed is tried again.
    Retried(u64),
}

/// The last lines by which a service shuts down. How a drain ended is in its gauge: complete
/// with 0, timed out with what is left.
const LEAVES: [&str; 3] = ["drain complete, ", "drain timed out after ", "context closed, "];

/// What a service says that was told to end before it had started.
const TOLD_TO_END: &str = "SIGTERM before the service was ready";

/// Whether the line says that the service ends because it was told to, and not by an error.
pub fn is_told_to_end(line: &str) -> bool {
    line.contains(TOLD_TO_END)
}

/// What the line says, if anything.
pub fn parse(line: &str) -> Option<Event> {
    if let Some(settings) = line.strip_prefix("started, ") {
        return keeps(settings).map(Event::Started);
    }
    if let Some(rest) = line.strip_prefix("work ") {
        return work(rest);
    }
    if line.starts_with("graceful shutdown begins") {
        return Some(Event::Begins(gauge(line)));
    }
    if line.starts_with("graceful shutdown complete (requests), ") {
        return Some(Event::GoesOn(gauge(line)));
    }
    LEAVES.iter().any(|start| line.starts_with(start)).then(|| Event::Leaves(gauge(line)))
}

/// An executor of Spring's knows its tasks in memory only.
fn keeps(settings: &str) -> Option<Keeps> {
    match settings.split_whitespace().next()?.split_once('=')? {
        ("variant", "outbox") => Some(Keeps::UntilDone),
        ("variant", "ackfirst") => Some(Keeps::UntilClaimed),
        ("variant" | "executor", _) => Some(Keeps::InMemory),
        _ => None,
    }
}

fn work(rest: &str) -> Option<Event> {
    let (what, rest) = rest.split_once(" id=")?;
    let (id, why) = rest.split_once(':').unwrap_or((rest, ""));
    let id = id.trim().parse().ok()?;
    match what {
        "begun" => Some(Event::Begun(id)),
        "done" => Some(Event::Done(id)),
        // `java.lang.InterruptedException: sleep interrupted`, as Spring's tasks say it.
        "failed" => Some(Event::Failed { id, interrupted: why.to_ascii_lowercase().contains("interrupt") }),
        "retried" => Some(Event::Retried(id)),
        _ => None,
    }
}

fn gauge(line: &str) -> Gauge {
    let words = || line.split([' ', ',']);
    let value = |name: &str| {
        let value = words().find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
        value.and_then(|value| value.parse().ok()).unwrap_or_default()
    };
    Gauge { in_flight: value("bg_inflight"), queued: value("queued") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_of_the_services_is_read() {
        let gauge = |in_flight, queued| Gauge { in_flight, queued };
        for (line, event) in [
            ("started, variant=spawn port=8080 work_ms=500", Event::Started(Keeps::InMemory)),
            ("started, variant=tracker port=8080", Event::Started(Keeps::InMemory)),
            ("started, variant=outbox port=8080", Event::Started(Keeps::UntilDone)),
            ("started, variant=ackfirst port=8080", Event::Started(Keeps::UntilClaimed)),
            ("started, executor=wait_await port=8080", Event::Started(Keeps::InMemory)),
            ("graceful shutdown begins, bg_inflight=97 queued=3 telemetry=5", Event::Begins(gauge(97, 3))),
            ("graceful shutdown complete (requests), bg_inflight=8 queued=0", Event::GoesOn(gauge(8, 0))),
            ("drain complete, bg_inflight=0 queued=0 telemetry=9", Event::Leaves(gauge(0, 0))),
            ("drain timed out after 25000 ms, bg_inflight=204 queued=1 telemetry=0", Event::Leaves(gauge(204, 1))),
            ("context closed, bg_inflight=0 queued=77 telemetry=0", Event::Leaves(gauge(0, 77))),
            ("work begun id=7", Event::Begun(7)),
            ("work done id=7", Event::Done(7)),
            ("work failed id=7: connection closed", Event::Failed { id: 7, interrupted: false }),
            (
                "work failed id=7: java.lang.InterruptedException: sleep interrupted",
                Event::Failed { id: 7, interrupted: true },
            ),
            ("work retried id=7: connection closed: os error 111", Event::Retried(7)),
        ] {
            assert_eq!(parse(line), Some(event), "{line}");
        }
        assert_eq!(gauge(2, 3).all(), 5);
    }

    #[test]
    fn other_lines_say_nothing() {
        for line in [
            "",
            "work",
            "work begun id=x",
            "work begun",
            "work lost id=7",
            "worker: connection refused",
            "started, port=8080",
            "started",
            "not started, variant=spawn",
            "waiting for the database: connection refused",
            "replay: executed=7",
            "he said: graceful shutdown begins, bg_inflight=3",
        ] {
            assert_eq!(parse(line), None, "{line}");
        }
    }
}
