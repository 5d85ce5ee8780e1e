//! Numbers for what would be the same strings again and again: names of models, tensors and devices, and fallbacks.

use std::collections::HashMap;
use std::sync::Arc;

use npubridge_engine::operation::{Fallback, Name};

/// Numbers for names and fallbacks, both ways.
#[derive(Debug, Default)]
pub(crate) struct Names {
    names: Vec<Name>,
    ids: HashMap<Name, u32>,
    fallbacks: Vec<Arc<Fallback>>,
}

impl Names {
    pub(crate) fn intern(&mut self, name: &str) -> u32 {
        if let Some(id) = self.ids.get(name) {
            return *id;
        }
        let id = u32::try_from(self.names.len()).expect("fewer than 2^32 names");
        let name = Name::from(name);
        self.names.push(name.clone());
        self.ids.insert(name, id);
        id
    }

    pub(crate) fn name(&self, id: u32) -> Option<Name> {
        self.names.get(id as usize).cloned()
    }

    /// The number of a fallback. A device has few, and each lives as long as the model that it tells of.
    pub(crate) fn fallback(&mut self, fallback: &Arc<Fallback>) -> u32 {
        let found = self.fallbacks.iter().position(|known| known == fallback);
        let index = found.unwrap_or_else(|| {
            self.fallbacks.push(Arc::clone(fallback));
            self.fallbacks.len() - 1
        });
        u32::try_from(index).expect("fewer than 2^32 fallbacks")
    }

    pub(crate) fn fallback_json(&self, id: u32) -> String {
        self.fallbacks.get(id as usize).map_or_else(String::new, |fallback| {
            serde_json::json!({
                "from": &*fallback.from,
                "to": &*fallback.to,
                "reason": fallback.reason,
            })
            .to_string()
        })
    }
}
