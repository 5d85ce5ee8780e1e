//! Tensors from and to numpy arrays, by the memory rules of the border.
//!
//! An input is copied, unless it is large and its owner gives it away (`transfer`): then the array is made read-only
//! and is read in place. Small outputs are arrays of their own; large ones are read-only views of the engine's memory,
//! which is let go with the array. Without numpy, tensors are `npubridge.Tensor`: a type, a shape and bytes.

use bytemuck::{AnyBitPattern, NoUninit};
use half::f16;
use npubridge_engine::tensor::{Buffer, Shape, Tensor};
use npubridge_engine::{DataType, Error, ErrorCode};
use numpy::ndarray::{ArrayView, IxDyn};
use numpy::{
    Element, PyArray1, PyArrayDescrMethods, PyArrayDyn, PyArrayMethods, PyUntypedArray,
    PyUntypedArrayMethods,
};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyTuple};

use crate::errors::exception;

/// Up to here, copying costs less than the care that lending takes.
const LARGE: usize = 64 * 1024;

static NUMPY: PyOnceLock<bool> = PyOnceLock::new();
static TO_TENSOR: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
static TENSOR: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
static WEAK_REFERENCE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();

/// Whether arrays can be made.
fn has_numpy(py: Python<'_>) -> bool {
    *NUMPY.get_or_init(py, || py.import(intern!(py, "numpy")).is_ok())
}

/// Whether `value` may be an array: nothing is one before somebody has imported numpy.
fn as_array<'a, 'py>(value: &'a Bound<'py, PyAny>) -> Option<&'a Bound<'py, PyUntypedArray>> {
    has_numpy(value.py()).then(|| value.cast::<PyUntypedArray>().ok()).flatten()
}

/// A tensor from an array, a `Tensor`, or anything that `npubridge` makes one of these from.
pub(crate) fn read(name: &str, value: &Bound<'_, PyAny>, transfer: bool) -> PyResult<Tensor> {
    if let Some(array) = as_array(value) {
        return read_array(name, array, transfer);
    }
    let py = value.py();
    let made = TO_TENSOR.import(py, "npubridge._tensors", "to_tensor")?.call1((name, value))?;
    match as_array(&made) {
        // It was made for this call, so that nobody else can change it.
        Some(array) => read_array(name, array, true),
        None => read_plain(&made),
    }
}

fn read_plain(tensor: &Bound<'_, PyAny>) -> PyResult<Tensor> {
    let py = tensor.py();
    let name: String = tensor.getattr(intern!(py, "datatype"))?.extract()?;
    let shape: Vec<usize> = tensor.getattr(intern!(py, "shape"))?.extract()?;
    let data = tensor.getattr(intern!(py, "data"))?;
    let datatype = DataType::ALL.into_iter().find(|each| each.name() == name);
    let datatype = datatype.ok_or_else(|| {
        let known: Vec<_> = DataType::ALL.iter().map(|each| each.name()).collect();
        let error = Error::new(ErrorCode::DtypeMismatch, format!("datatype is \"{name}\""));
        exception(py, &error.suggest(known.join(", ")))
    })?;
    let data = data.cast::<PyBytes>()?;
    Tensor::copy_of(datatype, &shape, data.as_bytes()).map_err(|error| exception(py, &error))
}

fn read_array(name: &str, array: &Bound<'_, PyUntypedArray>, transfer: bool) -> PyResult<Tensor> {
    let py = array.py();
    let dtype = array.dtype();
    let datatype = match (dtype.kind(), dtype.itemsize()) {
        (b'f', 4) => DataType::F32,
        (b'f', 2) => DataType::F16,
        (b'f', 8) => DataType::F64,
        (b'i', 8) => DataType::I64,
        (b'i', 4) => DataType::I32,
        (b'i', 2) => DataType::I16,
        (b'i', 1) => DataType::I8,
        (b'u', 8) => DataType::U64,
        (b'u', 4) => DataType::U32,
        (b'u', 2) => DataType::U16,
        (b'u', 1) => DataType::U8,
        (b'b', 1) => DataType::Bool,
        _ => {
            let message = format!("{name} has dtype {dtype}, which no tensor can have");
            let error = Error::new(ErrorCode::DtypeMismatch, message)
                .suggest("convert it: array.astype(numpy.float32)");
            return Err(exception(py, &error));
        }
    };
    if !array.is_c_contiguous() || !array.is_aligned() || dtype.is_native_byteorder() == Some(false)
    {
        // A copy in row order, whose memory nobody else knows.
        let native = dtype.call_method1(intern!(py, "newbyteorder"), ("=",))?;
        let order = (native, intern!(py, "CA"));
        let plain = py
            .import(intern!(py, "numpy"))?
            .call_method1(intern!(py, "require"), (array, order.0, order.1))?;
        return read_array(name, plain.cast::<PyUntypedArray>()?, transfer);
    }
    let take = if transfer { Take::Lent } else { Take::Copied };
    match datatype {
        DataType::F32 => take.tensor::<f32>(datatype, array),
        DataType::F16 => take.tensor::<f16>(datatype, array),
        DataType::F64 => take.tensor::<f64>(datatype, array),
        DataType::I64 => take.tensor::<i64>(datatype, array),
        DataType::I32 => take.tensor::<i32>(datatype, array),
        DataType::I16 => take.tensor::<i16>(datatype, array),
        DataType::I8 => take.tensor::<i8>(datatype, array),
        DataType::U64 => take.tensor::<u64>(datatype, array),
        DataType::U32 => take.tensor::<u32>(datatype, array),
        DataType::U16 | DataType::BF16 => take.tensor::<u16>(datatype, array),
        DataType::U8 => take.tensor::<u8>(datatype, array),
        DataType::Bool => take.tensor::<bool>(datatype, array),
    }
}

/// How the engine gets the elements of an array.
enum Take {
    Copied,
    /// In place, where that is safe.
    Lent,
}

impl Take {
    fn tensor<T: Element + NoUninit>(
        self,
        datatype: DataType,
        array: &Bound<'_, PyUntypedArray>,
    ) -> PyResult<Tensor> {
        let py = array.py();
        let shape: Shape = array.shape().into();
        let typed = array.cast::<PyArrayDyn<T>>()?.try_readonly()?;
        let bytes: &[u8] = bytemuck::cast_slice(typed.as_slice()?);
        let lent = match self {
            Self::Lent if bytes.len() > LARGE => Lent::take(array, bytes)?,
            _ => None,
        };
        let buffer = lent.map_or_else(|| Buffer::copy_of(bytes), Buffer::lent);
        Tensor::new(datatype, &shape, buffer).map_err(|error| exception(py, &error))
    }
}

/// The memory of an array that was given away.
///
/// Dropped on any thread: without the GIL, PyO3 puts the references aside until somebody has it.
struct Lent {
    address: *const u8,
    length: usize,
    _array: Py<PyAny>,
    /// numpy refuses to resize an array that something refers to weakly, even when it is told not to check references.
    _pin: Py<PyAny>,
}

// SAFETY: the memory is only read, and stays where it is as `Lent::as_ref` says; references to Python objects may be
// sent and shared.
unsafe impl Send for Lent {}
// SAFETY: as above.
unsafe impl Sync for Lent {}

impl Lent {
    /// Takes an array that owns its memory and makes it read-only; none when the memory is somebody else's, who could
    /// unmap or write it.
    fn take(array: &Bound<'_, PyUntypedArray>, bytes: &[u8]) -> PyResult<Option<Self>> {
        let py = array.py();
        let flags = array.getattr(intern!(py, "flags"))?;
        if !flags.getattr(intern!(py, "owndata"))?.extract::<bool>()?
            || !array.getattr(intern!(py, "base"))?.is_none()
        {
            return Ok(None);
        }
        array.call_method1(intern!(py, "setflags"), (false,))?;
        let pin = WEAK_REFERENCE.import(py, "weakref", "ref")?.call1((array,))?;
        Ok(Some(Self {
            address: bytes.as_ptr(),
            length: bytes.len(),
            _array: array.clone().into_any().unbind(),
            _pin: pin.unbind(),
        }))
    }
}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        // SAFETY: the array is kept alive and owns its memory; the weak reference keeps numpy from resizing it, and it
        // is read-only, so that nothing but its owner, who gave it away, could write to it.
        unsafe { std::slice::from_raw_parts(self.address, self.length) }
    }
}

/// Keeps memory of the engine for an array that shows it.
#[pyclass(frozen, module = "npubridge._native")]
pub(crate) struct EngineMemory {
    #[allow(dead_code)]
    tensor: Tensor,
}

/// An array of a tensor's elements; a `Tensor` where there is no numpy.
pub(crate) fn write<'py>(py: Python<'py>, tensor: &Tensor) -> PyResult<Bound<'py, PyAny>> {
    if !has_numpy(py) {
        let shape = PyTuple::new(py, tensor.shape())?;
        let data = PyBytes::new(py, tensor.bytes());
        let make = TENSOR.import(py, "npubridge._tensors", "Tensor")?;
        return make.call1((tensor.datatype().name(), shape, data));
    }
    match tensor.datatype() {
        DataType::F32 => array::<f32>(py, tensor),
        DataType::F16 => array::<f16>(py, tensor),
        DataType::F64 => array::<f64>(py, tensor),
        DataType::I64 => array::<i64>(py, tensor),
        DataType::I32 => array::<i32>(py, tensor),
        DataType::I16 => array::<i16>(py, tensor),
        DataType::I8 => array::<i8>(py, tensor),
        DataType::U64 => array::<u64>(py, tensor),
        DataType::U32 => array::<u32>(py, tensor),
        DataType::U16 | DataType::BF16 => array::<u16>(py, tensor),
        DataType::U8 => array::<u8>(py, tensor),
        DataType::Bool => {
            let truths: Vec<bool> = tensor.bytes().iter().map(|byte| *byte != 0).collect();
            Ok(PyArray1::from_vec(py, truths).reshape(tensor.shape())?.into_any())
        }
    }
}

fn array<'py, T: Element + AnyBitPattern>(
    py: Python<'py>,
    tensor: &Tensor,
) -> PyResult<Bound<'py, PyAny>> {
    let bytes = tensor.bytes();
    let Ok(elements) = bytemuck::try_cast_slice::<u8, T>(bytes) else {
        let elements = bytes.chunks_exact(size_of::<T>()).map(bytemuck::pod_read_unaligned::<T>);
        let flat = PyArray1::from_iter(py, elements);
        return Ok(flat.reshape(tensor.shape())?.into_any());
    };
    if bytes.len() <= LARGE {
        let flat = PyArray1::from_slice(py, elements);
        return match tensor.shape() {
            [_] => Ok(flat.into_any()),
            shape => Ok(flat.reshape(shape)?.into_any()),
        };
    }
    let view = ArrayView::from_shape(IxDyn(tensor.shape()), elements);
    let view = view.map_err(|error| pyo3::exceptions::PyValueError::new_err(error.to_string()))?;
    let memory = Bound::new(py, EngineMemory { tensor: tensor.clone() })?.into_any();
    // SAFETY: the tensor that the container keeps shares the buffer that the view shows, and buffers never move.
    let array = unsafe { PyArrayDyn::borrow_from_array(&view, memory) };
    // The engine may read the same memory: the state of a stream is also an output.
    array.call_method1(intern!(py, "setflags"), (false,))?;
    Ok(array.into_any())
}

/// Whether a value is an array or a `Tensor`.
pub(crate) fn is_tensor(value: &Bound<'_, PyAny>) -> PyResult<bool> {
    if as_array(value).is_some() {
        return Ok(true);
    }
    let class = TENSOR.import(value.py(), "npubridge._tensors", "Tensor")?;
    value.is_instance(class)
}
