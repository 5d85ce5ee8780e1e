//! The words of a description that ask for a capability.

use super::Capability::{self, Development, Operations, Security, Strategic};

/// A stem, the words it matches and what they ask for.
#[derive(Debug)]
pub(super) struct Keyword {
    pub(super) stem: &'static str,
    pub(super) capability: Capability,
    /// The exact words; without any, every word that starts with the stem.
    pub(super) words: &'static [&'static str],
}

const fn starts(stem: &'static str, capability: Capability) -> Keyword {
    Keyword { stem, capability, words: &[] }
}

/// For stems that also begin words of another meaning (plan, planet).
const fn exactly(
    stem: &'static str,
    capability: Capability,
    words: &'static [&'static str],
) -> Keyword {
    Keyword { stem, capability, words }
}

pub(super) const KEYWORDS: &[Keyword] = &[
    starts("secur", Security),
    starts("audit", Security),
    starts("crypto", Security),
    starts("encrypt", Security),
    starts("decrypt", Security),
    starts("vulnerab", Security),
    starts("threat", Security),
    starts("exploit", Security),
    starts("pentest", Security),
    exactly("cve", Security, &["cve", "cves"]),
    starts("debug", Development),
    starts("refactor", Development),
    exactly("test", Development, &["test", "tests", "tested", "tester", "testers", "testing"]),
    exactly("lint", Development, &["lint", "lints", "linted", "linter", "linters", "linting"]),
    exactly("bug", Development, &["bug", "bugs", "bugfix", "bugfixes"]),
    exactly("crash", Development, &["crash", "crashes", "crashed", "crashing"]),
    starts("deploy", Operations),
    starts("infrastructure", Operations),
    starts("monitor", Operations),
    starts("provision", Operations),
    starts("rollout", Operations),
    starts("rollback", Operations),
    starts("docker", Operations),
    starts("kubernetes", Operations),
    starts("strateg", Strategic),
    starts("roadmap", Strategic),
    starts("orchestrat", Strategic),
    starts("coordinat", Strategic),
    exactly("plan", Strategic, &["plan", "plans", "planned", "planner", "planning"]),
];

/// A set of keywords has a bit for each.
const _: () = assert!(KEYWORDS.len() <= 64);

/// The index of the keyword that a word (in lower case) matches.
pub(super) fn keyword_of(word: &str) -> Option<usize> {
    KEYWORDS.iter().position(|keyword| keyword.matches(word))
}

impl Keyword {
    fn matches(&self, word: &str) -> bool {
        word.starts_with(self.stem) && (self.words.is_empty() || self.words.contains(&word))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_matched_from_its_beginning() {
        let stem = |word| keyword_of(word).map(|index| KEYWORDS[index].stem);
        assert_eq!(stem("cryptography"), Some("crypto"));
        assert_eq!(stem("testing"), Some("test"));
        assert_eq!(stem("latest"), None);
        assert_eq!(stem("testimony"), None);
        assert_eq!(stem("planet"), None);
        assert_eq!(stem("redeploy"), None);
    }

    #[test]
    fn no_word_matches_two_stems() {
        for keyword in KEYWORDS {
            for word in keyword.words.iter().chain([&keyword.stem]) {
                let matching = KEYWORDS.iter().filter(|other| other.matches(word));
                assert_eq!(matching.count(), 1, "{word}");
            }
        }
        // Two stems of open end would share words if one began the other.
        for open in KEYWORDS.iter().filter(|keyword| keyword.words.is_empty()) {
            let begun = KEYWORDS.iter().filter(|k| k.stem.starts_with(open.stem));
            assert_eq!(begun.count(), 1, "{}", open.stem);
        }
    }

    #[test]
    fn listed_words_start_with_their_stem() {
        for keyword in KEYWORDS {
            for word in keyword.words {
                assert!(word.starts_with(keyword.stem), "{word}");
            }
        }
    }
}
