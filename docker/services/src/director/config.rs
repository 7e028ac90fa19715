//! What every role of the director is told on its command line.

use std::path::PathBuf;

use super::clock::{Clock, Intervals};
use super::db::Db;

/// Options that all roles share; a role hands them on to its children.
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
pub struct Options {
    /// The database.
    #[arg(long, env = "DIRECTOR_DATABASE", default_value = "postgres://postgres@127.0.0.1:5432/bosh")]
    pub database: String,
    /// The director's own directory: task logs, certificates, settings.
    #[arg(long, env = "DIRECTOR_DIR", default_value = "/var/vcap/store/director")]
    pub dir: PathBuf,
    /// The fake IaaS's directory.
    #[arg(long, env = "DIRECTOR_IAAS", default_value = "/var/vcap/store/iaas")]
    pub iaas: PathBuf,
    /// Factor on every interval; 1 is the real director.
    #[arg(long, env = "TIME_SCALE", default_value_t = 1.0, value_parser = positive)]
    pub scale: f64,
    /// By how many production seconds (scaled too) this process's clock is ahead; negative: behind.
    #[arg(long, env = "DIRECTOR_CLOCK_SKEW", default_value_t = 0.0, allow_negative_numbers = true)]
    pub clock_skew: f64,
}

/// A role's surroundings, made from its options.
#[derive(Debug, Clone)]
pub struct Config {
    /// What it was told.
    pub options: Options,
    /// The database.
    pub db: Db,
    /// Its intervals.
    pub intervals: Intervals,
    /// Its clock.
    pub clock: Clock,
}

/// How many VMs are made at once; the real default.
pub const MAX_THREADS: usize = 32;
/// How often a retryable `create_vm` is made; the real default.
pub const MAX_VM_CREATE_TRIES: u32 = 5;
/// The director's name.
pub const NAME: &str = "bosh";
/// Its version.
pub const VERSION: &str = "283.1.6 (00000000)";
/// The director's own mark.
pub const UUID: &str = "71d36859-4f21-446f-8a02-f18d7f1263c6";

impl Config {
    /// From the command line.
    pub fn new(options: Options) -> Self {
        let intervals = Intervals::scaled_by(options.scale);
        let clock = Clock::skewed(options.clock_skew, intervals);
        Self { db: Db::new(options.database.clone()), options, intervals, clock }
    }

    /// Where a task's logs are: the real `/var/vcap/store/director/tasks/100`.
    pub fn task_dir(&self, id: i64) -> PathBuf {
        self.options.dir.join("tasks").join(id.to_string())
    }

    /// A process of another role of this binary, with the same options after its own: `run-job --task 100 …`.
    ///
    /// # Errors
    /// When this binary can't be found.
    pub fn role(&self, role: &str, own: &[&str]) -> std::io::Result<tokio::process::Command> {
        let mut command = tokio::process::Command::new(std::env::current_exe()?);
        command.arg(role).args(own).arg("--database").arg(&self.options.database).arg("--dir").arg(&self.options.dir);
        command.arg("--iaas").arg(&self.options.iaas).arg("--scale").arg(self.options.scale.to_string());
        command.arg(format!("--clock-skew={}", self.options.clock_skew));
        Ok(command)
    }
}

fn positive(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(scale) if scale > 0.0 && scale.is_finite() => Ok(scale),
        _ => Err(format!("`{text}` is no positive number")),
    }
}
