//! The coordination engine of npubridge: operations in, results out, on the best OpenVINO device that works.
//!
//! It knows neither Node nor Python. Bindings convert arguments and complete promises; every decision is taken here.

mod datatype;
pub mod error;
pub mod openvino;
pub mod runtime;

pub use datatype::DataType;
pub use error::{Error, ErrorCode, Result};
