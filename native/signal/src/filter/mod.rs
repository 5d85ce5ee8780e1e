//! The family `filter`: design, recursive and finite filters, convolution, resampling and smoothing.
//!
//! The design members (`butter`, `cheby1`, `cheby2`, `ellip`, `firwin`, `firls`) design and run the filter; what they
//! designed is an output beside the samples.

mod convolve;
mod direct;
mod elliptic;
mod fir;
mod iir;
mod resample;
mod sections;
mod smooth;
mod stream;
mod whole;
mod zero_phase;

pub use direct::DirectFilter;
pub use resample::Resampler;
pub use sections::{Section, SosFilter};
pub(crate) use stream::same_block;
pub(crate) use zero_phase::{Extension, extended};

use crate::MAX_VALUES;
use crate::array::{Array, Inputs, Outputs, Signal, with_real};
use crate::fault::{Fault, Result};
use crate::lowered::{self, Lowered, Work};
use crate::parameters::{Parameters, out_of, unknown_word};
use crate::pipeline::{Member, Streaming};
use crate::real::Real;
use convolve::{Method, Mode};
use direct::Coefficients;
use zero_phase::{Padding, padding, sos_padding};

/// The members of the family.
pub const KINDS: [&str; 14] = [
    "butter",
    "cheby1",
    "cheby2",
    "ellip",
    "firwin",
    "firls",
    "lfilter",
    "sosfilt",
    "filtfilt",
    "sosfiltfilt",
    "convolve",
    "resample_poly",
    "savgol_filter",
    "medfilt",
];

/// The longest window of a median.
const MAX_KERNEL: usize = 100_001;

#[derive(Debug)]
enum Filter {
    Sos { sections: Vec<Section>, both: Option<Padding>, designed: bool },
    Direct { coefficients: Coefficients, both: Option<Padding> },
    Taps(Vec<f64>),
    Convolve { kernel: Option<Vec<f64>>, mode: Mode, method: Method },
    Resample(resample::Ratio),
    Savgol(smooth::Savgol),
    Median(usize),
}

/// Reads a member of the family.
pub(crate) fn prepare(kind: &str, parameters: &mut Parameters) -> Result<Box<dyn Member>> {
    let shape = match kind {
        "butter" => Some(iir::Shape::Butterworth),
        "cheby1" => Some(iir::Shape::Chebyshev1),
        "cheby2" => Some(iir::Shape::Chebyshev2),
        "ellip" => Some(iir::Shape::Elliptic),
        _ => None,
    };
    if let Some(shape) = shape {
        let sections = iir::design(shape, parameters)?;
        let both =
            parameters.choice("method", &[("sosfilt", false), ("sosfiltfilt", true)], false)?;
        let both = both.then(|| sos_padding(&sections, parameters)).transpose()?;
        return Ok(Box::new(Filter::Sos { sections, both, designed: true }));
    }
    Ok(Box::new(match kind {
        "firwin" => Filter::Taps(fir::firwin(parameters)?),
        "firls" => Filter::Taps(fir::firls(parameters)?),
        "sosfilt" | "sosfiltfilt" => {
            let sections = given_sections(parameters)?;
            let both = kind == "sosfiltfilt";
            let both = both.then(|| sos_padding(&sections, parameters)).transpose()?;
            Filter::Sos { sections, both, designed: false }
        }
        "lfilter" | "filtfilt" => {
            let b = parameters.numbers("b")?;
            let b = b.ok_or_else(|| Fault::argument("parameters.b is missing: the numerator"))?;
            let a = parameters.numbers("a")?.unwrap_or_else(|| vec![1.0]);
            let coefficients = Coefficients::new(b, a)?;
            let both = kind == "filtfilt";
            let taps = coefficients.b.len();
            let both = both.then(|| padding(parameters, 3 * taps)).transpose()?;
            Filter::Direct { coefficients, both }
        }
        "convolve" => convolution(parameters)?,
        "resample_poly" => Filter::Resample(resample::Ratio::read(parameters)?),
        "savgol_filter" => Filter::Savgol(smooth::Savgol::read(parameters)?),
        "medfilt" => {
            let size = parameters.integer("kernel_size", 1, MAX_KERNEL)?.unwrap_or(3);
            if size.is_multiple_of(2) {
                return Err(out_of("kernel_size", size, "must be odd"));
            }
            Filter::Median(size)
        }
        other => return Err(unknown_word("parameters.kind", other, &KINDS)),
    }))
}

fn given_sections(parameters: &mut Parameters) -> Result<Vec<Section>> {
    let rows = parameters.rows("sos")?.unwrap_or_default();
    let sections: Vec<Section> = rows
        .iter()
        .map(|row| {
            <Section>::try_from(row.as_slice()).map_err(|_| {
                Fault::shape(format!(
                    "parameters.sos has a row of {} numbers, it must be 6",
                    row.len()
                ))
            })
        })
        .collect::<Result<_>>()?;
    if sections.is_empty() {
        return Err(Fault::shape("parameters.sos is missing or empty: rows of b0 b1 b2 a0 a1 a2"));
    }
    if let Some(at) = sections.iter().position(|section| section[3] != 1.0) {
        return Err(out_of(&format!("sos[{at}][3]"), sections[at][3], "must be 1"));
    }
    sections::refuse_unstable(&sections)?;
    Ok(sections)
}

fn convolution(parameters: &mut Parameters) -> Result<Filter> {
    let kernel = parameters.numbers("in2")?;
    if kernel.as_ref().is_some_and(Vec::is_empty) {
        return Err(Fault::shape("parameters.in2 is empty: at least one value is needed"));
    }
    let modes = [("full", Mode::Full), ("same", Mode::Same), ("valid", Mode::Valid)];
    let methods = [("auto", Method::Auto), ("direct", Method::Direct), ("fft", Method::Fft)];
    Ok(Filter::Convolve {
        kernel,
        mode: parameters.choice("mode", &modes, Mode::Full)?,
        method: parameters.choice("method", &methods, Method::Auto)?,
    })
}

impl Member for Filter {
    fn run(&self, inputs: Inputs<'_>) -> Result<Outputs> {
        if let Self::Convolve { kernel: None, .. } = self {
            let other = inputs
                .needed("in2", "what the data is convolved with, unless parameters.in2 gives it")?;
            let other = other.wide()?.into_owned();
            return with_real!(&inputs.data, array => self.apply(array, &other));
        }
        with_real!(&inputs.data, array => self.apply(array, &[]))
    }

    fn lowered(&self, inputs: &Inputs<'_>) -> Result<Option<Lowered>> {
        let given = match self {
            Self::Convolve { kernel: None, .. } => inputs.needed("in2", "the kernel")?.wide()?,
            _ => Vec::new().into(),
        };
        let n = inputs.data.length();
        let Some((work, length)) = self.work(n, &given)? else { return Ok(None) };
        let data = with_real!(&inputs.data, array => {
            let total = array.channels().saturating_mul(length);
            if total > MAX_VALUES {
                return Err(Fault::limit("the output", total, MAX_VALUES));
            }
            array.reals()?;
            lowered::owned(array)
        });
        let beside = self.designed().into_iter().collect();
        Ok(Some(Lowered {
            data,
            work,
            name: "samples",
            tail: vec![length],
            complex: false,
            turn: [0, 0],
            beside,
        }))
    }

    fn streaming(&self) -> Option<Box<dyn Streaming>> {
        match self {
            Self::Sos { both: Some(_), .. } | Self::Direct { both: Some(_), .. } => None,
            Self::Sos { sections, .. } => Some(stream::sections(sections.clone())),
            Self::Direct { coefficients, .. } => Some(stream::direct(coefficients.clone())),
            Self::Taps(taps) | Self::Convolve { kernel: Some(taps), mode: Mode::Full, .. } => {
                Some(stream::finite(taps))
            }
            Self::Resample(ratio) => Some(stream::resampler(ratio.clone())),
            _ => None,
        }
    }
}

impl Filter {
    /// What is worked out for `n` samples, and how many come out.
    fn work(&self, n: usize, given: &[f64]) -> Result<Option<(Work, usize)>> {
        let causal = |taps: &[f64]| (Work::Convolve { taps: taps.to_vec(), skip: 0 }, n);
        Ok(Some(match self {
            Self::Sos { sections, both: None, .. } => {
                let filters = sections.iter().map(|s| (s[..3].to_vec(), s[3..].to_vec()));
                (Work::Recurse(filters.collect()), n)
            }
            Self::Direct { coefficients, both: None } if coefficients.is_finite() => {
                causal(&coefficients.b)
            }
            Self::Direct { coefficients, both: None } => {
                (Work::Recurse(vec![(coefficients.b.clone(), coefficients.a.clone())]), n)
            }
            Self::Taps(taps) => causal(taps),
            Self::Convolve { kernel, mode, .. } => {
                let taps = kernel.as_deref().unwrap_or(given).to_vec();
                let part = convolve::part(*mode, n, taps.len());
                (Work::Convolve { taps, skip: part.start }, part.len())
            }
            Self::Resample(ratio) => {
                let (up, down, taps) = (ratio.up, ratio.down, ratio.taps.clone());
                (Work::Resample { up, down, taps, skip: ratio.half }, ratio.length(n)?)
            }
            _ => return Ok(None),
        }))
    }

    /// What was designed, as an output.
    fn designed(&self) -> Option<(&'static str, Signal<'static>)> {
        match self {
            Self::Sos { sections, designed: true, .. } => {
                let rows = Array::real(sections.concat(), &[sections.len(), 6]);
                Some(("sos", Signal::F64(rows)))
            }
            Self::Taps(taps) => {
                Some(("taps", Signal::F64(Array::real(taps.clone(), &[taps.len()]))))
            }
            _ => None,
        }
    }
}

/// The full convolution of two sequences.
pub(crate) fn convolved<T: Real>(a: &[T], b: &[T]) -> Vec<T> {
    convolve::full(a, b, Method::Auto)
}
