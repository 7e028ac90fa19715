//! The marks of the report, and those that were measured of the states beside it.

use reenact::{
    fingerprint::{Fingerprint, latest, logged},
    probe::{Answer, Mount, Observation, Signal},
};

use super::{DISK, PRE_START, STORE, VM};

/// The marks of the report.
pub(super) const REPORT: &[Fingerprint] = &[
    Fingerprint {
        id: "response-too-long",
        report: "Error: Response exceeded maximum allowed length",
        shows: |seen| logged(seen, &["Error: Response exceeded maximum allowed length"]),
    },
    Fingerprint {
        id: "updating-instance",
        report: "Task 54620 | 07:57:13 | Updating instance nfs_server: nfs_server/709f8037-… (0) (canary)",
        shows: |seen| logged(seen, &["Task 54620 | ", "Updating instance nfs_server: nfs_server/709f8037-"]),
    },
    Fingerprint {
        id: "pre-start-failed",
        report: "Error: Action Failed get_task: Task 13331b15-… result: 1 of 4 pre-start scripts failed. Failed Jobs: \
                 blobstore. Successful Jobs: bpm, syslog_forwarder, bosh-dns.",
        shows: |seen| logged(seen, &["Task 54620 | ", "Error: Action Failed get_task: Task ", PRE_START_FAILED]),
    },
    Fingerprint {
        id: "pre-start-trace",
        report: "+ setup_blobstore_directories … + mkdir -p /var/vcap/store/shared/tmp/uploads … + chown vcap:vcap \
                 /var/vcap/store/shared",
        shows: |seen| {
            pre_start_said(seen, "+ setup_blobstore_directories")
                && pre_start_said(seen, "+ mkdir -p /var/vcap/store/shared/tmp/uploads")
                && pre_start_said(seen, "+ chown vcap:vcap /var/vcap/store/shared")
        },
    },
    CHOWN_REFUSED,
    MOUNTED_READ_ONLY,
    Fingerprint {
        id: "restart-and-cck-fail-alike",
        report: "`bosh cck` and `bosh restart` end with the same error",
        shows: |seen| {
            let failures = seen.iter().filter(|o| o.is_log_with(&["L Error: ", PRE_START_FAILED]));
            logged(seen, &["Applying problem resolutions"]) && failures.count() >= 3
        },
    },
    MONIT_SEES_NOTHING,
    PUSH_FAILS,
];

/// `remount,ro` while the jobs are stopped: the report's state with another cause.
pub(super) const REMOUNTED_AT_REST: &[Fingerprint] =
    &[REMOUNTED, MOUNTED_READ_ONLY, CHOWN_REFUSED, MONIT_SEES_NOTHING, PUSH_FAILS];

/// `remount,ro` under a running nginx.
pub(super) const REMOUNTED_UNDER_SERVICE: &[Fingerprint] = &[REMOUNTED, MOUNTED_READ_ONLY, PUT_IS_REFUSED, LOOKS_WELL];

/// `remount,bind,ro`: this mount alone.
pub(super) const BOUND_READ_ONLY: &[Fingerprint] = &[
    Fingerprint {
        id: "bind-ro",
        report: "per-mount ro with super rw",
        shows: |seen| store(seen, |mount| mount.has("ro") && mount.filesystem_has("rw")),
    },
    PUT_IS_REFUSED,
    LOOKS_WELL,
];

/// A device that was write-protected before it was mounted.
pub(super) const WRITE_PROTECTED: &[Fingerprint] = &[
    Fingerprint {
        id: "mounted-write-protected",
        report: "mounted write-protected: statfs says ro, the options say ro",
        shows: |seen| {
            kernel(seen, &[": mounted filesystem ", " ro with "])
                && answers(seen, &format!("statfs:{STORE}"), |answer| answer.get("read_only") == Some("1"))
        },
    },
    MOUNTED_READ_ONLY,
    CHOWN_REFUSED,
    MONIT_SEES_NOTHING,
    PUSH_FAILS,
];

/// An error of ext4's own, with `errors=remount-ro`.
pub(super) const EXT4_ERROR: &[Fingerprint] = &[
    Fingerprint {
        id: "ext4-error",
        report: "EXT4-fs error (device loop0): …",
        shows: |seen| kernel(seen, &["EXT4-fs error (device "]),
    },
    Fingerprint {
        id: "journal-aborted",
        report: "Aborting journal on device loop0-8.",
        shows: |seen| kernel(seen, &["Aborting journal on device "]),
    },
    Fingerprint {
        id: "kernel-remounts",
        report: "EXT4-fs (loop0): Remounting filesystem read-only",
        shows: |seen| kernel(seen, &["Remounting filesystem read-only"]),
    },
    Fingerprint {
        id: "emergency-ro",
        report: "/dev/loop0 /var/vcap/store ext4 rw,relatime,errors=remount-ro,emergency_ro 0 0",
        shows: |seen| store(seen, |mount| is_writable(mount) && mount.filesystem_has("emergency_ro")),
    },
    Fingerprint {
        id: "statfs-says-rw",
        report: "it says rw: ST_RDONLY is 0, yet every write gets EROFS",
        shows: |seen| {
            write_fails(seen, "EROFS")
                && answers(seen, &format!("statfs:{STORE}"), |answer| answer.get("read_only") == Some("0"))
        },
    },
];

/// `EXT4_IOC_SHUTDOWN`.
pub(super) const SHUT_DOWN: &[Fingerprint] = &[
    Fingerprint {
        id: "shutdown",
        report: "EXT4_IOC_SHUTDOWN: ext4 shows `shutdown`",
        shows: |seen| store(seen, |mount| is_writable(mount) && mount.filesystem_has("shutdown")),
    },
    Fingerprint { id: "eio", report: "EIO for reads and writes", shows: |seen| write_fails(seen, "EIO") },
];

/// `LOOP_SET_STATUS64` with `lo_sizelimit`.
pub(super) const SHRUNK: &[Fingerprint] = &[
    Fingerprint { id: "io-error", report: "the disk shrinks: fsync EIO", shows: |seen| kernel(seen, &["I/O error"]) },
    Fingerprint { id: "stopped", report: "ro after the 2nd 1 MB file", shows: |seen| write_fails(seen, "EROFS") },
];

/// `FIFREEZE`, and no thaw.
pub(super) const FROZEN: &[Fingerprint] = &[
    Fingerprint {
        id: "write-hangs",
        report: "processes stuck in the D state: a write does not come to an end",
        shows: |seen| answers(seen, &format!("write:{STORE}"), |answer| matches!(answer, Answer::Hung { .. })),
    },
    Fingerprint {
        id: "mounted-rw",
        report: "the mount table says rw, and statfs(2) answers",
        shows: |seen| {
            store(seen, is_writable)
                && answers(seen, &format!("statfs:{STORE}"), |answer| answer.get("read_only") == Some("0"))
        },
    },
    Fingerprint {
        id: "requests-hang",
        report: "the OS runs and answers pings, and the services hang",
        shows: |seen| answers(seen, "http:roundtrip", |answer| matches!(answer, Answer::Hung { .. })),
    },
    Fingerprint {
        id: "monit-says-ok",
        report: "monit says OK: every process is there",
        shows: |seen| answers(seen, "monit:summary", all_ok),
    },
    Fingerprint {
        id: "no-error",
        report: "no line of any log tells of an error",
        shows: |seen| {
            let tells = |signal: &Signal| match signal {
                Signal::Kernel { line } => line.contains("error"),
                Signal::Log { line } => line.contains("[crit]") || line.contains("[emerg]"),
                _ => false,
            };
            !seen.iter().any(|observation| tells(&observation.signal))
        },
    },
];

/// The disk cannot be mounted again, and the jobs are not started.
pub(super) const CANNOT_BE_MOUNTED: &[Fingerprint] = &[
    Fingerprint {
        id: "mount-point-busy",
        report: "mount: … already mounted or mount point busy",
        shows: |seen| logged(seen, &["Error: Action Failed get_task: Task ", "already mounted or mount point busy"]),
    },
    IS_AWAY,
    MONIT_SEES_NOTHING,
    PUSH_FAILS,
];

/// The disk is not mounted, and the jobs run without it.
pub(super) const NOT_MOUNTED: &[Fingerprint] = &[
    IS_AWAY,
    Fingerprint {
        id: "pre-start-succeeds",
        report: "pre-start succeeds on the root disk",
        shows: |seen| {
            pre_start_said(seen, "+ chown vcap:vcap /var/vcap/store/shared")
                && pre_start_said(seen, "+ install -d -o vcap -g vcap /var/vcap/store/shared/blobs")
        },
    },
    LOOKS_WELL,
    Fingerprint {
        id: "uploads-201",
        report: "uploads are answered 201",
        shows: |seen| answers(seen, "http:roundtrip", |answer| answer.get("put") == Some("201")),
    },
];

/// nginx's master was killed.
pub(super) const ORPHANED: &[Fingerprint] = &[Fingerprint {
    id: "address-in-use",
    report: "bind() to 0.0.0.0:8080 failed (98: Address already in use)",
    shows: |seen| logged(seen, &["bind() to 0.0.0.0:8080 failed (98: Address already in use)"]),
}];

/// A configuration that nginx does not take.
pub(super) const BROKEN_CONFIGURATION: &[Fingerprint] = &[
    Fingerprint {
        id: "last-words",
        report: "[emerg] invalid number … in nginx.conf",
        shows: |seen| logged(seen, &["[emerg]", "invalid number", "/var/vcap/jobs/blobstore/config/nginx.conf:"]),
    },
    Fingerprint {
        id: "not-running-after-update",
        report: "'nfs_server/… (0)' is not running after update. Review logs for failed jobs: blobstore_nginx",
        shows: |seen| logged(seen, &["is not running after update. Review logs for failed jobs: ", "blobstore_nginx"]),
    },
    TRIES_FOR_EVER,
    PUSH_FAILS,
];

/// The folder of nginx's pid file is gone.
pub(super) const RUN_FOLDER_GONE: &[Fingerprint] = &[
    Fingerprint {
        id: "no-run-folder",
        report: "nginx: [emerg] open() \"/var/vcap/sys/run/blobstore/nginx.pid\" failed (2: No such file or directory)",
        shows: |seen| logged(seen, &["[emerg]", "open() \"/var/vcap/sys/run/blobstore/nginx.pid\" failed (2: No such"]),
    },
    Fingerprint {
        id: "address-in-use",
        report: "bind() failed (98: Address already in use)",
        shows: |seen| logged(seen, &["[emerg]", "bind() to 0.0.0.0:8080 failed (98: Address already in use)"]),
    },
    TRIES_FOR_EVER,
];

const TRIES_FOR_EVER: Fingerprint = Fingerprint {
    id: "tries-for-ever",
    report: "the error log has the same line again and again",
    shows: |seen| seen.iter().filter(|observation| observation.is_log_with(&["[emerg]"])).count() >= 2,
};

const IS_AWAY: Fingerprint = Fingerprint {
    id: "not-mounted",
    report: "umount /var/vcap/store: no such row in the mount table",
    shows: |seen| {
        let looks = latest(seen, |signal| match signal {
            Signal::Mounts { table } => Some(table.iter().all(|mount| mount.path != STORE)),
            _ => None,
        });
        looks.get(VM) == Some(&true)
    },
};

const CHOWN_REFUSED: Fingerprint = Fingerprint {
    id: "chown-refused",
    report: "chown: changing ownership of '/var/vcap/store/shared': Read-only file system",
    shows: |seen| pre_start_said(seen, "chown: changing ownership of '/var/vcap/store/shared': Read-only file system"),
};

const MOUNTED_READ_ONLY: Fingerprint = Fingerprint {
    id: "mounted-ro",
    report: "/dev/sdd1 /var/vcap/store ext4 ro,relatime,data=ordered 0 0",
    shows: |seen| {
        store(seen, |mount| {
            mount.source == DISK
                && mount.filesystem == "ext4"
                && mount.has("ro")
                && mount.has("relatime")
                && mount.filesystem_has("ro")
        })
    },
};

const MONIT_SEES_NOTHING: Fingerprint = Fingerprint {
    id: "monit-sees-nothing",
    report: "monit shows none of the blobstore's processes",
    shows: |seen| {
        answers(seen, "monit:summary", |answer| matches!(answer, Answer::Values { values } if values.len() == 1))
    },
};

const PUSH_FAILS: Fingerprint = Fingerprint {
    id: "push-fails",
    report: "`cf push` and the backup of droplets fail",
    shows: |seen| answers(seen, "http:roundtrip", |answer| *answer == Answer::Refused),
};

const REMOUNTED: Fingerprint = Fingerprint {
    id: "re-mounted-ro",
    report: "kmsg: re-mounted … ro.",
    shows: |seen| kernel(seen, &[": re-mounted ", " ro."]),
};

const PUT_IS_REFUSED: Fingerprint = Fingerprint {
    id: "put-500",
    report: "PUT 500 ((30: Read-only file system))",
    shows: |seen| {
        logged(seen, &["(30: Read-only file system)"])
            && answers(seen, "http:roundtrip", |answer| matches!(answer, Answer::Error { code, .. } if code == "500"))
    },
};

const LOOKS_WELL: Fingerprint = Fingerprint {
    id: "looks-well",
    report: "/health is 200 and monit says OK",
    shows: |seen| {
        answers(seen, "http:health", |answer| answer.get("status") == Some("200"))
            && answers(seen, "monit:summary", all_ok)
    },
};

fn all_ok(answer: &Answer) -> bool {
    matches!(answer, Answer::Values { values } if values.values().all(|state| state == "OK"))
}

const PRE_START_FAILED: &str = "1 of 4 pre-start scripts failed. Failed Jobs: blobstore. Successful Jobs: bpm, \
                                syslog_forwarder, bosh-dns.";

/// Whether the pre-start script wrote that line to its standard error.
fn pre_start_said(seen: &[Observation], line: &str) -> bool {
    seen.iter().any(|observation| {
        matches!(&observation.signal, Signal::File { path, content: Some(text) }
            if path == PRE_START && text.lines().any(|one| one == line))
    })
}

/// Whether a line of the kernel's log holds all of these words.
fn kernel(seen: &[Observation], words: &[&str]) -> bool {
    let holds =
        |signal: &Signal| matches!(signal, Signal::Kernel { line } if words.iter().all(|word| line.contains(word)));
    seen.iter().any(|observation| holds(&observation.signal))
}

/// Whether the persistent disk is mounted like this now.
fn store(seen: &[Observation], is: impl Fn(&Mount) -> bool) -> bool {
    let looks = latest(seen, |signal| match signal {
        Signal::Mounts { table } => Some(table.iter().any(|mount| mount.path == STORE && is(mount))),
        _ => None,
    });
    looks.get(VM) == Some(&true)
}

/// What the mount table says, both of the mount and of its file system.
fn is_writable(mount: &Mount) -> bool {
    mount.has("rw") && mount.filesystem_has("rw")
}

/// Whether the last answer to this question was like this.
fn answers(seen: &[Observation], question: &str, is: impl Fn(&Answer) -> bool) -> bool {
    let answers = latest(seen, |signal| match signal {
        Signal::Query { of, answer } if of == question => Some(is(answer)),
        _ => None,
    });
    answers.get(VM) == Some(&true)
}

/// Whether the last write by the service's user met this error.
fn write_fails(seen: &[Observation], error: &str) -> bool {
    answers(seen, &format!("write:{STORE}"), |answer| matches!(answer, Answer::Error { code, .. } if code == error))
}
