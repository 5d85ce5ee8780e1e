//! Typed memory with a shape.

use super::element::{self, to_element};
use super::ffi::{self, ov_shape_t, ov_status_e, ov_tensor_t};
use super::handle::handle;
use super::shape::{take_static, to_c_sizes};
use super::status::{check, check_as};
use crate::datatype::DataType;
use crate::error::{Error, ErrorCode, Result};
use std::ptr;

handle! {
    pub(super) struct RawTensor(ov_tensor_t) freed by ov_tensor_free;
}

// SAFETY: a tensor is a reference-counted block of memory without ties to a thread; the count is atomic.
unsafe impl Send for RawTensor {}

/// Memory of one type and shape, shared by reference count with every request it is set on.
///
/// # While an inference runs
/// The device reads a request's input tensors and writes its output tensors between `start` and the end of the
/// inference. Whoever starts a request must not look into or change its tensors in that time: neither Rust nor
/// OpenVINO can see it. The engine's request pool keeps this rule in one place.
#[derive(Debug)]
pub struct Tensor {
    raw: RawTensor,
    datatype: DataType,
}

impl Tensor {
    /// New memory, zeroed, aligned to 64 bytes.
    pub fn new(datatype: DataType, shape: &[usize]) -> Result<Self> {
        let tensor = Self::create(datatype, shape, |element, shape, out| {
            // SAFETY: `shape` lives through the call and `out` is ours to fill.
            unsafe { ffi::ov_tensor_create(element, shape, out) }
        })?;
        // Fresh memory is uninitialised, and as_bytes must never show such bytes.
        let (data, length) = (tensor.data_ptr(), tensor.byte_len());
        if !data.is_null() {
            // SAFETY: the memory is new, ours alone and `length` bytes long.
            unsafe { ptr::write_bytes(data, 0, length) };
        }
        Ok(tensor)
    }

    /// A tensor over memory of the caller: nothing is copied.
    ///
    /// # Safety
    /// `data` points to as many initialised bytes as the shape needs, aligned to the size of an element. They stay
    /// valid until this tensor is dropped **and** no request holds it any more (another tensor was set in its place,
    /// or the request is gone), and nobody writes to them while an inference runs with it.
    pub unsafe fn from_raw(datatype: DataType, shape: &[usize], data: *mut u8) -> Result<Self> {
        Self::create(datatype, shape, |element, shape, out| {
            // SAFETY: `shape` lives through the call, `out` is ours to fill, and the caller vouches for `data`.
            unsafe { ffi::ov_tensor_create_from_host_ptr(element, shape, data.cast(), out) }
        })
    }

    fn create(
        datatype: DataType,
        shape: &[usize],
        make: impl FnOnce(ffi::ov_element_type_e, ov_shape_t, *mut *mut ov_tensor_t) -> ov_status_e,
    ) -> Result<Self> {
        byte_len(datatype, shape)?;
        let mut sizes = to_c_sizes(shape)?;
        let rank = i64::try_from(sizes.len()).unwrap_or(i64::MAX);
        let shape_c = ov_shape_t { rank, dims: sizes.as_mut_ptr() };
        let mut raw = ptr::null_mut();
        check_as(
            make(to_element(datatype), shape_c, &raw mut raw),
            ErrorCode::ResourceExhausted,
            || format!("cannot make a {datatype} tensor of shape {shape:?}"),
        )?;
        Ok(Self { raw: RawTensor::own(raw, "ov_tensor_create")?, datatype })
    }

    /// Takes over a tensor that the C API gave out for `port`.
    pub(super) fn adopt(raw: RawTensor, port: impl FnOnce() -> String) -> Result<Self> {
        let mut number = 0_u32;
        // SAFETY: the tensor is alive; the enum of the C API is 32 bits wide and is read as a number.
        let status =
            unsafe { ffi::ov_tensor_get_element_type(raw.raw(), (&raw mut number).cast()) };
        check(status, || "cannot read the element type of a tensor".into())?;
        let datatype = match element::from_number(number) {
            Some(datatype) => datatype,
            None => return Err(element::unsupported(&port(), number)),
        };
        Ok(Self { raw, datatype })
    }

    /// Lends the pointer to a call of the C API.
    pub(super) fn raw(&self) -> *mut ov_tensor_t {
        self.raw.raw()
    }

    /// The type of the elements.
    #[must_use]
    pub fn datatype(&self) -> DataType {
        self.datatype
    }

    /// The shape, outermost dimension first.
    pub fn shape(&self) -> Result<Vec<usize>> {
        let mut shape = ov_shape_t { rank: 0, dims: ptr::null_mut() };
        // SAFETY: the tensor is alive and `shape` is ours to fill.
        let status = unsafe { ffi::ov_tensor_get_shape(self.raw(), &raw mut shape) };
        check(status, || "cannot read the shape of a tensor".into())?;
        // SAFETY: filled just above and not used again.
        Ok(unsafe { take_static(shape) })
    }

    /// Bytes the elements take.
    #[must_use]
    pub fn byte_len(&self) -> usize {
        let mut length = 0;
        // SAFETY: the tensor is alive and `length` is ours to fill.
        let status = unsafe { ffi::ov_tensor_get_byte_size(self.raw(), &raw mut length) };
        if status == ov_status_e::OK { length } else { 0 }
    }

    /// Where the elements are; null for a tensor that has no memory the host can reach.
    ///
    /// Asked anew each time: the output of a dynamic model may move between inferences.
    #[must_use]
    pub fn data_ptr(&self) -> *mut u8 {
        let mut data = ptr::null_mut();
        // SAFETY: the tensor is alive and `data` is ours to fill.
        let status = unsafe { ffi::ov_tensor_data(self.raw(), &raw mut data) };
        if status == ov_status_e::OK { data.cast() } else { ptr::null_mut() }
    }

    /// The bytes of the elements. Not while an inference runs, see [`Tensor`].
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        let (data, length) = (self.data_ptr(), self.byte_len());
        if data.is_null() || length == 0 {
            return &[];
        }
        // SAFETY: the library says that `length` bytes are at `data`; they are initialised (zeroed by `new`, vouched
        // for by the caller of `from_raw`, or written by an inference), and no inference runs, as documented.
        unsafe { std::slice::from_raw_parts(data, length) }
    }

    /// The bytes of the elements, to be written. Not while an inference runs, see [`Tensor`].
    #[must_use]
    pub fn as_bytes_mut(&mut self) -> &mut [u8] {
        let (data, length) = (self.data_ptr(), self.byte_len());
        if data.is_null() || length == 0 {
            return &mut [];
        }
        // SAFETY: as in `as_bytes`; `&mut self` keeps other views through this value away.
        unsafe { std::slice::from_raw_parts_mut(data, length) }
    }
}

/// Bytes that a tensor of this type and shape takes, or `INVALID_ARGUMENT` when that number is beyond 63 bits.
pub fn byte_len(datatype: DataType, shape: &[usize]) -> Result<usize> {
    shape
        .iter()
        .try_fold(datatype.size(), |bytes, &size| bytes.checked_mul(size))
        .filter(|&bytes| i64::try_from(bytes).is_ok())
        .ok_or_else(|| {
            Error::new(
                ErrorCode::InvalidArgument,
                format!("a {datatype} tensor of shape {shape:?} has more bytes than 63 bits count"),
            )
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_size_of_a_tensor_cannot_overflow() {
        assert_eq!(byte_len(DataType::F32, &[2, 3]).unwrap(), 24);
        assert_eq!(byte_len(DataType::F64, &[]).unwrap(), 8);
        assert_eq!(byte_len(DataType::U8, &[0, usize::MAX]).unwrap(), 0);
        let error = byte_len(DataType::F32, &[usize::MAX, 2]).unwrap_err();
        assert_eq!(error.code(), ErrorCode::InvalidArgument);
    }
}
