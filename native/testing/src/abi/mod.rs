//! The functions of the C API that this library answers itself, and two of its own.
//!
//! Each asks whether it is about the NPU, and leaves everything else to the real library.
//!
//! # Safety
//! Every function has the contract of the C API's function of that name: pointers are valid or null where null is
//! allowed, strings are terminated, handles are alive and not freed at the same time.
#![allow(clippy::missing_safety_doc)]

mod compile;
mod compiled_model;
mod core;
mod infer_request;
mod shapes;
mod testing;

use crate::failure::{self, Failure};
use crate::memory::foreign_text;
use crate::properties::{self, Values};
use crate::real;
use openvino_sys::{ov_property_t, ov_status_e, ov_version_t};
use std::ffi::{CStr, c_char};

/// The status for C of what may have failed; the text is left for `ov_get_last_err_msg`.
fn answer(result: Result<(), Failure>) -> ov_status_e {
    result.map_or_else(Failure::report, |()| ov_status_e::OK)
}

/// Whether a device name means the NPU; null means "let OpenVINO choose".
///
/// # Safety
/// `device` is null or a terminated string.
unsafe fn is_npu(device: *const c_char) -> bool {
    if device.is_null() {
        return false;
    }
    // SAFETY: as the caller promises.
    let device = unsafe { CStr::from_ptr(device) }.to_bytes();
    device == b"NPU" || device.starts_with(b"NPU.")
}

/// # Safety
/// `text` is a terminated string.
unsafe fn copy(text: *const c_char) -> String {
    // SAFETY: as the caller promises.
    unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
}

/// The properties of a C array, each checked to be one that can be set.
///
/// # Safety
/// `list` points to `count` pairs of terminated strings, or `count` is zero.
unsafe fn settable_values(count: usize, list: *const ov_property_t) -> Result<Values, Failure> {
    let mut values = Values::new();
    for index in 0..count {
        // SAFETY: as the caller promises.
        let (key, value) = unsafe {
            let pair = *list.add(index);
            (copy(pair.key), copy(pair.value.cast()))
        };
        match properties::settable(&key) {
            None => return Err(failure::unknown_property(&key)),
            Some(false) => return Err(failure::read_only_property(&key)),
            Some(true) => values.insert(key, value),
        };
    }
    Ok(values)
}

#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn ov_get_openvino_version(version: *mut ov_version_t) -> ov_status_e {
    // SAFETY: by contract.
    unsafe {
        let status = real::ov_get_openvino_version(version);
        if status == ov_status_e::OK && !version.is_null() {
            let build = real::take_text((*version).buildNumber.cast_mut());
            (*version).buildNumber = foreign_text(&format!("{build} (emulated NPU)"));
        }
        status
    }
}

#[unsafe(no_mangle)]
pub(crate) extern "C" fn ov_get_last_err_msg() -> *mut c_char {
    match failure::take_last() {
        Some(text) => foreign_text(&text),
        // SAFETY: takes nothing.
        None => unsafe { real::ov_get_last_err_msg() },
    }
}
