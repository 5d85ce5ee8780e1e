use super::*;
use crate::datatype::DataType;
use crate::operation::StreamStep;
use crate::tensor::Tensor;

fn ask(description: &str, samples: &[f64]) -> Signal {
    let data =
        Tensor::copy_of(DataType::F64, &[samples.len()], bytemuck::cast_slice(samples)).unwrap();
    Signal { description: description.as_bytes().into(), data, inputs: Vec::new(), stream: None }
}

fn values(output: Output, index: usize) -> Vec<f64> {
    let Output::Processed { tensors, .. } = output else { panic!("no tensors") };
    bytemuck::pod_collect_to_vec(tensors[index].1.bytes())
}

#[test]
fn steps_hand_their_first_output_on() {
    let steps = r#"{"steps": [
        {"operation": "fft", "parameters": {"kind": "rfft"}},
        {"operation": "fft", "parameters": {"kind": "irfft"}}]}"#;
    let samples = [1.0, -2.0, 3.5, 0.25];
    let back = values(run(&ask(steps, &samples), None).unwrap(), 0);
    assert!(back.iter().zip(samples).all(|(a, b)| (a - b).abs() < 1e-15), "{back:?}");
}

#[test]
fn a_stream_goes_on_where_its_last_block_ended() {
    let text =
        r#"{"operation": "filter", "parameters": {"kind": "lfilter", "b": [1], "a": [1, -0.5]}}"#;
    let memory = Memory::default();
    let block = |samples: &[f64], last: bool| {
        let mut signal = ask(text, samples);
        signal.stream = Some(StreamStep { name: "s".into(), last });
        values(run(&signal, Some(&memory)).unwrap(), 0)
    };
    assert_eq!(block(&[1.0, 0.0], false), [1.0, 0.5]);
    assert_eq!(block(&[0.0], true), [0.25]);
    assert_eq!(block(&[0.0], false), [0.0]);
}

#[test]
fn what_is_wrong_is_named_with_its_step() {
    let steps = r#"{"steps": [
        {"operation": "fft", "parameters": {"kind": "rfft"}},
        {"operation": "filter", "parameters": {"kind": "butter", "N": 2, "Wn": 7, "fs": 10}}]}"#;
    let error = run(&ask(steps, &[1.0]), None).unwrap_err();
    assert_eq!(error.code(), ErrorCode::InvalidArgument);
    assert!(error.message().starts_with("steps[1]: parameters.Wn is 7: it must be"), "{error}");
}

#[test]
fn integers_are_no_signal() {
    let data = Tensor::copy_of(DataType::I16, &[2], &[0; 4]).unwrap();
    let signal =
        Signal { data, ..ask(r#"{"operation": "fft", "parameters": {"kind": "fft"}}"#, &[1.0]) };
    assert_eq!(run(&signal, None).unwrap_err().code(), ErrorCode::DtypeMismatch);
}
