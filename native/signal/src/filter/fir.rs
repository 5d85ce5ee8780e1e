//! Filters without feedback: design by windows and by least squares.

use std::f64::consts::PI;

use crate::fault::{Fault, Result};
use crate::fft::Window;
use crate::kalman::matrix::Matrix;
use crate::parameters::{Parameters, out_of};

/// The most taps of a designed filter.
const MAX_TAPS: usize = 1 << 20;
/// Least squares solves a system of half as many unknowns.
const MAX_LEAST_SQUARES: usize = 2049;

fn sinc(x: f64) -> f64 {
    if x == 0.0 { 1.0 } else { (PI * x).sin() / (PI * x) }
}

/// `scipy.signal.firwin`.
pub(super) fn firwin(parameters: &mut Parameters) -> Result<Vec<f64>> {
    let taps = taps(parameters, MAX_TAPS)?;
    let nyquist = parameters.positive("fs", 2.0)? / 2.0;
    let cutoff = parameters
        .numbers("cutoff")?
        .ok_or_else(|| Fault::argument("parameters.cutoff is missing: one or more frequencies"))?;
    for pair in cutoff.windows(2) {
        if pair[0] >= pair[1] {
            return Err(out_of("cutoff", format!("{cutoff:?}"), "must increase"));
        }
    }
    if let Some(edge) = cutoff.iter().find(|edge| **edge <= 0.0 || **edge >= nyquist) {
        return Err(out_of(
            "cutoff",
            edge,
            &format!("must be above 0 and below {nyquist}, the Nyquist frequency"),
        ));
    }
    let window = Window::read(parameters, "window", "hamming")?;
    let pass_zero = pass_zero(parameters, cutoff.len())?;
    let scale = parameters.flag("scale", true)?;
    let edges: Vec<f64> = cutoff.iter().map(|edge| edge / nyquist).collect();
    design_window(taps, &edges, pass_zero, &window, scale)
}

fn taps(parameters: &mut Parameters, most: usize) -> Result<usize> {
    let taps = parameters.integer("numtaps", 1, most)?;
    taps.ok_or_else(|| Fault::argument("parameters.numtaps is missing: the length of the filter"))
}

fn pass_zero(parameters: &mut Parameters, edges: usize) -> Result<bool> {
    use serde_json::Value;
    let (low, wanted) = match parameters.take("pass_zero") {
        None => return Ok(true),
        Some(Value::Bool(pass)) => return Ok(pass),
        Some(Value::String(word)) => match word.as_str() {
            "lowpass" => (true, 1),
            "bandstop" => (true, 2),
            "highpass" => (false, 1),
            "bandpass" => (false, 2),
            other => {
                let words = ["lowpass", "highpass", "bandpass", "bandstop"];
                return Err(crate::parameters::unknown_word("parameters.pass_zero", other, &words));
            }
        },
        Some(other) => {
            return Err(Fault::argument(format!(
                "parameters.pass_zero is {other}, not true or false"
            )));
        }
    };
    if (wanted == 1) != (edges == 1) {
        return Err(Fault::argument(format!(
            "parameters.cutoff has {edges} numbers, parameters.pass_zero wants {wanted}"
        )));
    }
    Ok(low)
}

/// A filter whose pass bands lie between `edges`, relative to the Nyquist frequency.
pub(super) fn design_window(
    taps: usize,
    edges: &[f64],
    pass_zero: bool,
    window: &Window,
    scale: bool,
) -> Result<Vec<f64>> {
    let pass_nyquist = edges.len().is_multiple_of(2) == pass_zero;
    if pass_nyquist && taps.is_multiple_of(2) {
        return Err(out_of(
            "numtaps",
            taps,
            "must be odd: a filter of even length lets nothing through at the Nyquist frequency",
        ));
    }
    let mut bands: Vec<f64> = Vec::with_capacity(edges.len() + 2);
    bands.extend(pass_zero.then_some(0.0));
    bands.extend(edges);
    bands.extend(pass_nyquist.then_some(1.0));
    #[allow(clippy::cast_precision_loss)]
    let centred: Vec<f64> = (0..taps).map(|k| k as f64 - 0.5 * (taps as f64 - 1.0)).collect();
    let weights = window.values(taps, false)?;
    let mut h: Vec<f64> = centred
        .iter()
        .zip(&weights)
        .map(|(m, weight)| {
            let bands = bands.chunks_exact(2);
            weight * bands.map(|b| b[1] * sinc(b[1] * m) - b[0] * sinc(b[0] * m)).sum::<f64>()
        })
        .collect();
    if scale {
        let (left, right) = (bands[0], bands[1]);
        let at = if left == 0.0 {
            0.0
        } else if right == 1.0 {
            1.0
        } else {
            f64::midpoint(left, right)
        };
        let gain: f64 = h.iter().zip(&centred).map(|(h, m)| h * (PI * m * at).cos()).sum();
        h.iter_mut().for_each(|h| *h /= gain);
    }
    Ok(h)
}

/// `scipy.signal.firls`: the filter of linear phase whose response is closest in the sense of weighted squares.
pub(super) fn firls(parameters: &mut Parameters) -> Result<Vec<f64>> {
    let taps = taps(parameters, MAX_LEAST_SQUARES)?;
    if taps.is_multiple_of(2) {
        return Err(out_of("numtaps", taps, "must be odd"));
    }
    let nyquist = parameters.positive("fs", 2.0)? / 2.0;
    let needed = |name: &'static str, parameters: &mut Parameters| -> Result<Vec<f64>> {
        let values = parameters.rows(name)?.map(|rows| rows.concat());
        values.ok_or_else(|| Fault::argument(format!("parameters.{name} is missing")))
    };
    let edges: Vec<f64> = needed("bands", parameters)?.iter().map(|edge| edge / nyquist).collect();
    let desired = needed("desired", parameters)?;
    let bands = edges.len() / 2;
    let weight = parameters.numbers("weight")?.unwrap_or_else(|| vec![1.0; bands]);
    if edges.is_empty() || !edges.len().is_multiple_of(2) || desired.len() != edges.len() {
        return Err(Fault::shape(format!(
            "parameters.bands has {} frequencies and parameters.desired {} gains: both need two for each band",
            edges.len(),
            desired.len()
        )));
    }
    if weight.len() != bands {
        return Err(Fault::shape(format!(
            "parameters.weight has {} numbers for {bands} bands",
            weight.len()
        )));
    }
    if edges.iter().any(|edge| !(0.0..=1.0).contains(edge)) {
        return Err(out_of(
            "bands",
            format!("{edges:?} relative to the Nyquist frequency"),
            &format!("must lie between 0 and {nyquist}, the Nyquist frequency"),
        ));
    }
    if edges.chunks_exact(2).any(|band| band[0] >= band[1]) || edges.windows(2).any(|p| p[0] > p[1])
    {
        return Err(out_of("bands", format!("{edges:?}"), "must increase and not overlap"));
    }
    least_squares(taps / 2, &edges, &desired, &weight)
}

#[allow(clippy::cast_precision_loss)]
fn least_squares(half: usize, edges: &[f64], desired: &[f64], weight: &[f64]) -> Result<Vec<f64>> {
    let bands = || edges.chunks_exact(2).zip(desired.chunks_exact(2)).zip(weight);
    let q: Vec<f64> = (0..=2 * half)
        .map(|n| {
            let at = |edge: f64| edge * sinc(edge * n as f64);
            bands().map(|((band, _), weight)| weight * (at(band[1]) - at(band[0]))).sum()
        })
        .collect();
    let b: Vec<f64> = (0..=half)
        .map(|n| {
            let n = n as f64;
            bands()
                .map(|((band, gain), weight)| {
                    let slope = (gain[1] - gain[0]) / (band[1] - band[0]);
                    let offset = gain[0] - band[0] * slope;
                    let at = |f: f64| {
                        let bend = if n == 0.0 {
                            -slope * f * f / 2.0
                        } else {
                            slope * (n * PI * f).cos() / (PI * n).powi(2)
                        };
                        f * (slope * f + offset) * sinc(f * n) + bend
                    };
                    weight * (at(band[1]) - at(band[0]))
                })
                .sum()
        })
        .collect();
    let size = half + 1;
    let normal =
        Matrix::from_fn(size, size, |row, column| q[row.abs_diff(column)] + q[row + column]);
    let a = normal.solve(&Matrix::column(&b), "the least squares of parameters.bands")?;
    let a = a.values();
    let mut taps: Vec<f64> = a[1..].iter().rev().copied().collect();
    taps.push(2.0 * a[0]);
    taps.extend(&a[1..]);
    Ok(taps)
}
