//! What a person on call types: the director's API by curl on its machine, `psql` on the
//! database's, `monit`.

use std::time::Duration;

use reenact::{
    Error, Result,
    poll::{self, Look},
    runbook::Operator,
};
use serde_json::Value;

use super::super::{AUTHORITY, DB, DIRECTOR};

/// What the director answered: the status, and the body.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) body: String,
    /// The task that an action is.
    pub(super) task: Option<u64>,
}

/// Asks the director.
pub(super) async fn ask(operator: &Operator<'_>, method: &str, path: &str, body: Option<&Value>) -> Result<Reply> {
    let (url, text) = (format!("https://127.0.0.1:25555{path}"), body.map(Value::to_string));
    let mut command = vec!["curl", "-sS", "--max-time", "10", "--cacert", AUTHORITY, "-u", "admin:admin", "-X", method];
    command.extend(["-w", "\n%{http_code} %{redirect_url}"]);
    if let Some(text) = &text {
        // Manifests and cloud-configs are YAML, which JSON is, too.
        let kind = if path == "/cleanup" { "Content-Type: application/json" } else { "Content-Type: text/yaml" };
        command.extend(["-H", kind, "--data-binary", text]);
    }
    command.push(&url);
    let said = operator.must(DIRECTOR, &command).await?;
    let (body, trailer) = said.rsplit_once('\n').unwrap_or(("", &said));
    let (status, redirect) = trailer.split_once(' ').unwrap_or((trailer, ""));
    let status = status.parse().map_err(|_| Error::failed(format!("curl says {trailer:?}")))?;
    Ok(Reply { status, body: body.into(), task: redirect.rsplit('/').next().and_then(|id| id.parse().ok()) })
}

/// Asks for something that must be done.
///
/// # Errors
/// [`Error::Failed`] with the director's answer.
pub(super) async fn must(operator: &Operator<'_>, method: &str, path: &str, body: Option<&Value>) -> Result<Reply> {
    match ask(operator, method, path, body).await? {
        reply if reply.status < 400 => Ok(reply),
        Reply { status, body, .. } => Err(Error::failed(format!("{method} {path}: {status} {body}"))),
    }
}

/// Runs one statement on the database and gives its rows, fields divided by `|`.
pub(super) async fn psql(operator: &Operator<'_>, sql: &str) -> Result<Vec<String>> {
    let command = ["psql", "-U", "bosh", "-d", "bosh", "-AtqX", "-v", "ON_ERROR_STOP=1", "-c", sql];
    Ok(operator.must(DB, &command).await?.lines().map(str::to_owned).collect())
}

/// Runs a shell script on the director's machine.
pub(super) async fn shell(operator: &Operator<'_>, script: &str) -> Result<String> {
    operator.must(DIRECTOR, &["bash", "-c", script]).await
}

/// Waits until a statement gives no row.
pub(super) async fn until_none(operator: &Operator<'_>, what: &str, limit: Duration, sql: &str) -> Result<()> {
    poll::until(what, limit, || async {
        match psql(operator, sql).await {
            Ok(rows) if rows.is_empty() => Look::Ready(()),
            Ok(rows) => Look::NotYet(rows.join(", ")),
            Err(error) => Look::NotYet(error.to_string()),
        }
    })
    .await
}
