//! Parse, call, exit status.

fn main() -> std::process::ExitCode {
    backout::cli::main()
}
