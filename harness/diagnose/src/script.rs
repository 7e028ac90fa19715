//! The script that looks at one node: printed for people to read and run, or sent to a shell that
//! stays open. There is one for each system, and both ways use it.

use crate::system::System;

/// What every system's script begins with: how sections are printed, and secrets cut out.
const PROLOGUE: &str = include_str!("prologue.sh");

/// The first word of what a script prints.
pub(crate) const MAGIC: &str = "=reenact ";

/// The form of what a script prints.
const FORMAT: u32 = 1;

/// By this a look ends.
pub(crate) const DONE: &str = "=done";

/// The script of a system, which only reads.
pub fn of(system: &System) -> String {
    whole(system, "")
}

/// The same with the system's synthetic write.
pub fn with_write(system: &System) -> String {
    whole(system, system.write)
}

fn whole(system: &System, write: &str) -> String {
    let System { name, script, .. } = system;
    format!(
        "#!/bin/sh\n\
         # Looks at one node of {name}, for `reenact diagnose --files`.\n\
         {PROLOGUE}\n\
         look_at_node() {{\n{script}\n{write}}}\n\n\
         echo \"{MAGIC}{name} {FORMAT} $(hostname 2>/dev/null || uname -n)\"\n\
         look=1\n\
         while :; do\n\
         \x20 echo \"=look $(date -u +%Y-%m-%dT%H:%M:%SZ) $(date +%z) $(id -u)\"\n\
         \x20 logs=no\n\
         \x20 [ \"$look\" -lt \"${{LOOKS:-3}}\" ] || logs=${{LOGS:-yes}}\n\
         \x20 look_at_node\n\
         \x20 [ \"$look\" -lt \"${{LOOKS:-3}}\" ] || break\n\
         \x20 look=$((look + 1))\n\
         \x20 sleep \"${{EVERY:-6}}\"\n\
         done\n\
         echo '{DONE}'\n"
    )
}

/// The commands by which a script's body looks, one a line of it: what follows `run NAME`, and
/// the helpers' calls.
pub fn commands(system: &System) -> Vec<&'static str> {
    let lines = system.script.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.collect()
}
