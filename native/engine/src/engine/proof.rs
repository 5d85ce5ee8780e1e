//! Finding out whether requests of a model may run together, before the first do.

use super::Shared;
use super::models::{Instance, Stacking};
use crate::model::independence::rows_are_independent;

/// Finds out whether requests of a model may run together. Until then, and if not, they run one by one.
pub(super) fn prove(shared: &Shared, model: usize, instance: &Instance) {
    let independent = shared.has_memory_for(instance.bytes)
        && rows_are_independent(&instance.core, &instance.recipe, &instance.signature)
            .unwrap_or_else(|error| {
                tracing::warn!(model = &*instance.signature.model, %error, "requests run one by one");
                false
            });
    let mut state = shared.state.lock();
    let entry = &mut state.models.entries[model];
    // The model may have been unloaded meanwhile, and be another one now.
    let same = entry.name == instance.signature.model && entry.stacking == Stacking::Proving;
    if same {
        entry.stacking = if independent { Stacking::Proven } else { Stacking::Never };
    }
}
