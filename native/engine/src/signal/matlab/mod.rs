//! MATLAB by its engine interface for C: the libraries are loaded from an installation, MATLAB runs as a process, and
//! arrays go through as arrays.
//!
//! The interface is not made for several threads, and a call returns when MATLAB answers or its process is gone. So each
//! session lives on a thread of its own, one call at a time in this process, and whoever waits for it can give up: then
//! the process is ended, which lets the call return.

mod command;
mod find;
mod library;

use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use npubridge_signal::Made;

use super::interpreter::{self, Interpreter, Patience};
use super::program::Program;
use crate::config;
use crate::error::{Error, ErrorCode, Result};
use crate::sync::Mutex;
use command::Command;
use library::{Libraries, Session};

const NAME: &str = "MATLAB";
/// What an error said, as the codes of its characters.
const FAULT: &str = "npubridge_fault";
/// How long a session may take to end.
const GRACE: Duration = Duration::from_secs(5);

/// The libraries that this process has loaded, which it keeps.
static LOADED: Mutex<Option<&'static Libraries>> = Mutex::new(None);
/// Held while a thread is in MATLAB's libraries.
static CALLING: Mutex<()> = Mutex::new(());

/// A running MATLAB.
#[derive(Debug)]
pub(crate) struct Matlab {
    programs: Option<Sender<Program>>,
    answers: Receiver<Result<Made>>,
    command: Command,
    /// Whether it has answered everything so far.
    sound: bool,
}

impl Matlab {
    /// Starts MATLAB.
    ///
    /// # Errors
    /// `UNSUPPORTED_OPERATION` where it is turned off, `RUNTIME_NOT_FOUND` naming what was tried where there is none or
    /// one that is too old, `INVALID_ARGUMENT` where this process has loaded that of another folder, `DEVICE_UNAVAILABLE`
    /// where it does not start, for example for want of a licence, `DEVICE_LOST` when that takes too long.
    pub(crate) fn start(config: &config::Matlab, patience: &Patience<'_>) -> Result<Self> {
        if !config.enabled {
            return Err(Error::new(
                ErrorCode::UnsupportedOperation,
                "MATLAB is turned off by matlab_config.enable_signal_processing",
            )
            .suggest(
                "use backend \"native\", or set matlab_config.enable_signal_processing to true",
            ));
        }
        let libraries = libraries(config.root.as_deref())?;
        let command = Command::prepare(&libraries.root)?;
        let (programs, work) = channel();
        let (begun, beginning) = channel();
        let (answered, answers) = channel();
        let (text, workers) = (command.text()?, config.max_workers);
        std::thread::Builder::new()
            .name("npubridge-matlab".into())
            .spawn(move || {
                let opened = {
                    let _calling = CALLING.lock();
                    Session::open(libraries, text.as_deref())
                };
                let _ = begun.send(opened.is_some());
                if let Some(session) = opened {
                    serve(session, workers, &work, &answered);
                }
            })
            .map_err(|error| {
                Error::new(ErrorCode::ResourceExhausted, "no thread for MATLAB").caused_by(error)
            })?;
        let mut matlab = Self { programs: Some(programs), answers, command, sound: false };
        let started = patience.next(&beginning, patience.end(), NAME)?;
        if started != Some(true) {
            return Err(unwilling(libraries, &matlab.command));
        }
        matlab.sound = true;
        Ok(matlab)
    }
}

/// Runs programs until nobody gives any. The end closes MATLAB.
fn serve(
    mut session: Session,
    workers: Option<usize>,
    programs: &Receiver<Program>,
    answers: &Sender<Result<Made>>,
) {
    if let Some(count) = workers {
        let _calling = CALLING.lock();
        // Its answer to the first program says if it is gone.
        let _ = session.evaluate(&format!("maxNumCompThreads({count});"));
    }
    for program in programs {
        let outcome = {
            let _calling = CALLING.lock();
            evaluate(&mut session, &program)
        };
        if answers.send(outcome).is_err() {
            break;
        }
    }
    let _calling = CALLING.lock();
    drop(session);
}

fn evaluate(session: &mut Session, program: &Program) -> Result<Made> {
    let gone = |_| interpreter::ended(NAME, "");
    // A MATLAB that is gone is to be told as that, not as one that does not take a variable.
    session.evaluate(&format!("{FAULT} = [];")).map_err(gone)?;
    for (name, matrix) in &program.variables {
        session.put(name, matrix)?;
    }
    let class = if program.single { "single" } else { "double" };
    let code = &program.code;
    session
        .evaluate(&format!(
            "try\n{code}result = {class}(result);\ncatch npubridge_error\n\
             {FAULT} = double(npubridge_error.message);\nend"
        ))
        .map_err(gone)?;
    let screen = session.screen();
    match session.get(FAULT)? {
        Some(Made::F64(codes)) if !codes.is_empty() => {
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
            let units: Vec<u16> = codes.iter().map(|code| *code as u16).collect();
            let message = String::from_utf16_lossy(&units).replace('\n', " ");
            return Err(interpreter::refused(NAME, &message));
        }
        Some(_) => {}
        None => return Err(gone(library::Gone)),
    }
    let made = session.get("result")?.ok_or_else(|| {
        Error::new(ErrorCode::Internal, "MATLAB gave no result").caused_by(&screen)
    })?;
    session.evaluate("clear").map_err(gone)?;
    if made.len() == program.values {
        Ok(made)
    } else {
        Err(interpreter::other_count(NAME, made.len(), program.values))
    }
}

/// The libraries of the first installation that can be loaded; those that are loaded already where they are asked for.
fn libraries(configured: Option<&Path>) -> Result<&'static Libraries> {
    let mut loaded = LOADED.lock();
    if let Some(libraries) = *loaded {
        return match configured {
            Some(root) if !same(root, &libraries.root) => Err(another(root, &libraries.root)),
            _ => Ok(libraries),
        };
    }
    let places = find::places(configured);
    let mut tried = places.vain;
    for place in places.found {
        match Libraries::load(&place.root) {
            Ok(found) => {
                let found = Box::leak(Box::new(found));
                *loaded = Some(found);
                return Ok(found);
            }
            Err(why) => tried.push(format!("{} ({}: {why})", place.root.display(), place.from)),
        }
    }
    let is_broken = tried.iter().any(|each| each.contains("cannot be loaded"));
    let mut error = Error::new(
        ErrorCode::RuntimeNotFound,
        format!("MATLAB cannot be loaded; tried {}", tried.join(", ")),
    );
    if is_broken && cfg!(target_os = "linux") {
        error = error.suggest(format!(
            "let its libraries find each other: LD_LIBRARY_PATH=ROOT/bin/{0}:ROOT/sys/os/{0}",
            find::SYSTEM
        ));
    }
    Err(error
        .suggest("name its folder, what its command matlabroot tells: matlab_config.matlab_root")
        .suggest("use backend \"octave\", which runs the same statements, or \"native\""))
}

fn same(one: &Path, other: &Path) -> bool {
    one == other
        || one.canonicalize().ok().is_some_and(|one| other.canonicalize().ok() == Some(one))
}

fn another(asked: &Path, loaded: &Path) -> Error {
    let (asked, loaded) = (asked.display(), loaded.display());
    let message =
        format!("matlab_root is {asked}, and this process has loaded MATLAB from {loaded} already");
    Error::new(ErrorCode::InvalidArgument, message)
        .suggest("use one MATLAB in a process, or another process")
}

fn unwilling(libraries: &Libraries, command: &Command) -> Error {
    let root = libraries.root.display();
    let error = Error::new(
        ErrorCode::DeviceUnavailable,
        format!("MATLAB in {root} does not start; tried {}", command.described()),
    )
    .suggest(format!(
        "see whether {root}/bin/matlab starts by itself, and whether its licence is valid"
    ))
    .suggest("MATLAB on Linux needs csh: install it, for example with `sudo apt install csh`");
    match command.complaint() {
        Some(complaint) => error.caused_by(complaint),
        None => error,
    }
}

impl Interpreter for Matlab {
    fn run(&mut self, program: Program, patience: &Patience<'_>) -> Result<Made> {
        self.sound = false;
        let taken = self.programs.as_ref().is_some_and(|programs| programs.send(program).is_ok());
        let answer = if taken { patience.next(&self.answers, patience.end(), NAME)? } else { None };
        let outcome = answer.unwrap_or_else(|| Err(interpreter::ended(NAME, "")));
        self.sound = outcome
            .as_ref()
            .map_or_else(|error| error.code() == ErrorCode::InvalidArgument, |_| true);
        outcome
    }
}

impl Drop for Matlab {
    fn drop(&mut self) {
        // The thread ends the session when nothing more can come.
        self.programs = None;
        let ends = |answers: &Receiver<_>| {
            use std::sync::mpsc::RecvTimeoutError::Timeout;
            !matches!(answers.recv_timeout(GRACE), Err(Timeout))
        };
        if self.sound && ends(&self.answers) {
            return;
        }
        self.command.kill();
        // One that still does not come back is left behind; nobody else calls MATLAB meanwhile.
        ends(&self.answers);
    }
}
