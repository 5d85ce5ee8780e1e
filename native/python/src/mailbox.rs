//! Answers on their way to event loops: collected from all threads, announced once, drained many at a time.
//!
//! Threads of the engine only put answers into the [`Mailbox`] of a loop and wake the [`Courier`]. They never wait for
//! the GIL, which another thread may hold for milliseconds while a device has nothing to do.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

use npubridge_engine::Engine;
use npubridge_engine::operation::{OperationResult as Answer, Sink};
use npubridge_engine::scheduler::Ticket;
use parking_lot::{Condvar, Mutex};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyList;

use crate::answers;
use crate::arguments::EchoForm;

static FAILURE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();

/// Who waits for an answer.
pub(crate) enum Waiter {
    /// An asyncio future of its own.
    Future(Py<PyAny>),
    /// A place in a batch.
    Place(Arc<Batch>, usize),
}

/// Operations whose answers are handed over together.
pub(crate) struct Batch {
    future: Py<PyAny>,
    answers: Mutex<Answers>,
}

struct Answers {
    given: Vec<Option<Py<PyAny>>>,
    missing: usize,
}

impl Batch {
    pub(crate) fn new(future: Py<PyAny>, size: usize) -> Self {
        let given = std::iter::repeat_with(|| None).take(size).collect();
        Self { future, answers: Mutex::new(Answers { given, missing: size }) }
    }

    /// Puts an answer in its place; the last one completes the future.
    pub(crate) fn put(
        &self,
        py: Python<'_>,
        index: usize,
        answer: PyResult<Py<PyAny>>,
    ) -> PyResult<()> {
        let answer = answer.or_else(|error| {
            let class = FAILURE.import(py, "npubridge._results", "Failure")?;
            Ok::<_, PyErr>(class.call1((error.value(py),))?.unbind())
        })?;
        let complete = {
            let mut answers = self.answers.lock();
            answers.given[index] = Some(answer);
            answers.missing -= 1;
            (answers.missing == 0).then(|| std::mem::take(&mut answers.given))
        };
        match complete {
            None => Ok(()),
            Some(given) => {
                let list = PyList::new(py, given.into_iter().flatten())?;
                settle(self.future.bind(py), Ok(list.into_any()))
            }
        }
    }
}

/// Completes a future that still waits.
fn settle(future: &Bound<'_, PyAny>, outcome: PyResult<Bound<'_, PyAny>>) -> PyResult<()> {
    let py = future.py();
    if future.call_method0(intern!(py, "done"))?.is_truthy()? {
        return Ok(());
    }
    match outcome {
        Ok(result) => future.call_method1(intern!(py, "set_result"), (result,))?,
        Err(error) => future.call_method1(intern!(py, "set_exception"), (error.value(py),))?,
    };
    Ok(())
}

struct Entry {
    waiter: Waiter,
    form: EchoForm,
    ticket: Option<Ticket>,
}

#[derive(Default)]
struct Slot {
    generation: u32,
    entry: Option<Entry>,
}

/// Who waits, under numbers that are not used twice.
#[derive(Default)]
struct Slots {
    slots: Vec<Slot>,
    free: Vec<u32>,
}

impl Slots {
    fn insert(&mut self, entry: Entry) -> u64 {
        let index = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot::default());
            u32::try_from(self.slots.len() - 1).expect("fewer than 2^32 operations at once")
        });
        let slot = &mut self.slots[index as usize];
        slot.entry = Some(entry);
        u64::from(slot.generation) << 32 | u64::from(index)
    }

    fn get(&mut self, token: u64) -> Option<&mut Slot> {
        #[allow(clippy::cast_possible_truncation)]
        let (index, generation) = (token as u32, (token >> 32) as u32);
        self.slots.get_mut(index as usize).filter(|slot| slot.generation == generation)
    }

    fn take(&mut self, token: u64) -> Option<Entry> {
        let slot = self.get(token)?;
        let entry = slot.entry.take()?;
        slot.generation = slot.generation.wrapping_add(1);
        #[allow(clippy::cast_possible_truncation)]
        self.free.push(token as u32);
        Some(entry)
    }

    fn take_all(&mut self) -> Vec<Entry> {
        let all = std::mem::take(&mut self.slots);
        self.free.clear();
        all.into_iter().filter_map(|slot| slot.entry).collect()
    }
}

/// The answers for one event loop, and who waits for them.
///
/// No lock is held while Python runs: dropping or calling an object may hand the GIL to a thread that wants the lock.
pub(crate) struct Mailbox {
    myself: Weak<Self>,
    engine: Weak<Engine>,
    courier: Arc<Courier>,
    event_loop: Py<PyAny>,
    create_future: Py<PyAny>,
    call_soon: Py<PyAny>,
    slots: Mutex<Slots>,
    answers: Mutex<Vec<(u64, Answer)>>,
    announced: AtomicBool,
}

impl Mailbox {
    pub(crate) fn new(
        event_loop: &Bound<'_, PyAny>,
        engine: &Arc<Engine>,
        courier: &Arc<Courier>,
    ) -> PyResult<Arc<Self>> {
        let py = event_loop.py();
        let create_future = event_loop.getattr(intern!(py, "create_future"))?.unbind();
        let call_soon = event_loop.getattr(intern!(py, "call_soon_threadsafe"))?.unbind();
        Ok(Arc::new_cyclic(|myself| Self {
            myself: Weak::clone(myself),
            engine: Arc::downgrade(engine),
            courier: Arc::clone(courier),
            event_loop: event_loop.clone().unbind(),
            create_future,
            call_soon,
            slots: Mutex::default(),
            answers: Mutex::default(),
            announced: AtomicBool::new(false),
        }))
    }

    pub(crate) fn event_loop<'py>(&self, py: Python<'py>) -> Bound<'py, PyAny> {
        self.event_loop.bind(py).clone()
    }

    pub(crate) fn future<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.create_future.bind(py).call0()
    }

    /// Expects an answer; the number is the token to submit with.
    pub(crate) fn expect(&self, waiter: Waiter, form: EchoForm) -> u64 {
        self.slots.lock().insert(Entry { waiter, form, ticket: None })
    }

    /// Remembers the ticket of what was submitted, unless it has been answered meanwhile.
    pub(crate) fn remember(&self, token: u64, ticket: Option<Ticket>) {
        let mut slots = self.slots.lock();
        if let Some(entry) = slots.get(token).and_then(|slot| slot.entry.as_mut()) {
            entry.ticket = ticket;
        }
    }

    /// The ticket of an operation that nobody waits for any more.
    pub(crate) fn forget(&self, token: u64) -> Option<Ticket> {
        let entry = self.slots.lock().take(token);
        entry.and_then(|entry| entry.ticket)
    }

    /// Tells the loop that there are answers; if it is closed, cancels what it waits for.
    fn tell(self: &Arc<Self>, py: Python<'_>) {
        let drain = Drain { mailbox: Arc::clone(self) };
        let told = self.call_soon.bind(py).call1((drain,));
        if told.is_err() {
            let abandoned = self.slots.lock().take_all();
            let answers = std::mem::take(&mut *self.answers.lock());
            self.announced.store(false, Ordering::SeqCst);
            if let Some(engine) = self.engine.upgrade() {
                for ticket in abandoned.iter().filter_map(|entry| entry.ticket) {
                    engine.cancel(ticket);
                }
            }
            drop((abandoned, answers));
        }
    }
}

impl Sink for Mailbox {
    fn complete(&self, token: u64, result: Answer) {
        self.answers.lock().push((token, result));
    }

    fn flush(&self) {
        if !self.announced.swap(true, Ordering::SeqCst)
            && let Some(myself) = self.myself.upgrade()
        {
            self.courier.send(myself);
        }
    }
}

/// What the courier makes a loop call: completes all futures whose answers are there.
#[pyclass(frozen, module = "npubridge._native")]
struct Drain {
    mailbox: Arc<Mailbox>,
}

#[pymethods]
impl Drain {
    fn __call__(&self, py: Python<'_>) -> PyResult<()> {
        let mailbox = &self.mailbox;
        // In this order: an answer that comes after the swap announces itself again.
        mailbox.announced.store(false, Ordering::SeqCst);
        let answers = std::mem::take(&mut *mailbox.answers.lock());
        for (token, answer) in answers {
            let entry = mailbox.slots.lock().take(token);
            // Nobody waits for what was cancelled.
            let Some(Entry { waiter, form, .. }) = entry else {
                continue;
            };
            let result = answers::result(py, answer, form).map(Bound::into_any);
            let settled = match waiter {
                Waiter::Future(future) => settle(future.bind(py), result),
                Waiter::Place(batch, index) => batch.put(py, index, result.map(Bound::unbind)),
            };
            if let Err(error) = settled {
                error.write_unraisable(py, None);
            }
        }
        Ok(())
    }
}

/// Tells event loops of their answers, from a thread of its own.
#[derive(Default)]
pub(crate) struct Courier {
    post: Mutex<Post>,
    wake: Condvar,
}

#[derive(Default)]
struct Post {
    mailboxes: Vec<Arc<Mailbox>>,
    closing: bool,
}

impl Courier {
    fn send(&self, mailbox: Arc<Mailbox>) {
        self.post.lock().mailboxes.push(mailbox);
        self.wake.notify_one();
    }

    /// Ends the thread when it has delivered what is there.
    pub(crate) fn close(&self) {
        self.post.lock().closing = true;
        self.wake.notify_one();
    }

    /// Delivers until closed. The thread keeps its Python thread state for its whole life and detaches while it waits.
    pub(crate) fn work(&self) {
        Python::try_attach(|py| {
            while let Some(mailboxes) = py.detach(|| self.next()) {
                for mailbox in mailboxes {
                    mailbox.tell(py);
                }
            }
        });
    }

    fn next(&self) -> Option<Vec<Arc<Mailbox>>> {
        let mut post = self.post.lock();
        while post.mailboxes.is_empty() {
            if post.closing {
                return None;
            }
            self.wake.wait(&mut post);
        }
        Some(std::mem::take(&mut post.mailboxes))
    }
}
