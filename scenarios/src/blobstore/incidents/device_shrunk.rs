//! The disk shrinks under the file system.

use reenact::{fault::DeviceShrunk, incident::*};

use super::super::{
    Blobstore, DISK, Setup, VM,
    detectors::{FILESYSTEM_ERROR, READS_ONLY},
    report::SHRUNK,
    runbooks::{RemountAndRestart, RepairFilesystem},
    stories,
};

reenact::incident!(
    Blobstore,
    Incident {
        id: "blobstore::device_shrunk",
        story: "The storage behind the disk is cut to a smaller size while it is mounted. Writes beyond the new end \
                fail, the journal aborts, the file system stops. While the disk is too small, a check would cut off \
                what lies beyond its end; once it has its size back, copy out, check, and go on.",
        source: "measured facts: LOOP_SET_STATUS64 with lo_sizelimit",
        setup: Setup::STOPS_AT_ERRORS,
        acts: vec![Act {
            breaks: stories::all_is_on_disk()
                .into_iter()
                .chain([inject(DeviceShrunk { node: VM.into(), device: DISK.into(), mebibytes: 16 })])
                .collect(),
            // The first writes fail one by one; the journal's own, at its next commit, is the last.
            fingerprints: seen(SHRUNK, secs(30)),
            detected: by(FILESYSTEM_ERROR, secs(15)).also(&[READS_ONLY]).then([
                resume_workload(),
                // ext4 prints ten lines in five seconds at most: after the I/O errors it may leave
                // out the very line that the kernel-log rule waits for (2 of 4 runs).
                stories::others_say_of_mounts(false),
            ]),
            control: stays_broken(secs(30)),
            wrong: tried([refuses(RepairFilesystem).beside_faults(), refuses(RemountAndRestart).beside_faults()]),
            ends: healed_by(RepairFilesystem, secs(60)),
        }],
    }
);
