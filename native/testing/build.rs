//! Makes the interposer depend on the real library by name.
//!
//! The real library is not there when this is built, and is another one on every machine. So an empty library of the
//! agreed name stands in for it at link time; in an emulated runtime folder the name leads to the real one.

use std::env;
use std::path::PathBuf;
use std::process::Command;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=CC");
    let stub = PathBuf::from(env::var("OUT_DIR")?).join("libopenvino_c_real.so");
    let compiler = env::var("CC").unwrap_or_else(|_| "cc".into());
    let status = Command::new(&compiler)
        .args(["-shared", "-nostdlib", "-Wl,-soname,libopenvino_c_real.so", "-x", "c"])
        .args(["/dev/null", "-o"])
        .arg(&stub)
        .status()?;
    if !status.success() {
        return Err(format!("{compiler} could not make {}", stub.display()).into());
    }
    // Kept although nothing is taken from it at link time; found beside the interposer at run time.
    println!(
        "cargo:rustc-cdylib-link-arg=-Wl,--no-as-needed,{},--as-needed,-rpath,$ORIGIN",
        stub.display()
    );
    Ok(())
}
