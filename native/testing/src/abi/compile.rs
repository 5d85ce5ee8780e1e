//! How a core compiles and imports models: for the CPU, in the name of the NPU.

use super::shapes::demand_static;
use super::{answer, is_npu, settable_values};
use crate::device::DEVICE;
use crate::failure::{self, Failure};
use crate::properties::{self, Values};
use crate::real;
use crate::registry::{Compiled, MODELS};
use openvino_sys::{ov_compiled_model_t, ov_core_t, ov_model_t, ov_property_t, ov_status_e};
use parking_lot::Mutex;
use std::ffi::{CString, c_char};
use std::ptr;
use std::sync::Arc;

#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn ov_core_compile_model_props(
    core: *const ov_core_t,
    model: *const ov_model_t,
    device: *const c_char,
    count: usize,
    list: *const ov_property_t,
    compiled: *mut *mut ov_compiled_model_t,
) -> ov_status_e {
    // SAFETY: by contract.
    unsafe {
        if !is_npu(device) {
            return real::ov_core_compile_model_props(core, model, device, count, list, compiled);
        }
        answer(compile(core, model, count, list, compiled))
    }
}

#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn ov_core_compile_model_from_file_props(
    core: *const ov_core_t,
    path: *const c_char,
    device: *const c_char,
    count: usize,
    list: *const ov_property_t,
    compiled: *mut *mut ov_compiled_model_t,
) -> ov_status_e {
    // SAFETY: by contract; the model is freed after it was compiled.
    unsafe {
        if !is_npu(device) {
            return real::ov_core_compile_model_from_file_props(
                core, path, device, count, list, compiled,
            );
        }
        let mut model = ptr::null_mut();
        let status = real::ov_core_read_model(core, path, ptr::null(), &raw mut model);
        if status != ov_status_e::OK {
            return status;
        }
        let result = compile(core, model, count, list, compiled);
        real::ov_model_free(model);
        answer(result)
    }
}

/// The variadic form, answered for other devices and only without properties: Rust cannot pass variadic arguments on.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn ov_core_compile_model(
    core: *const ov_core_t,
    model: *const ov_model_t,
    device: *const c_char,
    count: usize,
    compiled: *mut *mut ov_compiled_model_t,
) -> ov_status_e {
    // SAFETY: by contract.
    unsafe {
        if count > 0 {
            return failure::only_props("ov_core_compile_model").report();
        }
        if is_npu(device) {
            return answer(compile(core, model, 0, ptr::null(), compiled));
        }
        real::ov_core_compile_model(core, model, device, 0, compiled)
    }
}

/// Compiles for the CPU in the name of the NPU.
///
/// # Safety
/// As `ov_core_compile_model_props`.
unsafe fn compile(
    core: *const ov_core_t,
    model: *const ov_model_t,
    count: usize,
    list: *const ov_property_t,
    compiled: *mut *mut ov_compiled_model_t,
) -> Result<(), Failure> {
    // SAFETY: as the caller promises.
    let given = unsafe { settable_values(count, list) }?;
    // SAFETY: as the caller promises.
    unsafe { demand_static(model) }?;
    let epoch = DEVICE.admit_compile()?;
    let mut values = DEVICE.values();
    values.extend(given);
    let told: Vec<(CString, CString)> = properties::for_cpu(&values)
        .into_iter()
        .filter_map(|(key, value)| Some((CString::new(key).ok()?, CString::new(value).ok()?)))
        .collect();
    let told_c: Vec<ov_property_t> = told
        .iter()
        .map(|(key, value)| ov_property_t { key: key.as_ptr(), value: value.as_ptr().cast() })
        .collect();
    // SAFETY: as the caller promises; the strings of `told_c` live through the call.
    let status = unsafe {
        real::ov_core_compile_model_props(
            core,
            model,
            c"CPU".as_ptr(),
            told_c.len(),
            told_c.as_ptr(),
            compiled,
        )
    };
    if status != ov_status_e::OK {
        return Err(Failure { status, text: real::last_error() });
    }
    // SAFETY: filled by the call that succeeded.
    adopt(unsafe { *compiled }, epoch, values);
    Ok(())
}

fn adopt(compiled: *mut ov_compiled_model_t, epoch: u64, values: Values) {
    let model = Compiled { epoch, values: Mutex::new(values), engine: DEVICE.engine() };
    MODELS.add(compiled, Arc::new(model));
}

#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn ov_core_import_model(
    core: *const ov_core_t,
    content: *const c_char,
    size: usize,
    device: *const c_char,
    compiled: *mut *mut ov_compiled_model_t,
) -> ov_status_e {
    // SAFETY: by contract.
    unsafe {
        if !is_npu(device) {
            return real::ov_core_import_model(core, content, size, device, compiled);
        }
        let epoch = match DEVICE.admit_compile() {
            Ok(epoch) => epoch,
            Err(failure) => return failure.report(),
        };
        let status = real::ov_core_import_model(core, content, size, c"CPU".as_ptr(), compiled);
        if status == ov_status_e::OK {
            adopt(*compiled, epoch, DEVICE.values());
        }
        status
    }
}
