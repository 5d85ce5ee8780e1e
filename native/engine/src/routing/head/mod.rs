//! A learned choice between labels, from words and, where there are any, embeddings.
//!
//! Logistic regression: the score of a label is the sum of its weights for what a text is made of. The logarithm of
//! the sum of the exponentials of all scores is the *evidence* that the text is about any of the labels; texts about
//! something else have little of it (Liu et al., "Energy-based Out-of-distribution Detection", 2020).

mod file;
mod lbfgs;
mod train;

use super::terms::{Sparse, Vocabulary};
pub use train::Examples;

use crate::{Error, ErrorCode, Result};

/// How much words count beside an embedding; both have length 1.
const LEXICAL_SHARE: f32 = 0.5;

/// What was learned.
#[derive(Debug, Clone, PartialEq)]
pub struct Head {
    labels: Vec<String>,
    model: Model,
    threshold: Option<f32>,
}

#[derive(Debug, Clone, PartialEq)]
struct Model {
    vocabulary: Vocabulary,
    /// Length of an embedding; 0 when words alone decide.
    dimensions: usize,
    /// A row of one weight for each label: for each term, each dimension, and the bias.
    weights: Vec<f32>,
}

/// What a head makes of a text.
#[derive(Debug, Clone, PartialEq)]
pub struct Prediction {
    /// Positions of labels, the likeliest first, with their probabilities among the labels.
    pub ranked: Vec<(u32, f32)>,
    /// How much speaks for any label at all.
    pub evidence: f32,
}

impl Head {
    /// The labels, in alphabetical order.
    #[must_use]
    pub fn labels(&self) -> &[String] {
        &self.labels
    }

    /// The length of the embeddings that it needs; 0 when it needs none.
    #[must_use]
    pub fn dimensions(&self) -> usize {
        self.model.dimensions
    }

    /// The evidence below which no label fits, where examples out of scope have taught one.
    #[must_use]
    pub fn threshold(&self) -> Option<f32> {
        self.threshold
    }

    /// Sets the evidence below which no label fits so that it tells `inside` from `outside` best: the mean of the
    /// shares that are told right is largest.
    pub fn calibrate(&mut self, inside: &[f32], outside: &[f32]) {
        self.threshold = best_threshold(inside, outside);
    }

    /// What a text is about, with the `count` likeliest labels.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` when the embedding has another length than those that were learned from.
    pub fn predict(&self, text: &str, embedding: &[f32], count: usize) -> Result<Prediction> {
        let scores = self.score(text, embedding)?;
        let evidence = evidence(&scores);
        let mut ranked: Vec<(u32, f32)> =
            (0..).zip(scores.iter().map(|score| (score - evidence).exp())).collect();
        ranked.sort_by(|a, b| b.1.total_cmp(&a.1));
        ranked.truncate(count);
        Ok(Prediction { ranked, evidence })
    }

    /// The words of a text that speak most for a label against the mean of all, most first.
    #[must_use]
    pub fn explain(&self, text: &str, label: u32, count: usize) -> Vec<(String, f32)> {
        let classes = self.labels.len();
        let mut words: Vec<(String, f32)> = Vec::new();
        for word in super::words::words(&text.to_lowercase()) {
            let weighed = self.model.vocabulary.weigh(word);
            let speaks = |&(term, weight): &(u32, f32)| {
                let row = &self.model.weights[term as usize * classes..][..classes];
                let mean = row.iter().sum::<f32>() / classes as f32;
                weight * (row[label as usize] - mean)
            };
            let weight: f32 = weighed.iter().map(speaks).sum();
            if weight > 0.0 && !words.iter().any(|(known, _)| known == word) {
                words.push((word.into(), weight));
            }
        }
        words.sort_by(|a, b| b.1.total_cmp(&a.1));
        words.truncate(count);
        words
    }

    fn score(&self, text: &str, embedding: &[f32]) -> Result<Vec<f32>> {
        let Model { vocabulary, dimensions, weights } = &self.model;
        if embedding.len() != *dimensions {
            return Err(Error::new(
                ErrorCode::InvalidArgument,
                format!(
                    "the embedding has {} numbers, the head was trained on {dimensions}",
                    embedding.len()
                ),
            ));
        }
        let share = if *dimensions > 0 { LEXICAL_SHARE } else { 1.0 };
        let terms = train::scaled(vocabulary.weigh(text), share);
        let mut scores = vec![0.0; self.labels.len()];
        self::scores(weights, vocabulary.len(), &terms, embedding, &mut scores);
        Ok(scores)
    }
}

/// The score of each label; `dense` is the row of the first dimension.
fn scores(weights: &[f32], dense: usize, terms: &Sparse, embedding: &[f32], into: &mut [f32]) {
    let classes = into.len();
    let bias = dense + embedding.len();
    into.copy_from_slice(&weights[bias * classes..][..classes]);
    let mut add = |row: usize, factor: f32| {
        for (score, weight) in into.iter_mut().zip(&weights[row * classes..][..classes]) {
            *score += factor * weight;
        }
    };
    for &(term, weight) in terms {
        add(term as usize, weight);
    }
    for (at, weight) in embedding.iter().enumerate() {
        add(dense + at, *weight);
    }
}

/// ln Σ exp(score)
fn evidence(scores: &[f32]) -> f32 {
    let largest = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    largest + scores.iter().map(|score| (score - largest).exp()).sum::<f32>().ln()
}

fn best_threshold(inside: &[f32], outside: &[f32]) -> Option<f32> {
    if inside.is_empty() || outside.is_empty() {
        return None;
    }
    let mut all: Vec<(f32, bool)> = inside.iter().map(|evidence| (*evidence, true)).collect();
    all.extend(outside.iter().map(|evidence| (*evidence, false)));
    all.sort_by(|a, b| a.0.total_cmp(&b.0));
    // Everything counts as inside at first; the threshold then moves up between neighbours.
    let (mut kept, mut refused) = (inside.len() as f32, 0.0_f32);
    let mut best = (kept / inside.len() as f32, None);
    for pair in all.windows(2) {
        if pair[0].1 {
            kept -= 1.0;
        } else {
            refused += 1.0;
        }
        let quality = kept / inside.len() as f32 + refused / outside.len() as f32;
        if quality > best.0 && pair[0].0 < pair[1].0 {
            best = (quality, Some(f32::midpoint(pair[0].0, pair[1].0)));
        }
    }
    best.1
}

#[cfg(test)]
mod tests;
