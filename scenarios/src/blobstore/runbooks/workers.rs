//! nginx's processes, and those of them that keep a new one from its port.

use reenact::{Result, runbook::Operator};

use super::super::VM;

/// nginx's master, as pgrep finds it.
pub(super) const MASTER: &str = "^nginx: master process";
/// Its workers.
pub(super) const WORKER: &str = "^nginx: worker process";

/// Whether such a process runs.
pub(super) async fn runs(operator: &Operator<'_>, pattern: &str) -> Result<bool> {
    Ok(operator.run(VM, &["pgrep", "-f", pattern]).await?.code == 0)
}

/// As nginx's own user: the test opens the log and the pid file, and makes them.
pub(crate) const TEST: &str = "
setpriv --reuid=vcap --regid=vcap --clear-groups \\
  nginx -t -q -e /var/vcap/sys/log/blobstore/error.log -c /var/vcap/jobs/blobstore/config/nginx.conf";

/// Whether the pid file names nginx's master.
pub(super) const KNOWN: &str =
    "pgrep -f '^nginx: master process' | grep -qxF \"$(cat /var/vcap/sys/run/blobstore/nginx.pid || echo none)\"";

/// SIGQUIT lets it finish its requests.
const END_MASTER: &str = "pkill -QUIT -f '^nginx: master process'
timeout 5 bash -c \"while pgrep -f '^nginx: master process' >/dev/null; do sleep 0.1; done\" \
    || pkill -KILL -f '^nginx: (master|worker) process'; true";

/// Who has nginx's port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Holder {
    Nobody,
    /// An nginx whose pid file does not name it: monit starts one beside it again and again.
    Stray,
    /// One that monit knows.
    Known,
    /// Workers without a master.
    Orphans,
}

impl Holder {
    pub(super) async fn of(operator: &Operator<'_>) -> Result<Self> {
        if runs(operator, MASTER).await? {
            let known = operator.run(VM, &["bash", "-c", KNOWN]).await?.code == 0;
            return Ok(if known { Self::Known } else { Self::Stray });
        }
        Ok(if runs(operator, WORKER).await? { Self::Orphans } else { Self::Nobody })
    }

    /// Whether no stop of the jobs ends it: it keeps the port, nginx does not start, and monit, which
    /// waits for it, starts nothing else meanwhile.
    pub(super) fn is_left_over(self) -> bool {
        matches!(self, Self::Stray | Self::Orphans)
    }

    /// Ends it if it is left over.
    pub(super) async fn end(self, operator: &Operator<'_>) -> Result<()> {
        match self {
            Self::Stray => operator.must(VM, &["bash", "-c", END_MASTER]).await.map(drop),
            Self::Orphans => end(operator).await,
            Self::Nobody | Self::Known => Ok(()),
        }
    }
}

/// What keeps nginx from starting, as it says itself: the line; `None`: nothing of its own. The port
/// is not tried.
pub(super) async fn complaint(operator: &Operator<'_>) -> Result<Option<String>> {
    let tested = operator.run(VM, &["bash", "-c", TEST]).await?;
    let line = tested.text.lines().find(|line| line.contains("[emerg]")).unwrap_or(tested.text.trim());
    Ok((tested.code != 0).then(|| line.to_owned()))
}

/// The broken one is kept beside it, to be asked who made it so.
const PUT_BACK: &str = "
set -e
conf=/var/vcap/jobs/blobstore/config/nginx.conf
cp -a $conf $conf.broken
install -m 644 /var/vcap/data/jobs/blobstore/nginx.conf $conf.new
mv $conf.new $conf";

/// Puts the configuration back as it was rendered if nginx does not take it. One that runs goes on with what
/// it has read, so that a restart for another reason is the first to meet it.
pub(super) async fn put_back_configuration(operator: &Operator<'_>) -> Result<()> {
    if complaint(operator).await?.map(Complaint::of) == Some(Complaint::Configuration) {
        operator.must(VM, &["bash", "-c", PUT_BACK]).await?;
    }
    Ok(())
}

/// SIGQUIT lets a worker finish its requests. A master that monit has started meanwhile is
/// not touched, nor its workers: none is started while the port is taken.
pub(super) async fn end(operator: &Operator<'_>) -> Result<()> {
    let script = format!(
        "pkill -QUIT -f '{WORKER}'; timeout 5 bash -c \"while pgrep -f '{WORKER}' >/dev/null; do sleep 0.1; done\" \
            || pgrep -f '{MASTER}' >/dev/null || pkill -KILL -f '{WORKER}'; true"
    );
    operator.must(VM, &["bash", "-c", &script]).await.map(drop)
}

/// What nginx complains of.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Complaint {
    /// A line of its configuration.
    Configuration,
    /// A folder that is not there.
    Folder,
    /// Anything else: the line.
    Other(String),
}

impl Complaint {
    pub(super) fn of(line: String) -> Self {
        if line.contains(" in /var/vcap/jobs/blobstore/config/nginx.conf:") {
            return Self::Configuration;
        }
        let is_missing = line.contains("\"/var/vcap/sys/run/") && line.ends_with("(2: No such file or directory)");
        if is_missing { Self::Folder } else { Self::Other(line) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nginx_complains_of_is_told_apart() {
        let of = |line: &str| Complaint::of(line.into());
        let conf = "2026/11/29 08:38:05 [emerg] 12#12: unknown directive \"lisen\" in /var/vcap/jobs/blobstore/config/nginx.conf:36";
        assert_eq!(of(conf), Complaint::Configuration);
        let pid =
            "nginx: [emerg] open() \"/var/vcap/sys/run/blobstore/nginx.pid\" failed (2: No such file or directory)";
        assert_eq!(of(pid), Complaint::Folder);
        for other in [
            "nginx: [emerg] open() \"/var/vcap/sys/run/blobstore/nginx.pid\" failed (13: Permission denied)",
            "nginx: [emerg] mkdir() \"/var/vcap/store/shared/tmp/uploads\" failed (2: No such file or directory)",
            "nginx: [emerg] bind() to 0.0.0.0:8080 failed (98: Address already in use)",
            "bash: line 2: nginx: command not found",
            "",
        ] {
            assert_eq!(of(other), Complaint::Other(other.into()));
        }
    }
}
