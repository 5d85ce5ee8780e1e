//! Makes a runtime folder with an emulated NPU, for tests:
//!
//! `emulated-runtime --real DIR --out DIR [--interposer FILE] [--without FUNCTION]…`

use npubridge_testing::folder;
use std::path::PathBuf;
use std::process::ExitCode;

const USAGE: &str =
    "usage: emulated-runtime --real DIR --out DIR [--interposer FILE] [--without FUNCTION]...";

fn main() -> ExitCode {
    match run() {
        Ok(library) => {
            println!("{}", library.display());
            ExitCode::SUCCESS
        }
        Err(problem) => {
            eprintln!("emulated-runtime: {problem}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<PathBuf, String> {
    let (mut real, mut out, mut interposer, mut without) = (None, None, None, Vec::new());
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        let value = arguments.next().ok_or(USAGE)?;
        match name.as_str() {
            "--real" => real = Some(PathBuf::from(value)),
            "--out" => out = Some(PathBuf::from(value)),
            "--interposer" => interposer = Some(PathBuf::from(value)),
            "--without" => without.push(value),
            _ => return Err(USAGE.into()),
        }
    }
    let (Some(real), Some(out)) = (real, out) else {
        return Err(USAGE.into());
    };
    let interposer = interposer.or_else(folder::built_interposer).ok_or(
        "no libnpubridge_testing.so beside this program: run cargo build -p npubridge-testing",
    )?;
    folder::make(&real, &interposer, &out, &without).map_err(|error| error.to_string())
}
