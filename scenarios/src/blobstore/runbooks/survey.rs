//! What a person on call finds on the VM before touching anything.

use std::collections::BTreeMap;

use reenact::{
    Error, Result,
    poll::{self, Look},
    runbook::Operator,
};

use super::{
    super::{LACKS, PORTS, STORE, VM, http::Service, nothing, probes},
    workers::{self, Holder},
};
use crate::answer::describe;

/// How long the service may take to serve after a restart that succeeded.
const SERVES: std::time::Duration = std::time::Duration::from_secs(15);

/// Prints `NAME VALUE` lines. The device's name in the kernel is found by its number,
/// for the VM may call it otherwise. The write is the service's own user's, and synced:
/// neither the mount table nor statfs(2) knows of a file system that stopped at an error. It is
/// waited for no longer than ten seconds: nobody can end what waits for a frozen file system.
pub(super) const LOOK: &str = r#"
store=/var/vcap/store
device=$(awk -v at=$store '$2 == at { print $1 }' /proc/mounts | tail -n 1)
mounted=${device:+1}
echo "mounted $mounted"
device=${device:-$(director disk)}
echo "device $device"
row=$(grep " $store " /proc/self/mountinfo | tail -n 1)
echo "options $(echo "$row" | awk '{ print $6 }')"
echo "super_options ${row##* }"
filesystem=$(awk -v at=$store '$2 == at { fs = $3 } END { print fs }' /proc/mounts)
filesystem=${filesystem:-$(blkid -p -s TYPE -o value "$device")}
echo "filesystem $filesystem"
kernel=$(basename "$(readlink "/sys/dev/block/$(printf '%d:%d' $(stat -c '0x%t 0x%T' "$device"))")")
if [ -e "/sys/fs/ext4/$kernel/errors_count" ]; then
  echo "errors $(cat "/sys/fs/ext4/$kernel/errors_count")"
else
  echo "errors $(tune2fs -l "$device" 2>/dev/null | awk -F: '/^FS Error count/ { n = $2 } END { if (NR) print n + 0 }')"
fi
echo "write_protected $(cat "/sys/block/$kernel/ro")"
echo "device_bytes $(blockdev --getsize64 "$device")"
echo "filesystem_bytes $(tune2fs -l "$device" 2>/dev/null |
  awk -F: '/^Block count/ { n = $2 } /^Block size/ { s = $2 } END { if (NR) printf "%.0f", n * s }')"
read -r -t 10 write < <(exec 2>&1
  said=$(setpriv --reuid 1000 --regid 1000 --clear-groups \
    dd if=/dev/zero of=$store/shared/.try bs=4k count=1 conv=fsync status=none 2>&1 | tail -n 1)
  rm -f $store/shared/.try 2>/dev/null
  echo "$said") || write="does not come to an end"
echo "write $write"
[ ! -e /var/vcap/data/rescue ] || echo "rescue 1"
[ ! -e /var/vcap/data/strays ] || echo "strays 1"
if [ -z "$mounted" ] && ! perl -e 'use Fcntl; sysopen(my $d, $ARGV[0], O_RDONLY | O_EXCL) or exit 1' "$device"; then
  for file in /proc/[0-9]*/fd/*; do
    [ "$(readlink "$file")" != "$device" ] || holder=$(tr '\0' ' ' <"${file%/fd/*}/cmdline")
  done
  echo "held ${holder:-nobody who is seen}"
fi
echo "elsewhere $(awk -v dev="$device" -v at=$store '$1 == dev && $2 != at { print $2; exit }' /proc/mounts)"
"#;

/// What it says of a write that was given up on.
pub(super) const HANGS: &str = "does not come to an end";

/// Those of them that are numbers.
const NUMBERS: [&str; 3] = ["errors", "device_bytes", "filesystem_bytes"];

/// What the first and the last of those can be told of: only these keep them on the disk.
const COUNTING: [&str; 3] = ["ext2", "ext3", "ext4"];

/// The state of the persistent disk.
#[derive(Debug)]
pub(super) struct Survey {
    facts: BTreeMap<String, String>,
}

impl Survey {
    /// Looks at it.
    pub(super) async fn take(operator: &Operator<'_>) -> Result<Self> {
        let said = operator.must(VM, &["bash", "-c", LOOK]).await?;
        Self::read(&said)
    }

    /// Reads what was looked up. A number that did not come is no zero: a device of 0 bytes
    /// would be one that was shrunk.
    fn read(said: &str) -> Result<Self> {
        let pair = |line: &str| line.split_once(' ').map(|(name, value)| (name.to_owned(), value.trim().to_owned()));
        let found = Self { facts: said.lines().filter_map(pair).collect() };
        for name in NUMBERS.into_iter().filter(|_| found.unknown().is_none()) {
            let text = found.get(name);
            text.parse::<u64>().map_err(|_| Error::failed(format!("the disk's {name} cannot be told: {text:?}")))?;
        }
        Ok(found)
    }

    fn get(&self, name: &str) -> &str {
        self.facts.get(name).map_or("", String::as_str)
    }

    fn number(&self, name: &str) -> u64 {
        self.get(name).parse().unwrap_or_default()
    }

    /// The persistent disk, such as `/dev/sdd1`.
    pub(super) fn device(&self) -> &str {
        self.get("device")
    }

    /// Whether it is mounted where the blobs are.
    pub(super) fn is_mounted(&self) -> bool {
        self.get("mounted") == "1"
    }

    /// Why the service's user cannot write there; `None`: it can.
    pub(super) fn write_error(&self) -> Option<&str> {
        Some(self.get("write")).filter(|error| !error.is_empty())
    }

    /// Whether the write does not come to an end: it neither succeeds nor fails.
    pub(super) fn hangs(&self) -> bool {
        self.write_error() == Some(HANGS)
    }

    /// Whether the file system is mounted read-only, and not only this mount of it.
    pub(super) fn filesystem_is_read_only(&self) -> bool {
        has(self.get("super_options"), "ro")
    }

    /// Why it is not known whether the file system has met an error; `None`: it is. The kernel's
    /// log, which might know, cannot be read on the VM.
    pub(super) fn unknown(&self) -> Option<String> {
        let filesystem = self.get("filesystem");
        (!COUNTING.contains(&filesystem)).then(|| {
            let what = if filesystem.is_empty() { "no file system that is known" } else { filesystem };
            format!(
                "{} holds {what}, which keeps no count of its errors: whether it is sound is not known",
                self.device()
            )
        })
    }

    /// What speaks for an error that the file system found itself.
    pub(super) fn errors(&self) -> Option<String> {
        let marks = ["emergency_ro", "shutdown", "abort"];
        let marks: Vec<_> = marks.into_iter().filter(|mark| has(self.get("super_options"), mark)).collect();
        match (self.number("errors"), marks.is_empty()) {
            (0, true) => None,
            (count, true) => Some(format!("ext4 has counted {count} errors on {}", self.device())),
            (count, false) => {
                Some(format!("{} is mounted with {}; {count} errors counted", self.device(), marks.join(", ")))
            }
        }
    }

    /// Whether the device is write-protected.
    pub(super) fn is_write_protected(&self) -> bool {
        self.get("write_protected") == "1"
    }

    /// By how many bytes the device is too small for its file system.
    pub(super) fn missing_bytes(&self) -> u64 {
        self.number("filesystem_bytes").saturating_sub(self.number("device_bytes"))
    }

    /// Where else the disk is mounted, if anywhere.
    pub(super) fn mounted_elsewhere(&self) -> Option<&str> {
        Some(self.get("elsewhere")).filter(|place| !place.is_empty())
    }

    /// Who else has claimed the disk, so that it cannot be mounted.
    pub(super) fn holder(&self) -> Option<&str> {
        Some(self.get("held")).filter(|holder| !holder.is_empty())
    }

    /// Whether something that was stored without the disk was moved aside, and stands there.
    pub(super) fn has_strays(&self) -> bool {
        self.get("strays") == "1"
    }

    /// Whether a copy of the blobs stands from a repair that did not come to its end.
    pub(super) fn has_rescue(&self) -> bool {
        self.get("rescue") == "1"
    }
}

fn has(options: &str, option: &str) -> bool {
    options.split(',').any(|one| one == option)
}

/// Whether a blob can be put and read back and monit sees all processes run, asked as
/// a client does; and what no client can tell.
async fn serves(operator: &Operator<'_>, service: &Service) -> Look<()> {
    if let Err(answer) = service.round_trip("runbook").await {
        return Look::NotYet(format!("a blob: {}", describe(&answer)));
    }
    let monit = service.monit().await;
    if !probes::all_run(&monit) {
        return Look::NotYet(format!("monit: {}", describe(&monit)));
    }
    match operator.run(VM, &["bash", "-c", LACKS]).await {
        Ok(said) => nothing(&said.text),
        Err(error) => Look::Never(error),
    }
}

/// The VM's services, as a client reaches them.
fn service(operator: &Operator<'_>) -> Result<Service> {
    let [nginx, monit] = PORTS.map(|port| operator.address(VM, port));
    Ok(Service::at(nginx?, monit?))
}

/// Whether the service serves now.
pub(super) async fn serves_now(operator: &Operator<'_>) -> Result<bool> {
    Ok(matches!(serves(operator, &service(operator)?).await, Look::Ready(())))
}

/// Whether monit sees every process run.
pub(super) async fn monit_sees_all(operator: &Operator<'_>) -> Result<bool> {
    Ok(probes::all_run(&service(operator)?.monit().await))
}

/// Whether a blob can be put and read back now, whatever monit says.
pub(super) async fn stores_now(operator: &Operator<'_>) -> Result<bool> {
    Ok(service(operator)?.round_trip("runbook").await.is_ok())
}

/// Waits until the service serves: the only end of a recovery that counts.
pub(super) async fn until_serving(operator: &Operator<'_>) -> Result<()> {
    let service = service(operator)?;
    poll::until("the blobstore to serve", SERVES, || serves(operator, &service)).await
}

/// Stops the jobs, and ends what no stop finds: it would keep the disk, too.
pub(super) async fn stop(operator: &Operator<'_>) -> Result<()> {
    operator.must(VM, &["agent", "stop"]).await?;
    Holder::of(operator).await?.end(operator).await
}

/// Restarts the jobs as the director does, once nothing is left that keeps them from starting. They are
/// stopped for that first, or monit starts the next one meanwhile.
pub(super) async fn restart(operator: &Operator<'_>) -> Result<()> {
    if Holder::of(operator).await?.is_left_over() {
        stop(operator).await?;
    }
    workers::put_back_configuration(operator).await?;
    operator.must(VM, &["director", "restart"]).await.map(drop)
}

/// The write must go through now, whatever mount said.
pub(super) async fn must_be_writable(operator: &Operator<'_>) -> Result<()> {
    match Survey::take(operator).await?.write_error() {
        None => Ok(()),
        Some(error) => Err(Error::failed(format!("{STORE} still cannot be written to: {error}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_that_does_not_come_is_no_zero() {
        let said = |bytes: &str| format!("filesystem ext4\nerrors 0\ndevice_bytes {bytes}\nfilesystem_bytes 8388608\n");
        assert_eq!(Survey::read(&said("4194304")).expect("a survey").missing_bytes(), 4 << 20);
        for nothing in ["", "blockdev: cannot open"] {
            let error = Survey::read(&said(nothing)).expect_err("no device was read").to_string();
            assert!(error.contains("device_bytes cannot be told"), "{error}");
        }
        let error = Survey::read("filesystem ext4\nerrors \ndevice_bytes 8\n").expect_err("tune2fs failed").to_string();
        assert!(error.contains("errors cannot be told"), "{error}");
    }

    #[test]
    fn what_keeps_no_count_is_not_called_sound() {
        for filesystem in ["btrfs", "xfs", "jfs", "reiserfs", "f2fs", ""] {
            let found = Survey::read(&format!("filesystem {filesystem}\nerrors \ndevice_bytes 8\nfilesystem_bytes \n"));
            let why = found.expect("a survey").unknown().expect("it is not known");
            assert!(why.contains("is not known") && why.contains(filesystem), "{why}");
        }
        let found = Survey::read("filesystem ext3\nerrors 0\ndevice_bytes 8\nfilesystem_bytes 8\n");
        assert_eq!(found.expect("a survey").unknown(), None);
    }
}
