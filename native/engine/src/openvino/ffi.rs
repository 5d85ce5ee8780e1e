//! The one door to the C library.
//!
//! Every function the wrapper calls is named here once. The same list is what [`crate::runtime::load`] demands of a
//! library before `openvino-sys` may use it, so a function that is called is a function that was checked.

macro_rules! functions {
    ($($name:ident),+ $(,)?) => {
        pub(crate) use openvino_sys::{$($name),+};

        /// The C functions without which no part of the wrapper works.
        pub const REQUIRED_SYMBOLS: &[&str] = &[$(stringify!($name)),+];
    };
}

functions!(
    ov_available_devices_free,
    ov_compiled_model_create_infer_request,
    ov_compiled_model_export_model,
    ov_compiled_model_free,
    ov_compiled_model_get_property,
    ov_compiled_model_input_by_index,
    ov_compiled_model_inputs_size,
    ov_compiled_model_output_by_index,
    ov_compiled_model_outputs_size,
    ov_compiled_model_set_properties,
    ov_core_compile_model_props,
    ov_core_create,
    ov_core_free,
    ov_core_get_available_devices,
    ov_core_get_property,
    ov_core_import_model,
    ov_core_read_model,
    ov_core_read_model_from_memory_buffer,
    ov_core_set_properties,
    ov_free,
    ov_get_error_info,
    ov_get_last_err_msg,
    ov_get_openvino_version,
    ov_infer_request_cancel,
    ov_infer_request_free,
    ov_infer_request_get_input_tensor_by_index,
    ov_infer_request_get_output_tensor_by_index,
    ov_infer_request_infer,
    ov_infer_request_set_callback,
    ov_infer_request_set_input_tensor_by_index,
    ov_infer_request_set_output_tensor_by_index,
    ov_infer_request_start_async,
    ov_infer_request_wait,
    ov_infer_request_wait_for,
    ov_model_const_input_by_index,
    ov_model_const_output_by_index,
    ov_model_free,
    ov_model_inputs_size,
    ov_model_is_dynamic,
    ov_model_outputs_size,
    ov_model_reshape,
    ov_output_const_port_free,
    ov_partial_shape_create,
    ov_partial_shape_free,
    ov_port_get_any_name,
    ov_port_get_element_type,
    ov_port_get_partial_shape,
    ov_shape_free,
    ov_tensor_create,
    ov_tensor_create_from_host_ptr,
    ov_tensor_data,
    ov_tensor_free,
    ov_tensor_get_byte_size,
    ov_tensor_get_element_type,
    ov_tensor_get_shape,
    ov_version_free,
);

pub(crate) use openvino_sys::{
    ov_available_devices_t, ov_callback_t, ov_compiled_model_t, ov_core_t, ov_dimension_t,
    ov_element_type_e, ov_infer_request_t, ov_model_t, ov_output_const_port_t, ov_partial_shape_t,
    ov_property_t, ov_rank_t, ov_shape_t, ov_status_e, ov_tensor_t, ov_version_t,
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_other_file_of_the_wrapper_reaches_the_c_library() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/openvino");
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let text = std::fs::read_to_string(&path).unwrap();
            let is_door = path.ends_with("ffi.rs");
            assert!(is_door || !text.contains("openvino_sys::"), "{}", path.display());
        }
    }

    #[test]
    fn required_functions_are_listed_once_and_in_order() {
        assert!(REQUIRED_SYMBOLS.is_sorted_by(|a, b| a < b), "{REQUIRED_SYMBOLS:?}");
    }
}
