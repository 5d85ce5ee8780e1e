//! A model made ready for one device.

use super::core::Core;
use super::ffi::{self, ov_compiled_model_t};
use super::handle::handle;
use super::infer_request::InferRequest;
use super::model::Weights;
use super::port::{Port, ports};
use super::property::Properties;
use super::status::{check, check_as};
use super::text::{c_path, c_text, take_text};
use crate::error::{ErrorCode, Result};
use std::path::Path;
use std::ptr;
use std::sync::Arc;

handle! {
    pub(super) struct RawCompiledModel(ov_compiled_model_t) freed by ov_compiled_model_free;
}

// SAFETY: a compiled model may be used from any thread.
unsafe impl Send for RawCompiledModel {}
// SAFETY: the methods used here are const in C++ and guarded inside; requests are made from several threads at once.
unsafe impl Sync for RawCompiledModel {}

/// A model compiled for a device. Clones share it.
#[derive(Debug, Clone)]
pub struct CompiledModel(Arc<Shared>);

/// What must outlive the compiled model comes after it: fields are dropped in this order.
#[derive(Debug)]
struct Shared {
    raw: RawCompiledModel,
    _weights: Option<WeightsOfModel>,
    _core: Core,
}

/// Weights that are only kept, never looked at, so that sharing them between threads is harmless.
#[derive(Debug)]
struct WeightsOfModel(#[expect(dead_code, reason = "kept alive, never read")] Weights);

// SAFETY: the tensor is not reachable through this type; it is only dropped, and its reference count is atomic.
unsafe impl Send for WeightsOfModel {}
// SAFETY: as above.
unsafe impl Sync for WeightsOfModel {}

impl CompiledModel {
    pub(super) fn new(raw: RawCompiledModel, core: Core, weights: Option<Weights>) -> Self {
        let shared = Shared { raw, _weights: weights.map(WeightsOfModel), _core: core };
        Self(Arc::new(shared))
    }

    fn raw(&self) -> *mut ov_compiled_model_t {
        self.0.raw.raw()
    }

    /// The inputs, in the order in which a request numbers them.
    pub fn inputs(&self) -> Result<Vec<Port>> {
        ports(
            "input",
            // SAFETY: the model is alive and `size` is the caller's to fill.
            |size| unsafe { ffi::ov_compiled_model_inputs_size(self.raw(), size) },
            // SAFETY: the model is alive and `port` is the caller's to fill.
            |index, port| unsafe { ffi::ov_compiled_model_input_by_index(self.raw(), index, port) },
        )
    }

    /// The outputs, in the order in which a request numbers them.
    pub fn outputs(&self) -> Result<Vec<Port>> {
        ports(
            "output",
            // SAFETY: the model is alive and `size` is the caller's to fill.
            |size| unsafe { ffi::ov_compiled_model_outputs_size(self.raw(), size) },
            // SAFETY: the model is alive and `port` is the caller's to fill.
            |index, port| unsafe {
                ffi::ov_compiled_model_output_by_index(self.raw(), index, port)
            },
        )
    }

    /// A new request: one place on the device where an inference can run.
    pub fn create_request(&self) -> Result<InferRequest> {
        let mut raw = ptr::null_mut();
        // SAFETY: the model is alive and `raw` is ours to fill.
        let status =
            unsafe { ffi::ov_compiled_model_create_infer_request(self.raw(), &raw mut raw) };
        check_as(status, ErrorCode::ResourceExhausted, || {
            "the device gave no further infer request".into()
        })?;
        InferRequest::new(raw, self.clone())
    }

    /// The value of a property of this model, as text.
    pub fn property(&self, key: &str) -> Result<String> {
        let c_key = c_text("property", key)?;
        let mut value = ptr::null_mut();
        // SAFETY: model and string live through the call and `value` is ours to fill.
        let status = unsafe {
            ffi::ov_compiled_model_get_property(self.raw(), c_key.as_ptr(), &raw mut value)
        };
        check(status, || format!("cannot read property {key} of the compiled model"))?;
        // SAFETY: null or a new string that take_text frees.
        Ok(unsafe { take_text(value) }.unwrap_or_default())
    }

    /// Changes properties that may change while the model is in use, such as MODEL_PRIORITY.
    pub fn set_properties(&self, properties: &[(&str, &str)]) -> Result<()> {
        let list = Properties::new(properties)?;
        // SAFETY: model and list live through the call.
        let status =
            unsafe { ffi::ov_compiled_model_set_properties(self.raw(), list.len(), list.as_ptr()) };
        check_as(status, ErrorCode::InvalidArgument, || {
            let keys: Vec<&str> = properties.iter().map(|&(key, _)| key).collect();
            format!("the compiled model refused the properties {}", keys.join(" "))
        })
    }

    /// Writes the compiled form to a file, to be taken up by [`Core::import`].
    pub fn export(&self, path: &Path) -> Result<()> {
        let c_path = c_path(path)?;
        // SAFETY: model and path live through the call.
        let status = unsafe { ffi::ov_compiled_model_export_model(self.raw(), c_path.as_ptr()) };
        check(status, || format!("cannot write the compiled model to {}", path.display()))
    }
}
