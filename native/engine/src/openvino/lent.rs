//! Memory of the engine, set on a request without a copy.

use super::tensor::Tensor;
use crate::datatype::DataType;
use crate::error::{Error, ErrorCode, Result};
use crate::tensor::{Buffer, byte_len};

/// A tensor over the bytes of a [`Buffer`], which it keeps alive.
///
/// It must live until the request that it was set on has got another tensor in its place, or is gone: the request
/// reads the bytes until then. It is only ever used as an input.
#[derive(Debug)]
pub struct LentTensor {
    // Dropped before the bytes it is over.
    tensor: Tensor,
    _buffer: Buffer,
}

impl LentTensor {
    /// A tensor of this type and shape over `buffer`.
    ///
    /// # Errors
    /// `SHAPE_MISMATCH` when the buffer has another number of bytes.
    pub fn new(datatype: DataType, shape: &[usize], buffer: Buffer) -> Result<Self> {
        let bytes = buffer.as_bytes();
        if byte_len(datatype, shape) != Some(bytes.len()) {
            return Err(Error::new(
                ErrorCode::ShapeMismatch,
                format!("shape {shape:?} of {datatype} does not have {} bytes", bytes.len()),
            ));
        }
        let data = bytes.as_ptr().cast_mut();
        // SAFETY: `data` points to as many initialised bytes as the shape needs, kept alive by `_buffer` beside the
        // tensor. Buffers never move or change their bytes, bindings hand over aligned ones only, and devices do not
        // write to inputs.
        let tensor = unsafe { Tensor::from_raw(datatype, shape, data) }?;
        Ok(Self { tensor, _buffer: buffer })
    }

    /// The tensor, to be set as an input.
    #[must_use]
    pub fn tensor(&self) -> &Tensor {
        &self.tensor
    }
}
