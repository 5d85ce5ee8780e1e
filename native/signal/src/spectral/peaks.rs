//! Peaks of a signal by their properties, as `scipy.signal.find_peaks`.

use crate::array::{Array, Inputs, Outputs, Signal};
use crate::fault::{Fault, Result};
use crate::parameters::{Parameters, out_of};

/// What a peak must have, each as least and most.
#[derive(Debug)]
pub(super) struct Peaks {
    height: Option<[f64; 2]>,
    threshold: Option<[f64; 2]>,
    distance: Option<f64>,
    prominence: Option<[f64; 2]>,
    width: Option<[f64; 2]>,
    rel_height: f64,
}

impl Peaks {
    pub(super) fn read(parameters: &mut Parameters) -> Result<Self> {
        let bounds =
            |name: &'static str, parameters: &mut Parameters| -> Result<Option<[f64; 2]>> {
                match parameters.numbers(name)?.as_deref() {
                    None => Ok(None),
                    Some([least]) => Ok(Some([*least, f64::INFINITY])),
                    Some([least, most]) => Ok(Some([*least, *most])),
                    Some(many) => Err(Fault::shape(format!(
                        "parameters.{name} has {} numbers, it must be one or two",
                        many.len()
                    ))),
                }
            };
        let distance = parameters.number("distance")?;
        if let Some(value) = distance.filter(|value| *value < 1.0) {
            return Err(out_of("distance", value, "must be at least 1"));
        }
        let rel_height = parameters.number("rel_height")?.unwrap_or(0.5);
        if !(0.0..=1.0).contains(&rel_height) {
            return Err(out_of("rel_height", rel_height, "must be between 0 and 1"));
        }
        Ok(Self {
            height: bounds("height", parameters)?,
            threshold: bounds("threshold", parameters)?,
            distance,
            prominence: bounds("prominence", parameters)?,
            width: bounds("width", parameters)?,
            rel_height,
        })
    }

    pub(super) fn run(&self, inputs: &Inputs<'_>) -> Result<Outputs> {
        if inputs.data.shape().len() != 1 {
            return Err(Fault::shape(format!(
                "find_peaks takes one channel, the data has shape {:?}",
                inputs.data.shape()
            )));
        }
        let x = inputs.data.wide()?;
        let mut peaks = maxima(&x);
        let within = |value: f64, [least, most]: [f64; 2]| value >= least && value <= most;
        if let Some(bounds) = self.height {
            peaks.retain(|peak| within(x[*peak], bounds));
        }
        if let Some([least, most]) = self.threshold {
            peaks.retain(|peak| {
                let (left, right) = (x[*peak] - x[peak - 1], x[*peak] - x[peak + 1]);
                left.min(right) >= least && left.max(right) <= most
            });
        }
        if let Some(distance) = self.distance {
            peaks = apart(&x, &peaks, distance);
        }
        let mut found: Vec<(usize, Prominence, f64)> = peaks
            .into_iter()
            .map(|peak| {
                let prominence = prominence(&x, peak);
                (peak, prominence, width(&x, peak, prominence, self.rel_height))
            })
            .collect();
        if let Some(bounds) = self.prominence {
            found.retain(|(_, prominence, _)| within(prominence.size, bounds));
        }
        if let Some(bounds) = self.width {
            found.retain(|(.., width)| within(*width, bounds));
        }
        Ok(outputs(&x, &found))
    }
}

#[allow(clippy::cast_precision_loss)]
fn outputs(x: &[f64], found: &[(usize, Prominence, f64)]) -> Outputs {
    let list = |of: &dyn Fn(&(usize, Prominence, f64)) -> f64| {
        Signal::F64(Array::real(found.iter().map(of).collect::<Vec<_>>(), &[found.len()]))
    };
    vec![
        ("peaks", list(&|(peak, ..)| *peak as f64)),
        ("peak_heights", list(&|(peak, ..)| x[*peak])),
        ("prominences", list(&|(_, prominence, _)| prominence.size)),
        ("widths", list(&|(.., width)| *width)),
    ]
}

/// The middles of all samples or plateaus that are higher than both neighbours.
fn maxima(x: &[f64]) -> Vec<usize> {
    let mut peaks = Vec::new();
    let mut at = 1;
    while at + 1 < x.len() {
        if x[at - 1] < x[at] {
            let mut ahead = at + 1;
            while ahead + 1 < x.len() && x[ahead] == x[at] {
                ahead += 1;
            }
            if x[ahead] < x[at] {
                peaks.push(usize::midpoint(at, ahead - 1));
                at = ahead;
            }
        }
        at += 1;
    }
    peaks
}

/// The highest peaks that are at least `distance` samples from each other.
#[allow(clippy::cast_precision_loss)]
fn apart(x: &[f64], peaks: &[usize], distance: f64) -> Vec<usize> {
    let distance = distance.ceil();
    let mut keep = vec![true; peaks.len()];
    let mut order: Vec<usize> = (0..peaks.len()).collect();
    order.sort_by(|a, b| x[peaks[*a]].total_cmp(&x[peaks[*b]]));
    for at in order.into_iter().rev() {
        if !keep[at] {
            continue;
        }
        let close = |other: usize| (peaks[other].abs_diff(peaks[at]) as f64) < distance;
        for other in (0..at).rev().take_while(|other| close(*other)) {
            keep[other] = false;
        }
        for other in (at + 1..peaks.len()).take_while(|other| close(*other)) {
            keep[other] = false;
        }
    }
    peaks.iter().zip(keep).filter_map(|(peak, keep)| keep.then_some(*peak)).collect()
}

#[derive(Debug, Clone, Copy)]
struct Prominence {
    size: f64,
    left: usize,
    right: usize,
}

/// How far a peak stands out above the higher of the lowest points that part it from higher ground.
fn prominence(x: &[f64], peak: usize) -> Prominence {
    let lowest = |steps: &mut dyn Iterator<Item = usize>| {
        let (mut base, mut least) = (peak, x[peak]);
        for at in steps.take_while(|at| x[*at] <= x[peak]) {
            if x[at] < least {
                (base, least) = (at, x[at]);
            }
        }
        (base, least)
    };
    let (left, left_least) = lowest(&mut (0..=peak).rev());
    let (right, right_least) = lowest(&mut (peak..x.len()));
    Prominence { size: x[peak] - left_least.max(right_least), left, right }
}

/// The width at a part of the prominence below the top, between samples by straight lines.
#[allow(clippy::cast_precision_loss)]
fn width(x: &[f64], peak: usize, prominence: Prominence, part: f64) -> f64 {
    let height = x[peak] - prominence.size * part;
    let mut at = peak;
    while prominence.left < at && height < x[at] {
        at -= 1;
    }
    let mut left = at as f64;
    if x[at] < height {
        left += (height - x[at]) / (x[at + 1] - x[at]);
    }
    at = peak;
    while at < prominence.right && height < x[at] {
        at += 1;
    }
    let mut right = at as f64;
    if x[at] < height {
        right -= (height - x[at]) / (x[at - 1] - x[at]);
    }
    right - left
}
