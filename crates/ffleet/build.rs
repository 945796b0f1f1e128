//! Tells the program what it is built for, which Cargo says to build scripts alone.

fn main() {
    for (ours, cargos) in [("FFLEET_TARGET", "TARGET"), ("FFLEET_PROFILE", "PROFILE")] {
        let value = std::env::var_os(cargos).expect("Cargo sets it for build scripts");
        println!("cargo::rustc-env={ours}={}", value.display());
    }
    println!("cargo::rerun-if-changed=build.rs");
}
