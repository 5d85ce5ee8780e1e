//! The format in which operations come from JavaScript.
//!
//! Each operation is a record of 32-bit words:
//!
//! | word | meaning |
//! |---|---|
//! | 0 | kind (as in `Kind`, or [`DESCRIBED`]), priority << 8, flags << 16 |
//! | 1 | token, given back with the answer |
//! | 2, 3 | timeout in microseconds, low and high; all ones: none. After the call: the ticket, all ones when refused |
//! | 4 | signal: offset of its description, the length in word 5, the number of tensors in word 6, the data first; inference: model; echo: payload, 0 none, 1 bytes, 2 tensor; described: offset of its JSON in the bytes |
//! | 5 | inference, matrix_multiply: how many tensors; described and echo of bytes: length |
//! | 6 … | tensors; echo of bytes: offset; with [`STREAM`]: offset and length of the stream's name after them |
//!
//! A tensor is: name, type (as in `DataType::ALL`), number of dimensions, number among the large ones or -1, offset in
//! the bytes, length in bytes, the dimensions. A large tensor whose length is negative is lent: its buffer belongs to
//! the engine until it is done with it.

use std::sync::Arc;
use std::time::Duration;

use napi::bindgen_prelude::Uint8Array;
use npubridge_engine::engine::Submission;
use npubridge_engine::operation::{
    Completion, Inference, Kind, Name, Operation, Options, Payload, Priority, Signal, Sink,
    StreamStep,
};
use npubridge_engine::scheduler::Ticket;
use npubridge_engine::tensor::{Buffer, Shape, Tensor};
use npubridge_engine::{DataType, Error, ErrorCode, Result};

use crate::described::described;
use crate::outbox::Outbox;

/// The kind of an operation that is described in JSON, because it is seldom.
const DESCRIBED: i32 = 255;
/// Flag: the inference belongs to a stream.
const STREAM: i32 = 1;
/// Flag: it is the last of its stream.
const LAST: i32 = 2;

/// Reads the records of one call. What cannot be read is answered with its error, as anything that is refused.
pub(crate) struct Reader<'a> {
    words: &'a mut [i32],
    length: usize,
    at: usize,
    bytes: &'a [u8],
    large: Vec<Option<Uint8Array>>,
    outbox: &'a Outbox,
    sink: Arc<dyn Sink>,
    /// Where the records of submitted operations begin.
    starts: Vec<usize>,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(
        words: &'a mut [i32],
        length: usize,
        bytes: &'a [u8],
        large: Vec<Uint8Array>,
        outbox: &'a Outbox,
        sink: Arc<dyn Sink>,
    ) -> Self {
        let large = large.into_iter().map(Some).collect();
        Self { words, length, at: 0, bytes, large, outbox, sink, starts: Vec::new() }
    }

    /// Writes the ticket of each submitted operation over its timeout.
    pub(crate) fn write_tickets(&mut self, tickets: &[Option<Ticket>]) {
        for (start, ticket) in self.starts.iter().zip(tickets) {
            let bits = ticket.map_or(u64::MAX, Ticket::to_bits);
            #[allow(clippy::cast_possible_truncation)]
            {
                self.words[start + 2] = bits as u32 as i32;
                self.words[start + 3] = (bits >> 32) as u32 as i32;
            }
        }
    }

    fn word(&mut self) -> i32 {
        let word = self.words.get(self.at).copied().unwrap_or(0);
        self.at += 1;
        word
    }

    fn size(&mut self) -> usize {
        self.word().unsigned_abs() as usize
    }

    fn slice(&self, offset: usize, length: usize) -> Result<&'a [u8]> {
        self.bytes.get(offset..offset.saturating_add(length)).ok_or_else(|| {
            Error::new(
                ErrorCode::Internal,
                format!("a record names bytes {offset}+{length} that are not there"),
            )
        })
    }

    fn name(&self, id: i32) -> Result<Name> {
        let name = u32::try_from(id).ok().and_then(|id| self.outbox.names.lock().name(id));
        name.ok_or_else(|| {
            Error::new(ErrorCode::Internal, format!("a record names {id}, which is no name"))
        })
    }

    fn operation(&mut self, kind: i32, flags: i32) -> Result<Operation> {
        let (first, second) = (self.word(), self.size());
        if kind == DESCRIBED {
            let offset = usize::try_from(first).unwrap_or(usize::MAX);
            return described(self.slice(offset, second)?);
        }
        match usize::try_from(kind).ok().and_then(|kind| Kind::ALL.get(kind)) {
            Some(Kind::Echo) => self.echo(first, second),
            Some(Kind::Inference) => self.inference(first, second, flags),
            Some(Kind::MatrixMultiply) => {
                let (a, b) = (self.tensor()?.1, self.tensor()?.1);
                Operation::matrix_multiply(a, b)
            }
            Some(Kind::Signal) => self.signal(first, second, flags),
            Some(Kind::HealthCheck) => Ok(Operation::HealthCheck),
            Some(Kind::Statistics) => Ok(Operation::Statistics),
            Some(Kind::Initialize) => Ok(Operation::Initialize),
            _ => Err(Error::new(ErrorCode::Internal, format!("a record has kind {kind}"))),
        }
    }

    fn echo(&mut self, payload: i32, length: usize) -> Result<Operation> {
        Ok(Operation::Echo(match payload {
            1 => {
                let offset = self.size();
                Payload::Bytes(self.slice(offset, length)?.into())
            }
            2 => Payload::Tensor(Box::new(self.tensor()?.1)),
            _ => Payload::None,
        }))
    }

    fn inference(&mut self, model: i32, tensors: usize, flags: i32) -> Result<Operation> {
        let model = self.name(model)?;
        let inputs = (0..tensors).map(|_| self.tensor()).collect::<Vec<_>>();
        let stream = self.stream(flags)?;
        let inputs = inputs.into_iter().collect::<Result<Vec<_>>>()?;
        Ok(Operation::Inference(Box::new(Inference { model, inputs, stream })))
    }

    fn signal(&mut self, offset: i32, length: usize, flags: i32) -> Result<Operation> {
        let tensors = self.size();
        let inputs = (0..tensors).map(|_| self.tensor()).collect::<Vec<_>>();
        let stream = self.stream(flags)?;
        let mut inputs = inputs.into_iter().collect::<Result<Vec<_>>>()?;
        if inputs.is_empty() {
            return Err(Error::new(ErrorCode::Internal, "a record of a signal has no data"));
        }
        let (_, data) = inputs.remove(0);
        let offset = usize::try_from(offset).unwrap_or(usize::MAX);
        let description = self.slice(offset, length)?.into();
        Ok(Operation::Signal(Box::new(Signal { description, data, inputs, stream })))
    }

    /// The stream's name after the tensors, where a flag says that there is one.
    fn stream(&mut self, flags: i32) -> Result<Option<StreamStep>> {
        if flags & STREAM == 0 {
            return Ok(None);
        }
        let (offset, length) = (self.size(), self.size());
        let name = String::from_utf8_lossy(self.slice(offset, length)?);
        Ok(Some(StreamStep { name: Name::from(&*name), last: flags & LAST != 0 }))
    }

    /// One tensor. All its words are read also when it is wrong, so that what follows is found.
    fn tensor(&mut self) -> Result<(Name, Tensor)> {
        let (name, datatype, rank) = (self.word(), self.size(), self.size());
        let (large, offset, length) = (self.word(), self.size(), self.word());
        let shape: Shape = (0..rank.min(64)).map(|_| self.size()).collect();
        let datatype = *DataType::ALL.get(datatype).ok_or_else(|| {
            Error::new(ErrorCode::Internal, format!("a record has type {datatype}"))
        })?;
        let buffer = match usize::try_from(large) {
            Err(_) => Buffer::copy_of(self.slice(offset, length.unsigned_abs() as usize)?),
            Ok(index) => self.large(index, datatype, length < 0)?,
        };
        Ok((self.name(name)?, Tensor::new(datatype, &shape, buffer)?))
    }

    /// A large tensor: lent when it belongs to the engine and is aligned to its elements, copied otherwise.
    fn large(&mut self, index: usize, datatype: DataType, owned: bool) -> Result<Buffer> {
        let array = self.large.get_mut(index).and_then(Option::take).ok_or_else(|| {
            Error::new(
                ErrorCode::Internal,
                format!("a record names large tensor {index}, which is not there"),
            )
        })?;
        let bytes: &[u8] = array.as_ref();
        if owned && bytes.as_ptr().addr().is_multiple_of(datatype.size()) {
            return Ok(Buffer::lent(array));
        }
        Ok(Buffer::copy_of(bytes))
    }
}

impl Iterator for &mut Reader<'_> {
    type Item = Submission;

    /// The next operation; one that cannot be read is answered here and passed over.
    fn next(&mut self) -> Option<Submission> {
        while self.at < self.length {
            let start = self.at;
            let (head, token) = (self.word(), self.word());
            let (low, high) = (self.word(), self.word());
            #[allow(clippy::cast_sign_loss)]
            let (token, micros) =
                (token as u32, u64::from(high as u32) << 32 | u64::from(low as u32));
            let priority = Priority::try_from((head >> 8 & 0xff) as usize).unwrap_or_default();
            let timeout = (micros != u64::MAX).then(|| Duration::from_micros(micros));
            match self.operation(head & 0xff, head >> 16) {
                Ok(operation) => {
                    self.starts.push(start);
                    return Some(Submission {
                        operation,
                        options: Options { priority, timeout },
                        completion: Completion::Sink(Arc::clone(&self.sink), u64::from(token)),
                    });
                }
                Err(error) => {
                    (self.words[start + 2], self.words[start + 3]) = (-1, -1);
                    self.outbox.refuse(u64::from(token), error);
                }
            }
        }
        None
    }
}
