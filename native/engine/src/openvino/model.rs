//! A model as read, before it is compiled.

use super::ffi::{self, ov_model_t, ov_partial_shape_t};
use super::handle::handle;
use super::port::{Port, ports};
use super::shape::OwnedPartialShape;
use super::status::check_as;
use super::tensor::Tensor;
use super::text::c_text;
use crate::error::{ErrorCode, Result};
use std::ffi::CString;
use std::sync::Arc;

handle! {
    pub(super) struct RawModel(ov_model_t) freed by ov_model_free;
}

// SAFETY: a model is a reference-counted graph without ties to a thread; it is not shared, only moved.
unsafe impl Send for RawModel {}

/// Weights that a graph refers to.
pub(super) type Weights = Arc<Tensor>;

/// A graph with its weights.
#[derive(Debug)]
pub struct Model {
    raw: RawModel,
    /// The graph points into this memory, so it must go after `raw`: fields are dropped in this order.
    weights: Option<Weights>,
}

impl Model {
    pub(super) fn new(raw: RawModel, weights: Option<Weights>) -> Self {
        Self { raw, weights }
    }

    pub(super) fn raw(&self) -> *mut ov_model_t {
        self.raw.raw()
    }

    pub(super) fn weights(&self) -> Option<Weights> {
        self.weights.clone()
    }

    /// The inputs, in the order in which a request numbers them.
    pub fn inputs(&self) -> Result<Vec<Port>> {
        ports(
            "input",
            // SAFETY: the model is alive and `size` is the caller's to fill.
            |size| unsafe { ffi::ov_model_inputs_size(self.raw(), size) },
            // SAFETY: the model is alive and `port` is the caller's to fill.
            |index, port| unsafe { ffi::ov_model_const_input_by_index(self.raw(), index, port) },
        )
    }

    /// The outputs, in the order in which a request numbers them.
    pub fn outputs(&self) -> Result<Vec<Port>> {
        ports(
            "output",
            // SAFETY: the model is alive and `size` is the caller's to fill.
            |size| unsafe { ffi::ov_model_outputs_size(self.raw(), size) },
            // SAFETY: the model is alive and `port` is the caller's to fill.
            |index, port| unsafe { ffi::ov_model_const_output_by_index(self.raw(), index, port) },
        )
    }

    /// Whether some input or output has open dimensions.
    #[must_use]
    pub fn is_dynamic(&self) -> bool {
        // SAFETY: the model is alive.
        unsafe { ffi::ov_model_is_dynamic(self.raw()) }
    }

    /// Gives inputs new shapes by name; a negative size leaves that dimension open.
    pub fn reshape(&mut self, shapes: &[(&str, &[i64])]) -> Result<()> {
        let names: Vec<CString> =
            shapes.iter().map(|(name, _)| c_text("input", name)).collect::<Result<_>>()?;
        let owned: Vec<OwnedPartialShape> =
            shapes.iter().map(|(_, sizes)| OwnedPartialShape::new(sizes)).collect::<Result<_>>()?;
        let mut name_pointers: Vec<_> = names.iter().map(|name| name.as_ptr()).collect();
        let raw_shapes: Vec<ov_partial_shape_t> = owned.iter().map(|shape| shape.0).collect();
        // SAFETY: the model is alive; both arrays have as many elements as said, and names and shapes live through
        // the call, which copies them.
        let status = unsafe {
            ffi::ov_model_reshape(
                self.raw(),
                name_pointers.as_mut_ptr(),
                raw_shapes.as_ptr(),
                shapes.len(),
            )
        };
        check_as(status, ErrorCode::ShapeMismatch, || {
            let list: Vec<String> =
                shapes.iter().map(|(name, sizes)| format!("{name} to {sizes:?}")).collect();
            format!("the model cannot be reshaped: {}", list.join(", "))
        })
    }
}
