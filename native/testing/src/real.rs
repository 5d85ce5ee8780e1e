//! The functions of the real library that the interposer hides, looked up behind it.

use openvino_sys::{
    ov_available_devices_t, ov_callback_t, ov_compiled_model_t, ov_core_t, ov_infer_request_t,
    ov_model_t, ov_output_const_port_t, ov_partial_shape_t, ov_property_t, ov_status_e,
    ov_tensor_t, ov_version_t,
};
use std::ffi::{CStr, c_char, c_void};

macro_rules! real {
    ($(fn $name:ident($($argument:ident: $type:ty),* $(,)?) $(-> $result:ty)?;)+) => {$(
        /// The real library's function of this name.
        ///
        /// # Safety
        /// As that function's.
        #[allow(non_snake_case)]
        pub(crate) unsafe fn $name($($argument: $type),*) $(-> $result)? {
            type Function = unsafe extern "C" fn($($type),*) $(-> $result)?;
            const NAME: &CStr = match CStr::from_bytes_with_nul(concat!(stringify!($name), "\0").as_bytes()) {
                Ok(name) => name,
                Err(_) => panic!("a Rust name has no zero byte"),
            };
            static AT: std::sync::OnceLock<usize> = std::sync::OnceLock::new();
            let at = *AT.get_or_init(|| behind(NAME));
            // SAFETY: the address of the function of that name in the C API of OpenVINO, whose type is as given.
            let function = unsafe { std::mem::transmute::<usize, Function>(at) };
            // SAFETY: as the caller promises.
            unsafe { function($($argument),*) }
        }
    )+};
}

/// The address of what the library loaded after this one calls `name`.
fn behind(name: &CStr) -> usize {
    // SAFETY: looks a name up; RTLD_NEXT skips this library, which is the caller.
    let at = unsafe { libc::dlsym(libc::RTLD_NEXT, name.as_ptr()) };
    assert!(!at.is_null(), "the real OpenVINO has no {name:?}");
    at as usize
}

real! {
    fn _Znam(size: usize) -> *mut c_void;
    fn ov_compiled_model_create_infer_request(model: *const ov_compiled_model_t, request: *mut *mut ov_infer_request_t) -> ov_status_e;
    fn ov_compiled_model_free(model: *mut ov_compiled_model_t);
    fn ov_compiled_model_get_property(model: *const ov_compiled_model_t, key: *const c_char, value: *mut *mut c_char) -> ov_status_e;
    fn ov_compiled_model_set_properties(model: *const ov_compiled_model_t, count: usize, properties: *const ov_property_t) -> ov_status_e;
    fn ov_compiled_model_set_property(model: *const ov_compiled_model_t, key: *const c_char, value: *const c_char) -> ov_status_e;
    fn ov_core_compile_model(core: *const ov_core_t, model: *const ov_model_t, device: *const c_char, count: usize, compiled: *mut *mut ov_compiled_model_t) -> ov_status_e;
    fn ov_core_compile_model_from_file_props(core: *const ov_core_t, path: *const c_char, device: *const c_char, count: usize, properties: *const ov_property_t, compiled: *mut *mut ov_compiled_model_t) -> ov_status_e;
    fn ov_core_compile_model_props(core: *const ov_core_t, model: *const ov_model_t, device: *const c_char, count: usize, properties: *const ov_property_t, compiled: *mut *mut ov_compiled_model_t) -> ov_status_e;
    fn ov_core_get_available_devices(core: *const ov_core_t, devices: *mut ov_available_devices_t) -> ov_status_e;
    fn ov_available_devices_free(devices: *mut ov_available_devices_t);
    fn ov_core_get_property(core: *const ov_core_t, device: *const c_char, key: *const c_char, value: *mut *mut c_char) -> ov_status_e;
    fn ov_core_import_model(core: *const ov_core_t, content: *const c_char, size: usize, device: *const c_char, compiled: *mut *mut ov_compiled_model_t) -> ov_status_e;
    fn ov_core_read_model(core: *const ov_core_t, path: *const c_char, weights: *const c_char, model: *mut *mut ov_model_t) -> ov_status_e;
    fn ov_core_set_properties(core: *const ov_core_t, device: *const c_char, count: usize, properties: *const ov_property_t) -> ov_status_e;
    fn ov_core_set_property(core: *const ov_core_t, device: *const c_char, key: *const c_char, value: *const c_char) -> ov_status_e;
    fn ov_free(text: *const c_char);
    fn ov_get_last_err_msg() -> *mut c_char;
    fn ov_get_openvino_version(version: *mut ov_version_t) -> ov_status_e;
    fn ov_infer_request_cancel(request: *mut ov_infer_request_t) -> ov_status_e;
    fn ov_infer_request_free(request: *mut ov_infer_request_t);
    fn ov_infer_request_get_input_tensor_by_index(request: *const ov_infer_request_t, index: usize, tensor: *mut *mut ov_tensor_t) -> ov_status_e;
    fn ov_infer_request_get_output_tensor_by_index(request: *const ov_infer_request_t, index: usize, tensor: *mut *mut ov_tensor_t) -> ov_status_e;
    fn ov_infer_request_infer(request: *mut ov_infer_request_t) -> ov_status_e;
    fn ov_infer_request_set_callback(request: *mut ov_infer_request_t, callback: *const ov_callback_t) -> ov_status_e;
    fn ov_infer_request_set_input_tensor_by_index(request: *mut ov_infer_request_t, index: usize, tensor: *const ov_tensor_t) -> ov_status_e;
    fn ov_infer_request_set_output_tensor_by_index(request: *mut ov_infer_request_t, index: usize, tensor: *const ov_tensor_t) -> ov_status_e;
    fn ov_infer_request_start_async(request: *mut ov_infer_request_t) -> ov_status_e;
    fn ov_infer_request_wait(request: *mut ov_infer_request_t) -> ov_status_e;
    fn ov_infer_request_wait_for(request: *mut ov_infer_request_t, milliseconds: i64) -> ov_status_e;
    fn ov_model_const_input_by_index(model: *const ov_model_t, index: usize, port: *mut *mut ov_output_const_port_t) -> ov_status_e;
    fn ov_model_free(model: *mut ov_model_t);
    fn ov_model_inputs_size(model: *const ov_model_t, size: *mut usize) -> ov_status_e;
    fn ov_model_is_dynamic(model: *const ov_model_t) -> bool;
    fn ov_output_const_port_free(port: *mut ov_output_const_port_t);
    fn ov_partial_shape_free(shape: *mut ov_partial_shape_t);
    fn ov_partial_shape_to_string(shape: ov_partial_shape_t) -> *mut c_char;
    fn ov_port_get_any_name(port: *const ov_output_const_port_t, name: *mut *mut c_char) -> ov_status_e;
    fn ov_port_get_partial_shape(port: *const ov_output_const_port_t, shape: *mut ov_partial_shape_t) -> ov_status_e;
}

/// Takes over a string of the real library; empty for null.
///
/// # Safety
/// `text` is null or a terminated string that the caller owns and does not use again.
pub(crate) unsafe fn take_text(text: *mut c_char) -> String {
    if text.is_null() {
        return String::new();
    }
    // SAFETY: not null, terminated and alive until freed below, as the caller promises.
    let copy = unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned();
    // SAFETY: owned by us and not used after this.
    unsafe { ov_free(text) };
    copy
}

/// The real library's last error text, after one of its calls failed on this thread.
pub(crate) fn last_error() -> String {
    // SAFETY: takes nothing; returns null or a new string.
    unsafe { take_text(ov_get_last_err_msg()) }
}
