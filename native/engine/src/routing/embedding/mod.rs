//! Texts as vectors: the parts that need no device. The engine puts them together with its own inference.

mod cache;
mod recent;
mod semantic;
mod tokens;

pub(crate) use cache::DiskCache;
pub(crate) use recent::Recent;
pub(crate) use semantic::LEAST_SIMILAR;
pub use semantic::{Evidence, SemanticIndex};
pub(crate) use tokens::{Batch, Tokenized, Tokens, pool};

use std::sync::Arc;

/// The embedding of one text: of length 1, shared instead of copied.
pub type Embedding = Arc<[f32]>;
