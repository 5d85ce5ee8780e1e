//! Inputs and outputs of a model.

use super::element;
use super::ffi::{self, ov_output_const_port_t, ov_status_e};
use super::shape::{PartialShape, empty_partial};
use super::status::check;
use super::text::take_text;
use crate::datatype::DataType;
use crate::error::Result;
use std::ptr;

/// One input or output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Port {
    /// The name by which the model knows it; `input0`, `output1` … where the model gives none.
    pub name: String,
    /// The type of its elements.
    pub datatype: DataType,
    /// Its shape, dimensions possibly open.
    pub shape: PartialShape,
}

/// Asks the library for all ports of one side.
///
/// `size` and `by_index` are the C functions for that side; `side` is `input` or `output`.
pub(super) fn ports(
    side: &str,
    size: impl FnOnce(*mut usize) -> ov_status_e,
    by_index: impl Fn(usize, *mut *mut ov_output_const_port_t) -> ov_status_e,
) -> Result<Vec<Port>> {
    let mut count = 0;
    check(size(&raw mut count), || format!("cannot count the {side}s of the model"))?;
    (0..count)
        .map(|index| {
            let mut raw = ptr::null_mut();
            check(by_index(index, &raw mut raw), || format!("cannot reach {side} {index}"))?;
            RawPort(raw).describe(side, index)
        })
        .collect()
}

/// A port of the C API, freed with this value.
struct RawPort(*mut ov_output_const_port_t);

impl RawPort {
    fn describe(&self, side: &str, index: usize) -> Result<Port> {
        let name = self.name().unwrap_or_else(|| format!("{side}{index}"));
        let mut number = 0_u32;
        // SAFETY: the port is alive; the enum of the C API is 32 bits wide and is read as a number.
        let status = unsafe { ffi::ov_port_get_element_type(self.0, (&raw mut number).cast()) };
        check(status, || format!("cannot read the element type of {side} {name}"))?;
        let mut shape = empty_partial();
        // SAFETY: the port is alive and `shape` is ours to fill.
        let status = unsafe { ffi::ov_port_get_partial_shape(self.0, &raw mut shape) };
        check(status, || format!("cannot read the shape of {side} {name}"))?;
        // SAFETY: filled just above and not used again.
        let shape = unsafe { PartialShape::take(shape) };
        Ok(Port { datatype: element::require(&name, number)?, name, shape })
    }

    /// `None` for a port without a name: the library reports that as an error.
    fn name(&self) -> Option<String> {
        let mut name = ptr::null_mut();
        // SAFETY: the port is alive and `name` is ours to fill.
        let status = unsafe { ffi::ov_port_get_any_name(self.0, &raw mut name) };
        // SAFETY: null or a new string that take_text frees.
        (status == ov_status_e::OK).then(|| unsafe { take_text(name) }).flatten()
    }
}

impl Drop for RawPort {
    fn drop(&mut self) {
        // SAFETY: given to us by the C API and freed only here.
        unsafe { ffi::ov_output_const_port_free(self.0) };
    }
}
