//! Whether the rows of a model are requests of their own: found out by running some together and then apart.
//!
//! The shapes of a model do not tell. An open first dimension may count requests, but as well the moments of a signal
//! or the lines of a table, whose results depend on one another; run together, each caller would get something of the
//! others'.

use crate::datatype::DataType;
use crate::error::Result;
use crate::model::cell::Cell;
use crate::model::compile::{Recipe, Threads};
use crate::model::properties::PRECISION_HINT;
use crate::model::signature::Signature;
use crate::openvino::Core;
use crate::operation::Name;
use crate::tensor::{Buffer, Tensor, byte_len};

/// The device that rows are tried on: it takes open shapes and does not hang, and what a model means does not depend on
/// the device.
const DEVICE: &str = "CPU";
/// Sizes for the other open dimensions, the first that the model runs with: some need so many.
const SIZES: [usize; 4] = [1, 8, 64, 512];
/// Rows that are run together, and then as the first and the others.
const ROWS: usize = 3;

/// Whether each row gives the same alone as together with others.
///
/// # Errors
/// What OpenVINO says of a model that cannot be compiled for the CPU.
pub(crate) fn rows_are_independent(
    core: &Core,
    recipe: &Recipe,
    signature: &Signature,
) -> Result<bool> {
    let compiled = recipe.compile(core, DEVICE, &recipe.shaped(core, None)?, Threads::Device)?;
    let exact = compiled.model.property(PRECISION_HINT).is_ok_and(|precision| precision == "f32");
    // Rounding to 8 bits may differ with the number of rows.
    let tolerance = if exact { 1e-4 } else { 2e-2 };
    let mut cell = Cell::new(&compiled, &signature.inputs, &signature.outputs)?;
    for size in SIZES {
        if let Ok(same) = same_together_and_apart(&mut cell, signature, size, tolerance) {
            return Ok(same);
        }
    }
    Ok(false)
}

fn same_together_and_apart(
    cell: &mut Cell,
    signature: &Signature,
    size: usize,
    tolerance: f64,
) -> Result<bool> {
    let inputs = (0..signature.inputs.len()).map(|index| input(signature, index, size));
    let inputs: Vec<Tensor> = inputs.collect::<Result<_>>()?;
    let together = run(cell, signature, &inputs)?;
    let first = run(cell, signature, &slices(&inputs, 0, 1)?)?;
    let others = run(cell, signature, &slices(&inputs, 1, ROWS)?)?;
    let mut outputs = together.iter().zip(first.iter().zip(&others));
    Ok(outputs
        .all(|((_, whole), ((_, first), (_, others)))| is_sequel(whole, first, others, tolerance)))
}

fn run(cell: &mut Cell, signature: &Signature, inputs: &[Tensor]) -> Result<Vec<(Name, Tensor)>> {
    cell.bind(&[inputs.iter().collect()])?;
    cell.run()?;
    cell.outputs(&signature.outputs, None)
}

/// Values that differ from row to row and that most models take: fractions, and whole numbers 1 and 2.
fn input(signature: &Signature, index: usize, size: usize) -> Result<Tensor> {
    let port = &signature.inputs[index];
    let dimensions = port.shape.dimensions.as_deref().unwrap_or_default();
    let shape: Vec<usize> = dimensions
        .iter()
        .enumerate()
        .map(|(at, dimension)| match at {
            0 => ROWS,
            _ => dimension.size().unwrap_or(size.max(dimension.min)),
        })
        .collect();
    let len = byte_len(port.datatype, &shape).unwrap_or(usize::MAX);
    let buffer = Buffer::filled(len, |bytes| {
        for (at, element) in bytes.chunks_exact_mut(port.datatype.size()).enumerate() {
            element.copy_from_slice(
                &value(port.datatype, scatter(at + index * 7919))[..element.len()],
            );
        }
    });
    Tensor::new(port.datatype, &shape, buffer)
}

/// An arbitrary number for each place, always the same.
fn scatter(at: usize) -> u64 {
    let mut bits = (at as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    bits ^= bits >> 31;
    bits.wrapping_mul(0xBF58_476D_1CE4_E5B9) >> 16
}

/// The bytes of a value of this type; as many of them count as the type has.
fn value(datatype: DataType, bits: u64) -> [u8; 8] {
    let fraction = (bits % 2048) as f64 / 1024.0 - 1.0;
    let whole = 1 + bits % 2;
    match datatype {
        DataType::F64 => fraction.to_ne_bytes(),
        DataType::F32 => widen(&(fraction as f32).to_ne_bytes()),
        // 0.5 and up: any pattern below the exponent will do.
        DataType::F16 => widen(&(0x3800 | (bits % 1024) as u16).to_ne_bytes()),
        DataType::BF16 => widen(&(0x3F00 | (bits % 128) as u16).to_ne_bytes()),
        DataType::Bool => widen(&[(bits % 2) as u8]),
        DataType::U8 | DataType::I8 => widen(&[whole as u8]),
        DataType::U16 | DataType::I16 => widen(&(whole as u16).to_ne_bytes()),
        DataType::U32 | DataType::I32 => widen(&(whole as u32).to_ne_bytes()),
        DataType::U64 | DataType::I64 => whole.to_ne_bytes(),
    }
}

fn widen(bytes: &[u8]) -> [u8; 8] {
    let mut wide = [0; 8];
    wide[..bytes.len()].copy_from_slice(bytes);
    wide
}

fn slices(inputs: &[Tensor], from: usize, to: usize) -> Result<Vec<Tensor>> {
    let slice = |tensor: &Tensor| {
        let size = tensor.bytes().len() / ROWS;
        let mut shape = tensor.shape().to_vec();
        shape[0] = to - from;
        Tensor::copy_of(tensor.datatype(), &shape, &tensor.bytes()[from * size..to * size])
    };
    inputs.iter().map(slice).collect()
}

/// Whether `whole` is the row of `first` followed by those of `others`.
fn is_sequel(whole: &Tensor, first: &Tensor, others: &Tensor, tolerance: f64) -> bool {
    let rows = |tensor: &Tensor| tensor.shape().first().copied();
    let rest = |tensor: &Tensor| tensor.shape().get(1..).map(<[usize]>::to_vec);
    let fits = rows(whole) == Some(ROWS)
        && rows(first) == Some(1)
        && rows(others) == Some(ROWS - 1)
        && rest(whole) == rest(first)
        && rest(whole) == rest(others);
    if !fits {
        return false;
    }
    let apart = [first.bytes(), others.bytes()].concat();
    match (numbers(whole.datatype(), whole.bytes()), numbers(whole.datatype(), &apart)) {
        (Some(whole), Some(apart)) => are_close(&whole, &apart, tolerance),
        _ => whole.bytes() == apart,
    }
}

fn are_close(left: &[f64], right: &[f64], tolerance: f64) -> bool {
    let finite = left.iter().filter(|value| value.is_finite());
    let scale = finite.fold(0.0_f64, |scale, value| scale.max(value.abs()));
    left.len() == right.len()
        && left.iter().zip(right).all(|(left, right)| {
            left.to_bits() == right.to_bits()
                || (left.is_nan() && right.is_nan())
                || (left - right).abs() <= tolerance * scale
        })
}

/// The elements of a type with fractions.
fn numbers(datatype: DataType, bytes: &[u8]) -> Option<Vec<f64>> {
    let halves = || bytes.chunks_exact(2).map(|two| u16::from_ne_bytes([two[0], two[1]]));
    match datatype {
        DataType::F64 => Some(bytemuck::pod_collect_to_vec(bytes)),
        DataType::F32 => {
            let values: Vec<f32> = bytemuck::pod_collect_to_vec(bytes);
            Some(values.into_iter().map(f64::from).collect())
        }
        DataType::BF16 => {
            Some(halves().map(|bits| f32::from_bits(u32::from(bits) << 16).into()).collect())
        }
        DataType::F16 => Some(halves().map(half).collect()),
        _ => None,
    }
}

/// The value of an IEEE 754 half.
fn half(bits: u16) -> f64 {
    let (exponent, fraction) = (i32::from(bits >> 10 & 31), f64::from(bits & 1023));
    let size = match exponent {
        0 => fraction * 2_f64.powi(-24),
        31 if fraction > 0.0 => f64::NAN,
        31 => f64::INFINITY,
        _ => (1024.0 + fraction) * 2_f64.powi(exponent - 25),
    };
    if bits >> 15 == 1 { -size } else { size }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_half_is_read() {
        for (bits, value) in
            [(0x3C00, 1.0), (0xC000, -2.0), (0x0001, 2_f64.powi(-24)), (0x7BFF, 65504.0)]
        {
            assert!((half(bits) - value).abs() < f64::EPSILON, "{bits:x}");
        }
        assert!(half(0x7C01).is_nan());
        assert!(half(0xFC00).is_infinite());
    }

    #[test]
    fn values_are_those_of_their_type() {
        for bits in 0..5000 {
            for (datatype, least, most) in
                [(DataType::F32, -1.0, 1.0), (DataType::F16, 0.5, 1.0), (DataType::BF16, 0.5, 1.0)]
            {
                let bytes = value(datatype, scatter(bits));
                let number = numbers(datatype, &bytes[..datatype.size()]).unwrap()[0];
                assert!((least..=most).contains(&number), "{datatype} {number}");
            }
            assert!([1, 2].contains(&i64::from_ne_bytes(value(DataType::I64, scatter(bits)))));
        }
    }

    #[test]
    fn rows_must_be_the_same_in_number_shape_and_value() {
        let tensor = |shape: &[usize], values: &[f32]| Tensor::from_f32(shape, values).unwrap();
        let whole = tensor(&[3, 1], &[1.0, f32::NAN, 3.0]);
        let others = tensor(&[2, 1], &[f32::NAN, 3.0]);
        assert!(is_sequel(&whole, &tensor(&[1, 1], &[1.0]), &others, 1e-4));
        assert!(is_sequel(&whole, &tensor(&[1, 1], &[1.0001]), &others, 1e-4));
        assert!(!is_sequel(&whole, &tensor(&[1, 1], &[1.01]), &others, 1e-4));
        assert!(!is_sequel(&whole, &tensor(&[1, 1], &[f32::NAN]), &others, 1e-4));
        assert!(!is_sequel(&whole, &tensor(&[1, 2], &[1.0, 1.0]), &others, 1e-4));
        assert!(!is_sequel(&whole, &tensor(&[1, 1], &[1.0]), &tensor(&[1, 1], &[3.0]), 1e-4));
    }
}
