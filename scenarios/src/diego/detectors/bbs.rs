//! The BBS: how many lead, and whether they can read.

use reenact::detect::{Told, holds};

use super::{data, etcd, view::DiegoView};

/// Two answer as only the holder of the lock does.
pub fn masters(view: &DiegoView) -> Told {
    let bbses = view.bbses()?;
    let leading: Vec<_> = bbses.iter().filter(|bbs| bbs.said.is_ok()).collect();
    if leading.len() < 2 {
        return Ok(Vec::new());
    }
    let lines = leading.iter().map(|bbs| {
        let held = match bbs.record.metrics.fresh(view.now()) {
            Ok(Ok(page)) if page.held => "believes that it holds the lock",
            Ok(Ok(_)) => "knows that it does not hold the lock",
            _ => "does not say whether it holds the lock",
        };
        format!("{}: the BBS listens, and {held}", bbs.name)
    });
    Ok(lines.collect())
}

/// One answers pings and lists nothing, and not for etcd's sake.
pub fn lists_nothing(view: &DiegoView) -> Told {
    if !etcd::is_well(view)? || holds(data::writes_stalled(view)) {
        return Ok(Vec::new());
    }
    let mut lines = Vec::new();
    for bbs in view.bbses()?.iter().filter(|bbs| bbs.said.is_ok_and(|ping| ping.available)) {
        let list = bbs.record.list.fresh(view.now()).map_err(|why| format!("{}: {why}", bbs.name))?;
        if let Err(how) = list {
            lines.push(format!("{}: the BBS answers pings and its list {how}; etcd has its quorum", bbs.name));
        }
    }
    Ok(lines)
}
