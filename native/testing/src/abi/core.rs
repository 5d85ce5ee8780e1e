//! What is asked of a core: its devices, and their properties.

use super::{answer, copy, is_npu, settable_values};
use crate::device::DEVICE;
use crate::failure;
use crate::memory::{foreign_pointers, foreign_text};
use crate::properties;
use crate::real;
use openvino_sys::{ov_available_devices_t, ov_core_t, ov_property_t, ov_status_e};
use std::ffi::{c_char, c_void};

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
