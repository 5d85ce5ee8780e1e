//! Versions of OpenVINO, from file names and from build strings.

use std::fmt;

/// The least version that has every function the engine calls: 2026.4 was the first whose C API offers properties
/// without variadic arguments (`*_props`), which Rust cannot pass through a loaded function pointer.
pub const LEAST_VERSION: RuntimeVersion = RuntimeVersion { year: 2026, release: 4, patch: 0 };

/// `2026.4.1`: year, release of that year, patch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs)]
pub struct RuntimeVersion {
    pub year: u16,
    pub release: u16,
    pub patch: u16,
}

impl RuntimeVersion {
    /// Reads the numbers at the start of a build string such as `2026.4.1-22982-e213a147257-releases/2026/4`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let mut numbers = text[..end].split('.').map(str::parse);
        let year = numbers.next()?.ok().filter(|year| (2019..2100).contains(year))?;
        let release = numbers.next()?.ok()?;
        let patch = numbers.next().and_then(Result::ok).unwrap_or(0);
        Some(Self { year, release, patch })
    }

    /// Reads the ending of a library's name: `2641` and `2026.4.1` both are 2026.4.1.
    #[must_use]
    pub(super) fn from_suffix(suffix: &str) -> Option<Self> {
        if suffix.contains('.') {
            return Self::parse(suffix);
        }
        let digits: Vec<u16> =
            suffix.chars().map(|c| c.to_digit(10).map(|d| d as u16)).collect::<Option<_>>()?;
        match digits[..] {
            [tens, ones, release, patch] => {
                Some(Self { year: 2000 + 10 * tens + ones, release, patch })
            }
            _ => None,
        }
    }
}

impl fmt::Display for RuntimeVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.year, self.release, self.patch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const V2641: RuntimeVersion = RuntimeVersion { year: 2026, release: 4, patch: 1 };

    #[test]
    fn versions_are_read_from_builds_and_from_names() {
        assert_eq!(
            RuntimeVersion::parse("2026.4.1-22982-e213a147257-releases/2026/4"),
            Some(V2641)
        );
        assert_eq!(RuntimeVersion::from_suffix("2641"), Some(V2641));
        assert_eq!(RuntimeVersion::from_suffix("2026.4.1"), Some(V2641));
        for text in ["", "custom_build", "12.1", "2026"] {
            assert_eq!(RuntimeVersion::parse(text), None, "{text}");
        }
        assert_eq!(RuntimeVersion::from_suffix("26"), None);
    }

    #[test]
    fn versions_compare_by_number() {
        let ten = RuntimeVersion { year: 2026, release: 10, patch: 0 };
        assert!(V2641 > LEAST_VERSION && ten > V2641);
        assert!(RuntimeVersion::parse("2025.4.1").unwrap() < LEAST_VERSION);
    }
}
