//! Memory that the real library will free.

use crate::real;
use std::ffi::c_char;
use std::ptr;

/// A copy of `text` that `ov_free` and its like may delete: made by the C++ runtime that the real library uses.
pub(crate) fn foreign_text(text: &str) -> *mut c_char {
    let at = foreign_bytes(text.len() + 1).cast::<u8>();
    // SAFETY: `at` has room for the text and the zero byte after it.
    unsafe {
        ptr::copy_nonoverlapping(text.as_ptr(), at, text.len());
        at.add(text.len()).write(0);
    }
    at.cast()
}

/// An array of pointers that the real library may delete.
pub(crate) fn foreign_pointers(pointers: &[*mut c_char]) -> *mut *mut c_char {
    let at = foreign_bytes(size_of_val(pointers)).cast::<*mut c_char>();
    // SAFETY: `at` has room for all of them, and new memory is aligned for pointers.
    unsafe { ptr::copy_nonoverlapping(pointers.as_ptr(), at, pointers.len()) };
    at
}

fn foreign_bytes(size: usize) -> *mut std::ffi::c_void {
    // SAFETY: `operator new[](size_t)` takes any size; it throws, and so ends the process, when there is no memory.
    unsafe { real::_Znam(size) }
}
