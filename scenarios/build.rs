//! Incidents are found by their folder: notice when a file is added or removed.

fn main() {
    println!("cargo::rerun-if-changed=src");
}
