//! From OpenVINO's status codes and texts to the engine's errors.

use super::ffi::{self, ov_status_e};
use super::text::{copy_text, take_text};
use crate::error::{Error, ErrorCode, Result};

/// Parts of OpenVINO's texts (lower case) that name a condition the engine acts upon, most telling first.
///
/// The C API knows one status for nearly every failure, so the text is all there is.
const TEXTS: &[(&str, ErrorCode)] = &[
    ("ze_result_error_device_lost", ErrorCode::DeviceLost),
    ("0x70000001", ErrorCode::DeviceLost),
    ("device lost", ErrorCode::DeviceLost),
    ("device hung", ErrorCode::DeviceLost),
    ("cl_device_not_available", ErrorCode::DeviceLost),
    ("ze_result_error_out_of_device_memory", ErrorCode::ResourceExhausted),
    ("ze_result_error_out_of_host_memory", ErrorCode::ResourceExhausted),
    ("0x70000003", ErrorCode::ResourceExhausted),
    ("0x70000002", ErrorCode::ResourceExhausted),
    ("cl_out_of_resources", ErrorCode::ResourceExhausted),
    ("cl_mem_object_allocation_failure", ErrorCode::ResourceExhausted),
    ("exceeded max size of memory object allocation", ErrorCode::ResourceExhausted),
    ("out of memory", ErrorCode::ResourceExhausted),
    ("out of device memory", ErrorCode::ResourceExhausted),
    ("std::bad_alloc", ErrorCode::ResourceExhausted),
    ("infer request was canceled", ErrorCode::Cancelled),
    ("infer request was cancelled", ErrorCode::Cancelled),
    ("is not registered in the openvino runtime", ErrorCode::DeviceUnavailable),
    ("no available devices", ErrorCode::DeviceUnavailable),
    ("no available backend", ErrorCode::DeviceUnavailable),
    ("no device found", ErrorCode::DeviceUnavailable),
    ("device not found", ErrorCode::DeviceUnavailable),
    ("ze_result_error_uninitialized", ErrorCode::DeviceUnavailable),
    ("0x78000001", ErrorCode::DeviceUnavailable),
    ("to_shape was called on a dynamic shape", ErrorCode::ShapeMismatch),
    ("upper bounds are not specified", ErrorCode::ShapeMismatch),
    ("because the model input (shape=", ErrorCode::ShapeMismatch),
    ("because the model output (shape=", ErrorCode::ShapeMismatch),
    ("tensor size is not equal to the model", ErrorCode::ShapeMismatch),
    ("model input tensor precision is", ErrorCode::DtypeMismatch),
    ("model output tensor precision is", ErrorCode::DtypeMismatch),
    ("tensor element type", ErrorCode::DtypeMismatch),
];

/// The code for a text of OpenVINO or of a driver below it; `INTERNAL` when it names nothing we know.
#[must_use]
pub fn classify(text: &str) -> ErrorCode {
    let text = text.to_ascii_lowercase();
    TEXTS
        .iter()
        .find(|(part, _)| text.contains(part))
        .map_or(ErrorCode::Internal, |&(_, code)| code)
}

/// `Ok` for `OK`, else an error with the given message and OpenVINO's own text as cause.
pub(super) fn check(status: ov_status_e, message: impl FnOnce() -> String) -> Result<()> {
    if status == ov_status_e::OK {
        return Ok(());
    }
    Err(failure(status, message()))
}

/// Like [`check`], for calls whose failures mean `code` unless the text names something more telling.
pub(super) fn check_as(
    status: ov_status_e,
    code: ErrorCode,
    message: impl FnOnce() -> String,
) -> Result<()> {
    if status == ov_status_e::OK {
        return Ok(());
    }
    let text = explain(status);
    let code = match code_of(status, &text) {
        ErrorCode::Internal => code,
        telling => telling,
    };
    Err(Error::new(code, message()).caused_by(text))
}

#[cold]
fn failure(status: ov_status_e, message: String) -> Error {
    let text = explain(status);
    Error::new(code_of(status, &text), message).caused_by(text)
}

fn code_of(status: ov_status_e, text: &str) -> ErrorCode {
    match status {
        ov_status_e::INFER_CANCELLED => ErrorCode::Cancelled,
        ov_status_e::NOT_IMPLEMENTED | ov_status_e::NOT_IMPLEMENT_C_METHOD => {
            ErrorCode::UnsupportedOperation
        }
        _ => classify(text),
    }
}

/// OpenVINO's last error text where the status has one, else the general text of the status.
///
/// The last text is kept by the library for the whole process, not for a thread: when two threads fail at the same
/// moment, one may be given the other's text. The status itself is always its own.
fn explain(status: ov_status_e) -> String {
    let has_text = matches!(
        status,
        ov_status_e::GENERAL_ERROR
            | ov_status_e::NOT_IMPLEMENTED
            | ov_status_e::REQUEST_BUSY
            | ov_status_e::INFER_CANCELLED
            | ov_status_e::UNKNOW_EXCEPTION
    );
    if has_text {
        // SAFETY: takes nothing; returns null or a new string that take_text frees.
        let text = unsafe { take_text(ffi::ov_get_last_err_msg()) };
        if let Some(text) = text.filter(|text| !text.trim().is_empty()) {
            return tidy(&text);
        }
    }
    // SAFETY: any status is allowed; the result is a static string of the library or null.
    let general = unsafe { copy_text(ffi::ov_get_error_info(status)) };
    general.unwrap_or_else(|| format!("{status:?}"))
}

/// Drops the empty lines that OpenVINO's nested exceptions leave behind.
fn tidy(text: &str) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim_end).filter(|l| !l.is_empty()).collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lost_device_is_told_by_name_and_by_number() {
        for text in [
            "L0 pfnCommandQueueExecuteCommandLists result: ZE_RESULT_ERROR_DEVICE_LOST, code 0x70000001",
            "zeFenceHostSynchronize failed: 0x70000001",
        ] {
            assert_eq!(classify(text), ErrorCode::DeviceLost, "{text}");
        }
    }

    #[test]
    fn exhausted_memory_is_told_from_a_lost_device() {
        for text in [
            "ZE_RESULT_ERROR_OUT_OF_DEVICE_MEMORY, code 0x70000003",
            "[GPU] Exceeded max size of memory object allocation: requested 4831838208 bytes",
            "std::bad_alloc",
        ] {
            assert_eq!(classify(text), ErrorCode::ResourceExhausted, "{text}");
        }
    }

    #[test]
    fn an_absent_device_is_told_by_each_of_its_texts() {
        for text in [
            "Device with \"XPU\" name is not registered in the OpenVINO Runtime",
            "No available devices",
            "No available backend",
            "L0 zeInit result: ZE_RESULT_ERROR_UNINITIALIZED, code 0x78000001",
        ] {
            assert_eq!(classify(text), ErrorCode::DeviceUnavailable, "{text}");
        }
    }

    #[test]
    fn dynamic_shapes_are_a_shape_mismatch() {
        for text in ["to_shape was called on a dynamic shape.", "Upper bounds are not specified"] {
            assert_eq!(classify(text), ErrorCode::ShapeMismatch, "{text}");
        }
    }

    #[test]
    fn an_unknown_text_is_internal() {
        assert_eq!(classify("something else went wrong"), ErrorCode::Internal);
        assert_eq!(classify(""), ErrorCode::Internal);
    }

    #[test]
    fn the_status_outranks_the_text() {
        assert_eq!(code_of(ov_status_e::INFER_CANCELLED, "out of memory"), ErrorCode::Cancelled);
        assert_eq!(code_of(ov_status_e::NOT_IMPLEMENTED, ""), ErrorCode::UnsupportedOperation);
    }

    #[test]
    fn empty_lines_of_nested_exceptions_are_dropped() {
        assert_eq!(tidy("Check failed\n\n  in a.cpp  \n\n"), "Check failed\n  in a.cpp");
    }
}
