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
