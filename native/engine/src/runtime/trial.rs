//! Whether a device computes, found out by letting it.

use crate::datatype::DataType;
use crate::error::{Error, ErrorCode, Result};
use crate::model::matmul;
use crate::openvino::{Core, Tensor};

/// Compiles and runs a 4 × 4 product on `device`.
///
/// # Errors
/// What the device says; `INTERNAL` when it computes something else than the product.
pub fn try_device(core: &Core, device: &str) -> Result<()> {
    let mut model = core.read_model_from_memory(matmul::IR, None)?;
    model.reshape(&[("a", &[4, 4]), ("b", &[4, 4])])?;
    let compiled = core.compile(&model, device, &[])?;
    let mut request = compiled.create_request()?;
    let filled = |value: f32| -> Result<Tensor> {
        let mut tensor = Tensor::new(DataType::F32, &[4, 4])?;
        tensor.as_bytes_mut().copy_from_slice(bytemuck::cast_slice(&[value; 16]));
        Ok(tensor)
    };
    request.set_input(0, &filled(2.0)?)?;
    request.set_input(1, &filled(0.5)?)?;
    request.infer()?;
    let product: Vec<f32> = bytemuck::pod_collect_to_vec(request.output(0)?.as_bytes());
    // Four products of 1; devices that compute in half precision get it exactly, too.
    if product.iter().all(|value| (value - 4.0).abs() < 1e-2) {
        return Ok(());
    }
    Err(Error::new(
        ErrorCode::Internal,
        format!("{device} computed {} where 4 was due", product.first().unwrap_or(&f32::NAN)),
    ))
}
