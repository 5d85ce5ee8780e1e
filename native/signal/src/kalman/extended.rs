//! Functions of the state for the extended filter, in coefficient form: sums of terms.
//!
//! A term is `[coefficient, exponents…]` with one exponent for each state, or
//! `{"function": "sin", "coefficient": c, "arguments": [w…], "offset": o}` for c · sin(w · x + o).

use serde_json::Value;

use super::matrix::Matrix;
use crate::fault::{Fault, Result};
use crate::parameters::{Parameters, unknown_word};

#[derive(Debug, Clone)]
enum Term {
    Power { coefficient: f64, exponents: Vec<i32> },
    Wave { function: Function, coefficient: f64, arguments: Vec<f64>, offset: f64 },
}

/// One sum of terms for each value.
#[derive(Debug, Clone)]
pub(super) struct Polynomials {
    functions: Vec<Vec<Term>>,
}

type Function = fn(f64) -> f64;

const FUNCTIONS: [(&str, Function); 5] = [
    ("sin", f64::sin),
    ("cos", f64::cos),
    ("exp", f64::exp),
    ("tanh", f64::tanh),
    ("sqrt", f64::sqrt),
];

impl Polynomials {
    pub(super) fn read(
        parameters: &mut Parameters,
        name: &'static str,
        states: usize,
    ) -> Result<Self> {
        let shape = || {
            Fault::argument(format!(
                "parameters.{name} must be a list of functions, each a list of terms [coefficient, {states} exponents] or {{function, coefficient, arguments, offset}}"
            ))
        };
        let Some(Value::Array(functions)) = parameters.take(name) else { return Err(shape()) };
        if functions.is_empty() {
            return Err(shape());
        }
        let functions = functions
            .iter()
            .map(|terms| {
                let terms = terms.as_array().ok_or_else(shape)?;
                terms.iter().map(|term| read_term(term, states, shape)).collect()
            })
            .collect::<Result<_>>()?;
        Ok(Self { functions })
    }

    pub(super) fn outputs(&self) -> usize {
        self.functions.len()
    }

    pub(super) fn value_into(&self, x: &Matrix, value: &mut Matrix) {
        value.set_column(self.functions.iter().map(|terms| sum(terms, x.values())));
    }

    /// By central differences, with room for a state that is moved.
    pub(super) fn jacobian_into(&self, x: &Matrix, moved: &mut Vec<f64>, jacobian: &mut Matrix) {
        moved.clear();
        moved.extend_from_slice(x.values());
        jacobian.reshape(self.functions.len(), moved.len());
        for column in 0..moved.len() {
            let at = moved[column];
            // The cube root of the precision balances truncation and rounding.
            let step = f64::EPSILON.cbrt() * at.abs().max(1.0);
            let (high, low) = (at + step, at - step);
            for (row, terms) in self.functions.iter().enumerate() {
                moved[column] = high;
                let above = sum(terms, moved);
                moved[column] = low;
                let below = sum(terms, moved);
                jacobian.set(row, column, (above - below) / (high - low));
            }
            moved[column] = at;
        }
    }
}

fn sum(terms: &[Term], x: &[f64]) -> f64 {
    let value = |term: &Term| match term {
        Term::Power { coefficient, exponents } => {
            coefficient * x.iter().zip(exponents).map(|(x, e)| x.powi(*e)).product::<f64>()
        }
        Term::Wave { function, coefficient, arguments, offset } => {
            coefficient
                * function(arguments.iter().zip(x).map(|(w, x)| w * x).sum::<f64>() + offset)
        }
    };
    terms.iter().map(value).sum()
}

fn read_term(term: &Value, states: usize, shape: impl Fn() -> Fault + Copy) -> Result<Term> {
    let number = |value: &Value| value.as_f64().ok_or_else(shape);
    match term {
        Value::Array(numbers) if numbers.len() == states + 1 => {
            let exponent = |value: &Value| -> Result<i32> {
                value
                    .as_i64()
                    .filter(|exponent| exponent.abs() <= 32)
                    .and_then(|exponent| i32::try_from(exponent).ok())
                    .ok_or_else(|| {
                        Fault::argument(format!(
                            "exponent {value} is no whole number from -32 to 32"
                        ))
                    })
            };
            let exponents = numbers[1..].iter().map(exponent).collect::<Result<_>>()?;
            Ok(Term::Power { coefficient: number(&numbers[0])?, exponents })
        }
        Value::Object(fields) => {
            let name = fields.get("function").and_then(Value::as_str).ok_or_else(shape)?;
            let function = FUNCTIONS.iter().find(|(known, _)| *known == name);
            let (_, function) = function.ok_or_else(|| {
                unknown_word("function", name, &FUNCTIONS.map(|(known, _)| known))
            })?;
            let arguments = fields.get("arguments").and_then(Value::as_array).ok_or_else(shape)?;
            if arguments.len() != states {
                return Err(shape());
            }
            let optional = |name: &str, default: f64| fields.get(name).map_or(Ok(default), number);
            Ok(Term::Wave {
                function: *function,
                coefficient: optional("coefficient", 1.0)?,
                arguments: arguments.iter().map(number).collect::<Result<_>>()?,
                offset: optional("offset", 0.0)?,
            })
        }
        _ => Err(shape()),
    }
}
