//! Every incident with its faults left out: none may pass. `cargo test --test no_fault`.

use scenarios as _;

fn main() -> std::process::ExitCode {
    reenact::report::suite(reenact::report::Hold::NoFaultNoPass, concat!(env!("CARGO_MANIFEST_DIR"), "/../results"))
}
