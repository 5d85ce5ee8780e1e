//! Tensors as they travel through the engine: a type, a shape and bytes that are copied as seldom as possible.

use std::fmt;
use std::sync::Arc;

use npubridge_signal::pages::on_large_pages;

use crate::datatype::DataType;
use crate::error::{Error, ErrorCode, Result};

/// The alignment of buffers that the engine owns, in bytes: that of OpenVINO's own tensors, a cache line.
pub const ALIGNMENT: usize = 64;

/// Bytes of a tensor: owned by the engine, or lent by a caller who keeps them alive and unchanged.
///
/// Cloning shares the bytes.
#[derive(Clone)]
pub struct Buffer(Arc<Storage>);

enum Storage {
    Owned(Owned),
    Lent(Box<dyn AsRef<[u8]> + Send + Sync>),
}

impl Buffer {
    /// A copy of `bytes`, aligned to [`ALIGNMENT`].
    #[must_use]
    pub fn copy_of(bytes: &[u8]) -> Self {
        let mut copy: Vec<u8> = Vec::with_capacity(bytes.len() + ALIGNMENT - 1);
        on_large_pages(copy.spare_capacity_mut());
        let start = copy.as_ptr().align_offset(ALIGNMENT);
        copy.resize(start, 0);
        copy.extend_from_slice(bytes);
        Self(Arc::new(Storage::Owned(Owned { bytes: copy, start, len: bytes.len() })))
    }

    /// `len` bytes, aligned to [`ALIGNMENT`], zero where `fill` writes nothing.
    #[must_use]
    pub fn filled(len: usize, fill: impl FnOnce(&mut [u8])) -> Self {
        // Asked for with an alignment, large memory would be zeroed by hand instead of coming zeroed from the system.
        let mut bytes = vec![0; len + ALIGNMENT - 1];
        let start = bytes.as_ptr().align_offset(ALIGNMENT);
        on_large_pages(&mut bytes);
        fill(&mut bytes[start..start + len]);
        Self(Arc::new(Storage::Owned(Owned { bytes, start, len })))
    }

    /// Bytes that somebody else owns: read in place, and let go when the last clone is dropped.
    ///
    /// The implementation of `AsRef` must give the same memory every time.
    #[must_use]
    pub fn lent(owner: impl AsRef<[u8]> + Send + Sync + 'static) -> Self {
        Self(Arc::new(Storage::Lent(Box::new(owner))))
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        match &*self.0 {
            Storage::Owned(Owned { bytes, start, len }) => &bytes[*start..*start + *len],
            Storage::Lent(owner) => (**owner).as_ref(),
        }
    }

    /// How many bytes there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.as_bytes().len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Bytes of the engine's own: `len` from `start` on, which is aligned.
pub struct Owned {
    bytes: Vec<u8>,
    start: usize,
    len: usize,
}

impl AsMut<[u8]> for Owned {
    fn as_mut(&mut self) -> &mut [u8] {
        &mut self.bytes[self.start..self.start + self.len]
    }
}

impl fmt::Debug for Buffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if matches!(*self.0, Storage::Owned(_)) { "owned" } else { "lent" };
        write!(f, "Buffer({kind}, {} bytes)", self.len())
    }
}

/// A dense row-major tensor.
#[derive(Debug, Clone)]
pub struct Tensor {
    datatype: DataType,
    shape: Shape,
    buffer: Buffer,
}

/// The sizes of a tensor's dimensions, outermost first.
pub type Shape = smallvec::SmallVec<[usize; 6]>;

impl Tensor {
    /// A tensor over `buffer`.
    ///
    /// # Errors
    /// `SHAPE_MISMATCH` when the shape asks for another number of bytes than the buffer has.
    pub fn new(datatype: DataType, shape: &[usize], buffer: Buffer) -> Result<Self> {
        let needed = byte_len(datatype, shape);
        if needed != Some(buffer.len()) {
            let needed =
                needed.map_or("more than can be addressed".into(), |bytes| bytes.to_string());
            return Err(Error::new(
                ErrorCode::ShapeMismatch,
                format!(
                    "shape {shape:?} of {datatype} takes {needed} bytes, the data has {}",
                    buffer.len()
                ),
            ));
        }
        Ok(Self { datatype, shape: shape.into(), buffer })
    }

    /// A tensor that owns a copy of `bytes`; errors as [`Tensor::new`].
    ///
    /// # Errors
    /// `SHAPE_MISMATCH` when the shape asks for another number of bytes.
    pub fn copy_of(datatype: DataType, shape: &[usize], bytes: &[u8]) -> Result<Self> {
        Self::new(datatype, shape, Buffer::copy_of(bytes))
    }

    /// A tensor of FP32 values.
    ///
    /// # Errors
    /// `SHAPE_MISMATCH` when the shape asks for another number of values.
    pub fn from_f32(shape: &[usize], values: &[f32]) -> Result<Self> {
        Self::copy_of(DataType::F32, shape, bytemuck::cast_slice(values))
    }

    /// The element type.
    #[must_use]
    pub fn datatype(&self) -> DataType {
        self.datatype
    }

    /// The sizes of the dimensions.
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The elements' bytes, in the machine's byte order.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.buffer.as_bytes()
    }

    /// The buffer, to be shared.
    #[must_use]
    pub fn buffer(&self) -> &Buffer {
        &self.buffer
    }

    /// The elements' bytes, to be written to as well.
    ///
    /// # Errors
    /// The tensor itself, where its bytes are lent or others have a part of them.
    pub fn into_exclusive(self) -> std::result::Result<Owned, Self> {
        let Self { datatype, shape, buffer } = self;
        let shared = match Arc::try_unwrap(buffer.0) {
            Ok(Storage::Owned(owned)) => return Ok(owned),
            Ok(lent) => Arc::new(lent),
            Err(shared) => shared,
        };
        Err(Self { datatype, shape, buffer: Buffer(shared) })
    }

    /// The values of an FP32 tensor; none for another type.
    #[must_use]
    pub fn as_f32(&self) -> Option<Vec<f32>> {
        (self.datatype == DataType::F32).then(|| bytemuck::pod_collect_to_vec(self.bytes()))
    }
}

/// How many bytes a tensor takes; none when that cannot be addressed.
#[must_use]
pub fn byte_len(datatype: DataType, shape: &[usize]) -> Option<usize> {
    shape.iter().try_fold(datatype.size(), |bytes, size| bytes.checked_mul(*size))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owned_buffers_are_aligned_and_equal_to_their_source() {
        for len in [0, 1, 63, 64, 65, 4096, 4099] {
            let source: Vec<u8> = (0..len).map(|index| (index % 251) as u8).collect();
            let buffer = Buffer::copy_of(&source);
            assert_eq!(buffer.as_bytes(), source);
            assert_eq!(buffer.as_bytes().as_ptr() as usize % ALIGNMENT, 0);
        }
    }

    #[test]
    fn lent_bytes_are_not_copied() {
        let source = vec![1_u8, 2, 3];
        let address = source.as_ptr();
        let buffer = Buffer::lent(source);
        assert_eq!(buffer.clone().as_bytes().as_ptr(), address);
    }

    #[test]
    fn bytes_are_given_away_where_nobody_else_has_them() {
        let tensor = Tensor::from_f32(&[2], &[1.0, 2.0]).unwrap();
        let address = tensor.bytes().as_ptr();
        let other = tensor.clone();
        let tensor = tensor.into_exclusive().err().expect("shared");
        drop(other);
        let mut exclusive = tensor.into_exclusive().expect("nobody else has it");
        assert_eq!(exclusive.as_mut().as_ptr(), address);
        assert_eq!(bytemuck::pod_collect_to_vec::<u8, f32>(exclusive.as_mut()), [1.0, 2.0]);

        let lent = Tensor::new(DataType::U8, &[1], Buffer::lent(vec![7])).unwrap();
        assert_eq!(lent.into_exclusive().err().expect("lent").bytes(), [7]);
    }

    #[test]
    fn a_shape_that_does_not_fit_is_refused_with_both_sizes() {
        let error = Tensor::from_f32(&[2, 3], &[0.0; 5]).unwrap_err();
        assert_eq!(error.code(), ErrorCode::ShapeMismatch);
        assert!(error.message().contains("24 bytes, the data has 20"), "{error}");
        assert!(Tensor::copy_of(DataType::U8, &[usize::MAX, 2], &[]).is_err());
    }
}
