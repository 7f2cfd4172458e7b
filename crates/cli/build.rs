//! Leaves the names of functions out of the released program.

use std::env::var;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let is_released = var("DEBUG").is_ok_and(|debug| debug == "false");
    let is_linux = var("CARGO_CFG_TARGET_OS").is_ok_and(|system| system == "linux");
    // `strip = "symbols"` is lost where a package has an optimization level of its own, as this one has.
    if is_released && is_linux {
        println!("cargo::rustc-link-arg-bins=-Wl,--discard-all");
    }
}
