//! What a description asks for, ready to run, and kept while it is asked for again.

use std::num::NonZeroUsize;
use std::sync::Arc;

use lru::LruCache;
use npubridge_signal::{Pipeline, Step};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::convert::fault;
use crate::error::{Error, ErrorCode, Result};
use crate::sync::Mutex;

/// How many descriptions are remembered.
const KEPT: NonZeroUsize = NonZeroUsize::new(64).expect("not zero");
/// Longer ones, with thousands of coefficients, are read anew each time.
const LONGEST_KEPT: usize = 16 * 1024;

/// Plans by their description.
type Kept = LruCache<Box<[u8]>, Arc<Plan>>;

/// A description that has been read.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) text: Box<[u8]>,
    pub(super) pipeline: Pipeline,
    /// Whether the last dimension of the data is real and imaginary part.
    pub(super) complex: bool,
    pub(super) backend: Backend,
}

/// Who works it out, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Backend {
    Automatic,
    Native,
}

impl Backend {
    pub(super) fn name(self) -> &'static str {
        "native"
    }

    pub(super) fn reason(self) -> &'static str {
        match self {
            Self::Automatic => "no device was asked for",
            Self::Native => "asked for",
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Description {
    operation: Option<String>,
    parameters: Option<Map<String, Value>>,
    steps: Option<Vec<DescribedStep>>,
    complex: Option<bool>,
    backend: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DescribedStep {
    operation: String,
    #[serde(default)]
    parameters: Map<String, Value>,
}

/// The plan for a description, from memory if it was asked for lately.
pub(super) fn find(text: &[u8]) -> Result<Arc<Plan>> {
    static PLANS: Mutex<Option<Kept>> = Mutex::new(None);
    if let Some(plan) = PLANS.lock().get_or_insert_with(|| LruCache::new(KEPT)).get(text) {
        return Ok(Arc::clone(plan));
    }
    // Without the lock: designing a long filter takes its time.
    let plan = Arc::new(read(text)?);
    if text.len() <= LONGEST_KEPT {
        let mut plans = PLANS.lock();
        plans.get_or_insert_with(|| LruCache::new(KEPT)).put(text.into(), Arc::clone(&plan));
    }
    Ok(plan)
}

fn read(text: &[u8]) -> Result<Plan> {
    let invalid = |message: String| Error::new(ErrorCode::InvalidArgument, message);
    let description: Description = serde_json::from_slice(text)
        .map_err(|error| invalid("the signal operation cannot be read".into()).caused_by(error))?;
    let Description { operation, parameters, steps, complex, backend } = description;
    let steps: Vec<Step> = match (operation, steps) {
        (Some(operation), None) => {
            vec![Step { operation, parameters: parameters.unwrap_or_default() }]
        }
        (None, Some(steps)) if parameters.is_none() => steps
            .into_iter()
            .map(|DescribedStep { operation, parameters }| Step { operation, parameters })
            .collect(),
        _ => {
            return Err(invalid(
                "either operation with parameters or steps must be there, not both".into(),
            ));
        }
    };
    let backend = match backend.as_deref() {
        None | Some("auto") => Backend::Automatic,
        Some("native") => Backend::Native,
        Some(other) => {
            return Err(Error::new(
                ErrorCode::UnsupportedOperation,
                format!("backend is \"{other}\": there is auto and native"),
            ));
        }
    };
    let complex = complex.unwrap_or_else(|| steps.first().is_some_and(takes_complex));
    let pipeline = Pipeline::new(steps).map_err(fault)?;
    Ok(Plan { text: text.into(), pipeline, complex, backend })
}

/// Members whose data is complex unless it is said otherwise.
fn takes_complex(step: &Step) -> bool {
    let kind = step.parameters.get("kind").and_then(Value::as_str);
    matches!(kind, Some("ifft" | "irfft" | "istft"))
}
