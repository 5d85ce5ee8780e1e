//! Octave as a process that is kept alive: statements go in through a pipe, arrays in files.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write as _};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};

use npubridge_signal::Made;
use tempfile::TempDir;

use super::interpreter::{self, Interpreter, Patience};
use super::program::Program;
use crate::error::{Error, ErrorCode, Result};

/// An executable to be tried before those on PATH.
const VARIABLE: &str = "NPUBRIDGE_OCTAVE";
const NAME: &str = "Octave";
const NAMES: [&str; 2] = ["octave-cli", "octave"];
const OPTIONS: [&str; 6] = [
    "--no-gui",
    "--quiet",
    "--no-init-file",
    "--no-site-file",
    "--no-history",
    "--no-line-editing",
];
/// A running Octave.
#[derive(Debug)]
pub(crate) struct Octave {
    child: Child,
    input: ChildStdin,
    answers: Receiver<String>,
    folder: TempDir,
    calls: u64,
}

impl Octave {
    /// Starts Octave.
    ///
    /// # Errors
    /// `RUNTIME_NOT_FOUND` naming what was tried.
    pub(crate) fn start() -> Result<Self> {
        let asked = std::env::var(VARIABLE).ok();
        let names: Vec<&str> = asked.as_deref().into_iter().chain(NAMES).collect();
        Self::start_one_of(&names)
    }

    fn start_one_of(names: &[&str]) -> Result<Self> {
        let mut causes = Vec::new();
        for name in names {
            match Self::start_as(name) {
                Ok(octave) => return Ok(octave),
                Err(error) => causes.push(format!("{name}: {error}")),
            }
        }
        Err(Error::new(
            ErrorCode::RuntimeNotFound,
            format!("Octave cannot be started; tried {}", names.join(", ")),
        )
        .suggest("install Octave, for example with `sudo apt install octave`")
        .suggest(format!("or name its octave-cli in {VARIABLE}"))
        .caused_by(causes.join("; ")))
    }

    fn start_as(name: &str) -> std::io::Result<Self> {
        let folder = tempfile::Builder::new().prefix("npubridge-octave-").tempdir()?;
        let mut child = Command::new(name)
            .args(OPTIONS)
            .current_dir(folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(std::io::Error::other("it has no pipes"));
        };
        let (lines, answers) = channel();
        // Ends when Octave does.
        std::thread::Builder::new().name("npubridge-octave".into()).spawn(move || {
            for line in BufReader::new(output).lines().map_while(std::io::Result::ok) {
                if lines.send(line).is_err() {
                    return;
                }
            }
        })?;
        Ok(Self { child, input, answers, folder, calls: 0 })
    }

    fn statements(&self, program: &Program) -> std::io::Result<String> {
        let mut file = std::fs::File::create(self.folder.path().join("in"))?;
        let mut code = String::from("try\nh = fopen('in', 'r');\n");
        for (name, matrix) in &program.variables {
            file.write_all(&matrix.bytes)?;
            let class = if matrix.single { "single" } else { "double" };
            let (rows, columns) = (matrix.rows, matrix.columns);
            let _ = writeln!(code, "{name} = fread(h, [{rows}, {columns}], '*{class}');");
        }
        code.push_str("fclose(h);\n");
        code.push_str(&program.code);
        let class = if program.single { "single" } else { "double" };
        let _ = write!(
            code,
            "h = fopen('out', 'w'); fwrite(h, result, '{class}'); fclose(h);\n\
             printf('npubridge {0} ok\\n');\n\
             catch e\n\
             fclose('all'); printf('npubridge {0} error %s\\n', strrep(e.message, \"\\n\", ' '));\n\
             end\n\
             clear -all; fflush(stdout);\n",
            self.calls
        );
        Ok(code)
    }

    fn wait(&mut self, patience: &Patience<'_>) -> Result<()> {
        let end = patience.end();
        let own = format!("npubridge {} ", self.calls);
        loop {
            let Some(line) = patience.next(&self.answers, end, NAME)? else {
                return Err(self.ended());
            };
            match line.strip_prefix(&own) {
                Some("ok") => return Ok(()),
                Some(other) => {
                    let what = other.strip_prefix("error ").unwrap_or(other);
                    return Err(interpreter::refused(NAME, what));
                }
                None => {}
            }
        }
    }

    fn ended(&mut self) -> Error {
        let how = self.child.wait().map_or_else(|error| error.to_string(), |how| how.to_string());
        interpreter::ended(NAME, &format!(" ({how})"))
    }

    fn files(&self, error: &std::io::Error) -> Error {
        let folder = self.folder.path().display();
        let message = format!("the files for Octave in {folder} cannot be used");
        Error::new(ErrorCode::ResourceExhausted, message).caused_by(error)
    }
}

impl Interpreter for Octave {
    fn run(&mut self, program: Program, patience: &Patience<'_>) -> Result<Made> {
        self.calls += 1;
        let statements = self.statements(&program).map_err(|error| self.files(&error))?;
        if self.input.write_all(statements.as_bytes()).and_then(|()| self.input.flush()).is_err() {
            return Err(self.ended());
        }
        self.wait(patience)?;
        let bytes =
            std::fs::read(self.folder.path().join("out")).map_err(|error| self.files(&error))?;
        let width = if program.single { 4 } else { 8 };
        if bytes.len() != program.values * width {
            return Err(interpreter::other_count(NAME, bytes.len() / width, program.values));
        }
        Ok(if program.single {
            Made::F32(bytemuck::pod_collect_to_vec(&bytes))
        } else {
            Made::F64(bytemuck::pod_collect_to_vec(&bytes))
        })
    }
}

impl Drop for Octave {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_octave_that_is_not_there_is_told_with_what_was_tried() {
        let error = Octave::start_one_of(&["/nowhere/octave-cli", "no-such-octave"]).unwrap_err();
        assert_eq!(error.code(), ErrorCode::RuntimeNotFound);
        assert!(error.message().contains("/nowhere/octave-cli, no-such-octave"), "{error}");
    }
}
