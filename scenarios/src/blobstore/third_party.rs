//! What other tools' rules would have said of a disk in the same observations. They are
//! no detectors: they stand beside ours for comparison.

use reenact::probe::{Mount, Observation, Signal};

/// node-problem-detector's pattern for its condition `ReadonlyFilesystem`
/// (`config/readonly-monitor.json`, before that in `config/kernel-monitor.json`).
/// `CompilePattern` in `pkg/systemlogmonitor/log_buffer.go` ties it to the end of the
/// log by `\z`, so the last line must end with it. The rule is `permanent`: nothing
/// takes the condition back. An `EXT4-fs error` is an event there, and no condition.
const REMOUNTED: &str = "Remounting filesystem read-only";

/// What each rule says of one mount at the end of a stretch of observations.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct ThirdPartyRules {
    /// node-problem-detector's condition `ReadonlyFilesystem`, of the whole machine.
    pub(crate) kernel_log_rule: bool,
    /// `ST_RDONLY` in what statfs(2) says of it: what node_exporter's
    /// `node_filesystem_readonly` was made of once (`filesystem_linux.go` at 03ed352).
    pub(crate) statfs_flag: bool,
    /// node_exporter's `node_filesystem_readonly`: an option `ro` of the mount or of its
    /// file system (`isFilesystemReadOnly` in `collector/filesystem_linux.go`; up to
    /// 1.6.1 the same by the options in `/proc/1/mounts`, which merge both; in between,
    /// until pull requests 3387 and 3659, the one kind or the other was missed).
    pub(crate) ro_option: bool,
}

impl ThirdPartyRules {
    /// What they say of the mount at `path` on `node` after all of `seen`.
    ///
    /// Our probes ask statfs(2) of disks only. For another mount its flag is what the
    /// kernel makes it of (`calculate_f_flags` in `fs/statfs.c`): read-only is the mount
    /// or its superblock, and both show as options.
    pub(crate) fn of(seen: &[Observation], node: &str, path: &str) -> Self {
        let (mut kernel_log_rule, mut ro_option, mut statfs) = (false, false, None);
        for observation in seen.iter().filter(|observation| observation.node == node) {
            match &observation.signal {
                Signal::Kernel { line } => kernel_log_rule |= line.ends_with(REMOUNTED),
                Signal::Mounts { table } => {
                    ro_option = table.iter().any(|mount| mount.path == path && is_read_only(mount));
                    // A look at the table comes with an answer of statfs, or there is none.
                    statfs = None;
                }
                Signal::Query { of, answer } if of.strip_prefix("statfs:") == Some(path) => {
                    statfs = answer.get("read_only").map(|flag| flag == "1");
                }
                _ => {}
            }
        }
        Self { kernel_log_rule, statfs_flag: statfs.unwrap_or(ro_option), ro_option }
    }
}

fn is_read_only(mount: &Mount) -> bool {
    mount.has("ro") || mount.filesystem_has("ro")
}
