//! Chooses an agent for a description.

use std::collections::HashMap;
use std::fmt;

use super::keywords::{KEYWORDS, keyword_of};
use super::words::words;
use super::{Agent, Capability};
use crate::{Error, ErrorCode, Result};

const HAS_CAPABILITY: u32 = 1;
const STEM_IN_NAME: u32 = 2;
const NAMED_PER_WORD: u32 = 100;

/// The agents, prepared for many descriptions. Never changes, so any number of threads may ask it.
#[derive(Debug, Clone)]
pub struct Router {
    /// By name; so the lower position wins where names decide.
    agents: Vec<Agent>,
    /// For each keyword, the agents it speaks for with what they get for it.
    by_keyword: Vec<Vec<(u32, u32)>>,
    /// Agents by the first word of their name, with the words that follow it.
    by_first_word: HashMap<String, Vec<(u32, Vec<String>)>>,
}

/// The agent for a description.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentChoice<'a> {
    /// Who.
    pub agent: &'a Agent,
    /// How well it fits: at least 1; only comparable between agents for the same description.
    pub score: u32,
    /// Why: never empty, in the order of the description.
    pub matches: Vec<Match>,
}

/// Something in a description that speaks for an agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Match {
    /// The description names the agent.
    Named(String),
    /// A word of the description asks for what the agent does.
    Keyword {
        /// The word, in lower case.
        word: String,
        /// The stem that it was recognised by.
        stem: &'static str,
        /// What it asks for.
        capability: Capability,
        /// Whether the agent's name contains the stem.
        in_name: bool,
    },
}

impl Router {
    /// Prepares a list of agents.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` when two agents share a name.
    pub fn new(mut agents: Vec<Agent>) -> Result<Self> {
        agents.sort_by(|a, b| a.name.cmp(&b.name));
        if let Some(pair) = agents.windows(2).find(|pair| pair[0].name == pair[1].name) {
            return Err(Error::new(
                ErrorCode::InvalidArgument,
                format!("two agents are called {:?}", pair[0].name),
            )
            .suggest("give every agent a name of its own"));
        }
        Ok(Self {
            by_keyword: KEYWORDS
                .iter()
                .map(|keyword| {
                    let points = |agent: &Agent| {
                        let capable = agent.capabilities.has(keyword.capability);
                        let in_name = agent.name.contains(keyword.stem);
                        u32::from(capable) * HAS_CAPABILITY + u32::from(in_name) * STEM_IN_NAME
                    };
                    let scored = (0..).zip(agents.iter().map(points));
                    scored.filter(|&(_, points)| points > 0).collect()
                })
                .collect(),
            by_first_word: index_names(&agents),
            agents,
        })
    }

    /// The agents, by name.
    #[must_use]
    pub fn agents(&self) -> &[Agent] {
        &self.agents
    }

    /// The agent of a name, compared in lower case.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Agent> {
        let name = name.trim().to_lowercase();
        let found = self.agents.binary_search_by(|agent| agent.name.cmp(&name));
        found.ok().map(|index| &self.agents[index])
    }

    /// The agent that fits a description best, or none when nothing in it speaks for any.
    #[must_use]
    pub fn select(&self, description: &str) -> Option<AgentChoice<'_>> {
        let lower_case = description.to_lowercase();
        let words: Vec<&str> = words(&lower_case).collect();
        let scores = self.scores(&words);
        let (best, &score) = scores.iter().enumerate().min_by_key(|&(index, &score)| {
            let priority = self.agents[index].priority;
            (std::cmp::Reverse(score), priority, index)
        })?;
        (score > 0).then(|| AgentChoice {
            agent: &self.agents[best],
            score,
            matches: self.matches(best as u32, &words),
        })
    }

    /// The score of every agent.
    fn scores(&self, words: &[&str]) -> Vec<u32> {
        let mut scores = vec![0; self.agents.len()];
        let mut named = vec![false; self.agents.len()];
        let mut seen = KeywordSet::default();
        for (position, word) in words.iter().enumerate() {
            if let Some(keyword) = seen.meet(word) {
                for &(agent, points) in &self.by_keyword[keyword] {
                    scores[agent as usize] += points;
                }
            }
            for (agent, length) in self.named_at(words, position) {
                if !std::mem::replace(&mut named[agent as usize], true) {
                    scores[agent as usize] += NAMED_PER_WORD * length;
                }
            }
        }
        scores
    }

    /// What speaks for one agent.
    fn matches(&self, agent: u32, words: &[&str]) -> Vec<Match> {
        let mut matches = Vec::new();
        let mut named = false;
        let mut seen = KeywordSet::default();
        let known = &self.agents[agent as usize];
        for (position, &word) in words.iter().enumerate() {
            if !named && self.named_at(words, position).any(|(a, _)| a == agent) {
                named = true;
                matches.push(Match::Named(known.name.clone()));
            }
            let Some(index) = seen.meet(word) else {
                continue;
            };
            let keyword = &KEYWORDS[index];
            let in_name = known.name.contains(keyword.stem);
            if in_name || known.capabilities.has(keyword.capability) {
                matches.push(Match::Keyword {
                    word: word.into(),
                    stem: keyword.stem,
                    capability: keyword.capability,
                    in_name,
                });
            }
        }
        matches
    }

    /// The agents whose name begins at `position`, with the number of words in it.
    fn named_at(&self, words: &[&str], position: usize) -> impl Iterator<Item = (u32, u32)> {
        let following = &words[position + 1..];
        let candidates = self.by_first_word.get(words[position]);
        candidates
            .into_iter()
            .flatten()
            .filter(move |(_, rest)| {
                following.len() >= rest.len() && rest.iter().zip(following).all(|(a, b)| a == b)
            })
            .map(|(agent, rest)| (*agent, rest.len() as u32 + 1))
    }
}

fn index_names(agents: &[Agent]) -> HashMap<String, Vec<(u32, Vec<String>)>> {
    let mut index: HashMap<String, Vec<_>> = HashMap::new();
    for (agent, position) in agents.iter().zip(0..) {
        // A name of one letter would be found in half of all texts.
        if agent.name.chars().nth(1).is_none() {
            continue;
        }
        let mut words = words(&agent.name).map(String::from);
        if let Some(first) = words.next() {
            index.entry(first).or_default().push((position, words.collect()));
        }
    }
    index
}

/// Which keywords a description has already shown.
#[derive(Default)]
struct KeywordSet(u64);

impl KeywordSet {
    /// The keyword of a word, when it is the first of its kind.
    fn meet(&mut self, word: &str) -> Option<usize> {
        let keyword = keyword_of(word)?;
        let bit = 1 << keyword;
        let first = self.0 & bit == 0;
        self.0 |= bit;
        first.then_some(keyword)
    }
}

impl AgentChoice<'_> {
    /// The reason in words.
    #[must_use]
    pub fn reason(&self) -> String {
        let parts: Vec<_> = self.matches.iter().map(Match::to_string).collect();
        parts.join(", ")
    }
}

impl fmt::Display for Match {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Named(name) => write!(f, "the description names {name:?}"),
            Self::Keyword { word, stem, capability, in_name } => {
                write!(f, "{word:?} asks for {}", capability.name())?;
                if *in_name {
                    write!(f, " and {stem:?} is in the name")?;
                }
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn router(names: &[&str]) -> Router {
        Router::new(names.iter().map(|name| Agent::named(name)).collect()).unwrap()
    }

    #[test]
    fn the_reason_says_what_spoke_for_the_agent() {
        let router = router(&["debugger", "linter"]);
        let choice = router.select("Debugging: let the DEBUGGER test it, debug it").unwrap();
        assert_eq!(choice.agent.name, "debugger");
        assert_eq!(choice.score, 104);
        assert_eq!(
            choice.reason(),
            "\"debugging\" asks for development and \"debug\" is in the name, \
             the description names \"debugger\", \"test\" asks for development"
        );
    }

    #[test]
    fn nothing_fits_when_nothing_matches() {
        let agents = router(&["debugger", "director"]);
        assert_eq!(agents.select("make tea"), None);
        assert_eq!(agents.select(""), None);
        assert_eq!(router(&[]).select("debug the tests"), None);
    }

    #[test]
    fn the_order_of_the_list_does_not_matter() {
        let names = ["tester", "linter", "testbed", "debugger"];
        let mut reversed = names;
        reversed.reverse();
        let (a, b) = (router(&names), router(&reversed));
        assert_eq!(a.select("run the tests"), b.select("run the tests"));
        assert_eq!(a.select("run the tests").unwrap().agent.name, "testbed");
    }

    #[test]
    fn two_agents_of_one_name_are_refused() {
        let error = Router::new(vec![Agent::named("Linter"), Agent::named("linter")]).unwrap_err();
        assert_eq!(error.code(), ErrorCode::InvalidArgument);
        assert_eq!(error.message(), r#"two agents are called "linter""#);
    }

    #[test]
    fn an_agent_is_found_by_its_name_in_any_case() {
        let router = router(&["linter", "debugger"]);
        assert_eq!(router.get(" LINTER").unwrap().name, "linter");
        assert_eq!(router.get("tester"), None);
    }
}
