//! What a model takes and gives, and whether an inference fits it.

use smallvec::SmallVec;

use crate::datatype::DataType;
use crate::error::{Error, ErrorCode, Result};
use crate::openvino::{PartialShape, Port as OpenVinoPort};
use crate::operation::{Inference, Name};
use crate::tensor::{Shape, Tensor};

/// The tensors of one inference in the order of the model's inputs.
pub(crate) type Inputs<'a> = SmallVec<[&'a Tensor; 4]>;

/// One input or output.
#[derive(Debug, Clone)]
pub(crate) struct Port {
    pub(crate) name: Name,
    pub(crate) datatype: DataType,
    pub(crate) shape: PartialShape,
}

/// What a model takes and gives.
#[derive(Debug, Clone)]
pub(crate) struct Signature {
    pub(crate) model: Name,
    pub(crate) inputs: Vec<Port>,
    pub(crate) outputs: Vec<Port>,
    /// Outputs that are inputs of the next inference of a stream, as (output, input) indices.
    pub(crate) state: Vec<(usize, usize)>,
    /// Whether the outermost dimension of every input and output is a free number of rows, so that requests can be
    /// stacked.
    pub(crate) stacks: bool,
    /// Whether every input has one shape only.
    pub(crate) fixed: bool,
    /// Whether the number of rows is all that is open, so that few shapes are worth compiling.
    pub(crate) only_rows_open: bool,
}

impl Signature {
    /// The signature of a model with these ports. `state` names the pairs; empty: every output is paired with the
    /// input of the same type and static shape whose name is contained in its own (`stateN` and `state`).
    ///
    /// # Errors
    /// `MODEL_INVALID` when `state` names a port that the model does not have.
    pub(crate) fn new(
        model: Name,
        inputs: &[OpenVinoPort],
        outputs: &[OpenVinoPort],
        state: &[(String, String)],
    ) -> Result<Self> {
        let inputs: Vec<Port> = inputs.iter().map(port).collect();
        let outputs: Vec<Port> = outputs.iter().map(port).collect();
        let state = if state.is_empty() {
            state_by_name(&inputs, &outputs)
        } else {
            state
                .iter()
                .map(|pair| state_pair(&model, &inputs, &outputs, pair))
                .collect::<Result<_>>()?
        };
        let stacks = state.is_empty()
            && !inputs.is_empty()
            && inputs.iter().chain(&outputs).all(|port| free_rows(&port.shape));
        let fixed = inputs.iter().all(|port| port.shape.is_static());
        let only_rows_open = stacks && inputs.iter().all(|port| rest_is_static(&port.shape));
        Ok(Self { model, inputs, outputs, state, stacks, fixed, only_rows_open })
    }

    /// The tensors of `inference` in the order of the inputs; those of `carried` (input index, tensor) fill in what it
    /// does not name itself.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` for an unknown or missing input, `DTYPE_MISMATCH` or `SHAPE_MISMATCH` for one that does not
    /// fit; the message names input, value and what the model takes.
    pub(crate) fn arrange<'a>(
        &self,
        inference: &'a Inference,
        carried: &'a [(usize, Tensor)],
    ) -> Result<Inputs<'a>> {
        let mut arranged: SmallVec<[Option<&Tensor>; 4]> =
            SmallVec::from_elem(None, self.inputs.len());
        for (index, tensor) in carried {
            arranged[*index] = Some(tensor);
        }
        for (name, tensor) in &inference.inputs {
            let index = self.inputs.iter().position(|port| port.name == *name);
            let index = index.ok_or_else(|| self.unknown_input(name))?;
            self.check(index, tensor)?;
            arranged[index] = Some(tensor);
        }
        arranged
            .into_iter()
            .enumerate()
            .map(|(index, tensor)| tensor.ok_or_else(|| self.missing_input(index)))
            .collect()
    }

    fn check(&self, index: usize, tensor: &Tensor) -> Result<()> {
        let port = &self.inputs[index];
        if tensor.datatype() != port.datatype {
            return Err(Error::new(
                ErrorCode::DtypeMismatch,
                format!(
                    "inputs.{} is {}, {} takes {}",
                    port.name,
                    tensor.datatype(),
                    self.model,
                    port.datatype
                ),
            ));
        }
        if !port.shape.accepts(tensor.shape()) {
            let shape: Vec<_> = tensor.shape().iter().map(ToString::to_string).collect();
            return Err(Error::new(
                ErrorCode::ShapeMismatch,
                format!(
                    "inputs.{}.shape is [{}], {} takes {}",
                    port.name,
                    shape.join(","),
                    self.model,
                    port.shape
                ),
            ));
        }
        Ok(())
    }

    fn unknown_input(&self, name: &str) -> Error {
        Error::new(
            ErrorCode::InvalidArgument,
            format!(
                "inputs.{name} is not an input of {}; it takes {}",
                self.model,
                self.input_names()
            ),
        )
    }

    fn missing_input(&self, index: usize) -> Error {
        let name = &self.inputs[index].name;
        let message =
            format!("inputs.{name} is missing; {} takes {}", self.model, self.input_names());
        let error = Error::new(ErrorCode::InvalidArgument, message);
        if self.state.iter().any(|(_, input)| *input == index) {
            return error
                .suggest("give a \"stream\" name and the engine carries the model's state");
        }
        error
    }

    fn input_names(&self) -> String {
        let names: Vec<_> = self
            .inputs
            .iter()
            .map(|port| format!("{} {} {}", port.name, port.datatype, port.shape))
            .collect();
        names.join(", ")
    }

    /// Zeros for the state inputs: what a stream starts with.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` when the model has no state or its shape is not fixed.
    pub(crate) fn initial_state(&self) -> Result<Vec<(usize, Tensor)>> {
        if self.state.is_empty() {
            return Err(Error::new(
                ErrorCode::InvalidArgument,
                format!("{} has no state that a stream could carry", self.model),
            )
            .suggest("leave \"stream\" away"));
        }
        self.state
            .iter()
            .map(|(_, input)| self.zeros(*input).map(|zeros| (*input, zeros)))
            .collect()
    }

    /// The least shape of each input: open dimensions become 1. None where even the number of dimensions is open.
    pub(crate) fn least_shapes(&self) -> Option<Vec<Vec<usize>>> {
        self.inputs.iter().map(|port| Some(smallest_shape(&port.shape)?.to_vec())).collect()
    }

    /// A tensor of zeros for an input; free dimensions become 1.
    ///
    /// # Errors
    /// `MODEL_INVALID` when the input has no fixed number of dimensions.
    pub(crate) fn zeros(&self, input: usize) -> Result<Tensor> {
        let port = &self.inputs[input];
        let shape = smallest_shape(&port.shape).ok_or_else(|| {
            Error::new(
                ErrorCode::ModelInvalid,
                format!("input {} of {} has no fixed number of dimensions", port.name, self.model),
            )
        })?;
        let bytes = crate::tensor::byte_len(port.datatype, &shape).unwrap_or(usize::MAX);
        let buffer = crate::tensor::Buffer::filled(bytes, |_| {});
        Tensor::new(port.datatype, &shape, buffer)
    }
}

/// How many rows the tensors have, when they all have the same number; for models that stack.
pub(crate) fn rows(inputs: &[&Tensor]) -> Option<usize> {
    let rows = *inputs.first()?.shape().first()?;
    inputs.iter().all(|tensor| tensor.shape().first() == Some(&rows)).then_some(rows)
}

fn port(port: &OpenVinoPort) -> Port {
    Port { name: port.name.as_str().into(), datatype: port.datatype, shape: port.shape.clone() }
}

fn free_rows(shape: &PartialShape) -> bool {
    let rows = shape.dimensions.as_ref().and_then(|dimensions| dimensions.first());
    rows.is_some_and(|rows| rows.min <= 1 && rows.max.is_none())
}

fn rest_is_static(shape: &PartialShape) -> bool {
    let mut rest = shape.dimensions.iter().flatten().skip(1);
    rest.all(|dimension| dimension.size().is_some())
}

fn smallest_shape(shape: &PartialShape) -> Option<Shape> {
    let dimensions = shape.dimensions.as_ref()?;
    Some(dimensions.iter().map(|dimension| dimension.min.max(1)).collect())
}

fn state_pair(
    model: &str,
    inputs: &[Port],
    outputs: &[Port],
    (output, input): &(String, String),
) -> Result<(usize, usize)> {
    let find = |ports: &[Port], side: &str, name: &str| {
        ports.iter().position(|port| &*port.name == name).ok_or_else(|| {
            Error::new(
                ErrorCode::ModelInvalid,
                format!("the state of {model} names {side} {name}, which the model does not have"),
            )
        })
    };
    Ok((find(outputs, "output", output)?, find(inputs, "input", input)?))
}

fn state_by_name(inputs: &[Port], outputs: &[Port]) -> Vec<(usize, usize)> {
    let fits = |output: &Port, input: &Port| {
        output.datatype == input.datatype
            && output.shape == input.shape
            && output.shape.is_static()
            && output.name.contains(&*input.name)
    };
    let feeds = |output: &Port| inputs.iter().position(|input| fits(output, input));
    outputs
        .iter()
        .enumerate()
        .filter_map(|(index, output)| feeds(output).map(|input| (index, input)))
        .collect()
}
