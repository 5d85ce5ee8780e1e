//! Ranks agents by the meaning of a text, and by meaning and words together.

use super::super::{LexicalIndex, Profile, Ranked};
use super::Embedding;

/// How much words count in the hybrid, against meaning.
const LEXICAL_SHARE: f32 = 0.3;
/// A score of words that half convinces.
const LEXICAL_HALF: f32 = 4.0;
/// Less similar texts are about something else; random pairs of English sentences are about 0.1 alike.
pub(crate) const LEAST_SIMILAR: f32 = 0.25;

/// Which text of an agent was nearest.
#[derive(Debug, Clone, PartialEq)]
pub struct Evidence {
    /// The text: the agent's description, or one of its examples.
    pub text: String,
    /// The cosine of the angle between it and the text that was asked about.
    pub similarity: f32,
}

/// Agents with the embeddings of what is known of them.
#[derive(Debug, Clone)]
pub struct SemanticIndex {
    texts: Vec<Known>,
    agents: usize,
}

#[derive(Debug, Clone)]
struct Known {
    agent: u32,
    text: String,
    embedding: Embedding,
}

impl SemanticIndex {
    /// What has to be embedded for a list of agents: each agent's name with its description, and its examples.
    #[must_use]
    pub fn texts(agents: &[Profile]) -> Vec<(u32, String)> {
        let mut texts = Vec::new();
        for (agent, position) in agents.iter().zip(0..) {
            let name = agent.name.replace(['-', '_'], " ");
            let own = match agent.description.as_str() {
                "" => name,
                description => format!("{name}: {description}"),
            };
            texts.push((position, own));
            texts.extend(agent.examples.iter().map(|example| (position, example.clone())));
        }
        texts
    }

    /// Puts the texts and their embeddings together.
    #[must_use]
    pub fn new(agents: usize, texts: Vec<(u32, String)>, embeddings: Vec<Embedding>) -> Self {
        let known = texts.into_iter().zip(embeddings);
        let known = known.map(|((agent, text), embedding)| Known { agent, text, embedding });
        Self { texts: known.collect(), agents }
    }

    /// How alike a text and each agent are: the nearest of the agent's texts counts.
    #[must_use]
    pub fn score(&self, embedding: &[f32]) -> Vec<f32> {
        let mut scores = vec![0.0_f32; self.agents];
        for known in &self.texts {
            let score = &mut scores[known.agent as usize];
            *score = score.max(similarity(&known.embedding, embedding));
        }
        scores
    }

    /// Scores of meaning and words together, between 0 and 1.
    #[must_use]
    pub fn mix(&self, embedding: &[f32], lexical: &[f32]) -> Vec<f32> {
        let mut scores = self.score(embedding);
        for (score, words) in scores.iter_mut().zip(lexical) {
            let words = words / (words + LEXICAL_HALF);
            *score = (1.0 - LEXICAL_SHARE) * *score + LEXICAL_SHARE * words;
        }
        scores
    }

    /// The text of an agent that is nearest.
    #[must_use]
    pub fn explain(&self, embedding: &[f32], agent: u32) -> Option<Evidence> {
        let own = self.texts.iter().filter(|known| known.agent == agent);
        let near = own.map(|known| Evidence {
            text: known.text.clone(),
            similarity: similarity(&known.embedding, embedding),
        });
        near.max_by(|a, b| a.similarity.total_cmp(&b.similarity))
    }

    /// The `count` best of scores by agent that reach `least`.
    #[must_use]
    pub fn best_of(index: &LexicalIndex, scores: &[f32], count: usize, least: f32) -> Vec<Ranked> {
        let mut ranked = index.best_of(scores, count);
        ranked.retain(|ranked| ranked.score >= least);
        ranked
    }
}

/// In several sums side by side: a single one would make each addition wait for the one before.
fn similarity(a: &[f32], b: &[f32]) -> f32 {
    const LANES: usize = 16;
    let (a, a_rest) = a.as_chunks::<LANES>();
    let (b, b_rest) = b.as_chunks::<LANES>();
    let mut sums = [0.0_f32; LANES];
    for (a, b) in a.iter().zip(b) {
        for (sum, (a, b)) in sums.iter_mut().zip(a.iter().zip(b)) {
            *sum += a * b;
        }
    }
    let rest: f32 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    sums.iter().sum::<f32>() + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_text_of_an_agent_counts_and_explains() {
        let agents = [
            Profile {
                name: "tea-maker".into(),
                description: "Makes tea".into(),
                examples: vec!["a hot drink".into()],
                priority: 50,
            },
            Profile { name: "gardener".into(), ..Profile::default() },
        ];
        let texts = SemanticIndex::texts(&agents);
        assert_eq!(
            texts,
            [
                (0, "tea maker: Makes tea".to_owned()),
                (0, "a hot drink".to_owned()),
                (1, "gardener".to_owned())
            ]
        );
        let embeddings = [[1.0, 0.0], [0.6, 0.8], [0.0, 1.0]].map(Embedding::from);
        let index = SemanticIndex::new(2, texts, embeddings.to_vec());
        assert_eq!(index.score(&[0.6, 0.8]), [1.0, 0.8]);
        let evidence = index.explain(&[0.6, 0.8], 0).unwrap();
        assert_eq!((evidence.text.as_str(), evidence.similarity), ("a hot drink", 1.0));
        let mixed = index.mix(&[0.6, 0.8], &[0.0, 4.0]);
        assert!((mixed[0] - 0.7).abs() < 1e-6 && (mixed[1] - 0.71).abs() < 1e-6);
    }
}
