//! The coordination engine of npubridge: operations in, results out, on the best OpenVINO device that works.
//!
//! It knows neither Node nor Python. Bindings convert arguments and complete promises; every decision is taken here.

pub mod config;
mod datatype;
pub mod engine;
pub mod error;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod machine;
mod metrics;
mod model;
pub mod openvino;
pub mod operation;
pub mod power;
#[cfg(unix)]
pub mod probe;
mod prometheus;
pub mod routing;
pub mod runtime;
pub mod signal;
pub mod sync;
pub mod tensor;
pub mod workflow;

pub use config::Config;
pub use datatype::DataType;
pub use engine::Engine;
pub use error::{Error, ErrorCode, Result};
pub use metrics::Snapshot;
pub use npubridge_scheduler as scheduler;
