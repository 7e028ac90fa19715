//! The rows are read, and no request comes to its answer.

use reenact::detect::Told;

use super::instance::ServiceView;

/// What became of a request without any work that was sent through the router.
pub const WRITE: &str = "request:write";

/// A request hangs while its database is read. What comes of its work afterwards is told by
/// the reconciliation ([`rows`](super::rows)). Silent where that tells more.
pub fn stalled(view: &ServiceView, is_explained: impl Fn(&ServiceView) -> bool) -> Told {
    let Some(how) = view.write_hangs()? else { return Ok(Vec::new()) };
    view.reconciliation()?;
    Ok(if is_explained(view) { Vec::new() } else { vec![format!("the service: {how}, while its database is read")] })
}
