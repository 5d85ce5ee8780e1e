//! Models: where they are, what they take and give, and the places on a device where they run.

pub(crate) mod cell;
pub(crate) mod compile;
mod generation;
pub(crate) mod independence;
pub(crate) mod matmul;
pub(crate) mod properties;
pub(crate) mod signature;
pub(crate) mod source;
pub(crate) mod urgency;
