//! The functions of the C API that this library answers itself, and two of its own.
//!
//! Each asks whether it is about the NPU, and leaves everything else to the real library.
//!
//! # Safety
//! Every function has the contract of the C API's function of that name: pointers are valid or null where null is
//! allowed, strings are terminated, handles are alive and not freed at the same time.
#![allow(clippy::missing_safety_doc)]

use crate::device::DEVICE;
use crate::failure::{self, Failure};
use crate::memory::{foreign_pointers, foreign_text};
use crate::properties::{self, Values};
use crate::real;
use crate::registry::{Compiled, MODELS, REQUESTS};
use crate::request::Request;
use openvino_sys::{
    ov_available_devices_t, ov_callback_t, ov_compiled_model_t, ov_core_t, ov_infer_request_t,
    ov_model_t, ov_partial_shape_t, ov_property_t, ov_rank_t, ov_status_e, ov_tensor_t,
    ov_version_t,
};
use parking_lot::Mutex;
use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::ptr;
use std::sync::Arc;
use std::time::Duration;

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

/// The faults from now on. 0 if understood, -1 if not (the problem is on stderr).
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn npubridge_testing_set_faults(faults: *const c_char) -> c_int {
    // SAFETY: a terminated string, by contract.
    match DEVICE.set_faults(&unsafe { copy(faults) }) {
        Ok(()) => 0,
        Err(problem) => {
            eprintln!("npubridge-testing: {problem}");
            -1
        }
    }
}

/// How often something happened, by name: `compiles`, `inferences`, `failed_inferences`, `hung_inferences`, `lost`; or
/// how many there are now: `models`, `requests`. `u64::MAX` for an unknown name.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn npubridge_testing_count(name: *const c_char) -> u64 {
    let counts = DEVICE.counts();
    // SAFETY: a terminated string, by contract.
    match unsafe { copy(name) }.as_str() {
        "compiles" => counts.compiles,
        "inferences" => counts.inferences,
        "failed_inferences" => counts.failed_inferences,
        "hung_inferences" => counts.hung_inferences,
        "lost" => counts.lost,
        "models" => MODELS.len() as u64,
        "requests" => REQUESTS.len() as u64,
        _ => u64::MAX,
    }
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

#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn ov_core_get_available_devices(
    core: *const ov_core_t,
    devices: *mut ov_available_devices_t,
) -> ov_status_e {
    let npu = DEVICE.enumerate();
    // SAFETY: by contract; the real library made the list, and what is put in its place it can delete as well.
    unsafe {
        let status = real::ov_core_get_available_devices(core, devices);
        if status != ov_status_e::OK || !npu || devices.is_null() {
            return status;
        }
        let real_list = std::slice::from_raw_parts((*devices).devices, (*devices).size);
        let mut names: Vec<String> = real_list.iter().map(|&name| copy(name)).collect();
        real::ov_available_devices_free(devices);
        names.retain(|name| name != "NPU");
        names.push("NPU".into());
        let pointers: Vec<*mut c_char> = names.iter().map(|name| foreign_text(name)).collect();
        *devices =
            ov_available_devices_t { devices: foreign_pointers(&pointers), size: pointers.len() };
        status
    }
}

#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn ov_core_get_property(
    core: *const ov_core_t,
    device: *const c_char,
    key: *const c_char,
    value: *mut *mut c_char,
) -> ov_status_e {
    // SAFETY: by contract.
    unsafe {
        if !is_npu(device) || key.is_null() || value.is_null() {
            return real::ov_core_get_property(core, device, key, value);
        }
        let key = copy(key);
        answer(DEVICE.present().and_then(|()| {
            let found = properties::of_device(&DEVICE.values(), &key);
            *value = foreign_text(&found.ok_or_else(|| failure::unknown_property(&key))?);
            Ok(())
        }))
    }
}

#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn ov_core_set_properties(
    core: *const ov_core_t,
    device: *const c_char,
    count: usize,
    list: *const ov_property_t,
) -> ov_status_e {
    // SAFETY: by contract.
    unsafe {
        if !is_npu(device) {
            return real::ov_core_set_properties(core, device, count, list);
        }
        answer(settable_values(count, list).map(|values| DEVICE.set_values(values)))
    }
}

/// Variadic in C, with one key and one value after the device; on the calling conventions of 64-bit Unix that is the
/// same as four arguments.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn ov_core_set_property(
    core: *const ov_core_t,
    device: *const c_char,
    key: *const c_char,
    value: *const c_char,
) -> ov_status_e {
    // SAFETY: by contract.
    unsafe {
        if !is_npu(device) {
            return real::ov_core_set_property(core, device, key, value);
        }
        let pair = ov_property_t { key, value: value.cast::<c_void>() };
        ov_core_set_properties(core, device, 1, &raw const pair)
    }
}

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

/// The NPU takes static shapes only.
///
/// # Safety
/// `model` is alive.
unsafe fn demand_static(model: *const ov_model_t) -> Result<(), Failure> {
    // SAFETY: as the caller promises; what is asked for is given back before the next question.
    unsafe {
        if !real::ov_model_is_dynamic(model) {
            return Ok(());
        }
        let mut count = 0;
        real::ov_model_inputs_size(model, &raw mut count);
        for index in 0..count {
            let mut port = ptr::null_mut();
            if real::ov_model_const_input_by_index(model, index, &raw mut port) != ov_status_e::OK {
                continue;
            }
            let mut name = ptr::null_mut();
            let named = real::ov_port_get_any_name(port, &raw mut name) == ov_status_e::OK;
            let name = if named { real::take_text(name) } else { format!("input {index}") };
            let mut shape =
                ov_partial_shape_t { rank: ov_rank_t { min: 0, max: 0 }, dims: ptr::null_mut() };
            let known = real::ov_port_get_partial_shape(port, &raw mut shape) == ov_status_e::OK;
            real::ov_output_const_port_free(port);
            if !known {
                continue;
            }
            let verdict = open_dimensions(&shape);
            let text = real::take_text(real::ov_partial_shape_to_string(shape));
            real::ov_partial_shape_free(&raw mut shape);
            if let Some(bounded) = verdict {
                return Err(failure::open_shape(&name, &text, bounded));
            }
        }
    }
    Err(failure::open_shape("the model", "[...]", true))
}

/// `None` for a static shape, else whether every open dimension has an upper bound.
///
/// # Safety
/// `shape` was filled by the real library.
unsafe fn open_dimensions(shape: &ov_partial_shape_t) -> Option<bool> {
    let rank = usize::try_from(shape.rank.min).ok().filter(|_| shape.rank.min == shape.rank.max);
    let Some(rank) = rank else { return Some(false) };
    if rank == 0 || shape.dims.is_null() {
        return None;
    }
    // SAFETY: as the caller promises, with as many dimensions as the rank says.
    let dimensions = unsafe { std::slice::from_raw_parts(shape.dims, rank) };
    let mut open = dimensions.iter().filter(|dimension| dimension.min != dimension.max).peekable();
    open.peek()?;
    Some(open.all(|dimension| dimension.max >= 0 && dimension.max != i64::MAX))
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

/// Variadic in C, see [`ov_core_set_property`].
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
