//! Who owns which memory for how long. Means most under Valgrind: `native/valgrind.sh`.
#![allow(clippy::unwrap_used)]

mod common;

use common::{core, matmul, tensor, values};
use npubridge_engine::DataType;
use npubridge_engine::openvino::{CompiledModel, Core, InferRequest, Tensor};
use std::sync::mpsc;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(120);

fn request(core: &Core) -> InferRequest {
    let compiled = core.compile(&matmul(core, 2, 2, 2), "CPU", &[]).unwrap();
    let mut request = compiled.create_request().unwrap();
    request.set_input(0, &tensor(&[2, 2], &[1.0, 0.0, 0.0, 1.0])).unwrap();
    request.set_input(1, &tensor(&[2, 2], &[1.0, 2.0, 3.0, 4.0])).unwrap();
    request
}

/// A tensor over memory of the test's own.
fn over(memory: &mut [f32]) -> Tensor {
    // SAFETY: each test keeps `memory` until no request holds the tensor; that it does is what is tested.
    unsafe { Tensor::from_raw(DataType::F32, &[2, 2], memory.as_mut_ptr().cast()) }.unwrap()
}

#[test]
fn foreign_memory_may_go_once_another_tensor_took_its_place() {
    let Some(core) = core() else { return };
    let mut request = request(&core);
    let mut memory = vec![2.0, 0.0, 0.0, 2.0];
    request.set_input(0, &over(&mut memory)).unwrap();
    request.start().unwrap();
    request.wait().unwrap();
    assert_eq!(values(&request.output(0).unwrap()), [2.0, 4.0, 6.0, 8.0]);
    request.set_input(0, &tensor(&[2, 2], &[1.0, 0.0, 0.0, 1.0])).unwrap();
    drop(memory);
    request.infer().unwrap();
    assert_eq!(values(&request.output(0).unwrap()), [1.0, 2.0, 3.0, 4.0]);
}

#[test]
fn foreign_memory_may_go_once_the_request_is_gone() {
    let Some(core) = core() else { return };
    for _ in 0..5 {
        let mut request = request(&core);
        let (mut input, mut output) = (vec![1.0, 0.0, 0.0, 1.0], vec![0.0; 4]);
        request.set_input(0, &over(&mut input)).unwrap();
        request.set_output(0, &over(&mut output)).unwrap();
        request.start().unwrap();
        // Dropped in flight: that waits, or the device would write to memory that is gone.
        drop(request);
        drop(input);
        assert_eq!(output, [1.0, 2.0, 3.0, 4.0]);
    }
}

#[test]
fn an_output_outlives_all_that_made_it() {
    let Some(core) = core() else { return };
    let mut request = request(&core);
    request.infer().unwrap();
    let output = request.output(0).unwrap();
    drop(request);
    drop(core);
    assert_eq!(values(&output), [1.0, 2.0, 3.0, 4.0]);
}

#[test]
fn a_request_outlives_its_model_and_core() {
    let Some(core) = core() else { return };
    let mut request = request(&core);
    drop(core);
    request.infer().unwrap();
    assert_eq!(values(&request.output(0).unwrap()), [1.0, 2.0, 3.0, 4.0]);
}

#[test]
fn weights_given_in_memory_live_as_long_as_they_are_needed() {
    let Some(core) = core() else { return };
    let compiled = with_weights(&core);
    let mut request = compiled.create_request().unwrap();
    request.set_input(0, &tensor(&[1, 2], &[1.0, 1.0])).unwrap();
    request.infer().unwrap();
    assert_eq!(values(&request.output(0).unwrap()), [4.0, 6.0]);
}

/// `x [1,2] · [[1,2],[3,4]]`; the model is gone when this returns.
fn with_weights(core: &Core) -> CompiledModel {
    let weights = tensor(&[4], &[1.0, 2.0, 3.0, 4.0]);
    let mut bytes = Tensor::new(DataType::U8, &[16]).unwrap();
    bytes.as_bytes_mut().copy_from_slice(weights.as_bytes());
    let row = "<dim>1</dim><dim>2</dim>";
    let square = "<dim>2</dim><dim>2</dim>";
    let ir = format!(
        r#"<?xml version="1.0"?><net name="weights" version="11"><layers><layer id="0" name="x" type="Parameter" version="opset1"><data shape="1,2" element_type="f32"/><output><port id="0" precision="FP32" names="x">{row}</port></output></layer><layer id="1" name="w" type="Const" version="opset1"><data element_type="f32" shape="2,2" offset="0" size="16"/><output><port id="0" precision="FP32">{square}</port></output></layer><layer id="2" name="y" type="MatMul" version="opset1"><data transpose_a="false" transpose_b="false"/><input><port id="0" precision="FP32">{row}</port><port id="1" precision="FP32">{square}</port></input><output><port id="2" precision="FP32" names="y">{row}</port></output></layer><layer id="3" name="out" type="Result" version="opset1"><input><port id="0" precision="FP32">{row}</port></input></layer></layers><edges><edge from-layer="0" from-port="0" to-layer="2" to-port="0"/><edge from-layer="1" from-port="0" to-layer="2" to-port="1"/><edge from-layer="2" from-port="2" to-layer="3" to-port="0"/></edges></net>"#
    );
    let model = core.read_model_from_memory(&ir, Some(bytes)).unwrap();
    core.compile(&model, "CPU", &[]).unwrap()
}

#[test]
fn a_request_dropped_by_the_callback_of_another_takes_its_memory_with_it() {
    let Some(core) = core() else { return };
    for _ in 0..3 {
        let mut first = request(&core);
        let mut second = request(&core);
        second.start().unwrap();
        let (told, finished) = mpsc::channel();
        let mut second = Some(second);
        first
            .set_callback(Box::new(move || {
                drop(second.take());
                told.send(()).unwrap();
            }))
            .unwrap();
        first.start().unwrap();
        finished.recv_timeout(SOON).unwrap();
    }
}

/// Breaks the rule of `Tensor::from_raw` on purpose, so that `valgrind.sh` can see that such a thing would be seen.
#[test]
#[ignore = "a planted error, run by valgrind.sh alone"]
fn planted_error() {
    let Some(core) = core() else { return };
    let mut request = request(&core);
    let mut memory = vec![1.0, 0.0, 0.0, 1.0];
    request.set_input(0, &over(&mut memory)).unwrap();
    drop(memory);
    request.infer().unwrap();
}
