//! The trap: e2fsck at once, and blobs that were answered 201 are gone.

use reenact::{fault::FilesystemError, incident::*};

use super::super::{
    Blobstore, Setup, VM,
    detectors::{FILESYSTEM_ERROR, READS_ONLY},
    report::EXT4_ERROR,
    runbooks::{CheckWithoutCopy, RemountAndRestart},
};

reenact::incident!(
    Blobstore,
    Incident {
        id: "blobstore::check_without_copy",
        story: "After an error that ext4 found itself, the disk is unmounted and checked, as the manuals say. nginx does \
                not sync what it stores. The blobs of the last seconds were answered 201 and read back right while \
                the disk was still mounted, but they were in the page cache only. Afterwards all is green and they \
                are gone.",
        source: "measured facts, data trap: 50 of 50 blobs wrong after e2fsck, three times",
        setup: Setup::STOPS_AT_ERRORS,
        acts: vec![Act {
            breaks: vec![inject(FilesystemError { node: VM.into() })],
            fingerprints: seen(EXT4_ERROR, secs(10)),
            detected: by(FILESYSTEM_ERROR, secs(10)).also(&[READS_ONLY]),
            control: stays_broken(secs(30)),
            wrong: tried([refuses(RemountAndRestart)]),
            // The write probe syncs, and with it the journal: the blobs' names are on the disk,
            // and their contents are not.
            ends: harm([call(CheckWithoutCopy)], &[Harm::Corrupted]),
        }],
    }
);
