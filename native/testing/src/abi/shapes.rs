//! Which shapes of a model are open, which the NPU does not take.

use crate::failure::{self, Failure};
use crate::real;
use openvino_sys::{ov_model_t, ov_partial_shape_t, ov_rank_t, ov_status_e};
use std::ptr;

/// The NPU takes static shapes only.
///
/// # Safety
/// `model` is alive.
pub(super) unsafe fn demand_static(model: *const ov_model_t) -> Result<(), Failure> {
    // SAFETY: as the caller promises; what is asked for is given back before the next question.
    unsafe {
        if !real::ov_model_is_dynamic(model) {
            return Ok(());
        }
        let mut count = 0;
        real::ov_model_inputs_size(model, &raw mut count);
        for index in 0..count {
            let mut port = ptr::null_mut();
            if real::ov_model_const_input_by_index(model, index, &raw mut port) != ov_status_e::OK {
                continue;
            }
            let mut name = ptr::null_mut();
            let named = real::ov_port_get_any_name(port, &raw mut name) == ov_status_e::OK;
            let name = if named { real::take_text(name) } else { format!("input {index}") };
            let mut shape =
                ov_partial_shape_t { rank: ov_rank_t { min: 0, max: 0 }, dims: ptr::null_mut() };
            let known = real::ov_port_get_partial_shape(port, &raw mut shape) == ov_status_e::OK;
            real::ov_output_const_port_free(port);
            if !known {
                continue;
            }
            let verdict = open_dimensions(&shape);
            let text = real::take_text(real::ov_partial_shape_to_string(shape));
            real::ov_partial_shape_free(&raw mut shape);
            if let Some(bounded) = verdict {
                return Err(failure::open_shape(&name, &text, bounded));
            }
        }
    }
    Err(failure::open_shape("the model", "[...]", true))
}

/// `None` for a static shape, else whether every open dimension has an upper bound.
///
/// # Safety
/// `shape` was filled by the real library.
unsafe fn open_dimensions(shape: &ov_partial_shape_t) -> Option<bool> {
    let rank = usize::try_from(shape.rank.min).ok().filter(|_| shape.rank.min == shape.rank.max);
    let Some(rank) = rank else { return Some(false) };
    if rank == 0 || shape.dims.is_null() {
        return None;
    }
    // SAFETY: as the caller promises, with as many dimensions as the rank says.
    let dimensions = unsafe { std::slice::from_raw_parts(shape.dims, rank) };
    let mut open = dimensions.iter().filter(|dimension| dimension.min != dimension.max).peekable();
    open.peek()?;
    Some(open.all(|dimension| dimension.max >= 0 && dimension.max != i64::MAX))
}
