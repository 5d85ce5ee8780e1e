//! A stand-in for MATLAB, for tests only and never shipped: it is not MATLAB, and contains nothing of it.
//!
//! This library has the functions of MathWorks' `libeng` and `libmx` that npubridge calls, with the same names and types,
//! under both interfaces (`_730` and `_800`). It starts a command as `engOpen` does, and expects Octave behind it, which
//! understands the same statements. [`make`] puts it into a folder that looks like an installation.

mod engine;
mod installation;
mod matrix;

pub use installation::{LIBRARY, LICENCE, PROCESS, THREADS, make};
