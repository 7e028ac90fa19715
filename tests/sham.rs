//! Every incident with its faults left out: none may pass. `cargo test --test sham`.

use scenarios as _;

fn main() -> std::process::ExitCode {
    reenact::campaign::suite(reenact::campaign::Hold::NoShamPasses)
}
