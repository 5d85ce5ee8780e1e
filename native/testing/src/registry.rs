//! Which handles of the C API belong to the emulated NPU.

use crate::device::Engine;
use crate::properties::Values;
use crate::request::Request;
use parking_lot::{Mutex, RwLock};
use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

/// A model compiled for the NPU.
pub(crate) struct Compiled {
    pub(crate) epoch: u64,
    pub(crate) values: Mutex<Values>,
    pub(crate) engine: Arc<Engine>,
}

/// Handles by address.
pub(crate) struct Registry<T>(RwLock<HashMap<usize, Arc<T>>>);

pub(crate) static MODELS: LazyLock<Registry<Compiled>> = LazyLock::new(Registry::new);
pub(crate) static REQUESTS: LazyLock<Registry<Request>> = LazyLock::new(Registry::new);

impl<T> Registry<T> {
    fn new() -> Self {
        Self(RwLock::new(HashMap::new()))
    }

    pub(crate) fn add<H>(&self, handle: *const H, value: Arc<T>) {
        self.0.write().insert(handle as usize, value);
    }

    /// `None` for a handle of another device.
    pub(crate) fn get<H>(&self, handle: *const H) -> Option<Arc<T>> {
        self.0.read().get(&(handle as usize)).cloned()
    }

    pub(crate) fn remove<H>(&self, handle: *const H) -> Option<Arc<T>> {
        self.0.write().remove(&(handle as usize))
    }

    pub(crate) fn len(&self) -> usize {
        self.0.read().len()
    }
}
