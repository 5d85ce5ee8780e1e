//! A model on one device: the forms in which it can be compiled there, places in them, and who it is.

use super::answer::Answer;
use super::description::describe;
use super::host;
use super::models::{Instance, Shapes};
use super::state::Pending;
use crate::error::{Error, ErrorCode, Result};
use crate::model::cell::Cell;
use crate::model::compile::{Compiled, Threads};
use crate::operation::{LoadModel, Name, Operation};
use crate::scheduler::Nanos;

impl Instance {
    /// The form to compile when the model is loaded: as it is (inner none), or for one row when only the number of rows
    /// is open, since fixed shapes run faster. None when nothing can be compiled before the first request tells its
    /// shapes.
    #[allow(clippy::option_option)]
    pub(super) fn first_shapes(&self) -> Option<Option<Shapes>> {
        if self.signature.fixed {
            return Some(None);
        }
        if self.signature.only_rows_open {
            return self.signature.least_shapes().map(Some);
        }
        self.open_shapes.then_some(None)
    }

    /// Compiles the model for these input shapes only, or as it is.
    pub(super) fn compile_for(&self, shapes: Option<&Shapes>) -> Result<Compiled> {
        self.compile(&self.shaped(shapes)?, Threads::Device)
    }

    /// The model for these input shapes only, or as it is. Fails where the model cannot have them.
    pub(super) fn shaped(&self, shapes: Option<&Shapes>) -> Result<crate::openvino::Model> {
        let named: Option<Vec<(Name, Vec<usize>)>> = shapes.map(|shapes| {
            let ports = self.signature.inputs.iter().zip(shapes);
            ports.map(|(port, shape)| (port.name.clone(), shape.clone())).collect()
        });
        self.recipe.shaped(&self.core, named.as_deref())
    }

    /// Compiles what [`Instance::shaped`] gave. Fails where the device cannot.
    pub(super) fn compile(
        &self,
        model: &crate::openvino::Model,
        threads: Threads,
    ) -> Result<Compiled> {
        self.recipe.compile(&self.core, &self.device_name, model, threads)
    }

    /// A new place in a compiled form. Fails where the device has no more.
    pub(super) fn place(&self, compiled: &Compiled) -> Result<Cell> {
        Cell::new(compiled, &self.signature.inputs, &self.signature.outputs)
    }

    /// The answer to an operation that wanted the model to be loaded.
    pub(super) fn answer(&self, pending: Pending, start: Nanos, end: Nanos) -> Answer {
        let outcome = match &pending.operation {
            Operation::LoadModel(load) if !self.is_what_was_asked(load) => Err(Error::new(
                ErrorCode::InvalidArgument,
                format!("{} is loaded with other shapes", load.model),
            )
            .suggest("unload_model first")),
            _ => host::report(&describe(self)),
        };
        Answer {
            device: Some(self.device_name.clone()),
            fallback: self.fallback.clone(),
            ..Answer::on_host(pending, outcome, start, end)
        }
    }

    fn is_what_was_asked(&self, load: &LoadModel) -> bool {
        load.shapes.is_empty() || self.recipe.load.shapes == load.shapes
    }
}
