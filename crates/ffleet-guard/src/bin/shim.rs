//! The shim as a program of its own, for whoever has not got it built in.

fn main() -> std::process::ExitCode {
    ffleet_guard::shim::main()
}
