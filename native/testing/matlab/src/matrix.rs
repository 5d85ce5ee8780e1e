//! The functions of `libmx`, with the types of MathWorks' `matrix.h`.
// Functions are public for the linker, not for other modules.
#![allow(non_snake_case, unreachable_pub)]

use std::ffi::{c_int, c_void};

pub(crate) const DOUBLE: c_int = 6;
pub(crate) const SINGLE: c_int = 7;

/// An array. Its values are aligned for any number.
pub struct Array {
    pub(crate) class: c_int,
    pub(crate) is_complex: bool,
    pub(crate) sizes: Vec<usize>,
    values: Vec<u64>,
}

impl Array {
    pub(crate) fn new(class: c_int, is_complex: bool, sizes: &[usize]) -> Self {
        let mut array = Self { class, is_complex, sizes: sizes.to_vec(), values: Vec::new() };
        array.values = vec![0; array.length().div_ceil(8)];
        array
    }

    pub(crate) fn count(&self) -> usize {
        self.sizes.iter().product()
    }

    /// In bytes.
    fn length(&self) -> usize {
        let width = match self.class {
            DOUBLE => 8,
            SINGLE => 4,
            _ => 0,
        };
        self.count() * width * if self.is_complex { 2 } else { 1 }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        // SAFETY: the values are at least so many bytes, and any bytes are bytes.
        unsafe { std::slice::from_raw_parts(self.values.as_ptr().cast(), self.length()) }
    }

    pub(crate) fn fill(&mut self, bytes: &[u8]) {
        let length = self.length().min(bytes.len());
        // SAFETY: as above; any bytes are values.
        let own = unsafe {
            std::slice::from_raw_parts_mut(self.values.as_mut_ptr().cast::<u8>(), length)
        };
        own.copy_from_slice(&bytes[..length]);
    }
}

/// Defines a function under the names of both interfaces. Neither calls the other, so that tests can hide one.
macro_rules! exported {
    ($(fn $old:ident / $new:ident($($name:ident: $type:ty),*) $(-> $result:ty)? $body:block)*) => {$(
        /// # Safety
        /// As `matrix.h` has it.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $old($($name: $type),*) $(-> $result)? $body

        /// # Safety
        /// As `matrix.h` has it.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $new($($name: $type),*) $(-> $result)? $body
    )*};
}

exported! {
    fn mxCreateNumericArray_730 / mxCreateNumericArray_800(
        count: usize, sizes: *const usize, class: c_int, complexity: c_int
    ) -> *mut Array {
        // SAFETY: the caller gives as many sizes as it tells.
        let sizes = unsafe { std::slice::from_raw_parts(sizes, count) };
        Box::into_raw(Box::new(Array::new(class, complexity != 0, sizes)))
    }

    fn mxGetData / mxGetData_800(array: *mut Array) -> *mut c_void {
        // SAFETY: the caller gives an array that is alive.
        unsafe { (*array).values.as_mut_ptr().cast() }
    }

    fn mxGetNumberOfElements / mxGetNumberOfElements_800(array: *const Array) -> usize {
        // SAFETY: the caller gives an array that is alive.
        unsafe { (*array).count() }
    }

    fn mxGetClassID / mxGetClassID_800(array: *const Array) -> c_int {
        // SAFETY: the caller gives an array that is alive.
        unsafe { (*array).class }
    }

    fn mxIsComplex / mxIsComplex_800(array: *const Array) -> bool {
        // SAFETY: the caller gives an array that is alive.
        unsafe { (*array).is_complex }
    }

    fn mxDestroyArray / mxDestroyArray_800(array: *mut Array) {
        if !array.is_null() {
            // SAFETY: the caller gives an array of this library, and does not use it again.
            drop(unsafe { Box::from_raw(array) });
        }
    }
}
