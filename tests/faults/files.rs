//! Files that are left over, and processes that die after each start.

use super::*;

fn left(path: &str) -> FileLeft {
    FileLeft { node: N1.into(), path: path.into(), text: "1".into() }
}

/// What was there comes back with its mode, and where nothing was nothing is.
pub(crate) async fn a_left_file_is_taken_back(bed: Bed) -> Result<()> {
    run_on(&bed, N1, "printf own >/tmp/state && chmod 640 /tmp/state").await?;
    for (path, before) in [("/tmp/state", "640 own"), ("/tmp/marker", "none")] {
        let active = inject(&bed, left(path)).await?;
        inject_again(&bed, left(path)).await;
        assert_eq!(run_on(&bed, N1, &format!("cat {path}")).await?, "1");
        heal(&bed, active).await?;
        let look =
            format!("if [ -e {path} ]; then stat -c '%a ' {path} | tr -d '\\n'; cat {path}; else printf none; fi");
        assert_eq!(run_on(&bed, N1, &look).await?, before);
    }
    let kept = run_on(&bed, N1, "rm /tmp/state; ls -A /tmp | grep -c reenact-before || true").await?;
    assert_eq!(kept.trim(), "0", "a copy was left behind");
    Ok(())
}

/// A process of the node has written the file anew: that is no fault any more.
pub(crate) async fn a_left_file_that_was_replaced_stays(bed: Bed) -> Result<()> {
    run_on(&bed, N1, "printf own >/tmp/state").await?;
    let active = inject(&bed, left("/tmp/state")).await?;
    run_on(&bed, N1, "printf new >/tmp/state").await?;
    heal(&bed, active).await?;
    assert_eq!(run_on(&bed, N1, "cat /tmp/state && rm /tmp/state").await?, "new");
    inconclusive(fault::inject(&*bed, left("/no/such/folder/file"), false).await, "/no/such/folder/file");
    Ok(())
}

/// Whoever starts it again, and however often; the others are left alone.
pub(crate) async fn a_crash_loop_ends_each_start(bed: Bed) -> Result<()> {
    start(&bed, N1, "bystander").await?;
    start(&bed, N2, "phoenix").await?;
    start(&bed, N1, "phoenix").await?;
    let again = "while sleep 0.2; do /tmp/phoenix infinity && break; echo >>/tmp/ends; done";
    run_on(
        &bed,
        N1,
        &format!(": >/tmp/ends; echo '{again}' >/tmp/supervisor; {{ sh /tmp/supervisor >/dev/null 2>&1 & }}"),
    )
    .await?;
    let crash_loop = || CrashLoop { node: N1.into(), process: "phoenix".into() };
    let active = inject(&bed, crash_loop()).await?;
    inject_again(&bed, crash_loop()).await;
    let ended = async || {
        let ends = run_on(&bed, N1, "wc -l </tmp/ends").await?;
        Ok((ends.trim().parse().is_ok_and(|ends: u32| ends > 2), ends))
    };
    until("three starts to have ended", ended).await?;
    heal(&bed, active).await?;
    let lives = async || {
        let states = states(&bed, N1, "phoenix").await?;
        Ok((states.contains('S'), states))
    };
    until("it to live", lives).await?;
    assert_eq!(states(&bed, N1, "bystander").await?, "S");
    assert_eq!(states(&bed, N2, "phoenix").await?, "S");
    Ok(())
}
