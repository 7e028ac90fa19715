//! Incidents are found by their folder, and the image sources are part of the binary: notice
//! when a file is added, changed or removed.

fn main() {
    println!("cargo::rerun-if-changed=src");
    println!("cargo::rerun-if-changed=../docker");
}
