//! What goes wrong in the director, in the director's own numbers.

use std::fmt;

/// The result of anything the director does.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error as the real director knows it: a code for clients, an HTTP status, a message, and what it means inside.
#[derive(Debug, Clone)]
pub struct Error {
    /// The code in `{"code":…,"description":…}` and in a task's error line.
    pub code: u32,
    /// The HTTP status when the API answers with it.
    pub status: u16,
    /// What happened, where.
    pub message: String,
    /// How the director reacts to it.
    pub kind: Kind,
}

/// How the director reacts to an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// One of the director's own: reported to the client.
    Director,
    /// The job found itself cancelled at a checkpoint.
    Cancelled,
    /// A lock could not be had in time.
    LockTimeout,
    /// An agent did not answer in time.
    RpcTimeout,
    /// The CPI answered with an error; `retry` is its `ok_to_retry`.
    Cpi {
        /// The CPI's error class, such as `Bosh::Clouds::VMCreationFailed`.
        class: String,
        /// Whether the CPI says that the same call may be made again.
        retry: bool,
    },
    /// The database did not do what was asked.
    Database,
    /// Anything else: a file, a process, a bug.
    Internal,
}

impl Error {
    fn new(kind: Kind, code: u32, status: u16, message: impl Into<String>) -> Self {
        Self { code, status, message: message.into(), kind }
    }

    /// A director error that the API answers with 400.
    pub fn bad(code: u32, message: impl Into<String>) -> Self {
        Self::new(Kind::Director, code, 400, message)
    }

    /// A director error that the API answers with 404.
    pub fn missing(code: u32, message: impl Into<String>) -> Self {
        Self::new(Kind::Director, code, 404, message)
    }

    /// Nothing that this client may ask for.
    pub fn unauthorized(message: impl Into<String>) -> Self {
        Self::new(Kind::Director, 600_000, 401, message)
    }

    /// An agent says that what it was told went wrong.
    pub fn agent(message: impl Into<String>) -> Self {
        Self::new(Kind::Director, 450_001, 400, message)
    }

    /// Task `id` was cancelled; seen at a checkpoint.
    pub fn cancelled(id: i64) -> Self {
        Self::new(Kind::Cancelled, 10001, 200, format!("Task {id} cancelled"))
    }

    /// A lock could not be had in time.
    pub fn lock(message: impl Into<String>) -> Self {
        Self::new(Kind::LockTimeout, 100, 500, message)
    }

    /// An agent did not answer in time.
    pub fn rpc(message: impl Into<String>) -> Self {
        Self::new(Kind::RpcTimeout, 450002, 400, message)
    }

    /// The CPI's error.
    pub fn cpi(class: &str, retry: bool, message: impl Into<String>) -> Self {
        Self::new(Kind::Cpi { class: class.to_owned(), retry }, 100, 500, message)
    }

    /// The database's error.
    pub fn database(message: impl Into<String>) -> Self {
        Self::new(Kind::Database, 100, 500, message)
    }

    /// An error of this program's surroundings.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(Kind::Internal, 100, 500, message)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

/// Says of a failed operation what was being done.
pub trait During<T> {
    /// `what` happened to fail, as "cannot …".
    fn during(self, what: impl FnOnce() -> String) -> Result<T>;
}

impl<T, E: fmt::Display> During<T> for std::result::Result<T, E> {
    fn during(self, what: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|error| Error::internal(format!("{}: {error}", what())))
    }
}
