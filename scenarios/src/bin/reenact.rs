//! The command line, with every scenario linked in.

use scenarios as _;

fn main() -> std::process::ExitCode {
    reenact::cli::main()
}
