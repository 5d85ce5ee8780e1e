//! What is asked of a runtime without an engine: in a child process, because enumerating an NPU can crash it.

use std::path::Path;

use napi::Result;
use napi_derive::napi;
use npubridge_engine::openvino::{Core, Port};
use npubridge_engine::runtime;

use crate::{to_js, to_json};

/// The version and the devices of the runtime in `folder`, as JSON.
#[napi]
pub fn inspect_runtime(folder: String) -> Result<String> {
    to_json(&runtime::inspect(Path::new(&folder)).map_err(to_js)?)
}

/// Has this process killed when its parent dies: a driver that hangs must not outlive whoever asked it. Only where the
/// system offers it, which is Linux; elsewhere the process ends when the driver lets it.
#[napi]
pub fn end_with_parent() {
    #[cfg(target_os = "linux")]
    {
        // SAFETY: the option takes a signal and touches no memory.
        unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
    }
}

/// Compiles and runs a tiny model on `device`; how long the run took in microseconds, as JSON.
#[napi]
pub fn test_device(folder: String, device: String) -> Result<String> {
    runtime::load(Path::new(&folder)).map_err(to_js)?;
    let core = Core::new().map_err(to_js)?;
    let started = std::time::Instant::now();
    runtime::try_device(&core, &device).map_err(to_js)?;
    let micros = started.elapsed().as_secs_f64() * 1e6;
    to_json(&serde_json::json!({ "device": device, "ok": true, "computeUs": micros }))
}

/// The inputs and outputs of the model at `path`, as JSON; open sizes are -1.
#[napi]
pub fn describe_model(folder: String, path: String) -> Result<String> {
    runtime::load(Path::new(&folder)).map_err(to_js)?;
    let core = Core::new().map_err(to_js)?;
    let model = core.read_model(Path::new(&path)).map_err(to_js)?;
    let (inputs, outputs) = (model.inputs().map_err(to_js)?, model.outputs().map_err(to_js)?);
    to_json(&serde_json::json!({ "inputs": describe(&inputs), "outputs": describe(&outputs) }))
}

fn describe(ports: &[Port]) -> Vec<serde_json::Value> {
    ports
        .iter()
        .map(|port| {
            serde_json::json!({
                "name": port.name,
                "datatype": port.datatype.name(),
                "shape": port.shape.to_signed(),
            })
        })
        .collect()
}
