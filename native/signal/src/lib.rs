//! Signal processing in float32 and float64: transforms, filters, Kalman filters, wavelets, spectra, adaptive filters.
//!
//! Channels are the leading dimensions of an array and time is the last; every member of a family works on each channel
//! by itself, in parallel. Names and defaults of parameters are those of scipy.signal and PyWavelets. Filters are
//! designed in float64 whatever the data is. A [`Pipeline`] is read once and runs many times; a [`Stream`] keeps what a
//! pipeline has to remember from one block of samples to the next.

pub mod adaptive;
mod array;
mod fault;
pub mod fft;
pub mod filter;
pub mod kalman;
mod lowered;
mod memory;
pub mod pages;
mod parallel;
mod parameters;
mod pipeline;
mod real;
pub mod spectral;
pub mod wavelet;

pub use array::{Array, Inputs, Outputs, Signal, Values};
pub use fault::{Fault, FaultKind, Result};
pub use lowered::{Frames, Lowered, Made, Spectra, Transform, Work};
pub use parameters::Parameters;
pub use pipeline::{FAMILIES, Member, Pipeline, Step, Stream, Streaming};
pub use real::Real;

/// The most values that an operation takes or gives: 1 GiB of float64.
pub const MAX_VALUES: usize = 1 << 27;
