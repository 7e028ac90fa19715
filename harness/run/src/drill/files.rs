//! The files of an operator: how to reach the nodes by ssh, by Ansible, by their addresses, and
//! how to switch their machines on and off. They can be used by hand while a drill goes on.

use std::{
    fs,
    io::Write,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use reenact_core::{Error, Result, detect};
use reenact_testbed::{DOOR, Desk, Keys, Node, OPERATOR, Place, Testbed};

/// The folder in a run's folder.
const FOLDER: &str = "operator";
/// What an operator's own shell reads first.
pub(super) const RC: &str = "bin/rc";
/// The page.
const PAGE: &str = "page";
/// The diagnoses to choose from, and the one that was.
const DIAGNOSES: &str = "diagnoses";
const FOUND: &str = "found";
/// The same folder in a box.
pub(super) const BOX: &str = "/box";
/// Ssh's own programs, which find the nodes by these names without being told of a file.
const SSH: [&str; 3] = ["ssh", "scp", "sftp"];

/// Puts a start command on every node, and has each run it as its orchestrator would.
const START: &str = r#"#!/bin/bash
# usage: start-command COMMAND [VARIABLES]: see `entrypoint` on the nodes
set -uo pipefail
index=0
for pair in $REENACT_ADDRESSES; do
    node=${pair%%=*} told="NODE_NAME=$node NODE_INDEX=$((++index)) NODE_ADDRESS=${pair#*=}"
    ssh "$node" 'cat >/usr/local/bin/start-command && chmod 755 /usr/local/bin/start-command' <"$1" || exit 1
    ssh "$node" 'cat >/etc/start-command' <"${2:-/dev/null}" || exit 1
    ssh -n "$node" "export $told NODES='$REENACT_NODES' ADDRESSES='$REENACT_ADDRESSES'
        /opt/operator/bin/entrypoint /usr/local/bin/start-command /etc/start-command" &
    begun+=($!)
done
for one in "${begun[@]}"; do wait "$one" || exit 1; done
"#;

/// Where the files of an operator are, as their reader finds them.
struct Layout {
    folder: String,
    /// For the key and the sockets: a short path.
    private: String,
    /// What reaches the nodes through the daemon; `None`: they are reached by their addresses.
    program: Option<String>,
}

impl Layout {
    fn path(&self, name: &str) -> String {
        format!("{}/{name}", self.folder)
    }

    fn ssh_config(&self, nodes: &[Node]) -> String {
        let mut text = String::from("# How to reach the nodes of this run: ssh -F THIS_FILE NODE\n");
        for node in nodes {
            let (name, ip, container) = (node.name(), node.ip(), node.container());
            text += &format!("Host {name} {ip}\n  HostName {ip}\n  HostKeyAlias {name}\n");
            if let Some(program) = &self.program {
                let program = quoted(program).replace('%', "%%");
                text += &format!("  ProxyCommand {program} operator exec {container} {DOOR}\n");
            }
        }
        let private = |name| configured(&self.private, name);
        let (key, known, socket) = (private("key"), configured(&self.folder, "known_hosts"), private("%n"));
        text + &format!(
            "Host *\n  User root\n  IdentityFile {key}\n  IdentitiesOnly yes\n  UserKnownHostsFile {known}\n  \
             GlobalKnownHostsFile none\n  StrictHostKeyChecking yes\n  BatchMode yes\n  LogLevel ERROR\n  \
             ControlMaster auto\n  ControlPath {socket}\n  ControlPersist 60s\n"
        )
    }

    fn inventory(&self, system: &str, nodes: &[Node]) -> String {
        let hosts: String = nodes.iter().map(|node| format!("{}\n", node.name())).collect();
        // A literal of Python's, which holds words for a shell.
        let arguments = format!("{:?}", format!("-F {}", quoted(&self.path("ssh_config"))));
        format!(
            "[{system}]\n{hosts}\n[all:vars]\nansible_ssh_common_args={arguments}\nansible_user=root\n\
             ansible_python_interpreter={OPERATOR}/bin/python3\n"
        )
    }

    fn ansible_config(&self) -> String {
        format!(
            "[defaults]\ninventory = {}\nretry_files_enabled = False\nlocal_tmp = {}/ansible\n\
             [ssh_connection]\npipelining = True\nssh_args =\n",
            self.path("inventory.ini"),
            self.private
        )
    }

    /// The variables, but for the path.
    fn variables(&self, system: &str, nodes: &[Node]) -> Vec<(String, String)> {
        let names: Vec<_> = nodes.iter().map(Node::name).collect();
        let addresses: Vec<_> = nodes.iter().map(|node| format!("{}={}", node.name(), node.ip())).collect();
        let set = |name: &str, value: String| (name.to_owned(), value);
        vec![
            set("REENACT_SYSTEM", system.into()),
            set("REENACT_NODES", names.join(" ")),
            set("REENACT_ADDRESSES", addresses.join(" ")),
            set("REENACT_OPERATOR", self.folder.clone()),
            set("SSH_CONFIG", self.path("ssh_config")),
            set("ANSIBLE_CONFIG", self.path("ansible.cfg")),
            set("ANSIBLE_INVENTORY", self.path("inventory.ini")),
        ]
    }

    /// What a shell is to read.
    fn exports(&self, programs: &str, variables: &[(String, String)]) -> String {
        let line = |(name, value): &(String, String)| format!("export {name}={}\n", quoted(value));
        format!("export PATH={}:\"$PATH\"\n", quoted(programs)) + &variables.iter().map(line).collect::<String>()
    }

    /// All that both an operator's own machine and a box have, by name.
    fn common(&self, system: &str, nodes: &[Node], keys: &Keys) -> [(&'static str, String); 4] {
        let names: Vec<_> = nodes.iter().map(Node::name).collect();
        [
            ("known_hosts", format!("{} {}\n", names.join(","), keys.host)),
            ("ssh_config", self.ssh_config(nodes)),
            ("inventory.ini", self.inventory(system, nodes)),
            ("ansible.cfg", self.ansible_config()),
        ]
    }
}

/// The files, and what of them the environment tells.
pub struct Files {
    folder: PathBuf,
    /// It goes with the session.
    private: PathBuf,
    environment: Vec<(String, String)>,
}

impl Files {
    /// Writes them into a run's folder, and what is secret into `private`, which is made.
    ///
    /// # Errors
    /// [`Error::File`] if one cannot be written, [`Error::Environment`] where this program cannot
    /// be found again.
    pub fn write(run: &Path, private: PathBuf, system: &str, bed: &Testbed, desk: &Desk, keys: &Keys) -> Result<Self> {
        let program = program()?;
        let folder = run.join(FOLDER);
        fs::create_dir_all(folder.join("bin")).map_err(Error::file("create", &folder))?;
        let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(&private);
        made.map_err(Error::file("create", &private))?;
        let layout = Layout {
            folder: folder.display().to_string(),
            private: private.display().to_string(),
            program: Some(program.clone()),
        };
        let mut files = Self { folder, private, environment: layout.variables(system, bed.nodes()) };
        files.write_key(&keys.private)?;
        for (name, text) in layout.common(system, bed.nodes(), keys) {
            files.keep(name, &text)?;
        }
        files.keep_programs(&program, desk.container(), &layout)?;
        files.keep("env", &layout.exports(&layout.path("bin"), &files.environment))?;
        files.keep(RC, &rc(&layout))?;
        let path = std::env::var("PATH").unwrap_or_else(|_| "/usr/local/bin:/usr/bin:/bin".into());
        files.environment.push(("PATH".into(), format!("{}:{path}", layout.path("bin"))));
        Ok(files)
    }

    /// Writes what a box has of them.
    ///
    /// # Errors
    /// As [`Place::write`].
    pub async fn write_into(place: &Place, system: &str, bed: &Testbed, keys: &Keys) -> Result<()> {
        let layout = Layout { folder: BOX.into(), private: BOX.into(), program: None };
        for (name, text) in layout.common(system, bed.nodes(), keys) {
            place.write(&layout.path(name), &text).await?;
        }
        place.write(&layout.path("key"), &keys.private).await?;
        place.write("/root/.ssh/config", &layout.ssh_config(bed.nodes())).await?;
        let exports = layout.exports(&format!("{OPERATOR}/bin"), &layout.variables(system, bed.nodes()));
        place.write(&layout.path("env"), &exports).await
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What a command finds set.
    pub fn environment(&self) -> &[(String, String)] {
        &self.environment
    }

    /// Keeps what the pager says.
    ///
    /// # Errors
    /// [`Error::File`] if it cannot be written.
    pub fn page(&self, text: &str) -> Result<()> {
        self.keep(PAGE, text)
    }

    /// Keeps the diagnoses to choose from, a line each, with what it means.
    ///
    /// # Errors
    /// [`Error::File`] if they cannot be written.
    pub fn diagnoses(&self, all: &[String]) -> Result<()> {
        let known = detect::all();
        let about = |id: &str| known.iter().find(|entry| entry.id == id).map_or("", |entry| entry.summary);
        let lines: String = all.iter().map(|id| format!("{id}\t{}\n", about(id))).collect();
        self.keep(DIAGNOSES, &lines)
    }

    /// Forgets the key: it opens nothing any more.
    pub fn forget(&self) {
        let _ = fs::remove_dir_all(&self.private);
    }

    fn keep(&self, name: &str, text: &str) -> Result<()> {
        let path = self.folder.join(name);
        fs::write(&path, text).map_err(Error::file("write", path))
    }

    fn keep_program(&self, name: &str, text: &str) -> Result<()> {
        self.keep(name, text)?;
        let path = self.folder.join(name);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).map_err(Error::file("write", path))
    }

    /// Nobody else may read it, or ssh refuses it.
    fn write_key(&self, key: &str) -> Result<()> {
        let path = self.private.join("key");
        let mut options = fs::OpenOptions::new();
        let options = options.write(true).create_new(true).mode(0o600);
        let written = options.open(&path).and_then(|mut file| file.write_all(key.as_bytes()));
        written.map_err(Error::file("write", path))
    }

    /// Programs that come first on the path: the power switches, and ssh with its configuration.
    fn keep_programs(&self, program: &str, desk: &str, layout: &Layout) -> Result<()> {
        let exec = format!("exec {} operator exec {desk}", quoted(program));
        self.keep_program("bin/power", &format!("#!/bin/sh\n{exec} {OPERATOR}/bin/power \"$@\" </dev/null\n"))?;
        self.keep_program("bin/start-command", START)?;
        let config = quoted(&layout.path("ssh_config"));
        for name in SSH {
            let script = match found(name) {
                Some(path) => format!("exec {} -F {} \"$@\"", quoted(&path.display().to_string()), config),
                None => format!("echo '{name} is not on the PATH: install openssh-client' >&2\nexit 127"),
            };
            self.keep_program(&format!("bin/{name}"), &format!("#!/bin/sh\n{script}\n"))?;
        }
        Ok(())
    }
}

/// What an operator's own shell reads first. `done` is a keyword: it is known by its error, as a
/// line of its own.
fn rc(layout: &Layout) -> String {
    let [env, page, diagnoses, found] = ["env", PAGE, DIAGNOSES, FOUND].map(|name| quoted(&layout.path(name)));
    format!(
        r#". {env}
HISTFILE= HISTCONTROL= HISTTIMEFORMAT=
PS1='operator\$ '
reenact_done() {{ [[ $(history 1) =~ ^\ *[0-9]+\ +done\ *$ ]] && exit 0; }}
PROMPT_COMMAND=reenact_done
found() {{
    if [[ $# == 1 ]] && cut -f1 {diagnoses} | grep -qxF -- "$1"; then
        echo "$1" >{found}
        echo "noted: $1" >&2
    else
        echo 'usage: found DIAGNOSIS, which is one of' >&2
        sed 's/^/  /; s/\t/\n      /' {diagnoses} >&2
    fi
}}
# The lines that a program writes are for this shell, and not for the first ssh; what ssh is given
# by a pipe or a file is for ssh.
[ -t 0 ] || {{
    exec 9<&0
    ssh() {{ if [[ /dev/fd/0 -ef /dev/fd/9 ]]; then command ssh -n "$@"; else command ssh "$@"; fi; }}
}}
page() {{ cat {page} >&2; }}
page
echo 'reach them by `ssh NODE`, switch them by `power NODE on|off|status`; `found` lists what it can be,
`found DIAGNOSIS` says what it is; `done` ends the drill' >&2
"#
    )
}

/// Which diagnosis the operator of a run chose at last, if any.
pub fn said(run: &Path) -> Option<String> {
    let said = fs::read_to_string(run.join(FOLDER).join(FOUND)).ok()?;
    Some(said.trim().to_owned()).filter(|said| !said.is_empty())
}

/// As one word of a shell's.
fn quoted(text: &str) -> String {
    shlex::try_quote(text).unwrap_or_default().into_owned()
}

/// A file in a folder as one word of an ssh configuration's, where a percent sign begins a token.
fn configured(folder: &str, name: &str) -> String {
    let folder = folder.replace('%', "%%").replace('\\', r"\\").replace('"', r#"\""#);
    format!("\"{folder}/{name}\"")
}

/// Where a program of that name is on the `PATH`.
fn found(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|path| path.is_file())
}

/// This program's path, to be started again.
///
/// # Errors
/// [`Error::Environment`] where it cannot be told.
pub fn program() -> Result<String> {
    let unknown = |error| Error::environment(format!("where is this program? {error}"), "start it from a file");
    Ok(std::env::current_exe().map_err(unknown)?.display().to_string())
}
