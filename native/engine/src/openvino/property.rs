//! Key and value pairs in the shape that the `*_props` functions of the C API take.

use super::ffi::ov_property_t;
use super::text::c_text;
use crate::error::Result;
use std::ffi::CString;

/// Owns the strings that the C array points to.
pub(super) struct Properties {
    /// Never read: it keeps the pointers of `array` valid.
    _strings: Vec<CString>,
    array: Vec<ov_property_t>,
}

impl Properties {
    pub(super) fn new(pairs: &[(&str, &str)]) -> Result<Self> {
        let mut strings = Vec::with_capacity(pairs.len() * 2);
        let mut array = Vec::with_capacity(pairs.len());
        for &(key, value) in pairs {
            let value = c_text(&format!("value of property {key}"), value)?;
            let key = c_text("property", key)?;
            array.push(ov_property_t { key: key.as_ptr(), value: value.as_ptr().cast() });
            strings.extend([key, value]);
        }
        Ok(Self { _strings: strings, array })
    }

    pub(super) fn len(&self) -> usize {
        self.array.len()
    }

    /// Valid as long as `self`.
    pub(super) fn as_ptr(&self) -> *const ov_property_t {
        self.array.as_ptr()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::CStr;

    #[test]
    fn pairs_arrive_in_order_and_whole() {
        let properties = Properties::new(&[("A", "1"), ("NUM_STREAMS", "4")]).unwrap();
        assert_eq!(properties.len(), 2);
        // SAFETY: element 1 exists, and its strings live as long as `properties`.
        let (key, value) = unsafe {
            let second = *properties.as_ptr().add(1);
            (CStr::from_ptr(second.key), CStr::from_ptr(second.value.cast()))
        };
        assert_eq!((key.to_str().unwrap(), value.to_str().unwrap()), ("NUM_STREAMS", "4"));
    }

    #[test]
    fn a_zero_byte_is_refused_by_name() {
        let error = Properties::new(&[("CACHE_DIR", "a\0b")]).err().unwrap();
        assert!(error.message().contains("CACHE_DIR"), "{error}");
    }
}
