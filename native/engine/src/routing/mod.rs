#![doc = include_str!("README.md")]

mod agent;
mod folder;
mod front_matter;
mod keywords;
mod router;
#[cfg(test)]
mod vectors;
mod words;

pub use agent::{Agent, Capabilities, Capability, calculate_priority, capabilities};
pub use folder::{AgentRegistry, FileProblem};
pub use router::{AgentChoice, Match, Router};

/// Reads front matter and forgets it.
#[cfg(feature = "fuzzing")]
pub(crate) fn read_front_matter(text: &str) {
    drop(front_matter::read(text));
}
