//! Block devices that are slow to write to.

use std::{fmt, time::Duration};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::{Effect, Fault, OnTestbed, Undo};
use crate::{Device, Testbed};
use reenact_core::{Error, Result};

/// The slowest that a proof can be waited for.
const SLOWEST: Duration = Duration::from_secs(10);

/// A block device on which each write and each flush takes this much longer; one that
/// was made with [`crate::Disk::slowable_device`].
///
/// A synced write is several of them in turn: on ext4, with its journal, about five.
/// Reads are not slowed, but behind the node's own writes they may have to wait, as in
/// the queue of a real disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlowDevice {
    /// The node.
    pub node: String,
    /// The device's path on the node.
    pub device: String,
    /// How much longer; at most 10 s.
    pub by: Duration,
}

impl fmt::Display for SlowDevice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "writes to {} of {} slowed by {:?}", self.device, self.node, self.by)
    }
}

impl SlowDevice {
    /// The device, and where its delay is said.
    fn device<'a>(&self, bed: &'a Testbed) -> Result<(&'a Device, &'a str)> {
        if self.by > SLOWEST {
            let what = format!("a device cannot be slowed by {:?}", self.by);
            return Err(Error::usage(what, format!("the proof waits that long: slow it by {SLOWEST:?} at most")));
        }
        let device = bed.node(&self.node)?.device(&self.device)?;
        device.delay.as_deref().map(|delay| (device, delay)).ok_or_else(|| {
            let what = format!("{} of {} cannot be slowed", self.device, self.node);
            Error::usage(what, "make it with Disk::slowable_device")
        })
    }
}

#[async_trait]
impl<S: OnTestbed> Fault<S> for SlowDevice {
    async fn inject(&self, system: &S) -> Result<Undo> {
        let bed = system.bed();
        let delay = self.device(bed)?.1.to_owned();
        bed.shell().must(&format!("echo {} >{delay}", self.by.as_micros())).await?;
        let bed = bed.clone();
        Ok(Undo::by(async move { bed.shell().must(&format!("rm -f {delay}")).await.map(drop) }))
    }

    /// A page is written and synced from outside of the node. It is not waited for
    /// longer than it must take: what waits for a device cannot be ended. No read is
    /// a control: under load they wait too.
    async fn effect(&self, system: &S) -> Result<Effect> {
        let bed = system.bed();
        let (kernel, pid) = (&self.device(bed)?.0.kernel, bed.node(&self.node)?.state().await?.pid);
        let by = self.by;
        let script = format!(
            r#"write() {{ dd if=/dev/zero of=$try bs=4k count=1 conv=fsync status=none && echo written; rm -f $try; }}
            number=$(</sys/block/{kernel}/dev)
            mount=$(awk -v number=$number '$3 == number {{ print $5; exit }}' /proc/{pid}/mountinfo)
            [ "$mount" ] || exit 44
            try=/proc/{pid}/root$mount/.reenact-try
            begun=${{EPOCHREALTIME/./}}; said=
            read -r -t {} said < <(exec 2>&1; write)
            echo "$((${{EPOCHREALTIME/./}} - begun)) $said"
            (: >/proc/{pid}/root/tmp/.reenact-try) 2>/dev/null && echo 'the root file system is written to'"#,
            by.as_secs_f64()
        );
        let said = match bed.shell().run(&script).await? {
            (44, _) => return Err(Error::inconclusive(format!("{} has {} mounted nowhere", self.node, self.device))),
            (_, said) => said,
        };
        let (write, control) = said.split_once('\n').unwrap_or((&said, ""));
        let (took, end) = write.split_once(' ').unwrap_or_default();
        let micros = took.parse().map_err(|_| Error::inconclusive(format!("a synced write: {said}")))?;
        let took = Duration::from_micros(micros);
        let seen = match end {
            "" => format!("a synced write is not done after {took:.0?}"),
            "written" => format!("a synced write took {took:.1?}"),
            error => format!("a synced write: {error}"),
        };
        let holds = took >= by && matches!(end, "" | "written");
        let control = control.lines().map(str::to_owned).collect();
        Ok(Effect { control, ..Effect::new(holds, seen) })
    }
}
