//! Other programs that run statements: each is started with the first operation that needs it, and kept.

use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use npubridge_signal::Made;

use super::matlab::Matlab;
use super::octave::Octave;
use super::program::Program;
use crate::config;
use crate::error::{Error, ErrorCode, Result};

/// How often a running call is asked whether anybody still wants it.
const ROUND: Duration = Duration::from_millis(50);

/// Which program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Language {
    Octave,
    Matlab,
}

/// A running program. After an error other than `INVALID_ARGUMENT` it is not to be used again.
pub(crate) trait Interpreter: std::fmt::Debug + Send {
    /// Runs statements, and gives what they made.
    ///
    /// # Errors
    /// `DEVICE_LOST` when it ends or does not answer in time, `INVALID_ARGUMENT` with what it objects to.
    fn run(&mut self, program: Program, patience: &Patience<'_>) -> Result<Made>;
}

/// Starts a program.
///
/// # Errors
/// `RUNTIME_NOT_FOUND` naming what was tried; see [`Matlab::start`] for more.
pub(crate) fn start(
    language: Language,
    matlab: &config::Matlab,
    patience: &Patience<'_>,
) -> Result<Box<dyn Interpreter>> {
    Ok(match language {
        Language::Octave => Box::new(Octave::start()?),
        Language::Matlab => Box::new(Matlab::start(matlab, patience)?),
    })
}

/// For how long a call may take, and whether it is still wanted.
pub(crate) struct Patience<'a> {
    pub(crate) limit: Duration,
    pub(crate) wanted: &'a dyn Fn() -> bool,
}

impl Patience<'_> {
    /// The moment at which a call that begins now has taken too long.
    pub(super) fn end(&self) -> Instant {
        Instant::now() + self.limit
    }

    /// The next of the answers that `who` gives; none when it has ended.
    ///
    /// # Errors
    /// `CANCELLED` when nobody wants it any more, `DEVICE_LOST` when it does not come by `end`.
    pub(super) fn next<T>(
        &self,
        answers: &Receiver<T>,
        end: Instant,
        who: &str,
    ) -> Result<Option<T>> {
        loop {
            let left = end.saturating_duration_since(Instant::now());
            match answers.recv_timeout(left.min(ROUND)) {
                Ok(answer) => return Ok(Some(answer)),
                Err(RecvTimeoutError::Disconnected) => return Ok(None),
                Err(RecvTimeoutError::Timeout) if !(self.wanted)() => {
                    return Err(Error::new(ErrorCode::Cancelled, "the operation was cancelled"));
                }
                Err(RecvTimeoutError::Timeout) if left.is_zero() => {
                    let message =
                        format!("{who} did not answer within {:.1?} and was ended", self.limit);
                    return Err(Error::new(ErrorCode::DeviceLost, message)
                        .suggest("the next operation starts it again")
                        .suggest("raise time_limit_ms where the step is that long"));
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }
}

/// An error for statements that a program objects to.
pub(super) fn refused(who: &str, what: &str) -> Error {
    Error::new(ErrorCode::InvalidArgument, format!("{who} refuses the step: {what}"))
}

/// An error for a program that is gone.
pub(super) fn ended(who: &str, how: &str) -> Error {
    Error::new(ErrorCode::DeviceLost, format!("{who} ended in mid-call{how}"))
        .suggest(format!("submit the operation again: it starts {who} anew"))
}

/// An error for a result that has not the size that it must have.
pub(super) fn other_count(who: &str, found: usize, expected: usize) -> Error {
    let message = format!("{who} gave {found} values where {expected} were expected");
    Error::new(ErrorCode::Internal, message)
}
