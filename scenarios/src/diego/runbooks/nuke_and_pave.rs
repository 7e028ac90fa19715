//! The report's last step.

use std::fmt;

use async_trait::async_trait;
use futures::future::try_join_all;
use reenact::{
    Result,
    runbook::{Conclusion, Operator, Runbook},
};

use super::{
    super::{ETCDS, Setup},
    etcd::{self, peer},
    survey::Survey,
    vm,
};

/// Where backups lie, on the member that they are taken of.
const BACKUP: &str = "/var/vcap/store/backup";
/// Where that member's data is.
const DATA: &str = "/var/vcap/store/etcd";

/// How etcd is backed up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Backup {
    /// `etcdctl backup`, of the data folder: the way of 2016.
    Version2,
    /// `etcdctl snapshot save`, of version 3's keys only.
    Version3,
}

/// "Nuke and Pave": everything is wiped and deployed anew, and a backup restored. What was
/// acknowledged after the backup is lost, and what the backup does not hold.
#[derive(Debug)]
pub(crate) struct NukeAndPave {
    pub(crate) setup: Setup,
    pub(crate) backup: Backup,
    /// Also where a member can still be read, or may come back.
    pub(crate) forced: bool,
}

impl fmt::Display for NukeAndPave {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.backup {
            Backup::Version2 => "wipe etcd, and restore the backup of its data folder",
            Backup::Version3 => "wipe etcd, and restore the snapshot of its version 3 keys",
        })
    }
}

impl Backup {
    /// Takes one of the first member, as a nightly job does.
    pub(crate) async fn take(self, operator: &Operator<'_>) -> Result<()> {
        let command = match self {
            Self::Version2 => format!("ETCDCTL_API=2 etcdctl backup --data-dir {DATA} --backup-dir {BACKUP}"),
            Self::Version3 => {
                format!("ETCDCTL_API=3 etcdctl --endpoints http://127.0.0.1:4001 snapshot save {BACKUP}/snapshot.db")
            }
        };
        let script = format!("rm -rf {BACKUP} && mkdir -p {BACKUP} && {command}");
        vm::shell(operator, ETCDS[0], &script).await.map(drop)
    }
}

#[async_trait]
impl Runbook for NukeAndPave {
    async fn run(&self, operator: &Operator) -> Result<Conclusion> {
        let survey = Survey::take(operator, self.setup).await?;
        if !self.forced {
            if survey.is_whole() {
                return Ok(Conclusion::NothingToDo);
            }
            let readable = survey.members.iter().any(|found| found.status.is_ok() || !found.up);
            if readable {
                let why = format!("a member can be read or may come back, and has more: {}", survey.says());
                return Ok(Conclusion::Refused { why });
            }
        }
        let down: Vec<_> = survey.members.iter().filter(|found| !found.up).map(|found| found.node).collect();
        if !down.is_empty() {
            let on = try_join_all(down.iter().map(|node| operator.power_on(node)));
            operator.step(&format!("switch on {}", down.join(", ")), on).await?;
        }
        let [first, others @ ..] = ETCDS;
        operator.step("wipe every member of etcd", try_join_all(ETCDS.map(|node| wipe(operator, node)))).await?;
        operator.step(&format!("restore the backup on {first}"), self.restore(operator, first)).await?;
        for node in others {
            etcd::replace(operator, self.setup, first, node).await?;
        }
        Ok(Conclusion::Done)
    }
}

async fn wipe(operator: &Operator<'_>, node: &str) -> Result<()> {
    etcd::end(operator, node).await?;
    etcd::wipe(operator, node).await
}

impl NukeAndPave {
    /// Makes a cluster of one of the backup.
    async fn restore(&self, operator: &Operator<'_>, node: &str) -> Result<()> {
        let (setup, peer) = (self.setup, peer(operator, node)?);
        if self.backup == Backup::Version3 {
            let script = format!(
                "ETCDCTL_API=3 etcdctl snapshot restore {BACKUP}/snapshot.db --data-dir {DATA} --name {node} \
                 --initial-cluster {node}={peer} --initial-advertise-peer-urls {peer}"
            );
            vm::shell(operator, node, &script).await?;
            return etcd::start(operator, setup, node).await;
        }
        vm::shell(operator, node, &format!("cp -a {BACKUP} {DATA}")).await?;
        let flags = format!("{} --force-new-cluster", setup.flags);
        vm::set(operator, node, "FLAGS", flags.trim_start()).await?;
        etcd::start(operator, setup, node).await?;
        // The backup does not know where its peers would find it.
        let script = format!(
            "id=$(curl -sS -m 10 http://127.0.0.1:4001/v2/members | sed -n 's/.*\"id\":\"\\([0-9a-f]*\\)\".*/\\1/p')
             curl -sS -m 10 -f -X PUT -H 'Content-Type: application/json' -d '{{\"peerURLs\": [\"{peer}\"]}}' \
             http://127.0.0.1:4001/v2/members/${{id:?}}"
        );
        vm::shell(operator, node, &script).await?;
        etcd::end(operator, node).await?;
        vm::set(operator, node, "FLAGS", setup.flags).await?;
        etcd::start(operator, setup, node).await
    }
}
