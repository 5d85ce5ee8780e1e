//! Filters over samples that come block by block: each channel keeps its state from one block to the next.

use super::direct::{Coefficients, DirectFilter};
use super::resample::{Ratio, Resampler};
use super::sections::{Section, SosFilter};
use crate::array::{Array, Inputs, Outputs, Signal, with_real};
use crate::fault::{Fault, Result};
use crate::memory::Memory;
use crate::pipeline::Streaming;
use crate::real::Real;

/// A filter of sections.
pub(super) fn sections(sections: Vec<Section>) -> Box<dyn Streaming> {
    Box::new(Channels::new(move || {
        State::Sos(SosFilter::new(&sections), SosFilter::new(&sections))
    }))
}

/// A filter by its coefficients.
pub(super) fn direct(coefficients: Coefficients) -> Box<dyn Streaming> {
    Box::new(Channels::new(move || {
        State::Direct(DirectFilter::new(&coefficients), DirectFilter::new(&coefficients))
    }))
}

/// A filter without feedback.
pub(super) fn finite(taps: &[f64]) -> Box<dyn Streaming> {
    let mut a = vec![0.0; taps.len()];
    a[0] = 1.0;
    direct(Coefficients { b: taps.to_vec(), a })
}

/// Another sampling rate.
pub(super) fn resampler(ratio: Ratio) -> Box<dyn Streaming> {
    Box::new(Channels::new(move || State::Resample(Resampler::new(&ratio), Resampler::new(&ratio))))
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
