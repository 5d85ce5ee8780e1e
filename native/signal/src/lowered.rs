//! What a step works out, in terms that other backends can follow.
//!
//! Everything that parameters decide is worked out here, as everywhere else: filters are designed, windows have their
//! values, ends are continued. What is left is the arithmetic on the samples, which a device or another program can do.

use std::borrow::Cow;

use num_complex::Complex;

use crate::array::{Array, Outputs, Signal, Values, with_real};
use crate::fault::Result;
use crate::real::Real;

/// A step for data of one shape.
#[derive(Debug)]
pub struct Lowered {
    /// The samples that are worked on, each channel as long as the work takes it.
    pub data: Signal<'static>,
    /// What is done to each channel.
    pub work: Work,
    /// What the result is called.
    pub name: &'static str,
    /// The dimensions of one channel's result; complex values count as one.
    pub tail: Vec<usize>,
    /// Whether the result is complex.
    pub complex: bool,
    /// By how much each row of a result is turned at the end: rows, columns.
    pub turn: [usize; 2],
    /// Results that do not depend on the samples: axes, and what was designed.
    pub beside: Outputs,
}

/// What is done to each channel.
#[derive(Debug, Clone, PartialEq)]
pub enum Work {
    /// The whole convolution with `taps`, from its value `skip` on.
    Convolve {
        /// The kernel.
        taps: Vec<f64>,
        /// Values left out at the beginning.
        skip: usize,
    },
    /// Recursive filters one after the other, each a numerator and a denominator that begins with 1.
    Recurse(Vec<(Vec<f64>, Vec<f64>)>),
    /// `up - 1` zeros behind each sample, the convolution with `taps`, then one value in `down` from `skip` on.
    Resample {
        /// Values for each sample.
        up: usize,
        /// Values for each result.
        down: usize,
        /// The kernel.
        taps: Vec<f64>,
        /// Values left out at the beginning.
        skip: usize,
    },
    /// A discrete Fourier transform, multiplied by a factor.
    Transform(Transform, f64),
    /// Overlapping frames.
    Frames(Frames),
}

/// Which transform, without any factor of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transform {
    /// Of complex or real samples.
    Forward,
    /// The half spectrum of real samples.
    Half,
    /// Back to complex samples.
    Inverse,
    /// Back to this many real samples from a half spectrum.
    InverseHalf(usize),
    /// In two dimensions: rows, columns.
    Plane(usize, usize),
}

/// Frames of samples, each without its trend, weighted, filled up with zeros and transformed to a half spectrum.
#[derive(Debug, Clone, PartialEq)]
pub struct Frames {
    /// Samples from one frame to the next.
    pub step: usize,
    /// How many there are.
    pub count: usize,
    /// The window, as long as a frame.
    pub window: Vec<f64>,
    /// Vectors of length 1, at right angles to each other, whose share is taken out of each frame first.
    pub trend: Vec<Vec<f64>>,
    /// The length of the transform.
    pub nfft: usize,
    /// What is made of the spectra.
    pub of: Spectra,
}

/// What is made of half spectra.
#[derive(Debug, Clone, PartialEq)]
pub enum Spectra {
    /// Themselves, multiplied: [lines, frames].
    Whole(f64),
    /// Their power, each line multiplied by its own factor: [lines, frames].
    Power(Vec<f64>),
    /// The mean of their powers, each line multiplied by its own factor: [lines].
    MeanPower(Vec<f64>),
    /// Sums over bands: [bands, frames].
    Bands {
        /// The weight of each line in each band.
        bands: Vec<Vec<f64>>,
        /// What amplitudes are raised to before.
        exponent: f64,
        /// Rows of the discrete cosine transform of the bands in decibels, which are at most so far below the largest.
        cepstrum: Option<(Vec<Vec<f64>>, f64)>,
    },
}

impl Frames {
    /// How many frequencies a half spectrum has.
    #[must_use]
    pub fn lines(&self) -> usize {
        self.nfft / 2 + 1
    }
}

impl Lowered {
    /// How many channels the data has.
    #[must_use]
    pub fn channels(&self) -> usize {
        with_real!(&self.data, array => match self.work {
            Work::Transform(Transform::Plane(rows, columns), _) => {
                array.shape.iter().product::<usize>() / (rows * columns)
            }
            _ => array.channels(),
        })
    }

    /// Values of one channel's result; a complex one counts as two.
    #[must_use]
    pub fn values(&self) -> usize {
        self.tail.iter().product::<usize>() * if self.complex { 2 } else { 1 }
    }

    /// All outputs, from what a backend made of [`Lowered::data`]: channels one after the other, complex values as real
    /// and imaginary part. None when there are not as many values as there must be.
    #[must_use]
    pub fn finish(self, result: Made) -> Option<Outputs> {
        if result.len() != self.channels() * self.values() {
            return None;
        }
        let keep = self.data.shape().len() - if self.is_plane() { 2 } else { 1 };
        let shape = [&self.data.shape()[..keep], &self.tail].concat();
        let main = match result {
            Made::F32(values) => assembled(values, &shape, self.complex, self.turn),
            Made::F64(values) => assembled(values, &shape, self.complex, self.turn),
        };
        let mut outputs = vec![(self.name, main)];
        outputs.extend(self.beside);
        Some(outputs)
    }

    fn is_plane(&self) -> bool {
        matches!(self.work, Work::Transform(Transform::Plane(..), _))
    }
}

/// What a backend gives back.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)]
pub enum Made {
    F32(Vec<f32>),
    F64(Vec<f64>),
}

impl Made {
    /// How many values there are.
    #[must_use]
    #[allow(clippy::len_without_is_empty)]
    pub fn len(&self) -> usize {
        match self {
            Self::F32(values) => values.len(),
            Self::F64(values) => values.len(),
        }
    }
}

fn assembled<T: Real>(
    values: Vec<T>,
    shape: &[usize],
    complex: bool,
    [rows, columns]: [usize; 2],
) -> Signal<'static> {
    if !complex {
        return T::signal(Array::real(values, shape));
    }
    let mut values: Vec<Complex<T>> =
        values.chunks_exact(2).map(|pair| Complex::new(pair[0], pair[1])).collect();
    let length = shape.last().copied().unwrap_or(1);
    if rows > 0 {
        let plane = length * shape[shape.len() - 2];
        values.chunks_exact_mut(plane).for_each(|plane| plane.rotate_right(rows * length));
    }
    if columns > 0 {
        values.chunks_exact_mut(length).for_each(|row| row.rotate_right(columns));
    }
    T::signal(Array::complex(values, shape))
}

/// Each channel made anew, as long as `length`.
pub(crate) fn remade<T: Real>(
    array: &Array<'_, T>,
    length: usize,
    make: impl Fn(&[T]) -> Vec<T>,
) -> Result<Signal<'static>> {
    let channels = array.reals()?.chunks_exact(array.length());
    let values: Vec<T> = channels.flat_map(make).collect();
    Ok(T::signal(Array::real(values, &array.shape_with(&[length]))))
}

/// The same data, owned.
pub(crate) fn owned<T: Real>(array: &Array<'_, T>) -> Signal<'static> {
    let values = match &array.values {
        Values::Real(values) => Values::Real(Cow::Owned(values.to_vec())),
        Values::Complex(values) => Values::Complex(Cow::Owned(values.to_vec())),
    };
    T::signal(Array { values, shape: array.shape.clone() })
}
