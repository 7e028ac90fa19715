//! The engine's own image sources are part of the binary: notice when one is changed.

fn main() {
    for image in ["base", "box", "exporters", "helper", "operator"] {
        println!("cargo::rerun-if-changed=../../docker/{image}");
    }
}
