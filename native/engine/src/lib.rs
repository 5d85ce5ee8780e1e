//! The coordination engine of npubridge: operations in, results out, on the best OpenVINO device that works.
//!
//! It knows neither Node nor Python. Bindings convert arguments and complete promises; every decision is taken here.

pub mod error;
pub mod routing;
pub mod workflow;

pub use error::{Error, ErrorCode, Result};
