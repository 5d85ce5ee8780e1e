//! Strings across the border, both ways.

use super::ffi;
use crate::error::{Error, ErrorCode, Result};
use std::ffi::{CStr, CString, c_char};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// A string for C, or `INVALID_ARGUMENT` naming what it was for: C strings cannot hold a zero byte.
pub(super) fn c_text(what: &str, text: &str) -> Result<CString> {
    CString::new(text).map_err(|_| {
        Error::new(ErrorCode::InvalidArgument, format!("{what} {text:?} has a zero byte in it"))
    })
}

/// A path for C, byte for byte.
pub(super) fn c_path(path: &Path) -> Result<CString> {
    CString::new(path.as_os_str().as_bytes()).map_err(|_| {
        Error::new(
            ErrorCode::InvalidArgument,
            format!("path {} has a zero byte in it", path.display()),
        )
    })
}

/// Copies a string of the library; `None` for null.
///
/// # Safety
/// `text` is null or a terminated string that stays as it is during the call.
pub(super) unsafe fn copy_text(text: *const c_char) -> Option<String> {
    if text.is_null() {
        return None;
    }
    // SAFETY: not null, and terminated, as the caller promises.
    Some(unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned())
}

/// Takes over a string that the library made for us; `None` for null.
///
/// # Safety
/// `text` is null or a terminated string of the library that the caller owns and does not use again.
pub(super) unsafe fn take_text(text: *const c_char) -> Option<String> {
    // SAFETY: as the caller promises.
    let copy = unsafe { copy_text(text) };
    // SAFETY: null, or owned by us and not used after this.
    unsafe { ffi::ov_free(text) };
    copy
}
