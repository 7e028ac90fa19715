//! The log: a line of JSON each, as Diego's own `lager` wrote them.

use serde_json::{Value, json};

/// The log of one process.
#[derive(Debug, Clone, Copy)]
pub struct Log {
    source: &'static str,
}

impl Log {
    /// The log of the process of that name.
    #[must_use]
    pub const fn of(source: &'static str) -> Self {
        Self { source }
    }

    /// Something that is as it should be: `message` in dotted form, such as
    /// `lock.acquire-lock-succeeded`.
    pub fn info(self, message: &str, data: Value) {
        self.write(1, message, data);
    }

    /// Something that failed.
    pub fn error(self, message: &str, error: &dyn std::fmt::Display) {
        self.write(2, message, json!({ "error": error.to_string() }));
    }

    fn write(self, level: u8, message: &str, data: Value) {
        let Self { source } = self;
        let message = format!("{source}.{message}");
        let now = format!("{:.9}", jiff::Timestamp::now().as_duration().as_secs_f64());
        println!(
            "{}",
            json!({ "timestamp": now, "source": source, "message": message, "log_level": level, "data": data })
        );
    }
}
