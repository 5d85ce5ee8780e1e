//! The least that an answer from another thread can cost in Node: what the binding's round trips are measured against.

use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::Duration;

use napi::bindgen_prelude::*;
use napi::threadsafe_function::ThreadsafeFunctionCallMode;
use napi_derive::napi;

/// A thread that calls back, at once or later, once for each time it is asked.
#[napi]
pub struct Echo {
    asked: Sender<Duration>,
}

#[napi]
impl Echo {
    /// Starts the thread; it ends when this object is collected.
    #[napi(constructor)]
    pub fn new(callback: Function<'_, (), ()>) -> Result<Self> {
        let callback = callback
            .build_threadsafe_function::<()>()
            .callee_handled::<false>()
            .weak::<true>()
            .build()?;
        let (asked, questions) = channel::<Duration>();
        thread::Builder::new()
            .name("bare-echo".into())
            .spawn(move || {
                for pause in questions {
                    if !pause.is_zero() {
                        thread::sleep(pause);
                    }
                    callback.call((), ThreadsafeFunctionCallMode::NonBlocking);
                }
            })
            .map_err(|error| Error::from_reason(error.to_string()))?;
        Ok(Self { asked })
    }

    /// Asks for one call after `pause_ms` milliseconds.
    #[napi]
    pub fn ask(&self, pause_ms: f64) {
        let pause = Duration::try_from_secs_f64(pause_ms / 1e3).unwrap_or_default();
        // The thread outlives this object, so somebody always receives.
        let _ = self.asked.send(pause);
    }
}
