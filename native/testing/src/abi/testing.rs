//! The functions of this library's own: faults are set, and what happened is counted.

use super::copy;
use crate::device::DEVICE;
use crate::registry::{MODELS, REQUESTS};
use std::ffi::{c_char, c_int};

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
