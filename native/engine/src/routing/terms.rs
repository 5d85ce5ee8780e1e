//! Texts as weighted terms: words, and pieces of words, which survive typing errors and unknown forms.
//!
//! TF-IDF with 1 + ln(count) and ln((1 + texts) / (1 + texts with the term)) + 1, words and pieces each of length 1.

use std::collections::HashMap;

use super::words::words;

/// Lengths of pieces in characters, of a word with a space on each side.
const PIECES: std::ops::RangeInclusive<usize> = 2..=4;
/// A piece that a single text has teaches nothing.
const LEAST_TEXTS: u32 = 2;

/// What a text is made of: numbers of terms with their weights, by number.
pub(super) type Sparse = Vec<(u32, f32)>;

/// The terms that are known. Words come first, then pieces.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Vocabulary {
    numbers: HashMap<Box<str>, u32>,
    /// How much each term tells.
    rarity: Vec<f32>,
    /// How many of the terms are words.
    words: u32,
}

/// Words are told from pieces by this first character, which no word has.
const PIECE: char = '\u{1}';

impl Vocabulary {
    /// The terms of `texts`.
    pub(super) fn of(texts: &[&str]) -> Self {
        let mut found: HashMap<String, u32> = HashMap::new();
        for text in texts {
            let mut own: Vec<String> = Vec::new();
            each_term(text, |term| own.push(term.to_owned()));
            own.sort_unstable();
            own.dedup();
            for term in own {
                *found.entry(term).or_insert(0) += 1;
            }
        }
        let mut terms: Vec<(String, u32)> = found
            .into_iter()
            .filter(|(term, texts)| !term.starts_with(PIECE) || *texts >= LEAST_TEXTS)
            .collect();
        terms.sort_unstable_by(|(a, _), (b, _)| {
            (a.starts_with(PIECE), a).cmp(&(b.starts_with(PIECE), b))
        });
        let rarity = |with: u32| ((1.0 + texts.len() as f32) / (1.0 + with as f32)).ln() + 1.0;
        Self::from_terms(terms.into_iter().map(|(term, with)| (term, rarity(with))))
    }

    /// Terms with their rarity, in their order.
    pub(super) fn from_terms(terms: impl Iterator<Item = (String, f32)>) -> Self {
        let mut vocabulary = Self { numbers: HashMap::new(), rarity: Vec::new(), words: 0 };
        for (term, rarity) in terms {
            vocabulary.words += u32::from(!term.starts_with(PIECE));
            vocabulary.numbers.insert(term.into(), vocabulary.rarity.len() as u32);
            vocabulary.rarity.push(rarity);
        }
        vocabulary
    }

    /// Every term with its rarity, by number.
    pub(super) fn terms(&self) -> Vec<(&str, f32)> {
        let mut terms: Vec<(&str, u32)> =
            self.numbers.iter().map(|(term, number)| (&**term, *number)).collect();
        terms.sort_unstable_by_key(|(_, number)| *number);
        terms.into_iter().map(|(term, number)| (term, self.rarity[number as usize])).collect()
    }

    pub(super) fn len(&self) -> usize {
        self.rarity.len()
    }

    /// A text as terms; those that are not known do not count.
    pub(super) fn weigh(&self, text: &str) -> Sparse {
        let mut numbers: Vec<u32> = Vec::with_capacity(128);
        each_term(text, |term| numbers.extend(self.numbers.get(term)));
        numbers.sort_unstable();
        let mut weighed: Sparse = numbers
            .chunk_by(|a, b| a == b)
            .map(|same| {
                let count = same.len() as f32;
                (same[0], (1.0 + count.ln()) * self.rarity[same[0] as usize])
            })
            .collect();
        let split = weighed.partition_point(|(term, _)| *term < self.words);
        let (words, pieces) = weighed.split_at_mut(split);
        normalise(words);
        normalise(pieces);
        weighed
    }
}

fn normalise(terms: &mut [(u32, f32)]) {
    let length = terms.iter().map(|(_, weight)| weight * weight).sum::<f32>().sqrt();
    for (_, weight) in terms {
        *weight /= length;
    }
}

/// Words, and their pieces behind [`PIECE`].
fn each_term(text: &str, mut take: impl FnMut(&str)) {
    let lower_case = text.to_lowercase();
    let mut padded = String::new();
    let mut piece = String::new();
    let mut starts: Vec<usize> = Vec::new();
    for word in words(&lower_case) {
        take(word);
        padded.clear();
        padded.push(' ');
        padded.push_str(word);
        padded.push(' ');
        starts.clear();
        starts.extend(padded.char_indices().map(|(at, _)| at));
        starts.push(padded.len());
        for length in PIECES {
            for ends in starts.windows(length + 1) {
                piece.clear();
                piece.push(PIECE);
                piece.push_str(&padded[ends[0]..ends[length]]);
                take(&piece);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_pieces_each_have_length_one() {
        let vocabulary = Vocabulary::of(&["open the door", "close the door", "ouvre la porte"]);
        let weighed = vocabulary.weigh("open the doors");
        let length = |of: &dyn Fn(u32) -> bool| -> f32 {
            weighed.iter().filter(|(term, _)| of(*term)).map(|(_, w)| w * w).sum()
        };
        assert!((length(&|term| term < vocabulary.words) - 1.0).abs() < 1e-5);
        assert!((length(&|term| term >= vocabulary.words) - 1.0).abs() < 1e-5);
        assert!(vocabulary.weigh("测试").is_empty());
    }

    #[test]
    fn a_vocabulary_is_what_its_terms_are() {
        let vocabulary = Vocabulary::of(&["open the door", "close the door"]);
        let terms = vocabulary.terms().into_iter().map(|(term, rarity)| (term.to_owned(), rarity));
        assert_eq!(Vocabulary::from_terms(terms), vocabulary);
    }
}
