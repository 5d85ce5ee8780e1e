//! N-API binding of the npubridge engine: converts arguments and completes promises in batches, decides nothing.
//!
//! One call submits many operations: JavaScript writes them as records into an array of 32-bit words, with the bytes
//! of small tensors beside it. One callback announces that answers are there, and one call drains them into an array of
//! doubles, with the bytes of small outputs in one slab. The other side is `submissions.ts` and `answers.ts` in
//! `src/core/engine/native`; [`records`] and [`outbox`] document the formats.

mod described;
mod names;
mod outbox;
#[cfg(unix)]
pub mod probe;
mod records;
pub mod routing;
pub mod runtime;
pub mod workflow;

use std::sync::Arc;
use std::time::Duration;

use napi::bindgen_prelude::*;
use napi_derive::napi;
use npubridge_engine::operation::Sink;
use npubridge_engine::scheduler::Ticket;
use npubridge_engine::{Config, Engine, Error as EngineError};
use outbox::Outbox;

/// What one thread allocates another one frees here, all the time: inputs come from JavaScript's thread and end on a
/// worker, outputs the other way. The system's allocator lets one wait for the other then.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A running engine.
#[napi]
pub struct NativeEngine {
    engine: Arc<Engine>,
    outbox: Arc<Outbox>,
}

#[napi]
impl NativeEngine {
    /// Starts an engine. `config` is JSON, see `Config::from_json`; `on_answers` is called without arguments when answers are
    /// there to be drained, and not again before they have been.
    #[napi(constructor)]
    pub fn new(config: String, on_answers: Function<'_, (), ()>) -> Result<Self> {
        let config = Config::from_json(&config).map_err(to_js)?;
        let outbox = Arc::new(Outbox::new(on_answers)?);
        let engine = Engine::start(config).map_err(to_js)?;
        Ok(Self { engine: Arc::new(engine), outbox })
    }

    /// The number that stands for a name in records.
    #[napi]
    pub fn intern(&self, name: String) -> u32 {
        self.outbox.names.lock().intern(&name)
    }

    /// The name that a number in records stands for.
    #[napi]
    pub fn name_of(&self, id: u32) -> String {
        self.outbox.names.lock().name(id).map_or_else(String::new, |name| name.to_string())
    }

    /// The fallback that a number in records stands for, as JSON.
    #[napi]
    pub fn fallback_of(&self, id: u32) -> String {
        self.outbox.names.lock().fallback_json(id)
    }

    /// Submits the operations written to `words`, of which `length` are used. Tickets are written over the timeouts.
    /// Gives whether there are answers to be drained, which are not announced then.
    #[napi]
    pub fn submit(
        &self,
        mut words: Int32ArraySlice<'_>,
        length: u32,
        bytes: &[u8],
        large: Vec<Uint8Array>,
    ) -> bool {
        // SAFETY: JavaScript touches its arrays on this thread only, which is in this call.
        let words = unsafe { words.as_mut() };
        let sink = Arc::clone(&self.outbox) as Arc<dyn Sink>;
        let mut reader =
            records::Reader::new(words, length as usize, bytes, large, &self.outbox, sink);
        let mut tickets = Vec::new();
        let quiet = self.outbox.quiet();
        self.engine.submit_all(&mut reader, |ticket| tickets.push(ticket));
        reader.write_tickets(&tickets);
        quiet.end()
    }

    /// Writes answers into `records`, and their small outputs into `slab` from `used` on. Gives how many; negative: that
    /// many, and there are more to be drained.
    #[napi]
    pub fn drain(
        &self,
        mut records: Float64ArraySlice<'_>,
        mut slab: Uint8ArraySlice<'_>,
        used: u32,
    ) -> i32 {
        // SAFETY: as in `submit`.
        let (records, slab) = unsafe { (records.as_mut(), slab.as_mut()) };
        self.outbox.drain(records, slab, used as usize)
    }

    /// The large outputs of the drain before, in the order of their numbers; taken once.
    #[napi]
    pub fn take_large(&self) -> Vec<Uint8Array> {
        self.outbox.take_large()
    }

    /// The errors of the drain before as JSON, in the order of their numbers; taken once.
    #[napi]
    pub fn take_errors(&self) -> Vec<String> {
        self.outbox.take_errors()
    }

    /// Cancels the operation with this ticket.
    #[napi]
    pub fn cancel(&self, low: u32, high: u32) -> bool {
        self.engine.cancel(Ticket::from_bits(u64::from(high) << 32 | u64::from(low)))
    }

    /// What the engine has counted, as JSON.
    #[napi]
    pub fn metrics(&self) -> Result<String> {
        to_json(&self.engine.metrics())
    }

    /// What the engine has counted, in the text format of Prometheus.
    #[napi]
    pub fn metrics_text(&self) -> String {
        self.engine.metrics_text()
    }

    /// Whether the engine and its devices work, as JSON.
    #[napi]
    pub fn health(&self) -> Result<String> {
        to_json(&self.engine.health())
    }

    /// Shuts the engine down on a thread of the pool; resolves when its threads have ended.
    #[napi]
    pub fn shutdown(&self, drain_ms: f64) -> AsyncTask<Shutdown> {
        AsyncTask::new(Shutdown { engine: Arc::clone(&self.engine), drain_ms })
    }
}

/// Ends an engine away from the event loop, which must stay free to take the last answers.
pub struct Shutdown {
    engine: Arc<Engine>,
    drain_ms: f64,
}

impl Task for Shutdown {
    type Output = ();
    type JsValue = ();

    fn compute(&mut self) -> Result<()> {
        let drain = Duration::try_from_secs_f64(self.drain_ms.max(0.0) / 1e3);
        self.engine.shutdown(drain.unwrap_or(Duration::MAX));
        Ok(())
    }

    fn resolve(&mut self, _: Env, (): ()) -> Result<()> {
        Ok(())
    }
}

/// An error of the engine as one of JavaScript, whose message is the JSON of [`error_json`]; `binding.ts` reads it.
fn to_js(error: EngineError) -> Error {
    Error::from_reason(error_json(&error))
}

/// The JSON of an error: code, message, suggestions and cause.
fn error_json(error: &EngineError) -> String {
    serde_json::json!({
        "code": error.code().name(),
        "message": error.message(),
        "suggestions": error.suggestions(),
        "cause": error.cause(),
    })
    .to_string()
}

fn to_json(value: &impl serde::Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|error| Error::from_reason(error.to_string()))
}
