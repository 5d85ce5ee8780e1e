//! Answers on their way to JavaScript: collected from all threads, announced once, drained many at a time.
//!
//! A drain writes into two arrays of JavaScript: records of doubles, and a slab of bytes for small outputs, which goes on
//! where the drain before ended. The first double is where the slab is free afterwards. An answer is then:
//!
//! | index | meaning |
//! |---|---|
//! | 0 | token |
//! | 1 | number of its error, or -1 |
//! | 2, 3, 4 | time in the queue, of the work, in total, in microseconds |
//! | 5 | device as a name, or -1 |
//! | 6 | number of its fallback, or -1 |
//! | 7 | 0: nothing, 1: tensors, 2: bytes, 3: the JSON of a report, 4: one tensor |
//! | 8 | how many tensors; bytes and reports: number among the large ones or -1 |
//! | 9 | tensors: 0, or 1 + the name that says what processed them; bytes and reports: offset in the slab |
//! | 10 … | tensors; bytes and reports: length |
//!
//! A tensor is: name, type, number of dimensions, number among the large ones or -1, offset in the slab, length in
//! bytes, the dimensions.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use napi::bindgen_prelude::{Function, Uint8Array};
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use npubridge_engine::Error;
use npubridge_engine::operation::{Kind, Name, OperationResult, Output, Payload, Sink, Times};
use npubridge_engine::sync::Mutex;
use npubridge_engine::tensor::{Shape, Tensor};

use crate::error_json;
use crate::names::Names;

/// Outputs above this many bytes get an ArrayBuffer of their own, as does what has no room left in the slab.
const LARGE: usize = 64 * 1024;
const HEAD: usize = 10;
const TENSOR_HEAD: usize = 6;

type Announcer = ThreadsafeFunction<(), (), (), napi::Status, false, true>;

/// Collects answers and tells JavaScript that there are some.
pub(crate) struct Outbox {
    pub(crate) names: Mutex<Names>,
    answers: Mutex<Vec<(u64, OperationResult)>>,
    announced: AtomicBool,
    announcer: Announcer,
    drained: Mutex<Drained>,
}

/// Answers between two calls of JavaScript.
#[derive(Default)]
struct Drained {
    /// Taken out of the queue and not yet written, last first.
    rest: Vec<(u64, OperationResult)>,
    large: Vec<Uint8Array>,
    errors: Vec<String>,
}

impl Outbox {
    pub(crate) fn new(on_answers: Function<'_, (), ()>) -> napi::Result<Self> {
        let announcer = on_answers
            .build_threadsafe_function()
            .callee_handled::<false>()
            .weak::<true>()
            .build()?;
        Ok(Self {
            names: Mutex::default(),
            answers: Mutex::default(),
            announced: AtomicBool::new(false),
            announcer,
            drained: Mutex::default(),
        })
    }

    /// Answers an operation that could not even be read.
    pub(crate) fn refuse(&self, token: u64, error: Error) {
        let result = OperationResult {
            kind: Kind::Echo,
            outcome: Err(error),
            device: None,
            fallback: None,
            times: Times::default(),
        };
        self.complete(token, result);
        self.flush();
    }

    /// Announces nothing until it ends: whoever is about to look for answers need not be called.
    pub(crate) fn quiet(&self) -> Quiet<'_> {
        Quiet { outbox: self, was_announced: self.announced.swap(true, Ordering::SeqCst) }
    }

    /// Writes as many answers as fit into `records`, and their small outputs into `slab` from `used` on. Gives how many
    /// there are; negative when there are more, which need another slab unless [`LARGE`] bytes of this one are free.
    pub(crate) fn drain(&self, records: &mut [f64], slab: &mut [u8], used: usize) -> i32 {
        let mut drained = self.drained.lock();
        if drained.rest.is_empty() {
            // In this order: an answer that comes after the swap announces itself again.
            self.announced.store(false, Ordering::SeqCst);
            std::mem::swap(&mut drained.rest, &mut self.answers.lock());
            drained.rest.reverse();
        }
        let mut names = self.names.lock();
        let mut writer = Writer { records, at: 1, slab, used, names: &mut names };
        let mut count = 0;
        while let Some((_, result)) = drained.rest.last() {
            if !writer.has_room(result) {
                break;
            }
            let Some((token, result)) = drained.rest.pop() else {
                break;
            };
            writer.write(token, result, &mut drained);
            count += 1;
        }
        writer.at = 0;
        writer.size(writer.used);
        if drained.rest.is_empty() { count } else { -count }
    }

    pub(crate) fn take_large(&self) -> Vec<Uint8Array> {
        std::mem::take(&mut self.drained.lock().large)
    }

    pub(crate) fn take_errors(&self) -> Vec<String> {
        std::mem::take(&mut self.drained.lock().errors)
    }
}

/// A time without announcements.
#[must_use]
pub(crate) struct Quiet<'a> {
    outbox: &'a Outbox,
    was_announced: bool,
}

impl Quiet<'_> {
    /// Whether there are answers.
    pub(crate) fn end(self) -> bool {
        // In this order: an answer that is not seen below announces itself.
        if !self.was_announced {
            self.outbox.announced.store(false, Ordering::SeqCst);
        }
        !self.outbox.answers.lock().is_empty()
    }
}

impl Sink for Outbox {
    fn complete(&self, token: u64, result: OperationResult) {
        self.answers.lock().push((token, result));
    }

    fn flush(&self) {
        if !self.announced.swap(true, Ordering::SeqCst) {
            self.announcer.call((), ThreadsafeFunctionCallMode::NonBlocking);
        }
    }
}

struct Writer<'a> {
    records: &'a mut [f64],
    at: usize,
    slab: &'a mut [u8],
    used: usize,
    names: &'a mut Names,
}

impl Writer<'_> {
    fn has_room(&self, result: &OperationResult) -> bool {
        let of = |tensor: &Tensor| TENSOR_HEAD + tensor.shape().len();
        let tensors = match &result.outcome {
            Ok(Output::Tensors(tensors) | Output::Processed { tensors, .. }) => {
                tensors.iter().map(|(_, tensor)| of(tensor)).sum()
            }
            Ok(Output::Payload(Payload::Tensor(tensor))) => of(tensor),
            _ => 1,
        };
        self.at + HEAD + tensors <= self.records.len() && self.used + LARGE <= self.slab.len()
    }

    fn put(&mut self, value: f64) {
        self.records[self.at] = value;
        self.at += 1;
    }

    #[allow(clippy::cast_precision_loss)]
    fn size(&mut self, value: usize) {
        self.put(value as f64);
    }

    fn write(&mut self, token: u64, result: OperationResult, drained: &mut Drained) {
        self.size(usize::try_from(token).unwrap_or(0));
        let error = match &result.outcome {
            Ok(_) => -1.0,
            Err(error) => {
                drained.errors.push(error_json(error));
                index(drained.errors.len())
            }
        };
        self.put(error);
        for nanos in [result.times.queue, result.times.compute, result.times.total] {
            #[allow(clippy::cast_precision_loss)]
            self.put(nanos as f64 / 1e3);
        }
        let device = result.device.map_or(-1.0, |name| f64::from(self.names.intern(&name)));
        self.put(device);
        let fallback =
            result.fallback.map_or(-1.0, |fallback| f64::from(self.names.fallback(&fallback)));
        self.put(fallback);
        match result.outcome {
            Ok(Output::Tensors(tensors)) => {
                self.put(1.0);
                self.size(tensors.len());
                self.put(0.0);
                for (name, tensor) in tensors {
                    self.tensor(Some(name), tensor, drained);
                }
            }
            Ok(Output::Processed { tensors, backend, reason }) => {
                self.put(1.0);
                self.size(tensors.len());
                let how = 1.0 + f64::from(self.names.how(backend, &reason));
                self.put(how);
                for (name, tensor) in tensors {
                    self.tensor(Some(name), tensor, drained);
                }
            }
            Ok(Output::Payload(Payload::Bytes(bytes))) => self.bytes(2.0, &bytes, drained),
            Ok(Output::Payload(Payload::Tensor(tensor))) => {
                self.put(4.0);
                self.put(1.0);
                self.put(0.0);
                self.tensor(None, *tensor, drained);
            }
            Ok(Output::Report(text)) => self.bytes(3.0, text.as_bytes(), drained),
            Ok(Output::Payload(Payload::None)) | Err(_) => {
                for _ in 0..3 {
                    self.put(0.0);
                }
            }
        }
    }

    fn bytes(&mut self, what: f64, bytes: &[u8], drained: &mut Drained) {
        self.put(what);
        self.place(bytes, drained);
        self.size(bytes.len());
    }

    fn tensor(&mut self, name: Option<Name>, tensor: Tensor, drained: &mut Drained) {
        let name = name.map_or(-1.0, |name| f64::from(self.names.intern(&name)));
        self.put(name);
        self.size(tensor.datatype() as usize);
        self.size(tensor.shape().len());
        let (shape, length) = (Shape::from(tensor.shape()), tensor.bytes().len());
        match self.room_for(length) {
            Some(start) => self.copy(tensor.bytes(), start),
            None => self.refer(handed_over(tensor), drained),
        }
        self.size(length);
        for size in shape {
            self.size(size);
        }
    }

    /// Puts bytes into the slab, or among the large ones, and says where.
    fn place(&mut self, bytes: &[u8], drained: &mut Drained) {
        match self.room_for(bytes.len()) {
            Some(start) => self.copy(bytes, start),
            None => self.refer(Uint8Array::new(bytes.to_vec()), drained),
        }
    }

    /// Where in the slab so many bytes go; none where they are large, or there is no room.
    fn room_for(&self, length: usize) -> Option<usize> {
        // Typed arrays want their elements aligned.
        let start = self.used.next_multiple_of(8);
        (length <= LARGE && start + length <= self.slab.len()).then_some(start)
    }

    fn copy(&mut self, bytes: &[u8], start: usize) {
        self.used = start + bytes.len();
        self.slab[start..self.used].copy_from_slice(bytes);
        self.put(-1.0);
        self.size(start);
    }

    fn refer(&mut self, array: Uint8Array, drained: &mut Drained) {
        drained.large.push(array);
        self.put(index(drained.large.len()));
        self.put(0.0);
    }
}

/// The memory of a tensor as JavaScript has it: the same, unless it is not ours alone to be written to.
fn handed_over(tensor: Tensor) -> Uint8Array {
    let mut exclusive = match tensor.into_exclusive() {
        Ok(exclusive) => exclusive,
        Err(shared) => return Uint8Array::new(shared.bytes().to_vec()),
    };
    let (start, length) = (exclusive.as_mut().as_mut_ptr(), exclusive.as_mut().len());
    // SAFETY: the bytes stay where they are, and nobody else reads or writes them, until JavaScript lets go of the array
    // and what owns them is dropped with this closure.
    unsafe { Uint8Array::with_external_data(start, length, move |_, _| drop(exclusive)) }
}

#[allow(clippy::cast_precision_loss)]
fn index(length: usize) -> f64 {
    (length - 1) as f64
}

const _: fn() = || {
    fn needs_send<T: Send + Sync>() {}
    needs_send::<Arc<Outbox>>();
};
