//! The BBS's lock: whether it is held for nobody, longer than that can end by itself.

use std::time::Duration;

use reenact::{
    detect::{Told, seconds},
    probe::Question,
};

use super::{
    super::signals::{Key, Lock, Ping},
    records::{Bbs, Seen, never_seen},
    view::DiegoView,
};

/// Consul's own client refuses keys without it.
pub const LOCK_FLAGS: u64 = 0x2ddc_cbc0_77b4_a30d;

/// For looks that tell of before.
const LOOKS: Duration = Duration::from_secs(2);

/// So long a holder that has just taken the lock may be in no look; and a session that
/// never ends needs no more waiting than that.
pub const NEVER: Duration = Duration::from_secs(5);

/// Within so long a session ends whose node's check fails: gossip gives a node up after
/// about 10 s, and the leader acts a little later.
pub const CHECKED: Duration = Duration::from_secs(30);

/// No BBS leads, and none will.
pub fn held_for_nobody(view: &DiegoView) -> Told {
    let bbses = view.bbses()?;
    view.lock_is_seen()?;
    let retry = Duration::from_millis(view.config()?.retry_ms);
    let Some((key, since)) = &view.key else { return Err(never_seen(Lock::OF)) };
    // Without a leader Consul can neither give the lock nor end it: that is its own fault.
    let (Some(key), Some(leads), Some(nobody)) = (key, view.consul_leads.0, view.nobody_leads.0) else {
        return Ok(Vec::new());
    };
    let Some((why, limit)) = why(key) else { return Ok(Vec::new()) };
    let stuck = view.now().since(leads.max(nobody).max(*since));
    if stuck < limit + retry + LOOKS {
        return Ok(Vec::new());
    }
    let waiting = waiting(view, &bbses)?;
    if waiting.is_empty() {
        return Ok(Vec::new());
    }
    let Key { flags, holder, .. } = key;
    let mut lines = vec![format!("no BBS listens for {}, and the lock's key is there", seconds(stuck)), why];
    lines.push(format!("the key was made by '{holder}', its flags are {flags}"));
    lines.push(format!("{} runs and waits for it", waiting.join(" and ")));
    Ok(lines)
}

/// The BBSes that run and do not lead: by their own pages, else by their supervisors.
fn waiting<'v>(view: &DiegoView, bbses: &[Seen<'v, Bbs, Ping>]) -> Result<Vec<&'v str>, String> {
    let mut waiting = Vec::new();
    for bbs in bbses {
        let waits = match bbs.record.metrics.fresh(view.now()) {
            Ok(page) => page.is_ok_and(|page| !page.held),
            Err(_) => bbs.said.is_err() && view.is_up(bbs.name, "bbs")?,
        };
        waiting.extend(waits.then_some(bbs.name));
    }
    Ok(waiting)
}

/// Why the lock cannot be had, and how long that may last without being wrong. `None`: it
/// can be had.
fn why(key: &Key) -> Option<(String, Duration)> {
    if key.flags != LOCK_FLAGS {
        return Some(("the key is not a lock's by its flags: no BBS will touch it".into(), NEVER));
    }
    let session = key.session.as_ref()?;
    let (id, ttl, checks) = (&session.id, session.ttl(), session.checks);
    Some(match (ttl.is_zero(), checks) {
        (true, 0) => {
            (format!("session {id} holds it and has neither a time to live nor a check: it never ends"), NEVER)
        }
        (true, _) => (format!("session {id} holds it, and its {checks} checks do not end it"), CHECKED),
        // Consul ends a session after up to twice its time to live.
        (false, _) => (format!("session {id} holds it past twice its time to live of {}", seconds(ttl)), 2 * ttl),
    })
}
