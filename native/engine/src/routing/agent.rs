//! What is known of an agent from its name.

use std::path::PathBuf;

/// What an agent is good for, as its name tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum Capability {
    Security,
    Development,
    Operations,
    Strategic,
}

impl Capability {
    /// Every capability, in declaration order.
    pub const ALL: [Self; 4] =
        [Self::Security, Self::Development, Self::Operations, Self::Strategic];

    /// The name that every language and the wire use.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Security => "security",
            Self::Development => "development",
            Self::Operations => "operations",
            Self::Strategic => "strategic",
        }
    }
}

/// A set of capabilities.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Capabilities(u8);

impl Capabilities {
    /// Whether the set holds `capability`.
    #[must_use]
    pub fn has(self, capability: Capability) -> bool {
        self.0 & (1 << capability as u8) != 0
    }

    /// Its members, in declaration order.
    pub fn iter(self) -> impl Iterator<Item = Capability> {
        Capability::ALL.into_iter().filter(move |&c| self.has(c))
    }

    fn add_if(&mut self, capability: Capability, holds: bool) {
        self.0 |= u8::from(holds) << capability as u8;
    }
}

const STRATEGIC: [&str; 2] = ["director", "projectorchestrator"];

/// The capabilities that a name (in lower case) tells.
#[must_use]
pub fn capabilities(agent_name: &str) -> Capabilities {
    let contains = |terms: [&str; 3]| terms.iter().any(|term| agent_name.contains(term));
    let mut found = Capabilities::default();
    found.add_if(Capability::Security, contains(["security", "audit", "crypto"]));
    found.add_if(Capability::Development, contains(["debug", "test", "lint"]));
    found.add_if(Capability::Operations, contains(["deploy", "infrastructure", "monitor"]));
    found.add_if(Capability::Strategic, STRATEGIC.contains(&agent_name));
    found
}

/// The priority of an agent by its name (in lower case): 1 is the most urgent, 100 the least.
#[must_use]
pub fn calculate_priority(agent_name: &str) -> i32 {
    if STRATEGIC.contains(&agent_name) {
        1
    } else if agent_name.contains("security") {
        10
    } else if matches!(agent_name, "architect" | "debugger") {
        20
    } else {
        50
    }
}

/// An agent that tasks can be routed to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agent {
    /// Unique among its fellows; in lower case.
    pub name: String,
    /// What it says of itself, if it does.
    pub description: Option<String>,
    /// Texts that it should be chosen for.
    pub examples: Vec<String>,
    /// The keys of its front matter, each with its lines as written.
    pub front_matter: Vec<(String, String)>,
    /// What it is good for.
    pub capabilities: Capabilities,
    /// 1 is the most urgent, 100 the least.
    pub priority: i32,
    /// The file that describes it, if it comes from one.
    pub file: Option<PathBuf>,
}

impl Agent {
    /// An agent of which only the name is known.
    #[must_use]
    pub fn named(name: &str) -> Self {
        let name = name.trim().to_lowercase();
        Self {
            capabilities: capabilities(&name),
            priority: calculate_priority(&name),
            description: None,
            examples: Vec::new(),
            front_matter: Vec::new(),
            file: None,
            name,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_tell_several_capabilities() {
        let found: Vec<_> = capabilities("security-test-deployer").iter().collect();
        assert_eq!(found, [Capability::Security, Capability::Development, Capability::Operations]);
        assert_eq!(capabilities("director-of-studies").iter().count(), 0);
    }

    #[test]
    fn an_agent_is_known_by_its_name_in_lower_case() {
        let agent = Agent::named(" DIRECTOR ");
        assert_eq!((agent.name.as_str(), agent.priority), ("director", 1));
        assert!(agent.capabilities.has(Capability::Strategic));
    }
}
