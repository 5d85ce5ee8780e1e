//! Asking for an agent in any of the ways there are, with the reasons.

use serde::Serialize;

use super::embedding::LEAST_SIMILAR;
use super::{Head, LexicalIndex, Profile, Ranked, Scratch, SemanticIndex};
use crate::{Error, ErrorCode, Result};

/// Words that an explanation lists.
const WORDS_SHOWN: usize = 5;

/// How agents are compared with a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Method {
    /// By the old module's rules: names and a fixed list of stems.
    #[default]
    Keywords,
    /// By shared words.
    Lexical,
    /// By meaning.
    Semantic,
    /// By both.
    Hybrid,
}

impl Method {
    /// Every method, in declaration order.
    pub const ALL: [Self; 4] = [Self::Keywords, Self::Lexical, Self::Semantic, Self::Hybrid];

    /// The name that every language and the wire use.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Keywords => "keywords",
            Self::Lexical => "lexical",
            Self::Semantic => "semantic",
            Self::Hybrid => "hybrid",
        }
    }

    /// The method of a name.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` naming those there are.
    pub fn named(name: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|method| method.name() == name).ok_or_else(|| {
            let names: Vec<_> = Self::ALL.iter().map(|method| method.name()).collect();
            Error::new(
                ErrorCode::InvalidArgument,
                format!("method is {name:?}, it must be one of {}", names.join(", ")),
            )
        })
    }

    /// Whether texts have to be embedded.
    #[must_use]
    pub fn needs_embeddings(self) -> bool {
        matches!(self, Self::Semantic | Self::Hybrid)
    }
}

/// What is asked for with a text.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Query {
    /// How agents are compared; a head ignores it.
    pub method: Method,
    /// How many candidates are listed.
    pub top: usize,
    /// The score, or a head's evidence, below which no agent fits; the method's or the head's own when absent.
    pub threshold: Option<f32>,
    /// Whether reasons are given.
    pub explain: bool,
}

/// An agent that a text may be for.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Candidate {
    /// Its name.
    pub agent: String,
    /// How well it fits: only comparable between candidates of one text; with a head, a probability.
    pub score: f32,
}

/// The answer for one text.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Routed {
    /// The agent that fits best; none when no agent fits.
    pub agent: Option<String>,
    /// Its score, or the best score there was.
    pub score: f32,
    /// In words, where asked for.
    pub reason: Option<String>,
    /// The best agents, the one that was chosen first.
    pub candidates: Vec<Candidate>,
    /// With a head: how much speaks for any label at all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub evidence: Option<f32>,
    /// What the score, or the evidence, was held against.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub threshold: Option<f32>,
}

/// Agents prepared for every method but keywords.
#[derive(Debug, Clone)]
pub struct AgentIndex {
    agents: Vec<Profile>,
    lexical: LexicalIndex,
    semantic: Option<SemanticIndex>,
}

impl AgentIndex {
    /// Prepares agents for choosing by words.
    #[must_use]
    pub fn new(agents: Vec<Profile>) -> Self {
        Self { lexical: LexicalIndex::new(&agents), semantic: None, agents }
    }

    /// The agents, in their order.
    #[must_use]
    pub fn agents(&self) -> &[Profile] {
        &self.agents
    }

    /// The index of their words.
    #[must_use]
    pub fn lexical(&self) -> &LexicalIndex {
        &self.lexical
    }

    /// Whether meaning can be asked for.
    #[must_use]
    pub fn has_embeddings(&self) -> bool {
        self.semantic.is_some()
    }

    /// Adds what choosing by meaning needs.
    pub fn set_semantic(&mut self, index: SemanticIndex) {
        self.semantic = Some(index);
    }

    /// The agent for a text; `embedding` is that of the text, for the methods that need one.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` when an embedding is needed and missing.
    pub fn route(
        &self,
        text: &str,
        embedding: Option<&[f32]>,
        query: &Query,
        scratch: &mut Scratch,
    ) -> Result<Routed> {
        let (ranked, threshold) = if query.method.needs_embeddings() {
            let (Some(semantic), Some(embedding)) = (&self.semantic, embedding) else {
                return Err(Error::new(
                    ErrorCode::InvalidArgument,
                    format!("{} routing needs embeddings", query.method.name()),
                ));
            };
            let scores = match query.method {
                Method::Semantic => semantic.score(embedding),
                _ => semantic.mix(embedding, self.lexical.score(text, scratch)),
            };
            let threshold = query.threshold.unwrap_or(LEAST_SIMILAR);
            (self.lexical.best_of(&scores, query.top.max(1)), Some(threshold))
        } else {
            (self.lexical.rank(text, query.top.max(1), scratch), query.threshold)
        };
        Ok(self.routed(text, embedding, query, &ranked, threshold))
    }

    fn routed(
        &self,
        text: &str,
        embedding: Option<&[f32]>,
        query: &Query,
        ranked: &[Ranked],
        threshold: Option<f32>,
    ) -> Routed {
        let best = ranked.first().copied();
        let fits = best.filter(|best| best.score >= threshold.unwrap_or(0.0));
        let name = |ranked: &Ranked| self.agents[ranked.agent as usize].name.clone();
        let candidates = ranked.iter().take(query.top);
        Routed {
            agent: fits.as_ref().map(name),
            score: best.map_or(0.0, |best| best.score),
            reason: query
                .explain
                .then(|| best.map(|best| self.reason(text, embedding, query.method, best)))
                .flatten(),
            candidates: candidates
                .map(|ranked| Candidate { agent: name(ranked), score: ranked.score })
                .collect(),
            evidence: None,
            threshold,
        }
    }

    fn reason(
        &self,
        text: &str,
        embedding: Option<&[f32]>,
        method: Method,
        best: Ranked,
    ) -> String {
        let mut parts = Vec::new();
        if method != Method::Semantic {
            let mut words = self.lexical.explain(text, best.agent);
            words.sort_by(|a, b| b.1.total_cmp(&a.1));
            words.truncate(WORDS_SHOWN);
            parts.extend(in_words(&words));
        }
        if method.needs_embeddings() {
            let semantic = self.semantic.as_ref().zip(embedding);
            let nearest =
                semantic.and_then(|(index, embedding)| index.explain(embedding, best.agent));
            parts
                .extend(nearest.map(|near| format!("{:.2} like {:?}", near.similarity, near.text)));
        }
        parts.join("; ")
    }
}

impl Head {
    /// The label for a text, as an agent.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` when the embedding does not fit the head.
    pub fn route(&self, text: &str, embedding: Option<&[f32]>, query: &Query) -> Result<Routed> {
        let embedding = if self.dimensions() == 0 { None } else { embedding };
        let found = self.predict(text, embedding.unwrap_or_default(), query.top.max(1))?;
        let threshold = query.threshold.or(self.threshold());
        let label = |label: u32| self.labels()[label as usize].clone();
        let (best, probability) = found.ranked[0];
        let fits = threshold.is_none_or(|least| found.evidence >= least);
        Ok(Routed {
            agent: fits.then(|| label(best)),
            score: probability,
            reason: query
                .explain
                .then(|| in_words(&self.explain(text, best, WORDS_SHOWN)))
                .flatten(),
            candidates: found
                .ranked
                .iter()
                .take(query.top)
                .map(|&(position, score)| Candidate { agent: label(position), score })
                .collect(),
            evidence: Some(found.evidence),
            threshold,
        })
    }
}

fn in_words(weighed: &[(String, f32)]) -> Option<String> {
    let words: Vec<_> =
        weighed.iter().map(|(word, weight)| format!("{word:?} ({weight:.1})")).collect();
    (!words.is_empty()).then(|| format!("the words {}", words.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::super::Embedding;
    use super::*;

    const QUERY: Query = Query { method: Method::Lexical, top: 2, threshold: None, explain: true };

    fn index() -> AgentIndex {
        let agent = |name: &str, description: &str| Profile {
            name: name.into(),
            description: description.into(),
            examples: vec![],
            priority: 50,
        };
        AgentIndex::new(vec![agent("baker", "bakes bread"), agent("brewer", "brews beer")])
    }

    fn route(index: &AgentIndex, text: &str, embedding: Option<&[f32]>, query: Query) -> Routed {
        index.route(text, embedding, &query, &mut Scratch::default()).unwrap()
    }

    #[test]
    fn words_choose_and_explain() {
        let routed = route(&index(), "bake two loaves of bread", None, QUERY);
        assert_eq!(routed.agent.as_deref(), Some("baker"));
        assert_eq!(routed.candidates.len(), 1);
        assert!(routed.reason.unwrap().contains("\"bread\""));
    }

    #[test]
    fn no_agent_fits_below_the_threshold() {
        let routed = route(&index(), "bread", None, Query { threshold: Some(50.0), ..QUERY });
        assert_eq!((routed.agent, routed.candidates.len()), (None, 1));
        let routed = route(&index(), "sing", None, QUERY);
        assert_eq!((routed.agent, routed.score), (None, 0.0));
    }

    #[test]
    fn meaning_chooses_where_no_word_is_shared() {
        let mut index = index();
        let texts = SemanticIndex::texts(index.agents());
        let embeddings = vec![Embedding::from([1.0, 0.0]), Embedding::from([0.0, 1.0])];
        index.set_semantic(SemanticIndex::new(2, texts, embeddings));
        for method in [Method::Semantic, Method::Hybrid] {
            let query = Query { method, ..QUERY };
            let routed = route(&index, "a pint", Some(&[0.1, 0.9]), query);
            assert_eq!(routed.agent.as_deref(), Some("brewer"));
            assert!(routed.reason.unwrap().contains("0.90 like \"brewer: brews beer\""));
            assert_eq!(route(&index, "a pint", Some(&[0.1, 0.1]), query).agent, None);
            let error = index.route("x", None, &query, &mut Scratch::default()).unwrap_err();
            assert!(error.message().ends_with("routing needs embeddings"));
        }
    }

    #[test]
    fn methods_are_known_by_their_names() {
        for method in Method::ALL {
            assert_eq!(Method::named(method.name()).unwrap(), method);
        }
        assert!(Method::named("magic").unwrap_err().message().contains("keywords, lexical"));
    }

    #[test]
    fn a_head_says_that_nothing_fits_by_its_evidence() {
        let texts = ["bake bread", "bake rolls", "brew beer", "brew ale"];
        let labels = ["baker", "baker", "brewer", "brewer"];
        let examples = super::super::Examples { texts: &texts, labels: &labels, embeddings: None };
        let head = Head::train(&examples).unwrap();
        let routed = head.route("bake a roll", None, &QUERY).unwrap();
        assert_eq!(routed.agent.as_deref(), Some("baker"));
        assert!(routed.reason.unwrap().contains("\"bake\""));
        let strict = Query { threshold: Some(1e6), ..QUERY };
        assert_eq!(head.route("bake a roll", None, &strict).unwrap().agent, None);
    }
}
