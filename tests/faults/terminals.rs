//! An operator's terminals: as good as an exec each time, over whatever befalls a machine.

use reenact::testbed::Terminals;

use super::*;

/// What a command does in a terminal: its exit code and what it wrote.
async fn type_in(terminals: &Terminals, bed: &Testbed, command: &[&str]) -> Result<(i64, String)> {
    let output = terminals.run(bed.node(N1)?, command).await?;
    Ok((output.code, output.text))
}

pub(crate) async fn terminals_run_commands_and_leave_nothing(bed: Bed) -> Result<()> {
    let terminals = Terminals::default();
    let said = type_in(&terminals, &bed, &["sh", "-c", "echo out; echo err >&2; exit 3"]).await?;
    assert_eq!(said, (3, "out\nerr".into()));
    assert_eq!(type_in(&terminals, &bed, &["printf", "%s|", "a'b", "$x *", ""]).await?, (0, "a'b|$x *||".into()));
    assert_eq!(type_in(&terminals, &bed, &["nonesuch"]).await?.0, 127);
    // What would read its input does not read the next command.
    assert_eq!(type_in(&terminals, &bed, &["cat"]).await?, (0, String::new()));
    // The first one waits for the second one.
    let waits = ["sh", "-c", "until [ -e /tmp/typed ]; do sleep 0.02; done; rm /tmp/typed; echo seen"];
    let (waited, touched) =
        tokio::join!(type_in(&terminals, &bed, &waits), type_in(&terminals, &bed, &["touch", "/tmp/typed"]));
    assert_eq!((waited?, touched?), ((0, "seen".into()), (0, String::new())));
    assert_eq!(states(&bed, N1, "bash").await?, "SS", "each of the two has a shell of its own");
    drop(terminals);
    until("the shells to end", async || {
        let states = states(&bed, N1, "bash").await?;
        Ok((states.is_empty(), states))
    })
    .await
}

pub(crate) async fn terminals_outlive_no_machine(bed: Bed) -> Result<()> {
    let terminals = Terminals::default();
    type_in(&terminals, &bed, &["true"]).await?;
    let paused = inject(&bed, Pause { node: N1.into() }).await?;
    assert!(matches!(type_in(&terminals, &bed, &["true"]).await, Err(Error::Docker { .. })), "it is paused");
    heal(&bed, paused).await?;
    assert_eq!(type_in(&terminals, &bed, &["echo", "thawed"]).await?, (0, "thawed".into()));

    let cut = async {
        until("the command to run", async || {
            let states = states(&bed, N1, "sleep").await?;
            Ok((states.len() > 1, states))
        })
        .await?;
        inject(&bed, PowerOff::of(&[N1])).await
    };
    let (died, off) = tokio::join!(type_in(&terminals, &bed, &["sleep", "600"]), cut);
    let _off = off?;
    assert_eq!(died?.0, 137);
    assert!(matches!(type_in(&terminals, &bed, &["true"]).await, Err(Error::Docker { .. })), "it is off");
    let _on = inject(&bed, PowerOn::of(&[N1])).await?;
    assert_eq!(type_in(&terminals, &bed, &["echo", "booted"]).await?, (0, "booted".into()));
    Ok(())
}
