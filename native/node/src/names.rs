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
    hows: Vec<How>,
}

/// What processed a signal, why, and the number of the name that says both in JSON.
#[derive(Debug)]
struct How {
    backend: &'static str,
    reason: Box<str>,
    name: u32,
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

    /// The number of the name that says what processed a signal. There are few: backends, and the devices asked for.
    pub(crate) fn how(&mut self, backend: &'static str, reason: &str) -> u32 {
        let is_known = |how: &&How| how.backend == backend && *how.reason == *reason;
        if let Some(known) = self.hows.iter().find(is_known) {
            return known.name;
        }
        let text = serde_json::json!({"backend": backend, "reason": reason}).to_string();
        let name = self.intern(&text);
        self.hows.push(How { backend, reason: reason.into(), name });
        name
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
