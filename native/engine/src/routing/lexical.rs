//! Ranks agents by the words that a text shares with what is known of them: BM25, prepared for many texts.
//!
//! Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond" (2009). What a word is worth for an
//! agent does not depend on the text, so it is computed once; routing a text is looking its words up and adding.

use std::collections::HashMap;

use super::parts::{TEXTS_PER_THREAD, in_parts};
use super::stems::{is_stop_word, stem};
use super::words::words;

/// How soon further mentions of a word stop to count.
const SATURATION: f32 = 1.2;
/// How much long descriptions are held against their agents.
const LENGTH_SHARE: f32 = 0.75;
/// How often a word of the name counts, compared with one of the description.
const NAME_WEIGHT: f32 = 3.0;

/// What is known of an agent, for choosing it by text.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Profile {
    /// Its name, in lower case.
    pub name: String,
    /// What it says of itself.
    pub description: String,
    /// Texts that it should be chosen for.
    pub examples: Vec<String>,
    /// 1 is the most urgent, 100 the least; breaks ties.
    pub priority: i32,
}

/// A place in a ranking.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ranked {
    /// Position of the agent in the list that the index was made from.
    pub agent: u32,
    /// How well it fits; more is better.
    pub score: f32,
}

/// Agents prepared for being asked. Never changes, so any number of threads may ask it.
#[derive(Debug, Clone)]
pub struct LexicalIndex {
    terms: HashMap<Box<str>, Box<[(u32, f32)]>>,
    /// The place of each agent when scores are equal: by priority, then by name.
    precedence: Vec<u32>,
}

/// Memory that is used again from text to text.
#[derive(Debug, Default)]
pub struct Scratch {
    lower_case: String,
    scores: Vec<f32>,
}

impl LexicalIndex {
    /// Prepares agents.
    #[must_use]
    pub fn new(agents: &[Profile]) -> Self {
        let documents: Vec<HashMap<String, f32>> = agents.iter().map(document).collect();
        let lengths: Vec<f32> = documents.iter().map(|terms| terms.values().sum()).collect();
        let mean = (lengths.iter().sum::<f32>() / lengths.len().max(1) as f32).max(1.0);
        let mut counts: HashMap<&str, Vec<(u32, f32)>> = HashMap::new();
        for (document, agent) in documents.iter().zip(0..) {
            for (term, count) in document {
                counts.entry(term).or_default().push((agent, *count));
            }
        }
        let total = agents.len() as f32;
        let weigh = |(term, mut found): (&str, Vec<(u32, f32)>)| {
            let with = found.len() as f32;
            let rarity = (1.0 + (total - with + 0.5) / (with + 0.5)).ln();
            for (agent, count) in &mut found {
                let length = lengths[*agent as usize] / mean;
                let norm = SATURATION * (1.0 - LENGTH_SHARE + LENGTH_SHARE * length);
                *count = rarity * *count * (SATURATION + 1.0) / (*count + norm);
            }
            (Box::from(term), found.into_boxed_slice())
        };
        Self { terms: counts.into_iter().map(weigh).collect(), precedence: precedence(agents) }
    }

    /// The `count` agents that fit best, best first; only those that share a word with the text.
    #[must_use]
    pub fn rank(&self, text: &str, count: usize, scratch: &mut Scratch) -> Vec<Ranked> {
        self.score(text, scratch);
        self.best_of(&scratch.scores, count)
    }

    /// The best `count` of scores by agent, equal ones by priority and name; those without a score are left out.
    #[must_use]
    pub fn best_of(&self, scores: &[f32], count: usize) -> Vec<Ranked> {
        let ranked = scores.iter().zip(0..).filter(|(score, _)| **score > 0.0);
        let mut ranked: Vec<_> = ranked.map(|(&score, agent)| Ranked { agent, score }).collect();
        let place = |ranked: &Ranked| self.precedence[ranked.agent as usize];
        ranked.sort_unstable_by(|a, b| {
            b.score.total_cmp(&a.score).then_with(|| place(a).cmp(&place(b)))
        });
        ranked.truncate(count);
        ranked
    }

    /// The agent that fits each text best; none where no word of the text is known. In the order of the texts.
    #[must_use]
    pub fn select_all(&self, texts: &[&str]) -> Vec<Option<Ranked>> {
        in_parts(texts, TEXTS_PER_THREAD, |texts| {
            let mut scratch = Scratch::default();
            texts.iter().map(|text| self.select(text, &mut scratch)).collect()
        })
    }

    /// The agent that fits best; none where no word of the text is known.
    #[must_use]
    pub fn select(&self, text: &str, scratch: &mut Scratch) -> Option<Ranked> {
        self.score(text, scratch);
        let mut best: Option<Ranked> = None;
        for (&score, agent) in scratch.scores.iter().zip(0_u32..) {
            let better = best.is_none_or(|best| {
                score > best.score
                    || (score.to_bits() == best.score.to_bits()
                        && self.precedence[agent as usize] < self.precedence[best.agent as usize])
            });
            if score > 0.0 && better {
                best = Some(Ranked { agent, score });
            }
        }
        best
    }

    /// The score of every agent, by position.
    pub fn score<'a>(&self, text: &str, scratch: &'a mut Scratch) -> &'a [f32] {
        let Scratch { lower_case, scores } = scratch;
        scores.clear();
        scores.resize(self.precedence.len(), 0.0);
        fold_case(text, lower_case);
        for word in words(lower_case) {
            if let Some(found) = self.terms.get(stem(word)) {
                for &(agent, weight) in found {
                    scores[agent as usize] += weight;
                }
            }
        }
        scores
    }

    /// The words of a text that speak for an agent with what each adds to its score, in the order of the text.
    #[must_use]
    pub fn explain(&self, text: &str, agent: u32) -> Vec<(String, f32)> {
        let lower_case = text.to_lowercase();
        let mut reasons: Vec<(String, f32)> = Vec::new();
        for word in words(&lower_case) {
            let found = self.terms.get(stem(word)).map(|found| found.iter());
            let weight = found.into_iter().flatten().find(|(known, _)| *known == agent);
            if let Some(&(_, weight)) = weight {
                match reasons.iter_mut().find(|(known, _)| known == word) {
                    Some((_, sum)) => *sum += weight,
                    None => reasons.push((word.into(), weight)),
                }
            }
        }
        reasons
    }
}

/// How often each stem comes in what is known of an agent.
fn document(agent: &Profile) -> HashMap<String, f32> {
    let mut counts = HashMap::new();
    let mut add = |text: &str, weight: f32| {
        for word in words(&text.to_lowercase()).filter(|word| !is_stop_word(word)) {
            *counts.entry(stem(word).to_owned()).or_insert(0.0) += weight;
        }
    };
    add(&agent.name, NAME_WEIGHT);
    add(&agent.description, 1.0);
    for example in &agent.examples {
        add(example, 1.0);
    }
    counts
}

fn precedence(agents: &[Profile]) -> Vec<u32> {
    let mut order: Vec<u32> = (0..agents.len() as u32).collect();
    order.sort_by_key(|&agent| {
        let agent = &agents[agent as usize];
        (agent.priority, &agent.name)
    });
    let mut precedence = vec![0; order.len()];
    for (agent, place) in order.into_iter().zip(0..) {
        precedence[agent as usize] = place;
    }
    precedence
}

/// Lower case into memory that is there already; texts are nearly always ASCII.
fn fold_case(text: &str, into: &mut String) {
    into.clear();
    if text.is_ascii() {
        into.push_str(text);
        into.make_ascii_lowercase();
    } else {
        into.push_str(&text.to_lowercase());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profile(name: &str, description: &str, priority: i32) -> Profile {
        Profile { name: name.into(), description: description.into(), examples: vec![], priority }
    }

    fn index() -> LexicalIndex {
        LexicalIndex::new(&[
            profile("linter", "Checks the style of source files", 50),
            profile("speech-analyst", "Finds where people speak in recordings of sound", 50),
            profile("librarian", "Finds documents and counts their pages", 20),
        ])
    }

    fn chosen(text: &str) -> Option<u32> {
        index().select(text, &mut Scratch::default()).map(|ranked| ranked.agent)
    }

    #[test]
    fn shared_words_choose_in_any_form() {
        assert_eq!(chosen("check my source file"), Some(0));
        assert_eq!(chosen("Where in this RECORDING does somebody speak?"), Some(1));
        assert_eq!(chosen("count the pages"), Some(2));
    }

    #[test]
    fn nothing_shared_means_that_no_agent_fits() {
        assert_eq!(chosen("make tea"), None);
        assert_eq!(chosen("the of and in"), None);
        assert_eq!(chosen(""), None);
        assert!(LexicalIndex::new(&[]).select("check", &mut Scratch::default()).is_none());
    }

    #[test]
    fn equal_scores_are_decided_by_priority_and_then_by_name() {
        let agents = [profile("bob", "sorts mail", 50), profile("ann", "sorts mail", 50)];
        let ranked = LexicalIndex::new(&agents).rank("sort mail", 2, &mut Scratch::default());
        assert_eq!(ranked.iter().map(|ranked| ranked.agent).collect::<Vec<_>>(), [1, 0]);
        let agents = [profile("ann", "sorts mail", 50), profile("bob", "sorts mail", 10)];
        let index = LexicalIndex::new(&agents);
        assert_eq!(index.select("sort mail", &mut Scratch::default()).unwrap().agent, 1);
    }

    #[test]
    fn many_texts_get_what_each_gets_alone() {
        let texts = ["count the pages", "make tea", "who speaks?", "style of files"];
        let many: Vec<&str> = (0..3 * TEXTS_PER_THREAD).map(|i| texts[i % 4]).collect();
        let index = index();
        let mut scratch = Scratch::default();
        for (text, found) in many.iter().zip(index.select_all(&many)) {
            assert_eq!(index.select(text, &mut scratch), found);
        }
    }

    #[test]
    fn the_explanation_adds_up_to_the_score() {
        let index = index();
        let text = "Finding documents: count, count again";
        let best = index.select(text, &mut Scratch::default()).unwrap();
        let reasons = index.explain(text, best.agent);
        let words: Vec<_> = reasons.iter().map(|(word, _)| word.as_str()).collect();
        assert_eq!(words, ["finding", "documents", "count"]);
        let sum: f32 = reasons.iter().map(|(_, weight)| weight).sum();
        assert!((sum - best.score).abs() < 1e-4);
    }
}
