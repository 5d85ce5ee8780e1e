//! How MATLAB is started, so that its process is known and can be ended.
//!
//! `engOpen` tells nothing of the process that it makes. On Unix it runs any command that has a blank in it, so it is given
//! a script that writes down its process and becomes MATLAB in a process group of its own.

use std::ffi::CString;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::error::{Error, ErrorCode, Result};

const OPTIONS: &str = "-nodisplay -nosplash -nodesktop";

/// A command that starts MATLAB.
#[derive(Debug)]
pub(super) struct Command {
    folder: TempDir,
    program: PathBuf,
}

impl Command {
    pub(super) fn prepare(root: &Path) -> Result<Self> {
        let failed = |error: std::io::Error| {
            let message = "the script that starts MATLAB cannot be written";
            Error::new(ErrorCode::ResourceExhausted, message).caused_by(error)
        };
        let folder =
            tempfile::Builder::new().prefix("npubridge-matlab-").tempdir().map_err(failed)?;
        let command = Self { folder, program: root.join("bin").join("matlab") };
        std::fs::write(command.script(), command.statements()).map_err(failed)?;
        Ok(command)
    }

    fn script(&self) -> PathBuf {
        self.folder.path().join("start")
    }

    fn statements(&self) -> String {
        let program = quoted(&self.program);
        format!(
            "echo $$ > \"$0.process\"\n\
             command -v setsid > /dev/null && exec setsid {program} \"$@\" 2> \"$0.errors\"\n\
             exec {program} \"$@\" 2> \"$0.errors\"\n"
        )
    }

    /// What `engOpen` is given; nothing on Windows, where MATLAB registers itself.
    pub(super) fn text(&self) -> Result<Option<CString>> {
        if cfg!(windows) {
            return Ok(None);
        }
        let text = format!("/bin/sh {} {OPTIONS}", quoted(&self.script()));
        CString::new(text).map(Some).map_err(|error| {
            Error::new(ErrorCode::InvalidArgument, "a path has a zero in it").caused_by(error)
        })
    }

    /// The command in words.
    pub(super) fn described(&self) -> String {
        format!("`{} {OPTIONS}`", self.program.display())
    }

    /// What MATLAB wrote to its standard error, at most its last lines.
    pub(super) fn complaint(&self) -> Option<String> {
        let bytes = std::fs::read(self.script().with_extension("errors")).ok()?;
        let text = String::from_utf8_lossy(&bytes);
        let lines: Vec<_> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        let last = lines[lines.len().saturating_sub(5)..].join("; ");
        (!last.is_empty()).then_some(last)
    }

    /// Ends the process and those that it started.
    #[cfg(unix)]
    pub(super) fn kill(&self) {
        let text = std::fs::read_to_string(self.script().with_extension("process"));
        let Some(process) = text.ok().and_then(|text| text.trim().parse::<i32>().ok()) else {
            return;
        };
        if process > 1 {
            // SAFETY: kill takes plain numbers; the process wrote its own down and is not waited for before the engine is
            // closed, so that the number is still its own.
            unsafe {
                libc::kill(-process, libc::SIGKILL);
                libc::kill(process, libc::SIGKILL);
            }
        }
    }

    #[cfg(not(unix))]
    pub(super) fn kill(&self) {}
}

/// A path as one word of a shell.
fn quoted(path: &Path) -> String {
    format!("'{}'", path.display().to_string().replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_one_word_of_a_shell() {
        assert_eq!(quoted(Path::new("/a b/it's")), r"'/a b/it'\''s'");
    }

    #[test]
    fn what_was_written_to_standard_error_is_told_by_its_last_lines() {
        let command = Command::prepare(Path::new("/m")).unwrap();
        assert_eq!(command.complaint(), None);
        let errors = command.script().with_extension("errors");
        std::fs::write(errors, "1\n2\n\n 3\n4\n5\n6\n").unwrap();
        assert_eq!(command.complaint().unwrap(), "2; 3; 4; 5; 6");
        assert_eq!(command.described(), "`/m/bin/matlab -nodisplay -nosplash -nodesktop`");
    }
}
