//! What is wrong is refused with the value, the place and the limit.
#![allow(clippy::unwrap_used)]

use npubridge_signal::{Array, Fault, FaultKind, Pipeline, Signal, Step};
use serde_json::{Value, json};

fn run_on(
    family: &str,
    parameters: &Value,
    data: &Signal<'_>,
    others: &[(&str, Signal<'_>)],
) -> Result<(), Fault> {
    let parameters = parameters.as_object().unwrap().clone();
    let step = Step { operation: family.into(), parameters };
    Pipeline::new(vec![step])?.run(data, others).map(drop)
}

fn samples(values: Vec<f64>) -> Signal<'static> {
    let shape = [values.len()];
    Signal::F64(Array::real(values, &shape))
}

fn refusal(family: &str, parameters: &Value, data: Vec<f64>) -> Fault {
    run_on(family, parameters, &samples(data), &[]).unwrap_err()
}

fn refuses(family: &str, parameters: &Value, data: Vec<f64>, kind: FaultKind, parts: &[&str]) {
    let fault = refusal(family, parameters, data);
    assert_eq!(fault.kind, kind, "{fault}");
    for part in parts {
        assert!(fault.message.contains(part), "\"{}\" lacks \"{part}\"", fault.message);
    }
}

const WELCH: &str = "welch";

#[test]
fn nothing_is_no_signal() {
    refuses("spectral", &json!({"kind": WELCH}), vec![], FaultKind::Shape, &["[0]", "empty"]);
}

#[test]
fn one_sample_is_enough_where_it_means_something() {
    for (family, parameters) in [
        ("fft", json!({"kind": "rfft"})),
        ("filter", json!({"kind": "sosfilt", "sos": [[1, 0, 0, 1, 0, 0]]})),
        ("filter", json!({"kind": "medfilt"})),
        ("spectral", json!({"kind": "periodogram"})),
        (
            "kalman",
            json!({"kind": "kalman", "x": [0], "F": [[1]], "H": [[1]], "Q": [[1]], "R": [[1]], "P": [[1]]}),
        ),
    ] {
        run_on(family, &parameters, &samples(vec![2.0]), &[]).unwrap();
    }
    refuses(
        "fft",
        &json!({"kind": "irfft"}),
        vec![1.0],
        FaultKind::Argument,
        &["length 0", "parameters.n"],
    );
    let both = json!({"kind": "filtfilt", "b": [1, 1], "a": [1]});
    refuses("filter", &both, vec![1.0], FaultKind::Shape, &["1 samples", "by 6"]);
}

#[test]
fn the_first_sample_that_is_no_number_is_named_however_many_there_are() {
    for length in [1, 63, 64, 65, 1000, 300_000, 1_000_000] {
        for place in [0, length / 3, length / 2, length - 1] {
            let mut data = vec![0.5; length];
            data[place] = f64::NAN;
            data[length - 1] = f64::INFINITY;
            let named = format!("data[{place}]");
            refuses("fft", &json!({"kind": "rfft"}), data, FaultKind::Argument, &[&named]);
        }
    }
}

#[test]
fn samples_that_are_no_numbers_are_refused_unless_they_may_spread() {
    for bad in [f64::NAN, f64::INFINITY] {
        let data = vec![1.0, bad, 2.0];
        refuses(
            "fft",
            &json!({"kind": "fft"}),
            data.clone(),
            FaultKind::Argument,
            &["data[1]", "not finite"],
        );
        let spreads = json!({"kind": "fft", "nonfinite": "propagate"});
        run_on("fft", &spreads, &samples(data), &[]).unwrap();
    }
}

#[test]
fn unstable_filters_are_refused_with_their_poles() {
    let direct = json!({"kind": "lfilter", "b": [1], "a": [1, -2.5, 1]});
    refuses("filter", &direct, vec![1.0], FaultKind::Argument, &["unstable", "2.000000+0.000000j"]);
    let sections = json!({"kind": "sosfilt", "sos": [[1, 0, 0, 1, 0, 1.21]]});
    refuses("filter", &sections, vec![1.0], FaultKind::Argument, &["+1.100000j", "-1.100000j"]);
}

#[test]
fn cut_offs_lie_below_the_nyquist_frequency() {
    let high = json!({"kind": "butter", "N": 2, "Wn": 500, "fs": 1000});
    refuses(
        "filter",
        &high,
        vec![1.0],
        FaultKind::Argument,
        &["Wn is 500", "below 500, the Nyquist"],
    );
    let zero = json!({"kind": "cheby1", "N": 2, "rp": 1, "Wn": 0});
    refuses("filter", &zero, vec![1.0], FaultKind::Argument, &["Wn is 0", "above 0"]);
    let reversed = json!({"kind": "butter", "N": 2, "Wn": [0.5, 0.2], "btype": "bandpass"});
    refuses("filter", &reversed, vec![1.0], FaultKind::Argument, &["[0.5, 0.2]", "lower edge"]);
    let window = json!({"kind": "firwin", "numtaps": 11, "cutoff": 1.2});
    refuses("filter", &window, vec![1.0], FaultKind::Argument, &["cutoff is 1.2", "below 1"]);
    let squares = json!({"kind": "firls", "numtaps": 11, "bands": [0, 2], "desired": [1, 0]});
    refuses("filter", &squares, vec![1.0], FaultKind::Argument, &["bands", "Nyquist"]);
}

#[test]
fn singular_matrices_are_named() {
    let model = json!({"kind": "kalman", "x": [0], "F": [[1]], "H": [[0]], "Q": [[0]], "R": [[0]], "P": [[1]]});
    refuses(
        "kalman",
        &model,
        vec![1.0],
        FaultKind::Argument,
        &["innovation", "singular", "pivot 0"],
    );
}

#[test]
fn matrices_must_fit() {
    let model = json!({"kind": "kalman", "x": [0, 0], "F": [[1]], "H": [[1, 0]], "Q": [[0]], "R": [[1]], "P": [[1]]});
    refuses("kalman", &model, vec![1.0], FaultKind::Shape, &["F is 1 by 1", "2 by 2"]);
}

#[test]
fn a_measurement_is_missing_as_a_whole() {
    let model = json!({"kind": "kalman", "x": [0], "F": [[1]], "H": [[1], [1]], "Q": [[1]], "R": [[1, 0], [0, 1]], "P": [[1]]});
    let data = Signal::F64(Array::real(vec![1.0, f64::NAN], &[1, 2]));
    let fault = run_on("kalman", &model, &data, &[]).unwrap_err();
    assert!(fault.message.contains("data[0]") && fault.message.contains("NaN"), "{fault}");
}

#[test]
fn a_wavelet_goes_as_deep_as_the_length_allows() {
    let deep = json!({"kind": "wavedec", "wavelet": "db4", "level": 5});
    refuses(
        "wavelet",
        &deep,
        vec![0.0; 100],
        FaultKind::Argument,
        &["level is 5", "at most 3", "100 samples"],
    );
}

#[test]
fn channels_must_match() {
    let data = Signal::F64(Array::real(vec![0.0; 8], &[2, 4]));
    let other = [("y", samples(vec![0.0; 4]))];
    let fault = run_on("spectral", &json!({"kind": "csd"}), &data, &other).unwrap_err();
    assert_eq!(fault.kind, FaultKind::Shape);
    assert!(fault.message.contains("[4]") && fault.message.contains("[2, 4]"), "{fault}");
    refuses(
        "adaptive",
        &json!({"kind": "lms", "n": 2}),
        vec![0.0; 4],
        FaultKind::Argument,
        &["inputs.d is missing"],
    );
}

#[test]
fn giant_lengths_are_refused_before_anything_is_made() {
    let limit = npubridge_signal::MAX_VALUES;
    let up = json!({"kind": "resample_poly", "up": 60_000, "down": 1});
    refuses("filter", &up, vec![0.0; 4000], FaultKind::Limit, &["240000000", &limit.to_string()]);
    let scales = json!({"kind": "cwt", "scales": [1e12]});
    refuses("wavelet", &scales, vec![0.0; 10], FaultKind::Limit, &["limit"]);
    let many = json!({"kind": "rfft", "n": limit});
    let data = Signal::F64(Array::real(vec![0.0; 4], &[2, 2]));
    assert_eq!(run_on("fft", &many, &data, &[]).unwrap_err().kind, FaultKind::Limit);
}

#[test]
fn words_that_nobody_knows_get_the_nearest() {
    let fault = refusal("spectral", &json!({"kind": "welsh"}), vec![1.0]);
    assert_eq!(fault.suggestion.as_deref(), Some("did you mean \"welch\"?"));
    let fault = refusal("spectral", &json!({"kind": WELCH, "npersec": 4}), vec![1.0]);
    assert_eq!(fault.suggestion.as_deref(), Some("did you mean \"nperseg\"?"));
    let fault = refusal("spectre", &json!({"kind": WELCH}), vec![1.0]);
    assert_eq!(fault.suggestion.as_deref(), Some("did you mean \"spectral\"?"));
}

#[test]
fn windows_that_leave_samples_out_cannot_be_inverted() {
    let spectra = Signal::F64(Array::real(vec![1.0; 5 * 3], &[5, 3]));
    let gaps = json!({"kind": "istft", "nperseg": 8, "noverlap": 0});
    let fault = run_on("spectral", &gaps, &spectra, &[]).unwrap_err();
    assert!(fault.message.contains("leave samples out"), "{fault}");
}

#[test]
fn an_adaptive_filter_that_diverges_says_where() {
    let fast = json!({"kind": "lms", "n": 1, "mu": 1e200});
    let d = [("d", samples(vec![1e200; 50]))];
    let fault = run_on("adaptive", &fast, &samples(vec![1e100; 50]), &d).unwrap_err();
    assert!(fault.message.contains("diverged at step"), "{fault}");
}

#[test]
fn what_needs_everything_at_once_is_no_stream() {
    let parameters = json!({"kind": WELCH}).as_object().unwrap().clone();
    let pipeline = Pipeline::new(vec![Step { operation: "spectral".into(), parameters }]).unwrap();
    assert_eq!(pipeline.stream().unwrap_err().kind, FaultKind::Unsupported);
}
