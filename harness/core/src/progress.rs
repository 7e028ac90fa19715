//! The live view on standard error: a line per task on a terminal, plain lines
//! elsewhere.

use std::{
    io::{IsTerminal, Write, stderr},
    sync::LazyLock,
    time::Duration,
};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

static BARS: LazyLock<MultiProgress> = LazyLock::new(MultiProgress::new);

/// Hides the live view for good: somebody else has the terminal.
pub fn hide() {
    BARS.set_draw_target(indicatif::ProgressDrawTarget::hidden());
}

/// Something that takes a while.
pub struct Task {
    label: String,
    /// `None` where standard error is not a terminal.
    bar: Option<ProgressBar>,
}

/// Shows that something has begun.
pub fn task(label: String) -> Task {
    if !stderr().is_terminal() {
        say(&format!("… {label}"));
        return Task { label, bar: None };
    }
    let bar = BARS.add(ProgressBar::new_spinner());
    if let Ok(style) = ProgressStyle::with_template("{spinner} {elapsed:>4} {prefix}  {wide_msg}") {
        bar.set_style(style);
    }
    bar.set_prefix(label.clone());
    bar.enable_steady_tick(Duration::from_millis(120));
    Task { label, bar: Some(bar) }
}

impl Task {
    /// Shows what it does now; on a terminal only.
    pub fn change(&self, now: &str) {
        if let Some(bar) = &self.bar {
            bar.set_message(now.to_owned());
        }
    }

    /// Shows that it is done.
    pub fn done(self) {
        let text = format!("done: {}", self.label);
        self.done_with(&text);
    }

    /// Replaces it by a line that stays.
    pub fn done_with(self, line: &str) {
        match &self.bar {
            Some(bar) => {
                bar.finish_and_clear();
                let _ = BARS.println(line);
            }
            None => say(line),
        }
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// A closed standard error is no reason to stop.
fn say(line: &str) {
    let _ = writeln!(stderr(), "{line}");
}
