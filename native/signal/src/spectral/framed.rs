//! The short-time Fourier transform of a stream.

use num_complex::Complex;

use super::power::times;
use super::segments::{Layout, Transformer};
use super::stft::{Frame, Stft};
use crate::array::{Array, Inputs, Outputs, Signal};
use crate::fault::Result;
use crate::fft::rfftfreq;
use crate::filter::same_block;
use crate::memory::Memory;
use crate::parallel;
use crate::pipeline::Streaming;
use crate::real::Real;

/// Segments of a stream: as `boundary` "none" and `padded` false would give them, one after the other.
#[derive(Debug)]
pub(super) struct Framed {
    stft: Stft,
    first: Option<(Vec<usize>, bool)>,
    /// Which type is used is known at the first block.
    narrow: Segments<f32>,
    wide: Segments<f64>,
}

#[derive(Debug, Default)]
struct Segments<T: Real> {
    channels: Vec<Channel<T>>,
    /// Window and frequencies, from the first whole segment on.
    ready: Option<(Frame<T>, Vec<f64>)>,
    /// Whether the block before had no whole segment.
    empty: bool,
    /// Outputs as they were before that changed, kept for their memory.
    aside: Outputs,
}

/// The samples of one channel that are not yet done with.
#[derive(Debug, Default)]
struct Channel<T: Real> {
    samples: Vec<T>,
    transformer: Option<Transformer<T>>,
}

impl Framed {
    pub(super) fn new(stft: &Stft) -> Self {
        let (narrow, wide) = (Segments::default(), Segments::default());
        Self { stft: stft.clone(), first: None, narrow, wide }
    }
}

impl Streaming for Framed {
    fn next(&mut self, inputs: &Inputs<'_>, outputs: &mut Outputs) -> Result<()> {
        same_block(&mut self.first, inputs.data)?;
        match inputs.data {
            Signal::F32(array) => self.narrow.next(&self.stft, array, outputs),
            Signal::F64(array) => self.wide.next(&self.stft, array, outputs),
        }
    }
}

impl<T: Real> Segments<T> {
    fn next(&mut self, stft: &Stft, array: &Array<'_, T>, outputs: &mut Outputs) -> Result<()> {
        let layout = stft.options.layout(usize::MAX >> 1, false)?;
        let count = self.prepare(stft, array, layout)?;
        self.append(array, layout, count > 0)?;
        if self.empty != (count == 0) {
            self.empty = !self.empty;
            std::mem::swap(outputs, &mut self.aside);
        }
        match &self.ready {
            Some((frame, frequencies)) if count > 0 => {
                let room = layout.room(array.length(), count);
                let mut before = outputs.drain(..);
                let mut spectra = Memory::<Complex<T>>::complexes(before.next());
                let [mut lines, mut middles] = [(); 2].map(|()| Memory::<T>::reals(before.next()));
                drop(before);
                spectra.values.reserve_exact(room * layout.lines() * self.channels.len());
                fill(frame, &mut self.channels, count, &mut spectra.values);
                lines.extend(frequencies.iter().copied());
                middles.values.reserve_exact(room);
                middles.extend(times(layout, count, stft.options.fs, 0.5));
                let tail = [layout.lines(), count];
                outputs.push(("stft", spectra.complex_signal(array.leading(), &tail)));
                outputs.push(("frequencies", lines.signal(&[], &tail[..1])));
                outputs.push(("times", middles.signal(&[], &tail[1..])));
            }
            _ => {
                let nothing = Memory::<T>::reals(outputs.drain(..).next());
                let signal = nothing.signal(array.leading(), &[layout.lines(), 0]);
                outputs.push(("stft", signal));
            }
        }
        Ok(())
    }

    /// How many segments become whole with a block. Refuses it while nothing has been changed.
    fn prepare(&mut self, stft: &Stft, array: &Array<'_, T>, layout: Layout) -> Result<usize> {
        array.reals()?;
        let kept = self.channels.first().map_or(0, |channel| channel.samples.len());
        let length = kept + array.length();
        let count = layout.count(length);
        if count > 0 {
            layout.check(array.channels(), length)?;
            if self.ready.is_none() {
                let frequencies = rfftfreq(layout.nfft, stft.options.fs);
                self.ready = Some((Frame::new(stft, layout)?, frequencies));
            }
        }
        Ok(count)
    }

    fn append(&mut self, array: &Array<'_, T>, layout: Layout, whole: bool) -> Result<()> {
        let n = array.length();
        self.channels.resize_with(array.channels(), Channel::default);
        for (channel, block) in self.channels.iter_mut().zip(array.reals()?.chunks_exact(n)) {
            let samples = &mut channel.samples;
            samples.extend_from_slice(block);
            if whole {
                // What is left of a segment may be longer the next time.
                samples.reserve((layout.nperseg - 1 + n).saturating_sub(samples.len()));
            }
        }
        Ok(())
    }
}

/// The spectra of all channels, whose samples are then done with up to the next segment.
fn fill<T: Real>(
    frame: &Frame<T>,
    channels: &mut [Channel<T>],
    count: usize,
    output: &mut Vec<Complex<T>>,
) {
    let each = frame.layout.lines() * count;
    output.resize(channels.len() * each, Complex::default());
    parallel::each(channels, output, each, |channel, output| {
        let Channel { samples, transformer } = channel;
        frame.spectra(samples, transformer.get_or_insert_with(|| frame.transformer()), output);
        samples.drain(..count * frame.layout.step);
    });
}
