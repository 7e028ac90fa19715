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

/// Ends workers that have no master, if there are any. They keep the port: nginx does not
/// start, and monit, which waits for it, starts nothing else meanwhile.
pub(super) async fn end_orphans(operator: &Operator<'_>) -> Result<()> {
    if !runs(operator, MASTER).await? && runs(operator, WORKER).await? {
        end(operator).await?;
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
