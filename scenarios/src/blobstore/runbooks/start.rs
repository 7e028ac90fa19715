//! The recovery of an nginx that does not start.

use std::fmt;

use async_trait::async_trait;
use reenact::{
    Result,
    runbook::{Conclusion, Operator, Runbook},
};

use super::{
    super::VM,
    survey::{self, Survey},
    workers::{self, MASTER, WORKER},
};

/// Ends an nginx that monit does not know, asks nginx itself what keeps it from starting
/// (`nginx -t`), puts the configuration back as it was rendered if that is wrong, and restarts
/// the jobs as the director does, with the pre-start scripts: they make the folders that monit
/// does not.
#[derive(Debug)]
pub(crate) struct StartNginx;

impl fmt::Display for StartNginx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("put back what nginx needs to start, and restart the jobs")
    }
}

/// As nginx's own user: the test opens the log and the pid file, and makes them.
pub(crate) const TEST: &str = "
setpriv --reuid=vcap --regid=vcap --clear-groups \\
  nginx -t -q -e /var/vcap/sys/log/blobstore/error.log -c /var/vcap/jobs/blobstore/config/nginx.conf";

/// Whether the pid file names nginx's master.
pub(super) const KNOWN: &str =
    "pgrep -f '^nginx: master process' | grep -qxF \"$(cat /var/vcap/sys/run/blobstore/nginx.pid || echo none)\"";

/// SIGQUIT lets it finish its requests.
const END: &str = "pkill -QUIT -f '^nginx: master process'
timeout 5 bash -c \"while pgrep -f '^nginx: master process' >/dev/null; do sleep 0.1; done\" \
    || pkill -KILL -f '^nginx: (master|worker) process'; true";

/// The broken one is kept beside it, to be asked who made it so.
const PUT_BACK: &str = "
set -e
conf=/var/vcap/jobs/blobstore/config/nginx.conf
cp -a $conf $conf.broken
install -m 644 /var/vcap/data/jobs/blobstore/nginx.conf $conf.new
mv $conf.new $conf";

#[async_trait]
impl Runbook for StartNginx {
    async fn run(&self, operator: &Operator) -> Result<Conclusion> {
        if survey::serves_now(operator).await? {
            return Ok(Conclusion::NothingToDo);
        }
        let found = Survey::take(operator).await?;
        if let Some(why) = objection(&found) {
            return Ok(Conclusion::Refused { why });
        }
        let holder = Holder::of(operator).await?;
        if let Some(why) = holder.objection() {
            return Ok(Conclusion::Refused { why: why.into() });
        }
        let tested = operator.run(VM, &["bash", "-c", TEST]).await?;
        if tested.code != 0 {
            match complaint(&tested.text) {
                Complaint::Configuration => {
                    let work = command(operator, &["bash", "-c", PUT_BACK]);
                    operator.step("put back the configuration", work).await?;
                }
                Complaint::Folder => {}
                Complaint::Other(line) => {
                    return Ok(Conclusion::Refused { why: format!("nginx does not start for another cause: {line}") });
                }
            }
        }
        if holder == Holder::Stray {
            // First, or monit starts the next one meanwhile.
            operator.step("stop the jobs", command(operator, &["agent", "stop"])).await?;
            operator.step("end the nginx that monit does not know", command(operator, &["bash", "-c", END])).await?;
        }
        operator.step("restart the jobs", survey::restart(operator)).await?;
        survey::until_serving(operator).await?;
        Ok(Conclusion::Done)
    }
}

/// What nginx complains of.
#[derive(Debug, PartialEq, Eq)]
enum Complaint {
    /// A line of its configuration.
    Configuration,
    /// A folder that is not there.
    Folder,
    /// Anything else: the line.
    Other(String),
}

fn complaint(said: &str) -> Complaint {
    let line = said.lines().find(|line| line.contains("[emerg]")).unwrap_or(said.trim());
    if line.contains(" in /var/vcap/jobs/blobstore/config/nginx.conf:") {
        return Complaint::Configuration;
    }
    let is_missing = line.contains("\"/var/vcap/sys/run/") && line.ends_with("(2: No such file or directory)");
    if is_missing { Complaint::Folder } else { Complaint::Other(line.to_owned()) }
}

/// Why a start is not what is missing.
fn objection(found: &Survey) -> Option<String> {
    if found.has_rescue() || found.has_strays() {
        return Some("a recovery of the disk is under way: bring that one to its end".into());
    }
    if !found.is_mounted() {
        return Some(format!("{} is not mounted: nginx must not start without it", found.device()));
    }
    let error = found.write_error();
    error.map(|error| format!("the disk cannot be written to, see to that first: {error}"))
}

/// Who has the port already.
#[derive(Debug, PartialEq, Eq)]
enum Holder {
    Nobody,
    /// An nginx whose pid file does not name it: monit starts one beside it again and again.
    Stray,
    /// One that monit knows.
    Known,
    /// Workers without a master.
    Orphans,
}

impl Holder {
    async fn of(operator: &Operator<'_>) -> Result<Self> {
        if workers::runs(operator, MASTER).await? {
            let known = operator.run(VM, &["bash", "-c", KNOWN]).await?.code == 0;
            return Ok(if known { Self::Known } else { Self::Stray });
        }
        Ok(if workers::runs(operator, WORKER).await? { Self::Orphans } else { Self::Nobody })
    }

    /// Why a start is not what is missing.
    fn objection(&self) -> Option<&'static str> {
        match self {
            Self::Nobody | Self::Stray => None,
            Self::Known => Some("nginx has its master, which monit knows: that it does not serve has another cause"),
            Self::Orphans => Some("nginx's workers hold its port without a master: end them"),
        }
    }
}

async fn command(operator: &Operator<'_>, command: &[&str]) -> Result<()> {
    operator.must(VM, command).await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nginx_complains_of_is_told_apart() {
        let conf = "2026/11/29 08:38:05 [emerg] 12#12: unknown directive \"lisen\" in /var/vcap/jobs/blobstore/config/nginx.conf:36\n\
                    nginx: configuration file /var/vcap/jobs/blobstore/config/nginx.conf test failed\n";
        assert_eq!(complaint(conf), Complaint::Configuration);
        let pid =
            "nginx: [emerg] open() \"/var/vcap/sys/run/blobstore/nginx.pid\" failed (2: No such file or directory)";
        assert_eq!(complaint(pid), Complaint::Folder);
        for other in [
            "nginx: [emerg] open() \"/var/vcap/sys/run/blobstore/nginx.pid\" failed (13: Permission denied)",
            "nginx: [emerg] mkdir() \"/var/vcap/store/shared/tmp/uploads\" failed (2: No such file or directory)",
            "nginx: [emerg] bind() to 0.0.0.0:8080 failed (98: Address already in use)",
            "bash: line 2: nginx: command not found",
            "",
        ] {
            assert_eq!(complaint(other), Complaint::Other(other.into()));
        }
    }
}
