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

pub use direct::DirectFilter;
pub use resample::Resampler;
pub use sections::{Section, SosFilter};

use crate::array::{Array, Inputs, Outputs, Signal, with_real};
use crate::fault::{Fault, Result};
use crate::lowered::{self, Lowered, Work};
use crate::memory::Memory;
use crate::parameters::{Parameters, out_of, unknown_word};
use crate::pipeline::{Member, Streaming};
use crate::real::{Real, narrow};
use crate::{MAX_VALUES, parallel};
use convolve::{Method, Mode};
use direct::Coefficients;

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

/// How the ends are continued when a filter runs forth and back.
#[derive(Debug, Clone, Copy)]
struct Padding {
    kind: Extension,
    length: usize,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Extension {
    Odd,
    Even,
    Constant,
    Zeros,
    None,
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

fn sos_padding(sections: &[Section], parameters: &mut Parameters) -> Result<Padding> {
    let zeros = |column: usize| sections.iter().filter(|section| section[column] == 0.0).count();
    let taps = 2 * sections.len() + 1 - zeros(2).min(zeros(5));
    padding(parameters, 3 * taps)
}

fn padding(parameters: &mut Parameters, default: usize) -> Result<Padding> {
    let kinds = [
        ("odd", Extension::Odd),
        ("even", Extension::Even),
        ("constant", Extension::Constant),
        ("none", Extension::None),
    ];
    let kind = parameters.choice("padtype", &kinds, Extension::Odd)?;
    let length = parameters.integer("padlen", 0, MAX_VALUES)?.unwrap_or(default);
    let length = if matches!(kind, Extension::None) { 0 } else { length };
    Ok(Padding { kind, length })
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
            Self::Sos { sections, .. } => Some(Box::new(Channels::new({
                let sections = sections.clone();
                move || State::Sos(SosFilter::new(&sections), SosFilter::new(&sections))
            }))),
            Self::Direct { coefficients, .. } => Some(direct_stream(coefficients.clone())),
            Self::Taps(taps) => Some(direct_stream(finite(taps))),
            Self::Convolve { kernel: Some(taps), mode: Mode::Full, .. } => {
                Some(direct_stream(finite(taps)))
            }
            Self::Resample(ratio) => Some(Box::new(Channels::new({
                let ratio = ratio.clone();
                move || State::Resample(Resampler::new(&ratio), Resampler::new(&ratio))
            }))),
            _ => None,
        }
    }
}

fn finite(taps: &[f64]) -> Coefficients {
    let mut a = vec![0.0; taps.len()];
    a[0] = 1.0;
    Coefficients { b: taps.to_vec(), a }
}

fn direct_stream(coefficients: Coefficients) -> Box<dyn Streaming> {
    Box::new(Channels::new(move || {
        State::Direct(DirectFilter::new(&coefficients), DirectFilter::new(&coefficients))
    }))
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

    fn apply<T: Real>(&self, array: &Array<'_, T>, other: &[f64]) -> Result<Outputs> {
        let (input, n) = (array.reals()?, array.length());
        let same = |work: &(dyn Fn(&[T], &mut [T]) + Sync)| {
            let mut output = vec![T::zero(); input.len()];
            parallel::channels(input, n, &mut output, n, work);
            output
        };
        let samples = |values: Vec<T>, length: usize| {
            ("samples", T::signal(Array::real(values, &array.shape_with(&[length]))))
        };
        match self {
            Self::Sos { sections, both, .. } => {
                let output = match both {
                    None => same(&|input, output| {
                        output.copy_from_slice(input);
                        SosFilter::new(sections).process(output);
                    }),
                    Some(padding) => sos_both(sections, *padding, input, n)?,
                };
                let mut outputs = vec![samples(output, n)];
                outputs.extend(self.designed());
                Ok(outputs)
            }
            Self::Direct { coefficients, both: None } if coefficients.is_finite() => {
                let taps: Vec<T> = narrow(&coefficients.b);
                Ok(vec![samples(same(&|input, output| causal(&taps, input, output)), n)])
            }
            Self::Direct { coefficients, both: None } => Ok(vec![samples(
                same(&|input, output| {
                    output.copy_from_slice(input);
                    DirectFilter::new(coefficients).process(output);
                }),
                n,
            )]),
            Self::Direct { coefficients, both: Some(padding) } => {
                Ok(vec![samples(direct_both(coefficients, *padding, input, n)?, n)])
            }
            Self::Taps(taps) => {
                let own: Vec<T> = narrow(taps);
                let output = same(&|input, output| causal(&own, input, output));
                Ok([Some(samples(output, n)), self.designed()].into_iter().flatten().collect())
            }
            Self::Convolve { kernel, mode, method } => {
                let taps: Vec<T> = narrow(kernel.as_deref().unwrap_or(other));
                let part = convolve::part(*mode, n, taps.len());
                let length = part.len();
                let total = array.channels().saturating_mul(length);
                if total > MAX_VALUES {
                    return Err(Fault::limit("the convolution", total, MAX_VALUES));
                }
                let mut output = vec![T::zero(); total];
                parallel::channels(input, n, &mut output, length, |input, output| {
                    let whole = convolve::full(input, &taps, *method);
                    output.copy_from_slice(&whole[part.clone()]);
                });
                Ok(vec![samples(output, length)])
            }
            Self::Resample(ratio) => {
                let length = ratio.length(n)?;
                let mut output = vec![T::zero(); array.channels() * length];
                parallel::channels(input, n, &mut output, length, |input, output| {
                    let mut resampler = Resampler::new(ratio);
                    let mut samples = Vec::with_capacity(length + 1);
                    resampler.process(input, &mut samples);
                    resampler.finish(length, &mut samples);
                    output.copy_from_slice(&samples);
                });
                Ok(vec![samples(output, length)])
            }
            Self::Savgol(savgol) => {
                savgol.check(n)?;
                Ok(vec![samples(same(&|input, output| savgol.run(input, output)), n)])
            }
            Self::Median(size) => {
                Ok(vec![samples(same(&|input, output| smooth::median(*size, input, output)), n)])
            }
        }
    }
}

/// The full convolution of two sequences.
pub(crate) fn convolved<T: Real>(a: &[T], b: &[T]) -> Vec<T> {
    convolve::full(a, b, Method::Auto)
}

/// A filter without feedback, as long as its input.
fn causal<T: Real>(taps: &[T], input: &[T], output: &mut [T]) {
    let whole = convolve::full(input, taps, Method::Auto);
    output.copy_from_slice(&whole[..input.len()]);
}

/// The samples with both ends continued.
pub(crate) fn extended<T: Real>(input: &[T], kind: Extension, length: usize) -> Vec<T> {
    let n = input.len();
    let (first, last) = (input[0], input[n - 1]);
    let mut output = Vec::with_capacity(n + 2 * length);
    let two = T::one() + T::one();
    let at = |inside: usize, edge: T| match kind {
        Extension::Odd => two * edge - input[inside],
        Extension::Even => input[inside],
        Extension::Constant => edge,
        Extension::Zeros | Extension::None => T::zero(),
    };
    let reach = |k: usize| k.min(n - 1);
    output.extend((1..=length).rev().map(|k| at(reach(k), first)));
    output.extend_from_slice(input);
    output.extend((1..=length).map(|k| at(n - 1 - reach(k), last)));
    output
}

fn check_padding(padding: Padding, n: usize) -> Result<()> {
    if n <= padding.length {
        return Err(Fault::shape(format!(
            "the data has {n} samples, the filter continues its ends by {} and needs more than that",
            padding.length
        ))
        .suggest("give more samples or a smaller parameters.padlen"));
    }
    Ok(())
}

/// Forth and back over samples whose ends are continued.
fn both<T: Real>(
    padding: Padding,
    input: &[T],
    n: usize,
    pass: impl Fn(&mut [T]) + Sync,
) -> Result<Vec<T>> {
    check_padding(padding, n)?;
    let mut output = vec![T::zero(); input.len()];
    parallel::channels(input, n, &mut output, n, |input, output| {
        let mut samples = extended(input, padding.kind, padding.length);
        pass(&mut samples);
        samples.reverse();
        pass(&mut samples);
        samples.reverse();
        output.copy_from_slice(&samples[padding.length..padding.length + n]);
    });
    Ok(output)
}

fn sos_both<T: Real>(
    sections: &[Section],
    padding: Padding,
    input: &[T],
    n: usize,
) -> Result<Vec<T>> {
    let steady = sections::steady(sections);
    both(padding, input, n, |samples| {
        let mut filter = SosFilter::new(sections);
        filter.settle(&steady, samples[0]);
        filter.process(samples);
    })
}

fn direct_both<T: Real>(
    coefficients: &Coefficients,
    padding: Padding,
    input: &[T],
    n: usize,
) -> Result<Vec<T>> {
    let steady = coefficients.steady()?;
    both(padding, input, n, |samples| {
        let mut filter = DirectFilter::new(coefficients);
        filter.settle(&steady, samples[0]);
        filter.process(samples);
    })
}

/// The state of one channel, in either type: which is used is known at the first block.
#[derive(Debug)]
enum State {
    Sos(SosFilter<f32>, SosFilter<f64>),
    Direct(DirectFilter<f32>, DirectFilter<f64>),
    Resample(Resampler<f32>, Resampler<f64>),
}

impl State {
    fn next32(&mut self, samples: &[f32], output: &mut Vec<f32>) {
        match self {
            Self::Sos(filter, _) => filter.process(appended(samples, output)),
            Self::Direct(filter, _) => filter.process(appended(samples, output)),
            Self::Resample(filter, _) => filter.process(samples, output),
        }
    }

    fn next64(&mut self, samples: &[f64], output: &mut Vec<f64>) {
        match self {
            Self::Sos(_, filter) => filter.process(appended(samples, output)),
            Self::Direct(_, filter) => filter.process(appended(samples, output)),
            Self::Resample(_, filter) => filter.process(samples, output),
        }
    }
}

fn appended<'o, T: Real>(samples: &[T], output: &'o mut Vec<T>) -> &'o mut [T] {
    let start = output.len();
    output.extend_from_slice(samples);
    &mut output[start..]
}

/// One state for each channel.
struct Channels {
    make: Box<dyn Fn() -> State + Send>,
    states: Vec<State>,
    /// Shape of the leading dimensions and whether the data is float64.
    first: Option<(Vec<usize>, bool)>,
}

impl std::fmt::Debug for Channels {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Channels").field("states", &self.states).finish_non_exhaustive()
    }
}

impl Channels {
    fn new(make: impl Fn() -> State + Send + 'static) -> Self {
        Self { make: Box::new(make), states: Vec::new(), first: None }
    }
}

impl Streaming for Channels {
    fn next(&mut self, inputs: &Inputs<'_>, outputs: &mut Outputs) -> Result<()> {
        same_block(&mut self.first, inputs.data)?;
        let channels = with_real!(inputs.data, array => array.channels());
        self.states.resize_with(channels, &self.make);
        let output = match inputs.data {
            Signal::F32(array) => {
                each(array, outputs, &mut self.states, |state, block, out| state.next32(block, out))
            }
            Signal::F64(array) => {
                each(array, outputs, &mut self.states, |state, block, out| state.next64(block, out))
            }
        };
        outputs.push(("samples", output?));
        Ok(())
    }
}

/// The blocks of all channels, each by its own state, in the memory of the outputs before.
fn each<T: Real>(
    array: &Array<'_, T>,
    outputs: &mut Outputs,
    states: &mut [State],
    work: impl Fn(&mut State, &[T], &mut Vec<T>),
) -> Result<Signal<'static>> {
    let samples = array.reals()?;
    let mut memory = Memory::reals(outputs.drain(..).next());
    let channels = states.len();
    for (block, state) in samples.chunks_exact(array.length()).zip(states) {
        work(state, block, &mut memory.values);
    }
    let length = memory.values.len() / channels;
    Ok(memory.signal(array.leading(), &[length]))
}

/// Refuses a block with other channels or another type than the first.
pub(crate) fn same_block(first: &mut Option<(Vec<usize>, bool)>, data: &Signal<'_>) -> Result<()> {
    let leading = data.shape().split_last().map_or(&[][..], |(_, leading)| leading);
    let wide = matches!(data, Signal::F64(_));
    match first {
        None => {
            *first = Some((leading.to_vec(), wide));
            Ok(())
        }
        Some(first) if first.0 == leading && first.1 == wide => Ok(()),
        Some(first) => Err(Fault::shape(format!(
            "a block has channels {leading:?} of {}, the stream began with {:?} of {}",
            if wide { "float64" } else { "float32" },
            first.0,
            if first.1 { "float64" } else { "float32" }
        ))),
    }
}
