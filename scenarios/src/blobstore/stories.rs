//! What the blobstore's stories have in common.

use reenact::{
    Error,
    incident::*,
    poll::{self, Look},
    workload::Ack,
};

use super::{Blobstore, STORE, VM, http::Service, third_party::ThirdPartyRules};

/// How soon the kernel's log and the next look at the mounts tell of a change.
const TOLD: std::time::Duration = secs(3);

/// Pauses the workload and has all that it put on the disk itself: what is on its way to
/// a disk that goes is lost to every recovery.
pub(super) fn all_is_on_disk() -> [Action<Blobstore>; 2] {
    [pause_workload(), command(VM, &["sync"])]
}

/// Claims what other tools' rules say of this state: see the table in the docs.
pub(super) fn third_party_rules_say(expected: ThirdPartyRules) -> Action<Blobstore> {
    others(format!("{expected:?}"), move |said| said == expected)
}

/// The same for the rules that look at mounts, where the kernel's log is uncertain.
pub(super) fn others_say_of_mounts(expected: bool) -> Action<Blobstore> {
    let what = format!("of the mount {}", if expected { "read-only" } else { "nothing" });
    others(what, move |said| said.statfs_flag == expected && said.ro_option == expected)
}

fn others(
    what: String,
    as_expected: impl Fn(ThirdPartyRules) -> bool + Copy + Send + Sync + 'static,
) -> Action<Blobstore> {
    story(format!("other tools' rules say {what}"), move |run: &Run<Blobstore>| {
        Box::pin(async move {
            let said = poll::until("other tools' rules to say what the docs' table has", TOLD, || async {
                let said = run.read(|seen| ThirdPartyRules::of(seen, VM, STORE));
                if as_expected(said) { Look::Ready(said) } else { Look::NotYet(format!("they say {said:?}")) }
            });
            run.lab().record("others", format!("{:?}", said.await?));
            Ok(())
        })
    })
}

/// Claims that most of the blobs that were acknowledged before the effect cannot be seen.
pub(super) fn old_blobs_are_away() -> Action<Blobstore> {
    story("the blobs of before cannot be seen", |run: &Run<Blobstore>| {
        Box::pin(async move {
            let there = Service::of(run.system().vm()?).list().await?;
            let (before, away) = run.ledger().read(|entries| {
                let old = entries.iter().filter(|entry| entry.ack == Ack::Ok && entry.to < run.effect_at());
                let away = |id: &u64| !there.contains(&id.to_string());
                (old.clone().count(), old.map(|entry| entry.id).filter(away).count())
            });
            run.lab().record("seen", format!("{away} of {before} blobs that were acknowledged before are away"));
            match 2 * away > before {
                true => Ok(()),
                false => Err(Error::inconclusive(format!("only {away} of {before} blobs are away"))),
            }
        })
    })
}
