//! What is asked of a compiled model: its properties, and requests.

use super::{answer, copy, settable_values};
use crate::device::DEVICE;
use crate::memory::foreign_text;
use crate::properties;
use crate::real;
use crate::registry::{MODELS, REQUESTS};
use crate::request::Request;
use openvino_sys::{ov_compiled_model_t, ov_infer_request_t, ov_property_t, ov_status_e};
use std::ffi::{c_char, c_void};
use std::sync::Arc;

#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn ov_compiled_model_get_property(
    compiled: *const ov_compiled_model_t,
    key: *const c_char,
    value: *mut *mut c_char,
) -> ov_status_e {
    // SAFETY: by contract.
    unsafe {
        let own = MODELS.get(compiled).filter(|_| !key.is_null() && !value.is_null());
        // What the NPU does not know, such as NETWORK_NAME, is the model's and the same on the CPU.
        match own.and_then(|model| properties::of_model(&model.values.lock(), &copy(key))) {
            Some(found) => {
                *value = foreign_text(&found);
                ov_status_e::OK
            }
            None => real::ov_compiled_model_get_property(compiled, key, value),
        }
    }
}

#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn ov_compiled_model_set_properties(
    compiled: *const ov_compiled_model_t,
    count: usize,
    list: *const ov_property_t,
) -> ov_status_e {
    // SAFETY: by contract.
    unsafe {
        let Some(model) = MODELS.get(compiled) else {
            return real::ov_compiled_model_set_properties(compiled, count, list);
        };
        answer(settable_values(count, list).map(|values| model.values.lock().extend(values)))
    }
}

/// Variadic in C, see [`super::core::ov_core_set_property`].
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn ov_compiled_model_set_property(
    compiled: *const ov_compiled_model_t,
    key: *const c_char,
    value: *const c_char,
) -> ov_status_e {
    // SAFETY: by contract.
    unsafe {
        if MODELS.get(compiled).is_none() {
            return real::ov_compiled_model_set_property(compiled, key, value);
        }
        let pair = ov_property_t { key, value: value.cast::<c_void>() };
        ov_compiled_model_set_properties(compiled, 1, &raw const pair)
    }
}

#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn ov_compiled_model_create_infer_request(
    compiled: *const ov_compiled_model_t,
    request: *mut *mut ov_infer_request_t,
) -> ov_status_e {
    let model = MODELS.get(compiled);
    if let Some(model) = &model
        && let Err(failure) = DEVICE.admit_request(model.epoch)
    {
        return failure.report();
    }
    // SAFETY: by contract.
    unsafe {
        let status = real::ov_compiled_model_create_infer_request(compiled, request);
        if let Some(model) = model.filter(|_| status == ov_status_e::OK) {
            let own = Request::new(*request, model.epoch, Arc::clone(&model.engine));
            REQUESTS.add(*request, own);
        }
        status
    }
}

#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn ov_compiled_model_free(compiled: *mut ov_compiled_model_t) {
    MODELS.remove(compiled);
    // SAFETY: by contract.
    unsafe { real::ov_compiled_model_free(compiled) }
}
