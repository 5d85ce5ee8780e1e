//! Safe types over the C API of OpenVINO.
//!
//! All `unsafe` code of the engine is in this module and in [`crate::runtime::load`]. One C type a file. Load a
//! runtime with [`crate::runtime::load`] first: every other call panics without one.

mod compiled_model;
mod core;
mod element;
pub(crate) mod ffi;
mod handle;
mod infer_request;
mod lent;
mod model;
mod port;
mod property;
mod shape;
mod status;
mod tensor;
mod text;
mod version;

pub use compiled_model::CompiledModel;
pub use core::Core;
pub use ffi::REQUIRED_SYMBOLS;
pub use infer_request::{Canceller, InferRequest};
pub use lent::LentTensor;
pub use model::Model;
pub use port::Port;
pub use shape::{Dimension, PartialShape};
pub use status::classify;
pub use tensor::{Tensor, byte_len};
pub use version::version;
