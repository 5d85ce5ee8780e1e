//! Texts as the numbers that an embedding model reads, and what it gives as one vector.

use std::path::Path;

use tokenizers::{Tokenizer, TruncationParams};

use super::Embedding;
use crate::tensor::Tensor;
use crate::{DataType, Error, ErrorCode, Result};

/// What the model was trained with; more of a text adds little to what it is about.
const LONGEST: usize = 256;
/// Shorter texts are padded to this where shapes have to be few.
const LEAST_TOKENS: usize = 16;

/// The tokenizer of a model.
#[derive(Debug)]
pub(crate) struct Tokens(Tokenizer);

/// A text as numbers.
#[derive(Debug, Clone)]
pub(crate) struct Tokenized(Vec<u32>);

/// Texts that go through the model together, padded to the longest.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) ids: Tensor,
    pub(crate) mask: Tensor,
    pub(crate) types: Tensor,
    /// Tokens of each text.
    pub(crate) lengths: Vec<usize>,
}

impl Tokens {
    /// Reads a `tokenizer.json`.
    ///
    /// # Errors
    /// `MODEL_INVALID` when it is missing or none.
    pub(crate) fn read(file: &Path) -> Result<Self> {
        let invalid = |error| {
            Error::new(ErrorCode::ModelInvalid, format!("{} is no tokenizer", file.display()))
                .suggest("npubridge models pull minilm --force")
                .caused_by(error)
        };
        let mut tokenizer = Tokenizer::from_file(file).map_err(invalid)?;
        tokenizer.with_padding(None);
        let truncation = TruncationParams { max_length: LONGEST, ..TruncationParams::default() };
        tokenizer.with_truncation(Some(truncation)).map_err(invalid)?;
        Ok(Self(tokenizer))
    }

    pub(crate) fn of(&self, text: &str) -> Result<Tokenized> {
        let encoded = self.0.encode_fast(text, true).map_err(|error| {
            Error::new(ErrorCode::InvalidArgument, "a text cannot be cut into tokens")
                .caused_by(error)
        })?;
        Ok(Tokenized(encoded.get_ids().to_vec()))
    }
}

impl Tokenized {
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

impl Batch {
    /// With `few_shapes` there are hardly more than a dozen shapes in all: rows and tokens are powers of two.
    pub(crate) fn of(texts: &[&Tokenized], few_shapes: bool) -> Result<Self> {
        let longest = texts.iter().map(|text| text.len()).max().unwrap_or(0).max(1);
        let (rows, longest) = match few_shapes {
            true => {
                (texts.len().next_power_of_two(), longest.next_power_of_two().max(LEAST_TOKENS))
            }
            false => (texts.len(), longest),
        };
        let mut ids = vec![0_i64; rows * longest];
        let mut mask = ids.clone();
        for (row, text) in texts.iter().enumerate() {
            for (at, token) in text.0.iter().enumerate() {
                ids[row * longest + at] = i64::from(*token);
                mask[row * longest + at] = 1;
            }
        }
        // Rows that stand for no text still have to attend to something.
        for row in texts.len()..rows {
            mask[row * longest] = 1;
        }
        let shape = [rows, longest];
        let tensor = |numbers: &[i64]| {
            let bytes = crate::tensor::Buffer::copy_of(bytemuck::cast_slice(numbers));
            Tensor::new(DataType::I64, &shape, bytes)
        };
        Ok(Self {
            types: tensor(&vec![0; ids.len()])?,
            ids: tensor(&ids)?,
            mask: tensor(&mask)?,
            lengths: texts.iter().map(|text| text.len()).collect(),
        })
    }
}

/// The mean of the states of each text's tokens, brought to length 1. `states` is [texts, tokens, dimensions].
///
/// # Errors
/// `MODEL_INVALID` when the model gives something else.
pub(crate) fn pool(states: &Tensor, lengths: &[usize]) -> Result<Vec<Embedding>> {
    let &[texts, tokens, dimensions] = states.shape() else {
        return Err(unexpected(states));
    };
    if texts < lengths.len() || states.datatype() != DataType::F32 {
        return Err(unexpected(states));
    }
    let numbers: Vec<f32> = bytemuck::pod_collect_to_vec(states.bytes());
    let mean = |(row, length): (usize, &usize)| {
        let mut sum = vec![0.0_f32; dimensions];
        for token in 0..(*length).min(tokens) {
            let at = (row * tokens + token) * dimensions;
            for (sum, state) in sum.iter_mut().zip(&numbers[at..at + dimensions]) {
                *sum += state;
            }
        }
        let length = sum.iter().map(|x| x * x).sum::<f32>().sqrt().max(f32::MIN_POSITIVE);
        sum.iter().map(|x| x / length).collect()
    };
    Ok(lengths.iter().enumerate().map(mean).collect())
}

fn unexpected(states: &Tensor) -> Error {
    Error::new(
        ErrorCode::ModelInvalid,
        format!(
            "the embedding model gives {} {:?}, expected FP32 [texts, tokens, dimensions]",
            states.datatype(),
            states.shape()
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shorter_texts_are_padded_and_masked() {
        let texts = [Tokenized(vec![101, 7, 102]), Tokenized(vec![101, 102])];
        let batch = Batch::of(&[&texts[0], &texts[1]], false).unwrap();
        let numbers =
            |tensor: &Tensor| -> Vec<i64> { bytemuck::pod_collect_to_vec(tensor.bytes()) };
        assert_eq!(batch.ids.shape(), [2, 3]);
        assert_eq!(numbers(&batch.ids), [101, 7, 102, 101, 102, 0]);
        assert_eq!(numbers(&batch.mask), [1, 1, 1, 1, 1, 0]);
        assert_eq!(numbers(&batch.types), [0; 6]);
        let padded = Batch::of(&[&texts[0], &texts[1], &texts[1]], true).unwrap();
        assert_eq!(padded.ids.shape(), [4, 16]);
        assert_eq!(padded.lengths, [3, 2, 2]);
    }

    #[test]
    fn the_mean_leaves_padding_out() {
        let states = [3.0, 0.0, 3.0, 8.0, 9.0, 9.0, 0.0, 2.0, 9.0, 9.0, 9.0, 9.0];
        let states = Tensor::from_f32(&[2, 3, 2], &states).unwrap();
        let pooled = pool(&states, &[2, 1]).unwrap();
        assert_eq!(pooled.iter().map(|e| e.to_vec()).collect::<Vec<_>>(), [[0.6, 0.8], [0.0, 1.0]]);
    }

    #[test]
    fn another_kind_of_model_is_refused() {
        let error = pool(&Tensor::from_f32(&[1, 2], &[0.0; 2]).unwrap(), &[1]).unwrap_err();
        assert_eq!(error.code(), ErrorCode::ModelInvalid);
        assert!(error.message().contains("FP32 [1, 2]"), "{error}");
        let missing = Tokens::read(Path::new("/nowhere/tokenizer.json")).unwrap_err();
        assert_eq!(missing.code(), ErrorCode::ModelInvalid);
    }
}
