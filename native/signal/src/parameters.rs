//! Parameters by name, each read once; what is left over is a mistake.

use serde_json::{Map, Value};

use crate::fault::{Fault, Result};

/// The parameters of one step.
#[derive(Debug)]
pub struct Parameters {
    given: Map<String, Value>,
    known: Vec<&'static str>,
}

impl Parameters {
    /// Reads parameters from a JSON object.
    #[must_use]
    pub fn new(given: Map<String, Value>) -> Self {
        Self { given, known: Vec::new() }
    }

    /// The value of a parameter as it was given; `null` is as if it were not there.
    pub(crate) fn take(&mut self, name: &'static str) -> Option<Value> {
        self.known.push(name);
        self.given.remove(name).filter(|value| !value.is_null())
    }

    /// A text.
    pub(crate) fn text(&mut self, name: &'static str) -> Result<Option<String>> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(wrong(name, &other, "a text")),
        }
    }

    /// One of some words.
    pub(crate) fn choice<T: Copy>(
        &mut self,
        name: &'static str,
        choices: &[(&'static str, T)],
        default: T,
    ) -> Result<T> {
        let Some(text) = self.text(name)? else { return Ok(default) };
        let found = choices.iter().find(|(word, _)| *word == text);
        found.map(|(_, choice)| *choice).ok_or_else(|| {
            let words: Vec<_> = choices.iter().map(|(word, _)| *word).collect();
            unknown_word(&format!("parameters.{name}"), &text, &words)
        })
    }

    /// Yes or no.
    pub(crate) fn flag(&mut self, name: &'static str, default: bool) -> Result<bool> {
        match self.take(name) {
            None => Ok(default),
            Some(Value::Bool(flag)) => Ok(flag),
            Some(other) => Err(wrong(name, &other, "true or false")),
        }
    }

    /// A finite number.
    pub(crate) fn number(&mut self, name: &'static str) -> Result<Option<f64>> {
        self.take(name).map(|value| number(name, &value)).transpose()
    }

    /// A number that must be above zero.
    pub(crate) fn positive(&mut self, name: &'static str, default: f64) -> Result<f64> {
        let value = self.number(name)?.unwrap_or(default);
        if value > 0.0 { Ok(value) } else { Err(out_of(name, value, "must be above 0")) }
    }

    /// A whole number within limits.
    pub(crate) fn integer(
        &mut self,
        name: &'static str,
        least: usize,
        most: usize,
    ) -> Result<Option<usize>> {
        let Some(value) = self.number(name)? else { return Ok(None) };
        #[allow(clippy::cast_precision_loss)]
        let within = value >= least as f64 && value <= most as f64;
        if value.fract() != 0.0 || !within {
            return Err(out_of(
                name,
                value,
                &format!("must be a whole number from {least} to {most}"),
            ));
        }
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        Ok(Some(value as usize))
    }

    /// A list of numbers; a single number is a list of one.
    pub(crate) fn numbers(&mut self, name: &'static str) -> Result<Option<Vec<f64>>> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::Array(list)) => {
                list.iter().map(|value| number(name, value)).collect::<Result<_>>().map(Some)
            }
            Some(value) => Ok(Some(vec![number(name, &value)?])),
        }
    }

    /// A list of lists of numbers, all of one length; a plain list is one row.
    pub(crate) fn rows(&mut self, name: &'static str) -> Result<Option<Vec<Vec<f64>>>> {
        let Some(value) = self.take(name) else { return Ok(None) };
        let Value::Array(list) = &value else {
            return Ok(Some(vec![vec![number(name, &value)?]]));
        };
        if !list.iter().all(Value::is_array) {
            let row = list.iter().map(|value| number(name, value)).collect::<Result<_>>()?;
            return Ok(Some(vec![row]));
        }
        let rows: Vec<Vec<f64>> = list
            .iter()
            .map(|row| {
                row.as_array().into_iter().flatten().map(|value| number(name, value)).collect()
            })
            .collect::<Result<_>>()?;
        if let Some(row) = rows.iter().position(|row| row.len() != rows[0].len()) {
            return Err(Fault::shape(format!(
                "parameters.{name}[{row}] has {} numbers and the first row has {}",
                rows[row].len(),
                rows[0].len()
            )));
        }
        Ok(Some(rows))
    }

    /// Refuses what nobody has read.
    pub(crate) fn finish(self) -> Result<()> {
        match self.given.keys().next() {
            None => Ok(()),
            Some(name) => Err(unknown_word("parameters", name, &self.known)),
        }
    }
}

fn number(name: &str, value: &Value) -> Result<f64> {
    value.as_f64().filter(|number| number.is_finite()).ok_or_else(|| wrong(name, value, "a number"))
}

fn wrong(name: &str, value: &Value, wanted: &str) -> Fault {
    let mut text = value.to_string();
    if text.len() > 60 {
        text.truncate((0..=60).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0));
        text.push('…');
    }
    Fault::argument(format!("parameters.{name} is {text}, it must be {wanted}"))
}

/// A number out of its range.
pub(crate) fn out_of(name: &str, value: impl std::fmt::Display, rule: &str) -> Fault {
    Fault::argument(format!("parameters.{name} is {value}: it {rule}"))
}

/// A word that is none of those known, with the nearest one.
pub(crate) fn unknown_word(place: &str, word: &str, known: &[&str]) -> Fault {
    let nearest = known.iter().min_by_key(|candidate| distance(word, candidate));
    let mut fault =
        Fault::argument(format!("{place} has \"{word}\", which is none of {}", known.join(", ")));
    if let Some(nearest) = nearest.filter(|nearest| distance(word, nearest) <= 1 + word.len() / 3) {
        fault = fault.suggest(format!("did you mean \"{nearest}\"?"));
    }
    fault
}

/// The edit distance of Levenshtein.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(row[j + 1] + 1);
        }
    }
    row[b.len()]
}
