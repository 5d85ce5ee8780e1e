//! What tests against a real OpenVINO share.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used)]

use npubridge_engine::openvino::{Core, Model, Tensor};
use npubridge_engine::{DataType, runtime};
use std::path::{Path, PathBuf};

/// The core of the runtime named by NPUBRIDGE_RUNTIME or found in the managed folder, loaded once for the process.
///
/// `None`, with a line on stderr, where there is no runtime; under NPUBRIDGE_REQUIRE_ALL=1 that is a failure.
pub fn core() -> Option<Core> {
    let folder = runtime_folder()?;
    runtime::load(&folder).unwrap();
    Some(Core::new().unwrap())
}

/// The folder that [`core`] loads.
pub fn runtime_folder() -> Option<PathBuf> {
    let found = runtime::SearchOptions::from_process(None)
        .candidates()
        .into_iter()
        .filter(|candidate| matches!(candidate.source.name(), "environment" | "managed"))
        .find(|candidate| candidate.problem.is_none());
    match found {
        Some(candidate) => Some(candidate.folder),
        None => absent("no OpenVINO runtime", "set NPUBRIDGE_RUNTIME or run `npubridge setup`"),
    }
}

/// The file of a model of the catalogue, from NPUBRIDGE_TEST_MODELS or the managed folder.
pub fn model_file(name: &str) -> Option<PathBuf> {
    let managed = runtime::SearchOptions::from_process(None).managed;
    let managed = managed.parent().unwrap().join("models");
    let models = std::env::var_os("NPUBRIDGE_TEST_MODELS").map_or(managed, PathBuf::from);
    let folder = models.join(name);
    let Ok(text) = std::fs::read_to_string(folder.join("model.json")) else {
        return absent(
            &format!("no model {name}"),
            &format!("set NPUBRIDGE_TEST_MODELS or run `npubridge models pull {name}`"),
        );
    };
    let about: serde_json::Value = serde_json::from_str(&text).unwrap();
    Some(folder.join(about["file"].as_str().unwrap()))
}

fn absent<T>(what: &str, remedy: &str) -> Option<T> {
    assert!(
        std::env::var_os("NPUBRIDGE_REQUIRE_ALL").is_none_or(|value| value != "1"),
        "{what}: {remedy}"
    );
    eprintln!("skipped: {what}");
    None
}

/// IR of `a [m,k] · b [k,n]`, both inputs, FP32. A size of -1 leaves that dimension open.
pub fn matmul_ir(m: i64, k: i64, n: i64) -> String {
    let shape = |rows: i64, columns: i64| format!("{rows},{columns}");
    let port = |id: u32, rows: i64, columns: i64| {
        format!(r#"<port id="{id}" precision="FP32"><dim>{rows}</dim><dim>{columns}</dim></port>"#)
    };
    let named = |id: u32, rows: i64, columns: i64, name: &str| {
        port(id, rows, columns).replacen("<port ", &format!(r#"<port names="{name}" "#), 1)
    };
    let parameter = |id: u32, name: &str, rows: i64, columns: i64| {
        format!(
            r#"<layer id="{id}" name="{name}" type="Parameter" version="opset1"><data shape="{}" element_type="f32"/><output>{}</output></layer>"#,
            shape(rows, columns),
            named(0, rows, columns, name)
        )
    };
    format!(
        r#"<?xml version="1.0"?><net name="matmul" version="11"><layers>{}{}<layer id="2" name="c" type="MatMul" version="opset1"><data transpose_a="false" transpose_b="false"/><input>{}{}</input><output>{}</output></layer><layer id="3" name="c/sink" type="Result" version="opset1"><input>{}</input></layer></layers><edges><edge from-layer="0" from-port="0" to-layer="2" to-port="0"/><edge from-layer="1" from-port="0" to-layer="2" to-port="1"/><edge from-layer="2" from-port="2" to-layer="3" to-port="0"/></edges></net>"#,
        parameter(0, "a", m, k),
        parameter(1, "b", k, n),
        port(0, m, k),
        port(1, k, n),
        named(2, m, n, "c"),
        port(0, m, n),
    )
}

/// The model of [`matmul_ir`].
pub fn matmul(core: &Core, m: i64, k: i64, n: i64) -> Model {
    core.read_model_from_memory(&matmul_ir(m, k, n), None).unwrap()
}

/// A tensor of FP32 values.
pub fn tensor(shape: &[usize], values: &[f32]) -> Tensor {
    let mut tensor = Tensor::new(DataType::F32, shape).unwrap();
    let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_ne_bytes()).collect();
    tensor.as_bytes_mut().copy_from_slice(&bytes);
    tensor
}

/// The values of an FP32 tensor.
pub fn values(tensor: &Tensor) -> Vec<f32> {
    assert_eq!(tensor.datatype(), DataType::F32);
    tensor
        .as_bytes()
        .chunks_exact(4)
        .map(|bytes| f32::from_ne_bytes(bytes.try_into().unwrap()))
        .collect()
}

/// Bytes of memory that the process holds.
pub fn resident_bytes() -> usize {
    let pages = std::fs::read_to_string(Path::new("/proc/self/statm")).unwrap();
    pages.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}
