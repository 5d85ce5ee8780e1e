//! A model on a device, and the forms in which it is compiled there.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::config::Batching;
use crate::engine::direct::Direct;
use crate::model::cell::Cell;
use crate::model::compile::{Compiled, Recipe};
use crate::model::properties::Properties;
use crate::model::signature::Signature;
use crate::openvino::Core;
use crate::operation::{Fallback, Name};
use crate::scheduler::Nanos;
use crate::sync::Mutex;

/// Shapes of all inputs of a model, in their order.
pub(in crate::engine) type Shapes = Vec<Vec<usize>>;

/// A model on a device.
#[derive(Debug)]
pub(in crate::engine) struct Instance {
    pub(in crate::engine) recipe: Recipe,
    pub(in crate::engine) signature: Signature,
    pub(in crate::engine) core: Core,
    /// Index of the device.
    pub(in crate::engine) device: usize,
    pub(in crate::engine) device_name: Name,
    pub(in crate::engine) fallback: Option<Arc<Fallback>>,
    /// Memory it is charged with, in bytes.
    pub(in crate::engine) bytes: u64,
    pub(in crate::engine) batching: Batching,
    /// What the profile means on this device.
    pub(in crate::engine) properties: Properties,
    /// What of it the compiled model says of itself; nothing before there is one.
    pub(in crate::engine) effective: BTreeMap<&'static str, String>,
    /// Whether the device runs a model whose shapes are open; NPUs do not.
    pub(in crate::engine) open_shapes: bool,
    /// Requests that the device wants to have at once, where it says so.
    pub(in crate::engine) requests: Option<usize>,
    /// Held while a further shape is compiled, so that no two workers compile the same.
    pub(in crate::engine) compiling: Mutex<()>,
}

/// One way in which a model is compiled, with its free places on the device.
#[derive(Debug)]
pub(in crate::engine) struct Form {
    pub(in crate::engine) compiled: Arc<Compiled>,
    pub(in crate::engine) idle: Vec<Cell>,
}

/// A model compiled for some shapes.
#[derive(Debug)]
pub(in crate::engine) struct Variant {
    /// None: the model as it is, shapes open or not.
    pub(in crate::engine) shapes: Option<Shapes>,
    /// What inferences run on.
    pub(in crate::engine) form: Form,
    /// Another way to run it, while both are compared.
    pub(in crate::engine) other: Option<Form>,
    /// Whose threads run it best.
    pub(in crate::engine) direct: Direct,
    pub(super) used: Nanos,
}

impl Variant {
    pub(in crate::engine) fn new(
        instance: &Instance,
        shapes: Option<Shapes>,
        compiled: Arc<Compiled>,
        now: Nanos,
    ) -> Self {
        let direct = Direct::of(instance, &compiled);
        Self { shapes, form: Form { compiled, idle: Vec::new() }, other: None, direct, used: now }
    }

    /// Lets inferences run the other way, if there is one.
    pub(in crate::engine) fn swap(&mut self) {
        if let Some(other) = &mut self.other {
            std::mem::swap(&mut self.form, other);
        }
    }

    /// Whether it has a way that is compiled so.
    pub(super) fn has(&self, compiled: &Arc<Compiled>) -> bool {
        let mut forms = std::iter::once(&self.form).chain(&self.other);
        forms.any(|form| Arc::ptr_eq(&form.compiled, compiled))
    }

    /// Keeps a free place of one of its ways.
    pub(super) fn keep(&mut self, compiled: &Arc<Compiled>, cell: Cell) {
        match &mut self.other {
            Some(other) if Arc::ptr_eq(&other.compiled, compiled) => other.idle.push(cell),
            _ => self.form.idle.push(cell),
        }
    }
}
