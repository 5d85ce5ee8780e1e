//! The `openvino` package of the Python on PATH.

use super::find::Lookup;
use std::io::Read;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Python is asked, not guessed: shims, virtual environments, user folders and `.pth` files all decide where a package
/// lies, and only the interpreter knows them all. `find_spec` finds a package without importing it, and the current
/// folder is left out, so that a folder called `openvino` in it is not taken for the package.
const SCRIPT: &str = "import sys, os
sys.path = [p for p in sys.path if p not in ('', os.getcwd())]
from importlib.util import find_spec
spec = find_spec('openvino')
sys.stdout.write(list(spec.submodule_search_locations)[0] if spec and spec.submodule_search_locations else '')";

/// A Python that takes longer is not waited for.
const LIMIT: Duration = Duration::from_secs(5);

/// The folder of the package, if there is one.
pub(super) fn package_folder(env: &Lookup) -> Option<PathBuf> {
    let python = std::env::split_paths(&env("PATH")?)
        .filter(|folder| folder.is_absolute())
        .map(|folder| folder.join("python3"))
        .find(|path| path.is_file())?;
    let output = run(Command::new(python).args(["-c", SCRIPT]), LIMIT)?;
    (!output.is_empty()).then(|| PathBuf::from(std::ffi::OsString::from_vec(output)))
}

/// What a command prints; `None` if it fails or takes too long, in which case it is killed.
fn run(command: &mut Command, limit: Duration) -> Option<Vec<u8>> {
    let started = Instant::now();
    let mut child =
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().ok()?;
    loop {
        match child.try_wait() {
            Ok(Some(status)) if status.success() => break,
            Ok(None) if started.elapsed() < limit => thread::sleep(Duration::from_millis(5)),
            _ => {
                let _ = child.kill();
                let _ = child.wait();
                return None;
            }
        }
    }
    let mut output = Vec::new();
    child.stdout.take()?.read_to_end(&mut output).ok()?;
    Some(output)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, limit: Duration) -> Option<Vec<u8>> {
        run(Command::new("/bin/sh").args(["-c", script]), limit)
    }

    #[test]
    fn only_a_command_that_succeeds_in_time_counts() {
        assert_eq!(shell("printf here", LIMIT), Some(b"here".to_vec()));
        assert_eq!(shell("printf here; exit 1", LIMIT), None);
        let started = Instant::now();
        assert_eq!(shell("exec sleep 60", Duration::from_millis(50)), None);
        assert!(started.elapsed() < Duration::from_secs(30));
    }
}
