//! Errors of the emulated device, in the words of the real one.

use openvino_sys::ov_status_e;
use std::cell::RefCell;

/// A status with its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) status: ov_status_e,
    pub(crate) text: String,
}

thread_local! {
    /// The text that the next `ov_get_last_err_msg` on this thread gives out.
    static LAST: RefCell<Option<String>> = const { RefCell::new(None) };
}

impl Failure {
    pub(crate) fn general(text: impl Into<String>) -> Self {
        Self { status: ov_status_e::GENERAL_ERROR, text: text.into() }
    }

    /// Leaves the text for `ov_get_last_err_msg` and gives the status to return.
    pub(crate) fn report(self) -> ov_status_e {
        LAST.set(Some(self.text));
        self.status
    }
}

/// The text left by the last failure on this thread, once.
pub(crate) fn take_last() -> Option<String> {
    LAST.take()
}

pub(crate) fn device_lost(function: &str) -> Failure {
    Failure::general(format!(
        "Exception from src/plugins/intel_npu/src/utils/src/zero/zero_wrappers.cpp:\nL0 {function} result: \
         ZE_RESULT_ERROR_DEVICE_LOST, code 0x70000001 - device hung, reset, was removed, or driver update occurred"
    ))
}

pub(crate) fn out_of_memory(function: &str) -> Failure {
    Failure::general(format!(
        "Exception from src/plugins/intel_npu/src/utils/src/zero/zero_wrappers.cpp:\nL0 {function} result: \
         ZE_RESULT_ERROR_OUT_OF_DEVICE_MEMORY, code 0x70000003 - insufficient device memory to satisfy call"
    ))
}

pub(crate) fn unknown(function: &str) -> Failure {
    Failure::general(format!(
        "Exception from src/plugins/intel_npu/src/utils/src/zero/zero_wrappers.cpp:\nL0 {function} result: \
         ZE_RESULT_ERROR_UNKNOWN, code 0x7ffffffe - an action is required to complete the desired operation"
    ))
}

pub(crate) fn compilation() -> Failure {
    Failure::general(
        "Exception from src/plugins/intel_npu/src/plugin/src/plugin.cpp:\nCompilation failed. Level0 pfnCreate2 result: \
         ZE_RESULT_ERROR_UNKNOWN, code 0x7ffffffe - an action is required to complete the desired operation",
    )
}

pub(crate) fn no_device() -> Failure {
    Failure::general(
        "Exception from src/plugins/intel_npu/src/plugin/src/plugin.cpp:\nNo available devices",
    )
}

pub(crate) fn unknown_property(key: &str) -> Failure {
    Failure::general(format!(
        "Exception from src/plugins/intel_npu/src/plugin/src/properties.cpp:\nUnsupported configuration key: {key}"
    ))
}

pub(crate) fn read_only_property(key: &str) -> Failure {
    Failure::general(format!(
        "[ NOT_FOUND ] Option '{key}' is not supported for current configuration"
    ))
}

pub(crate) fn busy() -> Failure {
    Failure { status: ov_status_e::REQUEST_BUSY, text: "Infer Request is busy".into() }
}

pub(crate) fn no_cancelling() -> Failure {
    Failure {
        status: ov_status_e::NOT_IMPLEMENTED,
        text: "Inference cancellation is not supported by the Intel NPU plugin".into(),
    }
}

pub(crate) fn only_props(function: &str) -> Failure {
    Failure {
        status: ov_status_e::NOT_IMPLEMENTED,
        text: format!(
            "the emulated NPU does not answer {function}: use the function on arrays of properties"
        ),
    }
}

pub(crate) fn open_shape(name: &str, shape: &str, bounded: bool) -> Failure {
    Failure::general(if bounded {
        format!("to_shape was called on a dynamic shape: {shape} of {name}")
    } else {
        format!("Upper bounds are not specified: {shape} of {name}")
    })
}
