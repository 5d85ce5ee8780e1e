//! The family `fft`: discrete Fourier transforms of any length, by the conventions of `scipy.fft`.

pub(crate) mod plan;
mod windows;

use num_complex::Complex;

pub use windows::Window;

use crate::array::{Array, Inputs, Outputs, Signal, with_real};
use crate::fault::{Fault, Result};
use crate::lowered::{self, Lowered, Work};
use crate::pages::zeroed;
use crate::parallel;
use crate::parameters::{Parameters, unknown_word};
use crate::pipeline::Member;
use crate::real::Real;
use crate::{MAX_VALUES, Values};
use plan::{irfft_into, rfft_into};

/// The members of the family.
pub const KINDS: [&str; 5] = ["fft", "ifft", "rfft", "irfft", "fft2"];

#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    Fft,
    Ifft,
    Rfft,
    Irfft,
    Fft2,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Norm {
    Backward,
    Ortho,
    Forward,
}

impl Norm {
    #[allow(clippy::cast_precision_loss)]
    fn factor(self, length: usize, inverse: bool) -> f64 {
        let length = length as f64;
        match (self, inverse) {
            (Self::Backward, false) | (Self::Forward, true) => 1.0,
            (Self::Backward, true) | (Self::Forward, false) => 1.0 / length,
            (Self::Ortho, _) => 1.0 / length.sqrt(),
        }
    }
}

#[derive(Debug)]
struct Transform {
    kind: Kind,
    n: Option<usize>,
    norm: Norm,
    window: Option<Window>,
    shift: bool,
    fs: f64,
}

/// Reads a member of the family.
pub(crate) fn prepare(kind: &str, parameters: &mut Parameters) -> Result<Box<dyn Member>> {
    let kind = match kind {
        "fft" => Kind::Fft,
        "ifft" => Kind::Ifft,
        "rfft" => Kind::Rfft,
        "irfft" => Kind::Irfft,
        "fft2" => Kind::Fft2,
        other => return Err(unknown_word("parameters.kind", other, &KINDS)),
    };
    let norms = [("backward", Norm::Backward), ("ortho", Norm::Ortho), ("forward", Norm::Forward)];
    let norm = parameters.choice("norm", &norms, Norm::Backward)?;
    let plain = kind != Kind::Fft2;
    let n = if plain { parameters.integer("n", 1, MAX_VALUES)? } else { None };
    let windowed = matches!(kind, Kind::Fft | Kind::Rfft);
    let window = if windowed { Some(Window::read(parameters, "window", "boxcar")?) } else { None };
    let window = window.filter(|window| *window != Window::Cosines(&[1.0]));
    let shifted = matches!(kind, Kind::Fft | Kind::Ifft | Kind::Fft2);
    let shift = shifted && parameters.flag("shift", false)?;
    let fs = if windowed { parameters.positive("fs", 1.0)? } else { 1.0 };
    Ok(Box::new(Transform { kind, n, norm, window, shift, fs }))
}

impl Member for Transform {
    fn run(&self, inputs: Inputs<'_>) -> Result<Outputs> {
        with_real!(inputs.data, array => match self.kind {
            Kind::Rfft => self.rfft(array),
            Kind::Irfft => self.irfft(array),
            Kind::Fft | Kind::Ifft => self.complex(array),
            Kind::Fft2 => self.fft2(array),
        })
    }

    fn lowered(&self, inputs: &Inputs<'_>) -> Result<Option<Lowered>> {
        with_real!(&inputs.data, array => self.lower(array).map(Some))
    }
}

impl Transform {
    fn limits(&self, channels: usize, n: usize) -> Result<()> {
        let count = channels.saturating_mul(n);
        if count > MAX_VALUES {
            Err(Fault::limit("the transform", count, MAX_VALUES))
        } else {
            Ok(())
        }
    }

    fn weights<T: Real>(&self, length: usize) -> Result<Option<Vec<T>>> {
        let window = self.window.as_ref().map(|window| window.values(length, true)).transpose()?;
        Ok(window.map(|values| crate::real::narrow(&values)))
    }

    fn lower<T: Real>(&self, array: &Array<'_, T>) -> Result<Lowered> {
        let given = array.length();
        let (n, plane) = match self.kind {
            Kind::Irfft => (self.irfft_length(given)?, None),
            Kind::Fft2 => (given, Some(plane(array)?)),
            _ => (self.n.unwrap_or(given), None),
        };
        self.limits(array.channels(), n)?;
        let inverse = matches!(self.kind, Kind::Ifft | Kind::Irfft);
        let (transform, points, complex) = match (self.kind, plane) {
            (Kind::Rfft, _) => (lowered::Transform::Half, n, true),
            (Kind::Irfft, _) => (lowered::Transform::InverseHalf(n), n, false),
            (Kind::Ifft, _) => (lowered::Transform::Inverse, n, true),
            (_, Some((rows, columns))) => {
                (lowered::Transform::Plane(rows, columns), rows * columns, true)
            }
            _ => (lowered::Transform::Forward, n, true),
        };
        let tail = match (self.kind, plane) {
            (Kind::Rfft, _) => vec![n / 2 + 1],
            (_, Some((rows, columns))) => vec![rows, columns],
            _ => vec![n],
        };
        let turn = match (self.shift && !inverse, plane) {
            (true, Some((rows, columns))) => [rows / 2, columns / 2],
            (true, None) => [0, n / 2],
            _ => [0, 0],
        };
        let mut beside = Vec::new();
        if matches!(self.kind, Kind::Fft | Kind::Rfft) {
            let mut frequencies =
                if self.kind == Kind::Rfft { rfftfreq(n, self.fs) } else { fftfreq(n, self.fs) };
            frequencies.rotate_right(turn[1]);
            beside.push(("frequencies", real_axis::<T>(&frequencies)));
        }
        Ok(Lowered {
            data: self.prepared(array, n)?,
            work: Work::Transform(transform, self.norm.factor(points, inverse)),
            name: if inverse { "samples" } else { "spectrum" },
            tail,
            complex,
            turn,
            beside,
        })
    }

    /// The data cut or filled up to what the transform takes, after window and shift.
    fn prepared<T: Real>(&self, array: &Array<'_, T>, n: usize) -> Result<Signal<'static>> {
        let weights = self.weights::<T>(array.length())?;
        if self.kind == Kind::Fft2 {
            return Ok(lowered::owned(array));
        }
        if let (Values::Real(_), false) =
            (&array.values, matches!(self.kind, Kind::Ifft | Kind::Irfft))
        {
            return lowered::remade(array, n, |channel| fitted(channel, n, weights.as_deref()));
        }
        if self.kind == Kind::Rfft {
            array.reals()?;
        }
        let length = if self.kind == Kind::Irfft { n / 2 + 1 } else { n };
        let all = array.complexes();
        let channels = all.chunks_exact(array.length()).flat_map(|channel| {
            let mut values = fitted_complex(channel, length);
            if let Some(weights) = &weights {
                values.iter_mut().zip(weights).for_each(|(value, weight)| *value *= *weight);
            }
            if self.kind == Kind::Irfft {
                values[0].im = T::zero();
                if n.is_multiple_of(2) {
                    values[length - 1].im = T::zero();
                }
            } else if self.kind == Kind::Ifft && self.shift {
                values.rotate_left(n / 2);
            }
            values
        });
        let values: Vec<_> = channels.collect();
        Ok(T::signal(Array::complex(values, &array.shape_with(&[length]))))
    }

    fn irfft_length(&self, given: usize) -> Result<usize> {
        match self.n {
            Some(n) => Ok(n),
            None if given == 1 => Err(Fault::argument(
                "irfft of 1 value would have length 0; parameters.n must say how long it is",
            )),
            None => Ok(2 * (given - 1)),
        }
    }

    fn rfft<T: Real>(&self, array: &Array<'_, T>) -> Result<Outputs> {
        let (length, n) = (array.length(), self.n.unwrap_or(array.length()));
        self.limits(array.channels(), n)?;
        let weights = self.weights::<T>(length)?;
        let plan = T::plans().forward(n);
        let half = n / 2 + 1;
        let mut spectrum = zeroed::<Complex<T>>(array.channels() * half);
        let factor = T::of(self.norm.factor(n, false));
        parallel::channels(array.reals()?, length, &mut spectrum, half, |input, output| {
            let mut padded = fitted(input, n, weights.as_deref());
            rfft_into(&*plan, &mut padded, output, &mut Vec::new());
            scale(output, factor);
        });
        let shape = array.shape_with(&[half]);
        let frequencies = rfftfreq(n, self.fs);
        Ok(vec![
            ("spectrum", T::signal(Array::complex(spectrum, &shape))),
            ("frequencies", real_axis::<T>(&frequencies)),
        ])
    }

    fn irfft<T: Real>(&self, array: &Array<'_, T>) -> Result<Outputs> {
        let given = array.length();
        let n = self.irfft_length(given)?;
        self.limits(array.channels(), n)?;
        let plan = T::plans().inverse(n);
        let mut samples = vec![T::zero(); array.channels() * n];
        let factor = T::of(self.norm.factor(n, true));
        parallel::channels(&array.complexes(), given, &mut samples, n, |input, output| {
            let mut spectrum = fitted_complex(input, n / 2 + 1);
            irfft_into(&*plan, &mut spectrum, output, &mut Vec::new());
            output.iter_mut().for_each(|value| *value *= factor);
        });
        Ok(vec![("samples", T::signal(Array::real(samples, &array.shape_with(&[n]))))])
    }

    fn complex<T: Real>(&self, array: &Array<'_, T>) -> Result<Outputs> {
        let (given, n) = (array.length(), self.n.unwrap_or(array.length()));
        self.limits(array.channels(), n)?;
        let inverse = self.kind == Kind::Ifft;
        let factor = T::of(self.norm.factor(n, inverse));
        let mut output = zeroed::<Complex<T>>(array.channels() * n);
        let weights = self.weights::<T>(given)?;
        if let (Values::Real(values), false) = (&array.values, inverse) {
            // Half of the spectrum of real samples says all of it.
            let plan = T::plans().forward(n);
            parallel::channels(values, given, &mut output, n, |input, output| {
                let mut padded = fitted(input, n, weights.as_deref());
                rfft_into(&*plan, &mut padded, &mut output[..=n / 2], &mut Vec::new());
                scale(&mut output[..=n / 2], factor);
                for k in n / 2 + 1..n {
                    output[k] = output[n - k].conj();
                }
                self.shifted(output);
            });
        } else {
            let plan = T::plans().complex(n, inverse);
            parallel::channels(&array.complexes(), given, &mut output, n, |input, output| {
                let kept = input.len().min(n);
                output[..kept].copy_from_slice(&input[..kept]);
                if let Some(weights) = &weights {
                    output.iter_mut().zip(weights).for_each(|(value, weight)| *value *= *weight);
                }
                if inverse && self.shift {
                    output.rotate_left(n / 2);
                }
                plan.process(output);
                scale(output, factor);
                if !inverse {
                    self.shifted(output);
                }
            });
        }
        let shape = array.shape_with(&[n]);
        let name = if inverse { "samples" } else { "spectrum" };
        let mut outputs = vec![(name, T::signal(Array::complex(output, &shape)))];
        if !inverse {
            let mut frequencies = fftfreq(n, self.fs);
            if self.shift {
                frequencies.rotate_right(n / 2);
            }
            outputs.push(("frequencies", real_axis::<T>(&frequencies)));
        }
        Ok(outputs)
    }

    fn shifted<T: Real>(&self, spectrum: &mut [Complex<T>]) {
        if self.shift {
            let half = spectrum.len() / 2;
            spectrum.rotate_right(half);
        }
    }

    fn fft2<T: Real>(&self, array: &Array<'_, T>) -> Result<Outputs> {
        let (rows, columns) = plane(array)?;
        let (across, down) = (T::plans().complex(columns, false), T::plans().complex(rows, false));
        let factor = T::of(self.norm.factor(rows * columns, false));
        let mut output = zeroed::<Complex<T>>(array.shape.iter().product());
        let size = rows * columns;
        parallel::channels(&array.complexes(), size, &mut output, size, |input, output| {
            let mut turned = input.to_vec();
            across.process(&mut turned);
            transpose(&turned, output, rows, columns);
            down.process(output);
            transpose(output, &mut turned, columns, rows);
            output.copy_from_slice(&turned);
            scale(output, factor);
            if self.shift {
                output.rotate_right(rows / 2 * columns);
                output.chunks_exact_mut(columns).for_each(|row| row.rotate_right(columns / 2));
            }
        });
        Ok(vec![("spectrum", T::signal(Array::complex(output, &array.shape)))])
    }
}

/// The last two dimensions.
fn plane<T: Real>(array: &Array<'_, T>) -> Result<(usize, usize)> {
    match array.shape[..] {
        [.., rows, columns] => Ok((rows, columns)),
        _ => {
            Err(Fault::shape(format!("fft2 takes two dimensions, the data has {:?}", array.shape)))
        }
    }
}

fn transpose<T: Copy>(input: &[T], output: &mut [T], rows: usize, columns: usize) {
    for (row, values) in input.chunks_exact(columns).enumerate() {
        for (column, value) in values.iter().enumerate() {
            output[column * rows + row] = *value;
        }
    }
}

/// The input cut or padded with zeros to `n`, after the window.
fn fitted<T: Real>(input: &[T], n: usize, weights: Option<&[T]>) -> Vec<T> {
    let kept = input.len().min(n);
    let mut padded = Vec::with_capacity(n);
    match weights {
        Some(weights) => padded.extend(input[..kept].iter().zip(weights).map(|(x, w)| *x * *w)),
        None => padded.extend_from_slice(&input[..kept]),
    }
    padded.resize(n, T::zero());
    padded
}

fn fitted_complex<T: Real>(input: &[Complex<T>], n: usize) -> Vec<Complex<T>> {
    let mut padded = Vec::with_capacity(n);
    padded.extend_from_slice(&input[..input.len().min(n)]);
    padded.resize(n, Complex::default());
    padded
}

fn scale<T: Real>(values: &mut [Complex<T>], factor: T) {
    if factor != T::one() {
        values.iter_mut().for_each(|value| *value *= factor);
    }
}

/// The frequencies of the half spectrum of `n` samples.
#[allow(clippy::cast_precision_loss)]
pub(crate) fn rfftfreq(n: usize, fs: f64) -> Vec<f64> {
    (0..=n / 2).map(|k| k as f64 * fs / n as f64).collect()
}

/// The frequencies of the whole spectrum of `n` samples, zero first, then the positive ones.
#[allow(clippy::cast_precision_loss)]
pub(crate) fn fftfreq(n: usize, fs: f64) -> Vec<f64> {
    let positive = n.div_ceil(2);
    (0..n)
        .map(|k| if k < positive { k as f64 } else { k as f64 - n as f64 })
        .map(|k| k * fs / n as f64)
        .collect()
}

/// An axis in the type of the data.
pub(crate) fn real_axis<T: Real>(values: &[f64]) -> Signal<'static> {
    T::signal(Array::real(crate::real::narrow::<T>(values), &[values.len()]))
}
