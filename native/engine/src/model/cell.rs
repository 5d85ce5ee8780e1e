//! A place on a device where one inference at a time runs: an infer request with its tensors.
//!
//! Small inputs are copied into tensors that stay, which costs less than setting a tensor for each call: on the CPU that
//! takes the device some 15 us an input where shapes are open. Large ones are lent, and the cell keeps them alive until
//! others take their place.

use crate::datatype::DataType;
use crate::error::{Error, ErrorCode, Result};
use crate::model::compile::Compiled;
use crate::model::signature::Inputs;
use crate::openvino::{Canceller, InferRequest, LentTensor, Tensor as DeviceTensor};
use crate::operation::Name;
use crate::tensor::{Buffer, Tensor, byte_len};

use super::signature::Port;

/// Up to this many bytes a copy costs less than setting a tensor. Measured with `examples/bare_loop.rs`.
const COPY_LIMIT: usize = 64 * 1024;

/// One infer request with its tensors.
#[derive(Debug)]
pub(crate) struct Cell {
    request: InferRequest,
    inputs: Vec<Slot>,
    /// Whether inputs have one shape each.
    fixed: bool,
    /// The request's own outputs, where their shape cannot change.
    outputs: Vec<Option<DeviceTensor>>,
    blocking: bool,
}

#[derive(Debug)]
struct Slot {
    /// The request's own tensor, for inputs of one shape; else one of the shape that was last copied.
    own: Option<DeviceTensor>,
    /// That shape, where it is open.
    shape: Vec<usize>,
    /// What is set instead of it.
    lent: Option<LentTensor>,
}

/// The rows of a joint inference that belong to one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rows {
    pub(crate) first: usize,
    pub(crate) count: usize,
}

impl Cell {
    /// A new place on the device of `compiled`.
    ///
    /// # Errors
    /// `RESOURCE_EXHAUSTED` when the device has no more.
    pub(crate) fn new(compiled: &Compiled, inputs: &[Port], outputs: &[Port]) -> Result<Self> {
        let request = compiled.model.create_request()?;
        let own = |index| {
            if compiled.fixed { request.input(index).map(Some) } else { Ok(None) }
        };
        let slots = (0..inputs.len())
            .map(|index| Ok(Slot { own: own(index)?, shape: Vec::new(), lent: None }));
        let slots = slots.collect::<Result<Vec<_>>>()?;
        // A model of fixed inputs may still give outputs of varying size; those are asked for after each run.
        let outputs =
            compiled
                .model
                .outputs()?
                .iter()
                .take(outputs.len())
                .enumerate()
                .map(|(index, port)| {
                    if port.shape.is_static() { request.output(index).map(Some) } else { Ok(None) }
                })
                .collect::<Result<Vec<_>>>()?;
        Ok(Self {
            request,
            inputs: slots,
            fixed: compiled.fixed,
            outputs,
            blocking: compiled.blocking,
        })
    }

    /// A way to cancel what runs here from another thread.
    pub(crate) fn canceller(&self) -> Canceller {
        self.request.canceller()
    }

    /// Makes the inputs of one or several requests the inputs of the next run. Those of several are stacked, and
    /// what is left of the cell's rows is zero.
    ///
    /// # Errors
    /// What OpenVINO says of tensors that the checks before let pass.
    pub(crate) fn bind(&mut self, requests: &[Inputs<'_>]) -> Result<()> {
        for index in 0..self.inputs.len() {
            match requests {
                [one] => self.bind_one(index, one[index])?,
                many => self.bind_stacked(index, many)?,
            }
        }
        Ok(())
    }

    fn bind_one(&mut self, index: usize, tensor: &Tensor) -> Result<()> {
        let bytes = tensor.bytes();
        // What does not fill a fixed shape is copied, however large.
        let fills = !self.fixed || self.has_own(index, bytes.len());
        if fills && bytes.len() > COPY_LIMIT {
            return self.lend(index, tensor.datatype(), tensor.shape(), tensor.buffer().clone());
        }
        self.shape_own(index, tensor.datatype(), tensor.shape())?;
        self.fill_own(index, std::iter::once(bytes))
    }

    fn bind_stacked(&mut self, index: usize, requests: &[Inputs<'_>]) -> Result<()> {
        let parts = || requests.iter().map(|inputs| inputs[index].bytes());
        if self.fixed {
            return self.fill_own(index, parts());
        }
        let first = requests[0][index];
        let mut shape = first.shape().to_vec();
        shape[0] = requests.iter().map(|inputs| inputs[index].shape()[0]).sum();
        let len = byte_len(first.datatype(), &shape).unwrap_or(usize::MAX);
        if len <= COPY_LIMIT {
            self.shape_own(index, first.datatype(), &shape)?;
            return self.fill_own(index, parts());
        }
        let joint = Buffer::filled(len, |target| {
            stack(target, parts());
        });
        self.lend(index, first.datatype(), &shape, joint)
    }

    /// Where shapes are open, makes the cell's own tensor one of this shape.
    fn shape_own(&mut self, index: usize, datatype: DataType, shape: &[usize]) -> Result<()> {
        let slot = &mut self.inputs[index];
        if self.fixed || (slot.own.is_some() && slot.shape == shape) {
            return Ok(());
        }
        let tensor = DeviceTensor::new(datatype, shape)?;
        self.request.set_input(index, &tensor)?;
        *slot = Slot { own: Some(tensor), shape: shape.to_vec(), lent: None };
        Ok(())
    }

    fn fill_own<'a>(&mut self, index: usize, parts: impl Iterator<Item = &'a [u8]>) -> Result<()> {
        let target = self.own(index)?.as_bytes_mut();
        let filled = stack(target, parts);
        target[filled..].fill(0);
        Ok(())
    }

    fn has_own(&self, index: usize, len: usize) -> bool {
        self.inputs[index].own.as_ref().is_some_and(|own| own.byte_len() == len)
    }

    /// The request's own tensor, set again if another one is.
    fn own(&mut self, index: usize) -> Result<&mut DeviceTensor> {
        let slot = &mut self.inputs[index];
        let own = slot.own.as_mut().expect("made before it is asked for");
        if slot.lent.is_some() {
            self.request.set_input(index, own)?;
            slot.lent = None;
        }
        Ok(own)
    }

    fn lend(
        &mut self,
        index: usize,
        datatype: DataType,
        shape: &[usize],
        buffer: Buffer,
    ) -> Result<()> {
        let lent = LentTensor::new(datatype, shape, buffer)?;
        self.request.set_input(index, lent.tensor())?;
        self.inputs[index].lent = Some(lent);
        Ok(())
    }

    /// Runs the inference and waits for its end.
    ///
    /// On the CPU in one call: silero-vad is a fifth faster than started and waited for, in turns within one process,
    /// minilm 5 %, and magika, which takes milliseconds, the same.
    ///
    /// # Errors
    /// What the device says.
    pub(crate) fn run(&mut self) -> Result<()> {
        if self.blocking {
            return self.request.infer();
        }
        self.request.start()?;
        self.request.wait()
    }

    /// Copies out what the last run gave; with `rows`, only these rows of each output.
    ///
    /// # Errors
    /// `MODEL_INVALID` for an output of a type that the engine does not carry.
    pub(crate) fn outputs(
        &self,
        ports: &[Port],
        rows: Option<Rows>,
    ) -> Result<Vec<(Name, Tensor)>> {
        ports
            .iter()
            .enumerate()
            .map(|(index, port)| Ok((port.name.clone(), self.output(index, rows)?)))
            .collect()
    }

    fn output(&self, index: usize, rows: Option<Rows>) -> Result<Tensor> {
        if let Some(tensor) = &self.outputs[index] {
            return copy_rows(tensor, rows);
        }
        copy_rows(&self.request.output(index)?, rows)
    }
}

fn copy_rows(tensor: &DeviceTensor, rows: Option<Rows>) -> Result<Tensor> {
    let mut shape = tensor.shape()?;
    let bytes = tensor.as_bytes();
    let bytes = match rows {
        Some(rows) if !shape.is_empty() => {
            if rows.first + rows.count > shape[0] {
                return Err(Error::new(
                    ErrorCode::Internal,
                    format!("the model gave {} rows for {} and more", shape[0], rows.first),
                ));
            }
            let size = bytes.len() / shape[0].max(1);
            shape[0] = rows.count;
            &bytes[rows.first * size..(rows.first + rows.count) * size]
        }
        _ => bytes,
    };
    Tensor::copy_of(tensor.datatype(), &shape, bytes)
}

/// Puts the parts one after the other and gives how many bytes they take.
fn stack<'a>(target: &mut [u8], parts: impl Iterator<Item = &'a [u8]>) -> usize {
    let mut filled = 0;
    for part in parts {
        target[filled..filled + part.len()].copy_from_slice(part);
        filled += part.len();
    }
    filled
}
