//! Which OpenVINO is loaded.

use super::ffi::{self, ov_version_t};
use super::status::check;
use super::text::copy_text;
use crate::error::Result;
use std::ptr;

/// The build of the loaded runtime, for example `2026.4.1-22982-e213a147257-releases/2026/4`.
pub fn version() -> Result<String> {
    let mut version = ov_version_t { buildNumber: ptr::null(), description: ptr::null() };
    // SAFETY: `version` is ours to fill.
    let status = unsafe { ffi::ov_get_openvino_version(&raw mut version) };
    check(status, || "cannot read the version of OpenVINO".into())?;
    // SAFETY: null, or a terminated string until it is freed below.
    let build = unsafe { copy_text(version.buildNumber) }.unwrap_or_default();
    // SAFETY: filled by the call above and freed once.
    unsafe { ffi::ov_version_free(&raw mut version) };
    Ok(build)
}
