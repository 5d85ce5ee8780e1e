//! What is asked of an NPU itself, for the diagnosis: in a child process, because drivers can crash or hang it.

use std::path::Path;

use napi::Result;
use napi_derive::napi;
use npubridge_engine::probe;

use crate::to_json;

/// Loads and initialises Level Zero; loader, result and drivers as JSON.
#[napi]
pub fn probe_level_zero() -> Result<String> {
    to_json(&probe::ask_level_zero())
}

/// Opens the device node of an NPU; its parameters, or why it could not be opened, as JSON.
#[napi]
pub fn npu_params(node: String) -> Result<String> {
    to_json(&probe::ask_node(Path::new(&node)))
}
