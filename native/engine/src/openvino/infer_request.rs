//! One inference at a time: tensors in, tensors out, and the moment in between.

use super::compiled_model::CompiledModel;
use super::ffi::{self, ov_callback_t, ov_infer_request_t, ov_status_e, ov_tensor_t};
use super::status::{check, check_as};
use super::tensor::{RawTensor, Tensor};
use crate::error::{Error, ErrorCode, Result};
use std::cell::{Cell, UnsafeCell};
use std::ffi::c_void;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::{self, NonNull};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// One place on the device where an inference can run, with its tensors.
///
/// # The life of an asynchronous inference
/// `set_input` → `start` → the callback runs on a thread of OpenVINO → a moment later the inference counts as
/// finished, and `wait` returns its status. The callback is not told the status, and `wait` cannot return before the
/// callback has: so read the status with `wait` on another thread after the callback, or start the next inference
/// inside the callback and do without the status of the one before.
///
/// # Inside a callback
/// `set_input`, `set_output` and `start` on the same request are allowed. `wait`, `wait_for` and `set_callback` are
/// refused, because OpenVINO runs the callbacks of a model one after the other on one thread, which would wait for
/// itself. Dropping a request there is safe: it is freed on another thread.
#[derive(Debug)]
pub struct InferRequest {
    shared: Arc<Shared>,
    /// Setting and getting tensors is not guarded inside OpenVINO: one thread at a time, hence not `Sync`.
    _one_thread: PhantomData<Cell<()>>,
}

/// Stops an inference from another thread; keeps the request alive.
#[derive(Debug, Clone)]
pub struct Canceller(Arc<Shared>);

/// The owner of the C request and of everything that must outlive it.
#[derive(Debug)]
struct Shared {
    raw: NonNull<ov_infer_request_t>,
    /// Every callback ever set. OpenVINO keeps the pointer it was given, and an old one may still be running while a
    /// new one is set, so all of them live as long as the request. Touched only through `&mut InferRequest`.
    callbacks: UnsafeCell<Vec<OwnedCallback>>,
    /// `None` only while being dropped.
    compiled: Option<CompiledModel>,
}

// SAFETY: an infer request has no ties to a thread; the callbacks are `Send` by their bound.
unsafe impl Send for Shared {}
// SAFETY: through a shared reference only wait, wait_for and cancel are called from several threads (by `Canceller`
// and by the owner), and those lock inside OpenVINO. All else needs the one `InferRequest`, which is not `Sync`.
unsafe impl Sync for Shared {}

impl InferRequest {
    pub(super) fn new(raw: *mut ov_infer_request_t, compiled: CompiledModel) -> Result<Self> {
        let raw = NonNull::new(raw).ok_or_else(|| {
            Error::new(ErrorCode::Internal, "OpenVINO made an infer request that is null")
        })?;
        let shared =
            Shared { raw, callbacks: UnsafeCell::new(Vec::new()), compiled: Some(compiled) };
        Ok(Self { shared: Arc::new(shared), _one_thread: PhantomData })
    }

    fn raw(&self) -> *mut ov_infer_request_t {
        self.shared.raw.as_ptr()
    }

    /// Sets the tensor of an input. The request shares its memory until another one is set.
    pub fn set_input(&mut self, index: usize, tensor: &Tensor) -> Result<()> {
        // SAFETY: request and tensor live through the call; the library takes its own reference to the memory.
        let status = unsafe {
            ffi::ov_infer_request_set_input_tensor_by_index(self.raw(), index, tensor.raw())
        };
        check_as(status, ErrorCode::InvalidArgument, || misfit("input", index, tensor))
    }

    /// Sets the tensor of an output. The request shares its memory until another one is set.
    pub fn set_output(&mut self, index: usize, tensor: &Tensor) -> Result<()> {
        // SAFETY: request and tensor live through the call; the library takes its own reference to the memory.
        let status = unsafe {
            ffi::ov_infer_request_set_output_tensor_by_index(self.raw(), index, tensor.raw())
        };
        check_as(status, ErrorCode::InvalidArgument, || misfit("output", index, tensor))
    }

    /// The tensor of an input: the one set last, or the request's own. An error while an inference runs.
    pub fn input(&self, index: usize) -> Result<Tensor> {
        // SAFETY: the request is alive and `out` is the callee's to fill.
        self.tensor("input", index, |out| unsafe {
            ffi::ov_infer_request_get_input_tensor_by_index(self.raw(), index, out)
        })
    }

    /// The tensor of an output: the one set last, or the request's own. An error while an inference runs.
    pub fn output(&self, index: usize) -> Result<Tensor> {
        // SAFETY: the request is alive and `out` is the callee's to fill.
        self.tensor("output", index, |out| unsafe {
            ffi::ov_infer_request_get_output_tensor_by_index(self.raw(), index, out)
        })
    }

    fn tensor(
        &self,
        side: &str,
        index: usize,
        get: impl FnOnce(*mut *mut ov_tensor_t) -> ov_status_e,
    ) -> Result<Tensor> {
        let mut raw = ptr::null_mut();
        check(get(&raw mut raw), || format!("cannot reach the tensor of {side} {index}"))?;
        let raw = RawTensor::own(raw, "ov_infer_request_get_tensor")?;
        Tensor::adopt(raw, || format!("{side} {index}"))
    }

    /// Starts an inference and returns at once.
    pub fn start(&mut self) -> Result<()> {
        // SAFETY: the request is alive, and stays so until the inference has finished: freeing it waits.
        let status = unsafe { ffi::ov_infer_request_start_async(self.raw()) };
        check(status, || "cannot start an inference".into())
    }

    /// Runs an inference on the calling thread and returns when it has finished. The callback is not called.
    pub fn infer(&mut self) -> Result<()> {
        // SAFETY: the request is alive through the call.
        let status = unsafe { ffi::ov_infer_request_infer(self.raw()) };
        check(status, || "the inference failed".into())
    }

    /// Waits until the inference started last has finished, and returns how it went.
    pub fn wait(&self) -> Result<()> {
        self.shared.wait()
    }

    /// Like [`wait`](Self::wait) with a limit, in steps of milliseconds; `Ok(false)` when it runs still.
    pub fn wait_for(&self, limit: Duration) -> Result<bool> {
        self.shared.wait_for(limit)
    }

    /// Asks the device to give up the inference that runs; `wait` then returns `CANCELLED` if it did.
    pub fn cancel(&self) -> Result<()> {
        self.shared.cancel()
    }

    /// A way to cancel from another thread.
    #[must_use]
    pub fn canceller(&self) -> Canceller {
        Canceller(Arc::clone(&self.shared))
    }

    /// Sets what is called, on a thread of OpenVINO, each time an inference started with `start` has finished.
    ///
    /// Waits for an inference that runs. A panic in the callback is caught and logged. A callback that owns its own
    /// request (through an `Arc`, say) keeps it alive for ever: let it own a `Weak`.
    pub fn set_callback(&mut self, callback: Box<dyn FnMut() + Send>) -> Result<()> {
        refuse_in_callback("set_callback")?;
        // How the last inference went is for whoever started it; what counts here is that its callback has returned,
        // since OpenVINO puts the old callback back after it, without looking whether one is being set.
        let _ = self.shared.wait();
        let callback = OwnedCallback::new(callback);
        // SAFETY: the request is alive, no inference runs, and the callback is kept until the request is freed.
        let status = unsafe { ffi::ov_infer_request_set_callback(self.raw(), callback.for_c()) };
        check(status, || "cannot set the callback of an infer request".into())?;
        // SAFETY: `&mut self` is the only way to this list besides Drop.
        unsafe { &mut *self.shared.callbacks.get() }.push(callback);
        Ok(())
    }

    /// Gives the request up without freeing it, for one that hangs: the device may still write to its tensors.
    ///
    /// Leaks the request, its callbacks and what they own, on purpose.
    pub fn abandon(self) {
        std::mem::forget(self);
    }
}

impl Canceller {
    /// As [`InferRequest::cancel`].
    pub fn cancel(&self) -> Result<()> {
        self.0.cancel()
    }

    /// As [`InferRequest::wait_for`].
    pub fn wait_for(&self, limit: Duration) -> Result<bool> {
        self.0.wait_for(limit)
    }
}

impl Shared {
    fn wait(&self) -> Result<()> {
        refuse_in_callback("wait")?;
        // SAFETY: the request is alive through the call.
        let status = unsafe { ffi::ov_infer_request_wait(self.raw.as_ptr()) };
        check(status, || "the inference failed".into())
    }

    fn wait_for(&self, limit: Duration) -> Result<bool> {
        refuse_in_callback("wait_for")?;
        let whole = limit.as_nanos().div_ceil(1_000_000);
        let milliseconds = i64::try_from(whole).unwrap_or(i64::MAX);
        // SAFETY: the request is alive through the call.
        let status = unsafe { ffi::ov_infer_request_wait_for(self.raw.as_ptr(), milliseconds) };
        if status == ov_status_e::RESULT_NOT_READY {
            return Ok(false);
        }
        check(status, || "the inference failed".into()).map(|()| true)
    }

    fn cancel(&self) -> Result<()> {
        // SAFETY: the request is alive through the call.
        let status = unsafe { ffi::ov_infer_request_cancel(self.raw.as_ptr()) };
        check(status, || "cannot cancel the inference".into())
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        let request = Owned {
            raw: self.raw,
            _callbacks: std::mem::take(self.callbacks.get_mut()),
            _compiled: self.compiled.take(),
        };
        if in_callback() {
            free_elsewhere(request);
        }
    }
}

/// Freeing waits for the callback that is running here, or for one that queues behind it: so another thread does it.
#[cold]
fn free_elsewhere(request: Owned) {
    // Should no thread be had, the closure is dropped here and now: then the request must leak, not wait.
    let request = ManuallyDrop::new(request);
    let spawned = std::thread::Builder::new()
        .name("npubridge-free".into())
        .spawn(move || drop(ManuallyDrop::into_inner(request)));
    if let Err(error) = spawned {
        tracing::error!(%error, "an infer request leaks: no thread to free it on");
    }
}

/// A request on its way out: freed first, then what it needed until then.
struct Owned {
    raw: NonNull<ov_infer_request_t>,
    _callbacks: Vec<OwnedCallback>,
    _compiled: Option<CompiledModel>,
}

// SAFETY: as for `Shared`.
unsafe impl Send for Owned {}

impl Drop for Owned {
    fn drop(&mut self) {
        // SAFETY: owned by this value alone and freed only here; the library waits for an inference that runs, so no
        // callback is called after this.
        unsafe { ffi::ov_infer_request_free(self.raw.as_ptr()) }
    }
}

fn misfit(side: &str, index: usize, tensor: &Tensor) -> String {
    let shape = tensor.shape().unwrap_or_default();
    format!("{side} {index} does not take a {} tensor of shape {shape:?}", tensor.datatype())
}

thread_local! {
    /// How many callbacks are running on this thread, one inside the other.
    static DEPTH: Cell<usize> = const { Cell::new(0) };
}

fn in_callback() -> bool {
    DEPTH.with(|depth| depth.get() > 0)
}

fn refuse_in_callback(function: &str) -> Result<()> {
    if !in_callback() {
        return Ok(());
    }
    Err(Error::new(
        ErrorCode::InvalidArgument,
        format!("{function} inside a callback of an infer request would wait for itself"),
    ))
}

/// What OpenVINO is given to call.
struct Callback {
    for_c: ov_callback_t,
    /// Calls that are due. The one that raises it from zero makes them all, so that the closure never runs twice at
    /// the same time, whatever threads a plugin uses, and never inside itself.
    due: AtomicUsize,
    run: UnsafeCell<Box<dyn FnMut() + Send>>,
}

/// A callback at an address that stays: the library keeps the pointer it is given, not a copy of what is there.
#[derive(Debug)]
struct OwnedCallback(NonNull<Callback>);

impl OwnedCallback {
    fn new(run: Box<dyn FnMut() + Send>) -> Self {
        let for_c = ov_callback_t { callback_func: Some(on_finished), args: ptr::null_mut() };
        let callback = Callback { for_c, due: AtomicUsize::new(0), run: UnsafeCell::new(run) };
        let mut at = NonNull::from(Box::leak(Box::new(callback)));
        // SAFETY: just made, and nobody else has it yet.
        unsafe { at.as_mut() }.for_c.args = at.as_ptr().cast();
        Self(at)
    }

    fn for_c(&self) -> *const ov_callback_t {
        // SAFETY: alive as long as `self`; only the address of the field is taken.
        unsafe { &raw const (*self.0.as_ptr()).for_c }
    }
}

impl Drop for OwnedCallback {
    fn drop(&mut self) {
        // SAFETY: leaked by `new` and given back only here, after the request that could call it was freed.
        drop(unsafe { Box::from_raw(self.0.as_ptr()) });
    }
}

impl Callback {
    fn call(&self) {
        if self.due.fetch_add(1, Ordering::AcqRel) > 0 {
            return;
        }
        loop {
            // SAFETY: only the call that raised `due` from zero gets here, until it brings it back to zero.
            let run = unsafe { &mut *self.run.get() };
            if catch_unwind(AssertUnwindSafe(run)).is_err() {
                tracing::error!("a callback of an infer request panicked");
            }
            if self.due.fetch_sub(1, Ordering::AcqRel) == 1 {
                return;
            }
        }
    }
}

/// Called by OpenVINO with the `args` that [`OwnedCallback::new`] gave it.
unsafe extern "C" fn on_finished(args: *mut c_void) {
    // SAFETY: `args` points to a callback that lives until the request is freed, which waits for this call.
    let callback = unsafe { &*args.cast_const().cast::<Callback>() };
    DEPTH.with(|depth| depth.set(depth.get() + 1));
    callback.call();
    DEPTH.with(|depth| depth.set(depth.get() - 1));
}
