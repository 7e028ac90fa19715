//! What the Cloud Controller wants, and what Diego desires.

use std::time::Duration;

use reenact::{
    detect::{Told, seconds},
    probe::Question,
};

use super::{
    super::signals::{Apps, Desires},
    view::DiegoView,
};

/// So many passes of nsync may be missed or slow: each makes the whole difference good.
pub const PASSES: u32 = 3;

/// For looks that tell of before.
const LOOKS: Duration = Duration::from_secs(2);

/// So many applications are named.
const NAMED: usize = 5;

/// Applications are wanted, and not desired for longer than nsync takes.
pub fn not_desired(view: &DiegoView) -> Told {
    let limit = Duration::from_millis(view.config()?.nsync_ms) * PASSES + LOOKS;
    let Apps(apps) = view.apps()?;
    let desires = desires(view)?;
    let late: Vec<_> = view.absent.iter().filter(|(_, since)| view.now().since(**since) >= limit).collect();
    let Some(oldest) = late.iter().map(|(_, since)| view.now().since(**since)).max() else { return Ok(Vec::new()) };
    let mut lines = vec![format!(
        "{} of the Cloud Controller's {} applications are not as it wants them, for {}",
        late.len(),
        apps.len(),
        seconds(oldest)
    )];
    lines.extend(late.iter().take(NAMED).map(|(guid, _)| {
        let wanted = apps.get(*guid).map_or_else(|| "no".into(), ToString::to_string);
        let desired =
            desires.0.get(*guid).map_or_else(|| "it is not desired".into(), |count| format!("{count} desired"));
        format!("{guid}: {wanted} wanted, {desired}")
    }));
    Ok(lines)
}

/// The list of whichever BBS lists.
fn desires(view: &DiegoView) -> Result<&Desires, String> {
    let mut silent = format!("{}: nobody tells it", Desires::OF);
    for bbs in view.bbses()? {
        match bbs.record.list.fresh(view.now()) {
            Ok(Ok(desires)) => return Ok(desires),
            Ok(Err(_)) => {}
            Err(why) => silent = why,
        }
    }
    Err(silent)
}
