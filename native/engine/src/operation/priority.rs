//! How urgent operations are.

use crate::error::{Error, ErrorCode, Result};

/// How urgent an operation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
#[allow(missing_docs)]
pub enum Priority {
    Low,
    #[default]
    Normal,
    High,
    Critical,
    Realtime,
}

impl Priority {
    /// Every priority, least urgent first: index `priority as usize`.
    pub const ALL: [Self; 5] =
        [Self::Low, Self::Normal, Self::High, Self::Critical, Self::Realtime];

    /// The name that every language and the wire use.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Normal => "normal",
            Self::High => "high",
            Self::Critical => "critical",
            Self::Realtime => "realtime",
        }
    }
}

impl TryFrom<usize> for Priority {
    type Error = Error;

    fn try_from(number: usize) -> Result<Self> {
        Self::ALL.get(number).copied().ok_or_else(|| {
            Error::new(ErrorCode::InvalidArgument, format!("priority {number} is not 0 to 4"))
        })
    }
}
