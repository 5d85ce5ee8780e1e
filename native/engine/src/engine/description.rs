//! What a loaded model says of itself.

use std::collections::BTreeMap;

use serde::Serialize;

use super::models::Instance;
use crate::model::properties::Dropped;

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Description {
    model: String,
    device: String,
    inputs: Vec<PortDescription>,
    outputs: Vec<PortDescription>,
    state: Vec<StateDescription>,
    max_batch: usize,
    /// Inferences at once on the device.
    requests: Option<usize>,
    /// What it was compiled with, by the names of OpenVINO.
    properties: BTreeMap<&'static str, String>,
    /// What the compiled model says of these, and of streams, threads and precision.
    effective: BTreeMap<&'static str, String>,
    /// What the device was not given of what was asked for.
    dropped: Vec<Dropped>,
}

#[derive(Debug, Serialize)]
struct PortDescription {
    name: String,
    datatype: &'static str,
    shape: Vec<i64>,
}

#[derive(Debug, Serialize)]
struct StateDescription {
    output: String,
    input: String,
}

pub(super) fn describe(instance: &Instance) -> Description {
    let signature = &instance.signature;
    let ports = |ports: &[crate::model::signature::Port]| {
        ports
            .iter()
            .map(|port| PortDescription {
                name: port.name.to_string(),
                datatype: port.datatype.name(),
                shape: port.shape.to_signed(),
            })
            .collect()
    };
    Description {
        model: signature.model.to_string(),
        device: instance.device_name.to_string(),
        inputs: ports(&signature.inputs),
        outputs: ports(&signature.outputs),
        state: signature
            .state
            .iter()
            .map(|(output, input)| StateDescription {
                output: signature.outputs[*output].name.to_string(),
                input: signature.inputs[*input].name.to_string(),
            })
            .collect(),
        max_batch: if signature.stacks { instance.batching.max } else { 1 },
        requests: instance.requests,
        properties: instance.properties.set.iter().cloned().collect(),
        effective: instance.effective.clone(),
        dropped: instance.properties.dropped.clone(),
    }
}
