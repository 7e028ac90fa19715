//! Sessions side by side.

use super::*;

/// What both sessions call their testbed: every process counts its runs from 0.
const NAMESAKE: &str = "namesake";

/// A run that ends takes nothing of another session's run with the same id.
pub(crate) async fn a_namesake_of_another_session_stays(bed: Bed) -> Result<()> {
    // A session's id is the second it began in, and its process.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let other = open().await.map_err(Error::failed)?;
    assert_ne!(other.id(), bed.session.id(), "one session, twice");
    let (ours, theirs) = tokio::try_join!(single(&bed.session), single(&other))?;

    Testbed::remove(&bed.session, ours.lab()).await?;
    let gone = bed.session.docker().inspect_container(ours.node(N1)?.container(), None).await;
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
