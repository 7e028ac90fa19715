//! Every incident with its faults left out: none may pass. `cargo test --test sham`.

use scenarios as _;

fn main() -> std::process::ExitCode {
    reenact::report::suite(reenact::report::Hold::NoShamPasses, concat!(env!("CARGO_MANIFEST_DIR"), "/../results"))
}
