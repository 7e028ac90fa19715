//! Sessions side by side.

use bollard::{Docker, models::VolumeCreateRequest};
use reenact::testbed::{OWNER_LABEL, Owner, SESSION_LABEL, SweepScope, sweep};

use super::*;

/// What both sessions call their testbed: every session counts its runs from 0.
const NAMESAKE: &str = "namesake";

/// Two sessions have all in common that two harnesses in containers can: the second that
/// they began in, the pid, and the names of their runs. Neither takes what is the other's.
pub(crate) async fn a_namesake_of_another_session_stays(_: Bed) -> Result<()> {
    let (one, other) = tokio::try_join!(open(), open()).map_err(Error::failed)?;
    let token = |session: &Session| session.id().split_once('-').map(|(_, token)| token.to_owned());
    assert_ne!(token(&one), token(&other), "one session, twice");
    let (ours, theirs) = tokio::try_join!(single(&one), single(&other))?;

    Testbed::remove(&one, ours.lab()).await?;
    one.close().await?;
    let gone = other.docker().inspect_container(ours.node(N1)?.container(), None).await;
    assert!(gone.is_err(), "ours is still there: {gone:?}");
    assert_eq!(run_on(&theirs, N1, "cat /sys/class/net/eth0/operstate").await?, "up\n");
    // Its packet filters are its own, too.
    theirs.firewall().drop_flows("after", &[Flow { from: theirs.node(N1)?.ip(), to: theirs.node(N1)?.ip() }]).await?;

    Testbed::remove(&other, theirs.lab()).await?;
    other.close().await
}

/// A testbed of one machine.
async fn single(session: &Arc<Session>) -> Result<Testbed> {
    let image = session.image("helper").await?;
    let n1 = NodeSpec { name: N1, image, disks: vec![Disk::volume("/data", 1)], ..NodeSpec::default() };
    Testbed::create(session, NAMESAKE, &[N1], |_| vec![n1]).await
}

/// The leavings of an owner whose process cannot be judged from here go by its container:
/// they stay while it runs, and go when it has ended, or was started anew.
pub(crate) async fn an_owner_lives_as_long_as_its_container(bed: Bed) -> Result<()> {
    let around = bed.node(N3)?;
    let owner = contained_owner(&bed, around.container()).await?;
    let docker = bed.session.docker();
    let volume = leave(docker, format!("contained-{}", bed.session.id()), &owner).await?;

    sweep(docker, SweepScope::Dead, false).await?;
    docker.inspect_volume(&volume).await.expect("a living owner's volume stays");
    around.signal("SIGKILL").await?;
    around.start().await?;
    let stranger = contained_owner(&bed, &"0".repeat(64)).await?;
    let other = leave(docker, format!("gone-{}", bed.session.id()), &stranger).await?;
    sweep(docker, SweepScope::Dead, false).await?;
    for volume in [volume, other] {
        assert!(docker.inspect_volume(&volume).await.is_err(), "{volume} was not swept");
    }
    Ok(())
}

/// The label of a process in another pid namespace of another host, in this container.
async fn contained_owner(bed: &Bed, container: &str) -> Result<String> {
    let found = bed.session.docker().inspect_container(container, None).await.unwrap_or_default();
    let id = found.id.unwrap_or_else(|| container.into());
    let since = found.state.and_then(|state| state.started_at).unwrap_or_default();
    let label = format!("elsewhere/boot/pid:[1]/1/1/{id}/{since}");
    label.parse::<Owner>().map(|owner| owner.to_string()).map_err(|()| Error::Bug(format!("no owner: {label}")))
}

/// A volume that another session left.
async fn leave(docker: &Docker, session: String, owner: &str) -> Result<String> {
    let labels = HashMap::from([(SESSION_LABEL.into(), session.clone()), (OWNER_LABEL.into(), owner.into())]);
    let request = VolumeCreateRequest { name: Some(session.clone()), labels: Some(labels), ..Default::default() };
    docker.create_volume(request).await.map(|_| session).map_err(Error::docker("make a volume"))
}
