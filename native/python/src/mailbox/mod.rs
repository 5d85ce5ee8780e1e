//! Answers on their way to event loops: collected from all threads, announced once, drained many at a time.
//!
//! Threads of the engine put answers into the [`Mailbox`] of a loop and wake the loop once for as many as there are by
//! the time it looks. They never wait for the GIL, which another thread may hold for milliseconds while a device has
//! nothing to do: a loop that watches files is woken through a pair of sockets of its own, as asyncio wakes itself in
//! `call_soon_threadsafe`; any other loop through the [`Courier`], a thread that calls `call_soon_threadsafe`. The
//! sockets save a change of threads and one of the GIL for each wake-up.

mod callbacks;
mod courier;
mod slots;
mod waiter;

use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

use npubridge_engine::Engine;
use npubridge_engine::engine::Submission;
use npubridge_engine::operation::{
    Completion, Operation, OperationResult as Answer, Options, Sink,
};
use npubridge_engine::scheduler::Ticket;
use npubridge_engine::sync::Mutex;
use pyo3::exceptions::PyNotImplementedError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

use crate::answers;
use crate::arguments::{EchoForm, Ready};
use callbacks::{Drain, SubmitOutgoing};
pub(crate) use courier::Courier;
use slots::{Entry, Slots};
use waiter::settle;
pub(crate) use waiter::{Batch, Waiter};

static WEAK_REFERENCE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
/// Operations that are submitted together at the most, so that the engine begins before a long turn ends.
const TOGETHER: usize = 32;

/// How a loop is told that there are answers.
enum Wake {
    /// The loop watches the other end.
    Socket { ours: UnixStream, theirs: UnixStream },
    /// `call_soon_threadsafe` of the loop, called by the courier.
    Call(Py<PyAny>),
}

/// The answers for one event loop, and who waits for them.
///
/// No lock is held while Python runs: dropping or calling an object may hand the GIL to a thread that wants the lock.
pub(crate) struct Mailbox {
    myself: Weak<Self>,
    engine: Weak<Engine>,
    courier: Arc<Courier>,
    /// Weak: the loop refers to its mailbox.
    event_loop: Py<PyAny>,
    wake: Wake,
    slots: Mutex<Slots>,
    /// What will be submitted together.
    outgoing: Mutex<Vec<(u64, Submission)>>,
    answers: Mutex<Vec<(u64, Answer)>>,
    announced: AtomicBool,
    /// Whether the engine has ended, so that there is nothing more to be woken for.
    retired: AtomicBool,
}

impl Mailbox {
    pub(crate) fn new(
        event_loop: &Bound<'_, PyAny>,
        engine: &Arc<Engine>,
        courier: &Arc<Courier>,
    ) -> PyResult<Arc<Self>> {
        let py = event_loop.py();
        let weak = WEAK_REFERENCE.import(py, "weakref", "ref")?.call1((event_loop,))?.unbind();
        let make = |wake| {
            Arc::new_cyclic(|myself| Self {
                myself: Weak::clone(myself),
                engine: Arc::downgrade(engine),
                courier: Arc::clone(courier),
                event_loop: weak.clone_ref(py),
                wake,
                slots: Mutex::default(),
                outgoing: Mutex::default(),
                answers: Mutex::default(),
                announced: AtomicBool::new(false),
                retired: AtomicBool::new(false),
            })
        };
        let (ours, theirs) = UnixStream::pair()?;
        ours.set_nonblocking(true)?;
        theirs.set_nonblocking(true)?;
        let watched = theirs.as_raw_fd();
        let mailbox = make(Wake::Socket { ours, theirs });
        let drain = Drain { mailbox: Arc::clone(&mailbox) };
        match event_loop.call_method1(intern!(py, "add_reader"), (watched, drain)) {
            Ok(_) => Ok(mailbox),
            Err(error) if error.is_instance_of::<PyNotImplementedError>(py) => {
                let call_soon = event_loop.getattr(intern!(py, "call_soon_threadsafe"))?;
                Ok(make(Wake::Call(call_soon.unbind())))
            }
            Err(error) => Err(error),
        }
    }

    /// Whether this is the mailbox of `event_loop`, and not of another that was at the same address.
    pub(crate) fn is_of(&self, event_loop: &Bound<'_, PyAny>) -> PyResult<bool> {
        Ok(self.event_loop.bind(event_loop.py()).call0()?.is(event_loop))
    }

    /// Whether the loop is closed or gone.
    pub(crate) fn is_closed(&self, py: Python<'_>) -> PyResult<bool> {
        let event_loop = self.event_loop.bind(py).call0()?;
        Ok(event_loop.is_none()
            || event_loop.call_method0(intern!(py, "is_closed"))?.is_truthy()?)
    }

    /// Expects an answer; the number is the token to submit with.
    pub(crate) fn expect(&self, waiter: Waiter, form: EchoForm) -> u64 {
        self.slots.lock().insert(Entry { waiter, form, ticket: None })
    }

    /// What is to be submitted so that its answer comes here.
    pub(crate) fn submission(
        self: &Arc<Self>,
        token: u64,
        operation: Operation,
        options: Options,
    ) -> Submission {
        let sink = Arc::clone(self) as Arc<dyn Sink>;
        Submission { operation, options, completion: Completion::Sink(sink, token) }
    }

    /// Submits an operation at once when nothing else is on its way; otherwise with all others that the loop submits in
    /// this turn, because waking a thread of the engine for each costs more than the rest. Gives its token.
    pub(crate) fn post(
        self: &Arc<Self>,
        event_loop: &Bound<'_, PyAny>,
        future: &Bound<'_, PyAny>,
        ready: Ready,
    ) -> PyResult<u64> {
        let py = event_loop.py();
        let Ready { operation, options, form } = ready;
        let waiter = Waiter::Future(future.clone().unbind());
        let (token, alone) = {
            let mut slots = self.slots.lock();
            let alone = slots.occupied() == 0;
            (slots.insert(Entry { waiter, form, ticket: None }), alone)
        };
        let submission = self.submission(token, operation, options);
        let count = {
            let mut outgoing = self.outgoing.lock();
            outgoing.push((token, submission));
            outgoing.len()
        };
        if (alone && count == 1) || count >= TOGETHER {
            self.submit_outgoing();
        } else if count == 1 {
            let submit = SubmitOutgoing { mailbox: Arc::clone(self) };
            event_loop.call_method1(intern!(py, "call_soon"), (submit,))?;
        }
        Ok(token)
    }

    /// Submits what has been collected, without what has been cancelled meanwhile.
    pub(crate) fn submit_outgoing(&self) {
        let mut outgoing = std::mem::take(&mut *self.outgoing.lock());
        {
            let mut slots = self.slots.lock();
            outgoing.retain(|(token, _)| slots.get(*token).is_some());
        }
        let (tokens, submissions): (Vec<_>, Vec<_>) = outgoing.into_iter().unzip();
        self.submit_all(&tokens, submissions);
    }

    /// Submits operations and remembers their tickets.
    pub(crate) fn submit_all(&self, tokens: &[u64], submissions: Vec<Submission>) {
        let Some(engine) = self.engine.upgrade() else {
            return;
        };
        let mut tokens = tokens.iter();
        engine.submit_all(submissions, |ticket| {
            if let Some(token) = tokens.next() {
                self.remember(*token, ticket);
            }
        });
    }

    /// Remembers the ticket of what was submitted, unless it has been answered meanwhile.
    fn remember(&self, token: u64, ticket: Option<Ticket>) {
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

    /// Cancels what a closed loop waits for.
    pub(crate) fn abandon(&self) {
        let abandoned = self.slots.lock().take_all();
        let outgoing = std::mem::take(&mut *self.outgoing.lock());
        let answers = std::mem::take(&mut *self.answers.lock());
        if let Some(engine) = self.engine.upgrade() {
            for ticket in abandoned.iter().filter_map(|entry| entry.ticket) {
                engine.cancel(ticket);
            }
        }
        drop((abandoned, outgoing, answers));
    }

    /// Makes the loop stop watching, after it has taken the last answers.
    pub(crate) fn retire(&self) {
        self.retired.store(true, Ordering::SeqCst);
        self.wake();
    }

    fn wake(&self) {
        match &self.wake {
            Wake::Socket { ours, .. } => {
                // A loop that is gone needs no waking, and what is full wakes already.
                let _: io::Result<usize> = (&*ours).write(&[0]);
            }
            Wake::Call(_) => {
                if let Some(myself) = self.myself.upgrade() {
                    self.courier.send(myself);
                }
            }
        }
    }

    /// Tells the loop that there are answers; if it is closed, cancels what it waits for.
    fn call(self: &Arc<Self>, py: Python<'_>) {
        let Wake::Call(call_soon) = &self.wake else {
            return;
        };
        let drain = Drain { mailbox: Arc::clone(self) };
        if call_soon.bind(py).call1((drain,)).is_err() {
            self.announced.store(false, Ordering::SeqCst);
            self.abandon();
        }
    }

    /// Takes what woke the loop out of its socket.
    fn clear_wake(&self, py: Python<'_>) -> PyResult<()> {
        let Wake::Socket { theirs, .. } = &self.wake else {
            return Ok(());
        };
        // Two bytes at most are there: of an announcement, none of which is made before the one before has been cleared,
        // and of the end.
        let _: io::Result<usize> = (&*theirs).read(&mut [0; 16]);
        if self.retired.load(Ordering::SeqCst) {
            let event_loop = self.event_loop.bind(py).call0()?;
            event_loop.call_method1(intern!(py, "remove_reader"), (theirs.as_raw_fd(),))?;
        }
        Ok(())
    }
}

impl Mailbox {
    /// Completes all futures whose answers are there.
    fn drain(&self, py: Python<'_>) {
        // In this order: an answer that comes after the swap announces itself again.
        self.announced.store(false, Ordering::SeqCst);
        let answers = std::mem::take(&mut *self.answers.lock());
        for (token, answer) in answers {
            let entry = self.slots.lock().take(token);
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
    }
}

impl Sink for Mailbox {
    fn complete(&self, token: u64, result: Answer) {
        self.answers.lock().push((token, result));
    }

    fn flush(&self) {
        if self.announced.swap(true, Ordering::SeqCst) {
            return;
        }
        self.wake();
    }
}
