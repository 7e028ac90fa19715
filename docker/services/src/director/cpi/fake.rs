//! The CPI process: one request on standard input, one response on standard output.
//!
//! It knows nothing of the director: when that is killed it goes on, and a VM that it then makes is a leak.

use std::io::{Read as _, Write as _};
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::time::SystemTime;

use serde_json::{Value, json};

use super::behaviour::{Act, Conflict, Decision, Subject};
use super::iaas::{Iaas, VmRecord, pause};
use crate::director::clock;
use crate::director::error::{During as _, Result};

/// What the process is told.
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
pub struct Options {
    /// The fake IaaS's directory.
    #[arg(long, env = "DIRECTOR_IAAS", default_value = "/var/vcap/store/iaas")]
    pub iaas: PathBuf,
}

/// An error as a CPI reports it.
#[derive(Debug)]
struct Failure {
    class: &'static str,
    message: String,
    retry: bool,
}

/// Answers one request.
///
/// # Errors
/// When the request can't be read or the IaaS's directory can't be written.
pub fn run(options: &Options) -> Result<()> {
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).during(|| "cannot read the CPI request".to_owned())?;
    let request: Value = serde_json::from_str(&text).during(|| "the CPI request is no JSON".to_owned())?;
    let iaas = Iaas::open(&options.iaas)?;
    let call = call(&iaas, &request);
    // Nobody may be left to read this.
    let _ =
        writeln!(std::io::stderr(), "I, [{}] INFO: {} {}", now(), request["method"], request["context"]["request_id"]);
    iaas.begin(&call)?;
    let answer = answer(&iaas, &request, &call)?;
    let mut ended = call;
    let (result, error) = match answer {
        Ok(result) => (result, Value::Null),
        Err(Failure { class, message, retry }) => {
            (Value::Null, json!({"type": class, "message": message, "ok_to_retry": retry}))
        }
    };
    ended["result"] = result.clone();
    ended["error"] = error.clone();
    iaas.end(&ended)?;
    let _ = write!(std::io::stdout(), "{}", json!({"result": result, "error": error, "log": ""}));
    Ok(())
}

fn now() -> String {
    clock::logged(SystemTime::now())
}

/// What is written down of a call: who makes it, and which VM, instance and address it is about.
fn call(iaas: &Iaas, request: &Value) -> Value {
    let arguments = &request["arguments"];
    let (method, cid) = (request["method"].as_str().unwrap_or_default(), arguments[0].as_str());
    let (subject, agent) = match method {
        "create_vm" => (asked_for(arguments), cid.map(str::to_owned)),
        _ => {
            let vm = cid.and_then(|cid| iaas.vm(cid));
            (vm.as_ref().map(VmRecord::subject).unwrap_or_default(), vm.map(|vm| vm.agent_id))
        }
    };
    json!({
        "request_id": request["context"]["request_id"], "method": method, "pid": std::process::id(),
        "parent": std::os::unix::process::parent_id(), "task": std::env::var("DIRECTOR_TASK").ok(),
        "instance": subject.instance, "az": subject.az, "ip": subject.ip, "agent_id": agent,
        "cid": if method == "create_vm" { None } else { cid },
    })
}

fn asked_for(arguments: &Value) -> Subject {
    let networks = arguments[3].as_object();
    let ip = networks.and_then(|networks| networks.values().find_map(|network| network["ip"].as_str()));
    let tags = &arguments[5]["bosh"]["tags"];
    let text = |key: &str| tags[key].as_str().map(str::to_owned);
    Subject { ip: ip.and_then(|ip| ip.parse::<Ipv4Addr>().ok()), az: text("az"), instance: text("instance") }
}

/// Waits out what the behaviour says, then does the call; a hang ends only when the behaviour changes.
fn answer(iaas: &Iaas, request: &Value, call: &Value) -> Result<std::result::Result<Value, Failure>> {
    let method = request["method"].as_str().unwrap_or_default();
    let subject = Subject {
        ip: call["ip"].as_str().and_then(|ip| ip.parse().ok()),
        az: call["az"].as_str().map(str::to_owned),
        instance: call["instance"].as_str().map(str::to_owned),
    };
    let Decision { act, ms, message } = loop {
        let decision = iaas.behaviour()?.decide(method, &subject);
        if decision.act != Act::Hang {
            break decision;
        }
        pause(50);
    };
    pause(ms);
    let retry = act == Act::Retry;
    match act {
        Act::Retry | Act::Error if method == "create_vm" => {
            Ok(Err(Failure { class: "Bosh::Clouds::VMCreationFailed", message, retry }))
        }
        Act::Retry | Act::Error => Ok(Err(Failure { class: "Bosh::Clouds::CloudError", message, retry: false })),
        Act::Ok | Act::Hang => perform(iaas, method, request, &subject),
    }
}

fn perform(
    iaas: &Iaas,
    method: &str,
    request: &Value,
    subject: &Subject,
) -> Result<std::result::Result<Value, Failure>> {
    let cid = request["arguments"][0].as_str().unwrap_or_default();
    let missing =
        || Failure { class: "Bosh::Clouds::VMNotFound", message: format!("VM `{cid}' not found"), retry: false };
    Ok(match method {
        "info" => Ok(json!({"api_version": 2, "stemcell_formats": ["general-tar", "plain"]})),
        "create_vm" => return create_vm(iaas, request, subject),
        "delete_vm" => {
            iaas.delete_vm(cid);
            Ok(Value::Null)
        }
        "has_vm" => Ok(json!(iaas.vm(cid).is_some())),
        "set_vm_metadata" | "reboot_vm" => iaas.vm(cid).map(|_| Value::Null).ok_or_else(missing),
        "calculate_vm_cloud_properties" => Ok(json!({})),
        "create_disk" => Ok(json!(format!("disk-{}", uuid::Uuid::new_v4()))),
        "attach_disk" => Ok(json!("/dev/sdc")),
        "has_disk" => Ok(json!(true)),
        "delete_disk" | "detach_disk" | "set_disk_metadata" => Ok(Value::Null),
        _ => Err(Failure {
            class: "Bosh::Clouds::NotImplemented",
            message: format!("`{method}' is not implemented by this CPI"),
            retry: false,
        }),
    })
}

fn create_vm(iaas: &Iaas, request: &Value, subject: &Subject) -> Result<std::result::Result<Value, Failure>> {
    let arguments = &request["arguments"];
    let holder = iaas.vms()?.into_iter().find(|vm| vm.ip.is_some() && vm.ip == subject.ip);
    if let Some(holder) = holder.filter(|_| iaas.behaviour().is_ok_and(|now| now.ip_conflict == Conflict::Error)) {
        let ip = holder.ip.map(|ip| ip.to_string()).unwrap_or_default();
        let message = format!("IP address {ip} is in use by {}", holder.cid);
        return Ok(Err(Failure { class: "Bosh::Clouds::VMCreationFailed", message, retry: false }));
    }
    let cid = format!("vm-{}", uuid::Uuid::new_v4());
    let tags = &arguments[5]["bosh"]["tags"];
    iaas.put_vm(&VmRecord {
        cid: cid.clone(),
        agent_id: arguments[0].as_str().unwrap_or_default().to_owned(),
        ip: subject.ip,
        az: subject.az.clone(),
        instance: subject.instance.clone(),
        deployment: tags["deployment"].as_str().map(str::to_owned),
        created_at: clock::seconds(SystemTime::now()),
        request_id: request["context"]["request_id"].as_str().unwrap_or_default().to_owned(),
        task: std::env::var("DIRECTOR_TASK").ok(),
        job_state: "stopped".to_owned(),
    })?;
    Ok(Ok(json!([cid, arguments[3]])))
}
