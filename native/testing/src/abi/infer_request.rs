//! What is asked of an inference request: runs, waiting, and the tensors while nothing runs.

use super::answer;
use crate::failure;
use crate::real;
use crate::registry::REQUESTS;
use openvino_sys::{ov_callback_t, ov_infer_request_t, ov_status_e, ov_tensor_t};
use std::time::Duration;

#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn ov_infer_request_free(request: *mut ov_infer_request_t) {
    // As the real one, this waits for an inference that runs; for one that hangs, until the faults are changed.
    if let Some(own) = REQUESTS.get(request) {
        own.wait(None);
        REQUESTS.remove(request);
    }
    // SAFETY: by contract.
    unsafe { real::ov_infer_request_free(request) }
}

#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn ov_infer_request_start_async(
    request: *mut ov_infer_request_t,
) -> ov_status_e {
    match REQUESTS.get(request) {
        Some(own) => answer(own.start().map(drop)),
        // SAFETY: by contract.
        None => unsafe { real::ov_infer_request_start_async(request) },
    }
}

#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn ov_infer_request_infer(
    request: *mut ov_infer_request_t,
) -> ov_status_e {
    match REQUESTS.get(request) {
        Some(own) => answer(own.infer()),
        // SAFETY: by contract.
        None => unsafe { real::ov_infer_request_infer(request) },
    }
}

#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn ov_infer_request_wait(
    request: *mut ov_infer_request_t,
) -> ov_status_e {
    match REQUESTS.get(request) {
        Some(own) => answer(own.wait(None).unwrap_or(Ok(()))),
        // SAFETY: by contract.
        None => unsafe { real::ov_infer_request_wait(request) },
    }
}

#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn ov_infer_request_wait_for(
    request: *mut ov_infer_request_t,
    milliseconds: i64,
) -> ov_status_e {
    match REQUESTS.get(request) {
        Some(own) => {
            let limit = Duration::from_millis(milliseconds.try_into().unwrap_or(0));
            own.wait(Some(limit)).map_or(ov_status_e::RESULT_NOT_READY, answer)
        }
        // SAFETY: by contract.
        None => unsafe { real::ov_infer_request_wait_for(request, milliseconds) },
    }
}

#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn ov_infer_request_cancel(
    request: *mut ov_infer_request_t,
) -> ov_status_e {
    if REQUESTS.get(request).is_some() {
        return failure::no_cancelling().report();
    }
    // SAFETY: by contract.
    unsafe { real::ov_infer_request_cancel(request) }
}

#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn ov_infer_request_set_callback(
    request: *mut ov_infer_request_t,
    callback: *const ov_callback_t,
) -> ov_status_e {
    match REQUESTS.get(request).filter(|_| !callback.is_null()) {
        // SAFETY: not null, and valid by contract.
        Some(own) => answer(own.set_callback(unsafe { *callback })),
        // SAFETY: by contract.
        None => unsafe { real::ov_infer_request_set_callback(request, callback) },
    }
}

/// A tensor function that fails while an inference of the NPU runs and is the real one otherwise.
macro_rules! guarded {
    ($($name:ident($request:ty, $tensor:ty);)+) => {$(
        #[unsafe(no_mangle)]
        pub(crate) unsafe extern "C" fn $name(request: $request, index: usize, tensor: $tensor) -> ov_status_e {
            if let Some(Err(failure)) = REQUESTS.get(request).map(|own| own.idle()) {
                return failure.report();
            }
            // SAFETY: by contract.
            unsafe { real::$name(request, index, tensor) }
        }
    )+};
}

guarded! {
    ov_infer_request_get_input_tensor_by_index(*const ov_infer_request_t, *mut *mut ov_tensor_t);
    ov_infer_request_get_output_tensor_by_index(*const ov_infer_request_t, *mut *mut ov_tensor_t);
    ov_infer_request_set_input_tensor_by_index(*mut ov_infer_request_t, *const ov_tensor_t);
    ov_infer_request_set_output_tensor_by_index(*mut ov_infer_request_t, *const ov_tensor_t);
}
