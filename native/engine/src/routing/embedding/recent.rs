//! Embeddings of the texts that came last.

use std::num::NonZeroUsize;
use std::sync::Arc;

use lru::LruCache;

use super::Embedding;

/// At 384 numbers each, 6 MB.
const KEPT: NonZeroUsize = NonZeroUsize::MIN.saturating_add(4095);
/// Longer texts are too large to be kept and too seldom the same.
const LONGEST: usize = 4096;

/// A bounded memory of embeddings by text, least recently used first to go.
#[derive(Debug)]
pub(crate) struct Recent(LruCache<Arc<str>, Embedding>);

impl Default for Recent {
    fn default() -> Self {
        Self(LruCache::new(KEPT))
    }
}

impl Recent {
    pub(crate) fn get(&mut self, text: &str) -> Option<Embedding> {
        self.0.get(text).cloned()
    }

    pub(crate) fn put(&mut self, text: &str, embedding: Embedding) {
        if text.len() <= LONGEST {
            self.0.put(text.into(), embedding);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_used_for_longest_goes_first() {
        let mut recent = Recent::default();
        let embedding: Embedding = [1.0].into();
        for text in 0..KEPT.get() {
            recent.put(&text.to_string(), embedding.clone());
        }
        assert!(recent.get("0").is_some());
        recent.put("one more", embedding.clone());
        assert!(recent.get("0").is_some() && recent.get("one more").is_some());
        assert!(recent.get("1").is_none());
        recent.put(&"x".repeat(LONGEST + 1), embedding);
        assert!(recent.get(&"x".repeat(LONGEST + 1)).is_none());
    }
}
