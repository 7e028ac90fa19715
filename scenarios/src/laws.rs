//! What must hold of every system's detectors over every system's troubles.

use reenact::detect::testing::laws;

use crate::{blobstore, bosh, diego, galera, shutdown};

#[test]
fn each_system_sees_its_own_trouble_and_no_other() {
    laws(&[
        ("blobstore/", blobstore::detectors::tests::trouble()),
        ("bosh/", bosh::detectors::tests::trouble()),
        ("diego/", diego::detectors::tests::trouble()),
        ("galera/", galera::detectors::tests::trouble()),
        ("shutdown/", shutdown::detectors::tests::trouble()),
    ]);
}
