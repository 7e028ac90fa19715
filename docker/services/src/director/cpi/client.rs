//! The director's side of a CPI call: a child process, a request, a response, and no timeout.
//!
//! The child is in nobody's care: a killed director leaves it to init, and it may finish \[M\].

use std::process::Stdio;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};

use crate::director::config;
use crate::director::error::{During as _, Error, Result};
use crate::director::job::Job;

/// Makes calls for a job.
#[derive(Debug, Clone, Copy)]
pub struct Cpi<'a> {
    /// The job.
    pub job: &'a Job,
}

/// What came back from the process.
#[derive(Debug)]
struct Answer {
    out: String,
    err: String,
    status: Option<i32>,
}

impl Cpi<'_> {
    /// Calls `method`; waits as long as that takes.
    ///
    /// # Errors
    /// The CPI's own, or that of a CPI that can't be run or read.
    pub async fn call(&self, method: &str, arguments: Value) -> Result<Value> {
        let log = &self.job.log;
        let request_id = format!("cpi-{}", uuid::Uuid::new_v4().as_u128() % 900_000 + 100_000);
        let context = json!({
            "director_uuid": config::UUID, "request_id": request_id,
            "vm": {"stemcell": {"api_version": 3}},
        });
        let request =
            |arguments| json!({"method": method, "arguments": arguments, "context": context, "api_version": 2});
        let program = std::env::current_exe().during(|| "cannot find the CPI".to_owned())?;
        let shown = request(redacted(method, &arguments));
        let tag = format!("[external-cpi] [{request_id}]");
        log.debug(format!("{tag} request: {shown} with command: {} cpi", program.display()));
        let answer = self.run(&program, &request(arguments)).await?;
        let status = answer.status.map_or_else(String::new, |status| status.to_string());
        log.debug(format!("{tag} response: {}, err: {}, exit_status: {status}", answer.out, answer.err.trim_end()));
        understood(method, &request_id, &answer.out)
    }

    async fn run(&self, program: &std::path::Path, request: &Value) -> Result<Answer> {
        let told = || format!("cannot run the CPI {}", program.display());
        let mut command = tokio::process::Command::new(program);
        command.arg("cpi").arg("--iaas").arg(&self.job.config.options.iaas);
        command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        command.env("DIRECTOR_TASK", self.job.id().to_string());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(false);
        let mut child = command.spawn().during(told)?;
        let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        if let Some(mut stdin) = stdin {
            // A child that died before reading says so by its status.
            let _ = stdin.write_all(request.to_string().as_bytes()).await;
        }
        let (out, err) = tokio::join!(all(stdout), self.all_of_the_log(stderr));
        let status = child.wait().await.during(told)?;
        Ok(Answer { out, err, status: status.code() })
    }

    /// The CPI's own log goes to the task's `cpi` file line by line, also while it hangs.
    async fn all_of_the_log(&self, pipe: Option<tokio::process::ChildStderr>) -> String {
        let Some(mut pipe) = pipe.map(BufReader::new) else { return String::new() };
        let path = self.job.config.task_dir(self.job.id()).join("cpi");
        let mut file = tokio::fs::OpenOptions::new().create(true).append(true).open(path).await.ok();
        let mut text = String::new();
        let mut line = Vec::new();
        while pipe.read_until(b'\n', &mut line).await.is_ok_and(|read| read > 0) {
            if let Some(file) = &mut file {
                let _ = file.write_all(&line).await;
                let _ = file.flush().await;
            }
            text.push_str(&String::from_utf8_lossy(&line));
            line.clear();
        }
        text
    }
}

async fn all(pipe: Option<impl tokio::io::AsyncRead + Unpin>) -> String {
    let mut bytes = Vec::new();
    if let Some(mut pipe) = pipe {
        let _ = pipe.read_to_end(&mut bytes).await;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn understood(method: &str, request_id: &str, out: &str) -> Result<Value> {
    let invalid = |told: String| Error::cpi("InvalidResponse", false, format!("Invalid CPI response - {told}"));
    if out.is_empty() {
        // A CPI that was killed, in the words of the parser that the director of 2026 has.
        return Err(invalid("ParserError - unexpected end of input at line 1 column 1: ''".to_owned()));
    }
    let response: Value =
        serde_json::from_str(out).map_err(|error| invalid(format!("ParserError - {error}: '{out}'")))?;
    let error = &response["error"];
    let Some(class) = error["type"].as_str() else { return Ok(response["result"].clone()) };
    let message = error["message"].as_str().unwrap_or_default();
    let message = format!(
        "CPI error '{class}' with message '{message}' in '{method}' CPI method (CPI request ID: '{request_id}')"
    );
    Err(Error::cpi(class, error["ok_to_retry"].as_bool().unwrap_or_default(), message))
}

/// A request as it may be logged: no cloud properties, and of the environment only the groups and tags.
fn redacted(method: &str, arguments: &Value) -> Value {
    let mut shown = arguments.clone();
    if method != "create_vm" {
        return shown;
    }
    hide(&mut shown[2], &[]);
    if let Some(networks) = shown[3].as_object_mut() {
        networks.values_mut().for_each(|network| hide(&mut network["cloud_properties"], &[]));
    }
    hide(&mut shown[5], &["bosh"]);
    hide(&mut shown[5]["bosh"], &["group", "groups", "tags"]);
    shown
}

fn hide(value: &mut Value, but: &[&str]) {
    for (key, value) in value.as_object_mut().into_iter().flatten() {
        if !but.contains(&key.as_str()) {
            *value = json!("<redacted>");
        }
    }
}
