//! Windows, as `scipy.signal.get_window` makes them.

use std::f64::consts::PI;

use serde_json::Value;

use crate::fault::{Fault, Result};
use crate::parameters::{Parameters, unknown_word};

/// A window by name, with its own parameter if it has one.
#[derive(Debug, Clone, PartialEq)]
pub enum Window {
    /// A sum of cosines.
    Cosines(&'static [f64]),
    /// Bartlett's triangle, which ends at zero.
    Bartlett,
    /// A triangle that does not reach zero.
    Triangle,
    /// Half a sine.
    Cosine,
    /// Kaiser's, by its beta.
    Kaiser(f64),
    /// A bell, by its standard deviation in samples.
    Gaussian(f64),
    /// Flat with cosine tapers, by the part that is tapered.
    Tukey(f64),
    /// Given values.
    Values(Vec<f64>),
}

const NAMES: [&str; 14] = [
    "boxcar",
    "hann",
    "hamming",
    "blackman",
    "nuttall",
    "blackmanharris",
    "flattop",
    "bartlett",
    "triang",
    "cosine",
    "kaiser",
    "gaussian",
    "tukey",
    "rectangular",
];

impl Window {
    fn named(name: &str, parameter: Option<f64>) -> Result<Self> {
        let needs = |what: &str| {
            Fault::argument(format!("parameters.window is \"{name}\", which needs its {what}"))
                .suggest(format!("write it as [\"{name}\", 5]"))
        };
        Ok(match name {
            "boxcar" | "rectangular" => Self::Cosines(&[1.0]),
            "hann" => Self::Cosines(&[0.5, 0.5]),
            "hamming" => Self::Cosines(&[0.54, 0.46]),
            "blackman" => Self::Cosines(&[0.42, 0.50, 0.08]),
            "nuttall" => Self::Cosines(&[0.3635819, 0.4891775, 0.1365995, 0.0106411]),
            "blackmanharris" => Self::Cosines(&[0.35875, 0.48829, 0.14128, 0.01168]),
            "flattop" => Self::Cosines(&[
                0.215_578_95,
                0.416_631_58,
                0.277_263_158,
                0.083_578_947,
                0.006_947_368,
            ]),
            "bartlett" => Self::Bartlett,
            "triang" => Self::Triangle,
            "cosine" => Self::Cosine,
            "kaiser" => Self::Kaiser(parameter.ok_or_else(|| needs("beta"))?),
            "gaussian" => {
                let width = parameter.ok_or_else(|| needs("standard deviation"))?;
                if width <= 0.0 {
                    return Err(Fault::argument(format!(
                        "parameters.window has standard deviation {width}: it must be above 0"
                    )));
                }
                Self::Gaussian(width)
            }
            "tukey" => Self::Tukey(parameter.unwrap_or(0.5).clamp(0.0, 1.0)),
            other => return Err(unknown_word("parameters.window", other, &NAMES)),
        })
    }

    /// Reads a window: a name, `[name, parameter]`, a list of values, or a number, which is Kaiser's beta.
    pub(crate) fn read(
        parameters: &mut Parameters,
        name: &'static str,
        default: &str,
    ) -> Result<Self> {
        let Some(value) = parameters.take(name) else { return Self::named(default, None) };
        match &value {
            Value::String(name) => Self::named(name, None),
            Value::Number(beta) => Ok(Self::Kaiser(beta.as_f64().unwrap_or(0.0))),
            Value::Array(list) => match list.as_slice() {
                [Value::String(name)] => Self::named(name, None),
                [Value::String(name), Value::Number(parameter)] => {
                    Self::named(name, parameter.as_f64())
                }
                values => {
                    let numbers: Option<Vec<f64>> = values.iter().map(Value::as_f64).collect();
                    numbers.filter(|values| !values.is_empty()).map(Self::Values).ok_or_else(|| {
                        Fault::argument(format!(
                            "parameters.{name} is no window and no list of numbers"
                        ))
                    })
                }
            },
            other => {
                Err(Fault::argument(format!("parameters.{name} is {other}, which is no window")))
            }
        }
    }

    /// How many values it was given, if it was.
    pub(crate) fn own_length(&self) -> Option<usize> {
        if let Self::Values(values) = self { Some(values.len()) } else { None }
    }

    /// Its values for `length` samples: periodic for spectra, symmetric for filters.
    ///
    /// # Errors
    /// When it has values of its own and another number of them.
    pub fn values(&self, length: usize, periodic: bool) -> Result<Vec<f64>> {
        if let Self::Values(values) = self {
            if values.len() != length {
                return Err(Fault::shape(format!(
                    "parameters.window has {} values, {length} are needed",
                    values.len()
                )));
            }
            return Ok(values.clone());
        }
        if length <= 1 {
            return Ok(vec![1.0; length]);
        }
        // A periodic window is a symmetric one of one more sample, without that.
        let count = if periodic { length + 1 } else { length };
        Ok((0..length).map(|index| self.at(index, count)).collect())
    }

    #[allow(clippy::cast_precision_loss)]
    fn at(&self, index: usize, count: usize) -> f64 {
        let (n, last) = (index as f64, count as f64 - 1.0);
        match self {
            Self::Cosines(weights) => {
                let angle = 2.0 * PI * n / last - PI;
                (0..).zip(*weights).map(|(k, weight)| weight * (f64::from(k) * angle).cos()).sum()
            }
            Self::Bartlett => 1.0 - (2.0 * n / last - 1.0).abs(),
            Self::Triangle => {
                let odd = (count % 2) as f64;
                1.0 - (2.0 * n - last).abs() / (count as f64 + odd)
            }
            Self::Cosine => (PI / count as f64 * (n + 0.5)).sin(),
            Self::Kaiser(beta) => {
                let x = 2.0 * n / last - 1.0;
                bessel_i0(beta * (1.0 - x * x).max(0.0).sqrt()) / bessel_i0(*beta)
            }
            Self::Gaussian(width) => (-0.5 * ((n - last / 2.0) / width).powi(2)).exp(),
            Self::Tukey(alpha) => tukey(n, last, *alpha),
            Self::Values(values) => values[index],
        }
    }
}

fn tukey(n: f64, last: f64, alpha: f64) -> f64 {
    if alpha <= 0.0 {
        return 1.0;
    }
    let width = (alpha * last / 2.0).floor();
    // scipy compares whole samples, so that a whole Hann window comes out at alpha 1.
    if alpha >= 1.0 {
        return 0.5 - 0.5 * (2.0 * PI * n / last).cos();
    }
    if n <= width {
        0.5 * (1.0 + (PI * (-1.0 + 2.0 * n / alpha / last)).cos())
    } else if n >= last - width {
        0.5 * (1.0 + (PI * (-2.0 / alpha + 1.0 + 2.0 * n / alpha / last)).cos())
    } else {
        1.0
    }
}

/// The modified Bessel function of the first kind and order 0, by its series; all terms are positive.
fn bessel_i0(x: f64) -> f64 {
    let quarter = x * x / 4.0;
    let (mut sum, mut term) = (1.0, 1.0);
    for k in 1..1000 {
        term *= quarter / f64::from(k * k);
        sum += term;
        if term < sum * 1e-17 {
            break;
        }
    }
    sum
}
