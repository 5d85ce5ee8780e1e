#![doc = include_str!("README.md")]

mod agent;
mod choice;
pub mod embedding;
mod folder;
mod front_matter;
mod head;
mod keywords;
mod lexical;
mod parts;
mod router;
mod stems;
mod terms;
#[cfg(test)]
mod vectors;
mod words;

pub use agent::{Agent, Capabilities, Capability, calculate_priority, capabilities};
pub use choice::{AgentIndex, Candidate, Method, Query, Routed};
pub use embedding::{Embedding, Evidence, SemanticIndex};
pub use folder::{AgentRegistry, FileProblem};
pub use head::{Examples, Head, Prediction};
pub use lexical::{LexicalIndex, Profile, Ranked, Scratch};
pub(crate) use parts::{TEXTS_PER_THREAD, in_parts};
pub use router::{AgentChoice, Match, Router};

/// Reads front matter and forgets it.
#[cfg(feature = "fuzzing")]
pub(crate) fn read_front_matter(text: &str) {
    drop(front_matter::read(text));
}
