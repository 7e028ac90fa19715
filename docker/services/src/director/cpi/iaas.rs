//! The fake IaaS: a directory.
//!
//! | file | what it says |
//! |---|---|
//! | `behaviour.json` | how calls behave; see [`super::behaviour`] |
//! | `vms/<cid>.json` | a VM: the truth about what exists, which the director's `vms` may not know |
//! | `inflight/<request id>.json` | a call that has begun and not ended; of a killed call it stays, with the pid |
//! | `calls.ndjson` | every call's beginning and end, in order; a beginning's `doubles` are the living `create_vm` for the same instance and address |

use std::fs;
use std::io::Write as _;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::behaviour::{Act, Behaviour, Subject};
use crate::director::clock;
use crate::director::error::{During as _, Result};

/// A VM as the IaaS has it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct VmRecord {
    /// Its name here.
    pub cid: String,
    /// The agent in it.
    pub agent_id: String,
    /// Its address.
    pub ip: Option<Ipv4Addr>,
    /// Its zone.
    pub az: Option<String>,
    /// `web/<uuid>`: from the tags that it was made with.
    pub instance: Option<String>,
    /// Its deployment, likewise.
    pub deployment: Option<String>,
    /// Seconds since 1970.
    pub created_at: f64,
    /// The call that made it.
    pub request_id: String,
    /// The task of that call.
    pub task: Option<String>,
    /// `running` or `stopped`: what its agent says of its jobs.
    pub job_state: String,
}

impl VmRecord {
    /// What rules go by.
    pub fn subject(&self) -> Subject {
        Subject { ip: self.ip, az: self.az.clone(), instance: self.instance.clone() }
    }
}

/// The directory.
#[derive(Debug, Clone)]
pub struct Iaas {
    dir: PathBuf,
}

impl Iaas {
    /// At `dir`, made if it isn't there.
    ///
    /// # Errors
    /// When it can't be made.
    pub fn open(dir: &Path) -> Result<Self> {
        for folder in ["vms", "inflight"] {
            let folder = dir.join(folder);
            fs::create_dir_all(&folder).during(|| format!("cannot make {}", folder.display()))?;
        }
        Ok(Self { dir: dir.to_owned() })
    }

    /// How it behaves now.
    ///
    /// # Errors
    /// When `behaviour.json` is no behaviour.
    pub fn behaviour(&self) -> Result<Behaviour> {
        Behaviour::read(&self.dir.join("behaviour.json"))
    }

    /// All VMs.
    ///
    /// # Errors
    /// When the directory can't be read.
    pub fn vms(&self) -> Result<Vec<VmRecord>> {
        let folder = self.dir.join("vms");
        let files = fs::read_dir(&folder).during(|| format!("cannot list {}", folder.display()))?;
        let vm = |path: PathBuf| serde_json::from_slice(&fs::read(path).ok()?).ok();
        Ok(files.flatten().map(|file| file.path()).filter(|path| is_json(path)).filter_map(vm).collect())
    }

    /// The VM of that name.
    pub fn vm(&self, cid: &str) -> Option<VmRecord> {
        serde_json::from_slice(&fs::read(self.vm_file(cid)).ok()?).ok()
    }

    /// Makes a VM, or changes it, at once.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn put_vm(&self, vm: &VmRecord) -> Result<()> {
        self.write(&self.vm_file(&vm.cid), &serde_json::to_value(vm).unwrap_or_default())
    }

    /// Ends a VM; whether there was one.
    pub fn delete_vm(&self, cid: &str) -> bool {
        fs::remove_file(self.vm_file(cid)).is_ok()
    }

    /// The VM whose agent that is, if the agent answers: it is up and its network can be reached.
    ///
    /// # Errors
    /// When the directory or the behaviour can't be read.
    pub fn answering(&self, agent_id: &str) -> Result<Option<VmRecord>> {
        let Some(vm) = self.vms()?.into_iter().find(|vm| vm.agent_id == agent_id) else { return Ok(None) };
        let behaviour = self.behaviour()?;
        let up = clock::seconds(SystemTime::now()) - vm.created_at >= behaviour.boot_ms as f64 / 1000.0;
        let silent = behaviour.decide("agent", &vm.subject()).act != Act::Ok;
        Ok((up && !silent).then_some(vm))
    }

    /// Notes that a call begins; for a `create_vm` also which living ones want the same instance and address.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn begin(&self, call: &Value) -> Result<()> {
        // Its own first: of two that begin at once at least one then sees the other.
        self.write(&self.inflight_file(call), call)?;
        let mut noted = call.clone();
        noted["doubles"] = self.doubled_by(call).into();
        self.note(&noted, "begin")
    }

    fn doubled_by(&self, call: &Value) -> Vec<Value> {
        let is_same = |other: &Value| ["method", "instance", "ip"].iter().all(|key| other[key] == call[key]);
        if call["method"] != "create_vm" || call["ip"].is_null() {
            return Vec::new();
        }
        let files = fs::read_dir(self.dir.join("inflight")).into_iter().flatten().flatten();
        let calls = files.filter_map(|file| serde_json::from_slice::<Value>(&fs::read(file.path()).ok()?).ok());
        let others = calls.filter(|other| other["request_id"] != call["request_id"] && is_same(other) && lives(other));
        others.map(|mut other| other["request_id"].take()).collect()
    }

    /// Notes that a call ends.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn end(&self, call: &Value) -> Result<()> {
        let _ = fs::remove_file(self.inflight_file(call));
        self.note(call, "end")
    }

    fn note(&self, call: &Value, phase: &str) -> Result<()> {
        let mut line = call.clone();
        line["phase"] = phase.into();
        line["at"] = clock::seconds(SystemTime::now()).into();
        let path = self.dir.join("calls.ndjson");
        let file = fs::OpenOptions::new().create(true).append(true).open(&path);
        let written = file.and_then(|mut file| file.write_all(format!("{line}\n").as_bytes()));
        written.during(|| format!("cannot append to {}", path.display()))
    }

    /// Whole or not at all: readers list the directory at any time.
    fn write(&self, path: &Path, value: &Value) -> Result<()> {
        let half = path.with_extension(format!("{}.half", std::process::id()));
        let written = fs::write(&half, value.to_string()).and_then(|()| fs::rename(&half, path));
        written.during(|| format!("cannot write {}", path.display()))
    }

    fn vm_file(&self, cid: &str) -> PathBuf {
        self.dir.join("vms").join(format!("{}.json", cid.replace('/', "_")))
    }

    fn inflight_file(&self, call: &Value) -> PathBuf {
        self.dir.join("inflight").join(format!("{}.json", call["request_id"].as_str().unwrap_or("unknown")))
    }
}

/// Whether a call's process lives: a killed one leaves its file behind.
fn lives(call: &Value) -> bool {
    let command = fs::read(format!("/proc/{}/cmdline", call["pid"])).unwrap_or_default();
    command.split(|byte| *byte == 0).any(|argument| argument == b"cpi")
}

/// Waits `ms` of real time.
pub fn pause(ms: u64) {
    std::thread::sleep(Duration::from_millis(ms));
}

fn is_json(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "json")
}
