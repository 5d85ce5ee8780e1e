//! Between tensors and signals. Neither way copies the elements.

use std::borrow::Cow;

use npubridge_signal::{Array, Fault, FaultKind, Outputs, Real, Signal, Values};

use crate::datatype::DataType;
use crate::error::{Error, ErrorCode, Result};
use crate::operation::{Name, Output};
use crate::tensor::{Buffer, Tensor};

/// A fault in the engine's taxonomy.
pub(super) fn fault(fault: Fault) -> Error {
    let code = match fault.kind {
        FaultKind::Argument => ErrorCode::InvalidArgument,
        FaultKind::Shape => ErrorCode::ShapeMismatch,
        FaultKind::Limit => ErrorCode::ResourceExhausted,
        FaultKind::Unsupported => ErrorCode::UnsupportedOperation,
    };
    let error = Error::new(code, fault.message);
    match fault.suggestion {
        Some(suggestion) => error.suggest(suggestion),
        None => error,
    }
}

/// A tensor as a signal; with `complex`, its last dimension is real and imaginary part.
pub(super) fn samples<'t>(name: &str, tensor: &'t Tensor, complex: bool) -> Result<Signal<'t>> {
    let shape = tensor.shape();
    let shape = if complex {
        match shape.split_last() {
            Some((2, leading)) => leading,
            _ => {
                return Err(Error::new(
                    ErrorCode::ShapeMismatch,
                    format!(
                        "{name} has shape {shape:?}: complex data ends with a dimension of 2, real and imaginary part"
                    ),
                ));
            }
        }
    } else {
        shape
    };
    match tensor.datatype() {
        DataType::F32 => array::<f32>(tensor, shape, complex).map(Signal::F32),
        DataType::F64 => array::<f64>(tensor, shape, complex).map(Signal::F64),
        other => Err(Error::new(
            ErrorCode::DtypeMismatch,
            format!("{name} is {other}, signals are FP32 or FP64"),
        )),
    }
}

fn array<'t, T: Real>(tensor: &'t Tensor, shape: &[usize], complex: bool) -> Result<Array<'t, T>>
where
    num_complex::Complex<T>: bytemuck::Pod,
{
    let misaligned = |error: bytemuck::PodCastError| {
        Error::new(ErrorCode::Internal, "the tensor is not aligned").caused_by(error)
    };
    let bytes = tensor.bytes();
    Ok(if complex {
        let values: &[num_complex::Complex<T>] =
            bytemuck::try_cast_slice(bytes).map_err(misaligned)?;
        Array::complex(values, shape)
    } else {
        let values: &[T] = bytemuck::try_cast_slice(bytes).map_err(misaligned)?;
        Array::real(values, shape)
    })
}

/// Results with who made them.
pub(super) fn processed(
    outputs: Outputs,
    backend: &'static str,
    reason: Cow<'static, str>,
) -> Result<Output> {
    let tensors = outputs.into_iter().map(|(name, signal)| Ok((Name::from(name), tensor(signal)?)));
    Ok(Output::Processed { tensors: tensors.collect::<Result<_>>()?, backend, reason })
}

/// A result as a tensor; complex values get a last dimension of 2.
fn tensor(signal: Signal<'static>) -> Result<Tensor> {
    match signal {
        Signal::F32(array) => from_array(DataType::F32, array),
        Signal::F64(array) => from_array(DataType::F64, array),
    }
}

fn from_array<T: Real>(datatype: DataType, array: Array<'static, T>) -> Result<Tensor>
where
    num_complex::Complex<T>: bytemuck::Pod,
{
    let mut shape = array.shape;
    let buffer = match array.values {
        Values::Real(values) => Buffer::lent(Owned(values.into_owned())),
        Values::Complex(values) => {
            shape.push(2);
            Buffer::lent(Owned(values.into_owned()))
        }
    };
    Tensor::new(datatype, &shape, buffer)
}

struct Owned<E>(Vec<E>);

impl<E: bytemuck::Pod> AsRef<[u8]> for Owned<E> {
    fn as_ref(&self) -> &[u8] {
        bytemuck::cast_slice(&self.0)
    }
}
