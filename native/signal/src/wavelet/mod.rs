//! The family `wavelet`: discrete and continuous transforms and denoising, as PyWavelets has them.
//!
//! The coefficients of all levels are one array, the approximation first and the finest detail last; `lengths` says how
//! many there are of each.

mod bank;
mod cwt;
mod dwt;

use crate::array::{Array, Inputs, Outputs, Signal, with_real};
use crate::fault::{Fault, Result};
use crate::fft::real_axis;
use crate::parameters::{Parameters, out_of, unknown_word};
use crate::pipeline::Member;
use crate::real::Real;
use crate::{MAX_VALUES, parallel};
use bank::Bank;
use dwt::{Filters, Mode};

/// The members of the family.
pub const KINDS: [&str; 6] = ["dwt", "wavedec", "idwt", "waverec", "cwt", "denoise"];

/// The median of the absolute value of a normal variable of deviation 1.
const NORMAL_MEDIAN: f64 = 0.674_489_750_196_081_7;

#[derive(Debug)]
enum Wavelet {
    Analyse { tree: Tree, level: Level },
    Synthesise { tree: Tree, level: Level, n: usize },
    Denoise { tree: Tree, level: Level, soft: bool, threshold: Option<f64> },
    Cwt(cwt::Cwt),
}

#[derive(Debug)]
struct Tree {
    bank: Bank,
    mode: Mode,
    name: String,
}

/// How deep; none: as deep as the length allows.
type Level = Option<usize>;

/// Reads a member of the family.
pub(crate) fn prepare(kind: &str, parameters: &mut Parameters) -> Result<Box<dyn Member>> {
    if kind == "cwt" {
        return Ok(Box::new(Wavelet::Cwt(cwt::Cwt::read(parameters)?)));
    }
    if !KINDS.contains(&kind) {
        return Err(unknown_word("parameters.kind", kind, &KINDS));
    }
    let name = parameters.text("wavelet")?.unwrap_or_else(|| "db4".into());
    let mode = parameters.choice("mode", &dwt::MODES, Mode::Symmetric)?;
    let tree = Tree { bank: Bank::named(&name)?, mode, name };
    let single = matches!(kind, "dwt" | "idwt");
    let level = parameters.integer("level", 1, 27)?.or(single.then_some(1));
    Ok(Box::new(match kind {
        "dwt" | "wavedec" => Wavelet::Analyse { tree, level },
        "idwt" | "waverec" => {
            let n = parameters.integer("n", 1, MAX_VALUES)?;
            let n = n.ok_or_else(|| {
                Fault::argument(
                    "parameters.n is missing: the length of the signal that was decomposed",
                )
            })?;
            Wavelet::Synthesise { tree, level, n }
        }
        _ => {
            let soft =
                parameters.choice("threshold_mode", &[("soft", true), ("hard", false)], true)?;
            let threshold = parameters.number("threshold")?;
            if let Some(value) = threshold.filter(|value| *value < 0.0) {
                return Err(out_of("threshold", value, "must be at least 0"));
            }
            Wavelet::Denoise { tree, level, soft, threshold }
        }
    }))
}

impl Tree {
    /// The lengths of all parts, the approximation first.
    fn lengths(&self, n: usize, level: Level) -> Result<Vec<usize>> {
        let taps = self.bank.low.len();
        let most = (n / (taps - 1)).checked_ilog2().unwrap_or(0) as usize;
        let depth = level.unwrap_or(most);
        if depth > most {
            return Err(out_of(
                "level",
                depth,
                &format!("must be at most {most} for {n} samples and {} ({taps} taps)", self.name),
            ));
        }
        let mut lengths = Vec::with_capacity(depth + 1);
        let mut left = n;
        for _ in 0..depth {
            left = dwt::coefficients(left, taps, self.mode);
            lengths.push(left);
        }
        lengths.push(left);
        lengths.reverse();
        Ok(lengths)
    }

    fn analyse<T: Real>(&self, input: &[T], lengths: &[usize], output: &mut [T]) {
        if lengths.len() == 1 {
            output.copy_from_slice(input);
            return;
        }
        let filters = Filters::new(&self.bank);
        let mut end = output.len();
        let mut current: Vec<T> = Vec::new();
        for (level, length) in lengths[1..].iter().rev().enumerate() {
            let source = if level == 0 { input } else { &current };
            let mut approximation = vec![T::zero(); *length];
            dwt::analyse(
                source,
                &filters,
                self.mode,
                &mut approximation,
                &mut output[end - length..end],
            );
            end -= length;
            current = approximation;
        }
        output[..end].copy_from_slice(&current);
    }

    fn synthesise<T: Real>(&self, input: &[T], lengths: &[usize], output: &mut [T]) {
        if lengths.len() == 1 {
            output.copy_from_slice(input);
            return;
        }
        let filters = Filters::new(&self.bank);
        let mut current = input[..lengths[0]].to_vec();
        let mut at = lengths[0];
        for (level, length) in lengths[1..].iter().enumerate() {
            let next = lengths.get(level + 2).copied().unwrap_or(output.len());
            let mut longer = vec![T::zero(); next];
            let detail = &input[at..at + length];
            dwt::synthesise(&current, detail, &filters, self.mode, &mut longer);
            at += length;
            current = longer;
        }
        output.copy_from_slice(&current);
    }

    fn denoise<T: Real>(
        &self,
        input: &[T],
        lengths: &[usize],
        soft: bool,
        threshold: Option<f64>,
        output: &mut [T],
    ) {
        let mut coefficients = vec![T::zero(); lengths.iter().sum()];
        self.analyse(input, lengths, &mut coefficients);
        let finest = lengths[lengths.len() - 1];
        let limit = threshold.unwrap_or_else(|| {
            universal(&coefficients[coefficients.len() - finest..], input.len())
        });
        let limit = T::of(limit);
        for value in &mut coefficients[lengths[0]..] {
            let size = num_traits::Float::abs(*value);
            *value = if size < limit || size == T::zero() {
                T::zero()
            } else if soft {
                *value * (T::one() - limit / size)
            } else {
                *value
            };
        }
        self.synthesise(&coefficients, lengths, output);
    }
}

/// The threshold of Donoho and Johnstone (1994), the noise estimated from the finest details.
#[allow(clippy::cast_precision_loss)]
fn universal<T: Real>(finest: &[T], n: usize) -> f64 {
    let mut sizes: Vec<f64> = finest.iter().map(|value| value.wide().abs()).collect();
    sizes.sort_by(f64::total_cmp);
    let middle = sizes.len() / 2;
    let median = if sizes.len().is_multiple_of(2) {
        f64::midpoint(sizes[middle - 1], sizes[middle])
    } else {
        sizes[middle]
    };
    median / NORMAL_MEDIAN * (2.0 * (n as f64).ln()).sqrt()
}

impl Member for Wavelet {
    fn run(&self, inputs: Inputs<'_>) -> Result<Outputs> {
        with_real!(&inputs.data, array => self.apply(array))
    }
}

impl Wavelet {
    fn apply<T: Real>(&self, array: &Array<'_, T>) -> Result<Outputs> {
        let (input, n) = (array.reals()?, array.length());
        match self {
            Self::Analyse { tree, level } => {
                let lengths = tree.lengths(n, *level)?;
                let total = lengths.iter().sum();
                let mut output = vec![T::zero(); array.channels() * total];
                parallel::channels(input, n, &mut output, total, |input, output| {
                    tree.analyse(input, &lengths, output);
                });
                let coefficients = T::signal(Array::real(output, &array.shape_with(&[total])));
                Ok(vec![("coefficients", coefficients), ("lengths", lengths_output(&lengths))])
            }
            Self::Synthesise { tree, level, n: length } => {
                let lengths = tree.lengths(*length, *level)?;
                let total: usize = lengths.iter().sum();
                if n != total {
                    return Err(Fault::shape(format!(
                        "the data has {n} coefficients, {length} samples at level {} have {total}",
                        lengths.len() - 1
                    )));
                }
                let mut output = vec![T::zero(); array.channels() * length];
                parallel::channels(input, n, &mut output, *length, |input, output| {
                    tree.synthesise(input, &lengths, output);
                });
                Ok(vec![("samples", T::signal(Array::real(output, &array.shape_with(&[*length]))))])
            }
            Self::Denoise { tree, level, soft, threshold } => {
                let lengths = tree.lengths(n, *level)?;
                let mut output = vec![T::zero(); input.len()];
                parallel::channels(input, n, &mut output, n, |input, output| {
                    tree.denoise(input, &lengths, *soft, *threshold, output);
                });
                Ok(vec![("samples", T::signal(Array::real(output, &array.shape)))])
            }
            Self::Cwt(cwt) => {
                cwt.check(array.channels(), n)?;
                let rows = cwt.scales.len();
                let mut output = vec![T::zero(); input.len() * rows];
                parallel::channels(input, n, &mut output, rows * n, |input, output| {
                    cwt.run(input, output)
                });
                let shape = array.shape_with(&[rows, n]);
                Ok(vec![
                    ("coefficients", T::signal(Array::real(output, &shape))),
                    ("frequencies", real_axis::<T>(&cwt.frequencies)),
                    ("scales", real_axis::<T>(&cwt.scales)),
                ])
            }
        }
    }
}

#[allow(clippy::cast_precision_loss)]
fn lengths_output(lengths: &[usize]) -> Signal<'static> {
    let values: Vec<f64> = lengths.iter().map(|length| *length as f64).collect();
    Signal::F64(Array::real(values, &[lengths.len()]))
}
