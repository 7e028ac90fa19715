//! The image sources are part of the binary: notice when one is added or changed.

fn main() {
    println!("cargo::rerun-if-changed=../../docker");
}
