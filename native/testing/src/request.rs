//! Infer requests of the emulated NPU: asynchronous on the outside, run by the CPU plugin on the device's thread.

use crate::device::Engine;
use crate::failure::{self, Failure};
use crate::real;
use openvino_sys::{ov_callback_t, ov_infer_request_t, ov_status_e};
use parking_lot::{Condvar, Mutex};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How an inference went.
pub(crate) type Outcome = Result<(), Failure>;

/// A request and what OpenVINO would know about it.
pub(crate) struct Request {
    /// The request of the CPU plugin, by address.
    cpu: usize,
    epoch: u64,
    engine: Arc<Engine>,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// Inferences started so far.
    started: u64,
    /// Inferences over, their callbacks included.
    finished: u64,
    /// Started and not yet through the device.
    busy: bool,
    outcome: Option<Outcome>,
    callback: Option<Callback>,
}

#[derive(Clone, Copy)]
struct Callback(ov_callback_t);

// SAFETY: OpenVINO calls callbacks on threads of its own; whoever sets one knows that.
unsafe impl Send for Callback {}

impl Request {
    pub(crate) fn new(cpu: *mut ov_infer_request_t, epoch: u64, engine: Arc<Engine>) -> Arc<Self> {
        Arc::new(Self {
            cpu: cpu as usize,
            epoch,
            engine,
            state: Mutex::default(),
            changed: Condvar::new(),
        })
    }

    /// `Err` while an inference is on the device: its tensors cannot be touched.
    pub(crate) fn idle(&self) -> Result<(), Failure> {
        if self.state.lock().busy { Err(failure::busy()) } else { Ok(()) }
    }

    pub(crate) fn set_callback(&self, callback: ov_callback_t) -> Result<(), Failure> {
        let mut state = self.state.lock();
        if state.busy {
            return Err(failure::busy());
        }
        state.callback = Some(Callback(callback));
        Ok(())
    }

    pub(crate) fn start(self: &Arc<Self>) -> Result<u64, Failure> {
        self.enqueue(true)
    }

    /// Runs an inference and waits for it, without a callback.
    pub(crate) fn infer(self: &Arc<Self>) -> Outcome {
        let number = self.enqueue(false)?;
        self.wait_until(number, None).unwrap_or(Ok(()))
    }

    fn enqueue(self: &Arc<Self>, with_callback: bool) -> Result<u64, Failure> {
        let number = {
            let mut state = self.state.lock();
            if state.busy {
                return Err(failure::busy());
            }
            state.busy = true;
            state.started += 1;
            state.started
        };
        self.engine.enqueue(Job { request: Arc::clone(self), number, with_callback });
        Ok(number)
    }

    /// How the inference started last went, when it is over; `None` if the limit came first.
    pub(crate) fn wait(&self, limit: Option<Duration>) -> Option<Outcome> {
        let last = self.state.lock().started;
        self.wait_until(last, limit)
    }

    fn wait_until(&self, number: u64, limit: Option<Duration>) -> Option<Outcome> {
        let end = limit.and_then(|limit| Instant::now().checked_add(limit));
        let mut state = self.state.lock();
        while state.finished < number {
            match end {
                None => self.changed.wait(&mut state),
                Some(end) => {
                    if self.changed.wait_until(&mut state, end).timed_out() {
                        break;
                    }
                }
            }
        }
        (state.finished >= number).then(|| state.outcome.clone().unwrap_or(Ok(())))
    }
}

/// One inference on its way through the device.
pub(crate) struct Job {
    request: Arc<Request>,
    number: u64,
    with_callback: bool,
}

impl Job {
    pub(crate) fn epoch(&self) -> u64 {
        self.request.epoch
    }

    /// Lets the CPU plugin do the work, on the calling thread.
    pub(crate) fn run(&self) -> Outcome {
        // SAFETY: freeing the request waits until this job is finished, so it is alive.
        let status =
            unsafe { real::ov_infer_request_infer(self.request.cpu as *mut ov_infer_request_t) };
        match status {
            ov_status_e::OK => Ok(()),
            status => Err(Failure { status, text: real::last_error() }),
        }
    }

    /// Makes the request usable again, then calls back, then lets those go who wait: in OpenVINO's order.
    pub(crate) fn finish(self, outcome: Outcome) {
        let callback = {
            let mut state = self.request.state.lock();
            state.busy = false;
            state.outcome = Some(outcome);
            state.callback.filter(|_| self.with_callback)
        };
        if let Some(Callback(ov_callback_t { callback_func: Some(call), args })) = callback {
            // SAFETY: whoever set the callback keeps `args` valid until the request is freed, which waits.
            unsafe { call(args) };
        }
        let mut state = self.request.state.lock();
        state.finished = state.finished.max(self.number);
        self.request.changed.notify_all();
    }
}
