//! Learns a [`Head`] from examples: multinomial logistic regression with a penalty on the squares of the weights.

use std::thread;

use super::super::terms::{Sparse, Vocabulary};
use super::lbfgs::{Limits, minimise};
use super::{Head, LEXICAL_SHARE, Model};
use crate::{Error, ErrorCode, Result};

/// How little large weights are penalised: the inverse of the penalty, as scikit-learn counts it.
const INVERSE_PENALTY: f32 = 20.0;
const LIMITS: Limits = Limits { iterations: 200, gradient: 2e-6 };
/// The examples are taken in so many parts whatever the machine is, so that sums have one order everywhere.
const PARTS: usize = 8;
const FEWEST_LABELS: usize = 2;

/// What to learn from.
#[derive(Debug, Clone, Copy)]
pub struct Examples<'a> {
    /// The texts.
    pub texts: &'a [&'a str],
    /// The label of each text.
    pub labels: &'a [&'a str],
    /// The embeddings of the texts one after the other; without them only words count.
    pub embeddings: Option<&'a [f32]>,
}

/// What an example is made of.
struct Sample<'a> {
    label: u32,
    terms: Sparse,
    embedding: &'a [f32],
}

impl Head {
    /// Learns to tell the labels apart. The same examples give the same head, bit by bit, on every machine with the
    /// same arithmetic.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` for fewer than two labels, or numbers of texts, labels and embeddings that do not fit.
    pub fn train(examples: &Examples<'_>) -> Result<Self> {
        let Examples { texts, labels, embeddings } = *examples;
        let dimensions = dimensions(texts.len(), labels.len(), embeddings)?;
        let mut names: Vec<&str> = labels.to_vec();
        names.sort_unstable();
        names.dedup();
        if names.len() < FEWEST_LABELS {
            return Err(invalid(format!(
                "{} different labels: there is nothing to choose between",
                names.len()
            )));
        }
        let vocabulary = Vocabulary::of(texts);
        let share = if dimensions > 0 { LEXICAL_SHARE } else { 1.0 };
        let samples: Vec<Sample<'_>> = texts
            .iter()
            .zip(labels)
            .enumerate()
            .map(|(at, (text, label))| Sample {
                label: names.binary_search(label).unwrap_or_default() as u32,
                terms: scaled(vocabulary.weigh(text), share),
                embedding: embeddings
                    .map_or(&[], |all| &all[at * dimensions..(at + 1) * dimensions]),
            })
            .collect();
        let classes = names.len();
        let size = (vocabulary.len() + dimensions + 1) * classes;
        let weights = minimise(vec![0.0; size], LIMITS, |weights, gradient| {
            loss(&samples, weights, classes, gradient)
        });
        Ok(Self {
            labels: names.into_iter().map(String::from).collect(),
            model: Model { vocabulary, dimensions, weights },
            threshold: None,
        })
    }
}

fn invalid(message: String) -> Error {
    Error::new(ErrorCode::InvalidArgument, message)
}

fn dimensions(texts: usize, labels: usize, embeddings: Option<&[f32]>) -> Result<usize> {
    if texts != labels {
        return Err(invalid(format!("{texts} texts and {labels} labels")));
    }
    let Some(all) = embeddings else { return Ok(0) };
    if texts == 0 || all.is_empty() || !all.len().is_multiple_of(texts) {
        return Err(invalid(format!("{} numbers do not embed {texts} texts", all.len())));
    }
    Ok(all.len() / texts)
}

pub(super) fn scaled(mut terms: Sparse, share: f32) -> Sparse {
    for (_, weight) in &mut terms {
        *weight *= share;
    }
    terms
}

/// The mean loss and the penalty at `weights`; writes their gradient.
fn loss(samples: &[Sample<'_>], weights: &[f32], classes: usize, gradient: &mut [f32]) -> f64 {
    let count = samples.len() as f32;
    let size = samples.len().div_ceil(PARTS).max(1);
    let parts: Vec<_> = samples.chunks(size).collect();
    let workers = thread::available_parallelism().map_or(1, usize::from).min(parts.len());
    let run = |part: &[Sample<'_>]| {
        let mut own = vec![0.0; gradient.len()];
        let loss = part_loss(part, weights, classes, &mut own);
        (loss, own)
    };
    let done: Vec<(f64, Vec<f32>)> = thread::scope(|scope| {
        let shares: Vec<_> = parts
            .chunks(parts.len().div_ceil(workers))
            .map(|share| {
                scope.spawn(move || share.iter().map(|part| run(part)).collect::<Vec<_>>())
            })
            .collect();
        shares.into_iter().flat_map(|share| share.join().unwrap_or_default()).collect()
    });
    let penalty = 1.0 / (INVERSE_PENALTY * count);
    let biases = weights.len() - classes;
    gradient.fill(0.0);
    let mut total = 0.0;
    for (loss, part) in &done {
        total += loss;
        for (sum, part) in gradient.iter_mut().zip(part) {
            *sum += part;
        }
    }
    let mut squares = 0.0;
    for (index, (sum, weight)) in gradient.iter_mut().zip(weights).enumerate() {
        *sum /= count;
        // How often a label comes is not penalised.
        if index < biases {
            *sum += penalty * weight;
            squares += f64::from(weight * weight);
        }
    }
    total / f64::from(count) + 0.5 * f64::from(penalty) * squares
}

fn part_loss(samples: &[Sample<'_>], weights: &[f32], classes: usize, into: &mut [f32]) -> f64 {
    let mut scores = vec![0.0; classes];
    let mut total = 0.0;
    for sample in samples {
        let dense = weights.len() / classes - 1 - sample.embedding.len();
        super::scores(weights, dense, &sample.terms, sample.embedding, &mut scores);
        let evidence = super::evidence(&scores);
        let label = sample.label as usize;
        total += f64::from(evidence - scores[label]);
        for score in &mut scores {
            *score = (*score - evidence).exp();
        }
        scores[label] -= 1.0;
        let mut add = |row: usize, factor: f32| {
            let row = &mut into[row * classes..(row + 1) * classes];
            for (sum, score) in row.iter_mut().zip(&scores) {
                *sum += factor * score;
            }
        };
        for &(term, weight) in &sample.terms {
            add(term as usize, weight);
        }
        for (at, weight) in sample.embedding.iter().enumerate() {
            add(dense + at, *weight);
        }
        add(dense + sample.embedding.len(), 1.0);
    }
    total
}
