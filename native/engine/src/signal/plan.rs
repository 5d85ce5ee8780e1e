//! What a description asks for, ready to run, and kept while it is asked for again.

use std::borrow::Cow;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use lru::LruCache;
use npubridge_signal::{Pipeline, Step};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::convert::fault;
use super::elsewhere::Place;
use super::interpreter::Language;
use crate::error::{Error, ErrorCode, Result};
use crate::sync::Mutex;

/// How many descriptions are remembered.
const KEPT: NonZeroUsize = NonZeroUsize::new(64).expect("not zero");
/// Longer ones, with thousands of coefficients, are read anew each time.
const LONGEST_KEPT: usize = 16 * 1024;

const BACKENDS: [&str; 5] = ["auto", "native", "openvino", "octave", "matlab"];
const DEVICES: [&str; 4] = ["auto", "npu", "gpu", "cpu"];
/// How long another program may take for a step unless it is said.
const LIMIT_MS: u64 = 60_000;
const LONGEST_MS: u64 = 3_600_000;

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
    /// How long another program may take for a step.
    pub(super) limit: Duration,
}

/// Who works it out, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Backend {
    Automatic,
    Native,
    /// By OpenVINO on this device; on the first choice of the engine where none is named.
    Device {
        device: Option<String>,
        automatic: bool,
    },
    Program(Language),
}

impl Backend {
    pub(super) const NATIVE: &str = "native";

    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Automatic | Self::Native => Self::NATIVE,
            Self::Device { .. } => "openvino",
            Self::Program(Language::Octave) => "octave",
            Self::Program(Language::Matlab) => "matlab",
        }
    }

    pub(super) fn reason(&self) -> Cow<'static, str> {
        match self {
            Self::Automatic => "no device was asked for".into(),
            Self::Device { device: Some(device), automatic: true } => {
                format!("device {device} was asked for").into()
            }
            Self::Native | Self::Device { .. } | Self::Program(_) => "asked for".into(),
        }
    }

    /// Whether steps that devices cannot do run here.
    pub(super) fn is_automatic(&self) -> bool {
        matches!(self, Self::Automatic | Self::Device { automatic: true, .. })
    }

    pub(super) fn place(&self) -> Place {
        match self {
            Self::Automatic | Self::Native => Place::Native,
            Self::Device { device, .. } => Place::Device(device.clone()),
            Self::Program(language) => Place::Program(*language),
        }
    }

    fn read(backend: Option<&str>, device: Option<&str>) -> Result<Self> {
        if let Some(device) = device
            && !DEVICES.contains(&&*device.to_ascii_lowercase())
        {
            return Err(Error::new(
                ErrorCode::InvalidArgument,
                format!("device is {device:?}: there is {}", DEVICES.join(", ")),
            ));
        }
        let named = device.map(str::to_ascii_uppercase).filter(|device| device != "AUTO");
        match (backend.unwrap_or("auto"), device) {
            ("auto", None) => Ok(Self::Automatic),
            ("auto", Some(_)) => Ok(Self::Device { device: named, automatic: true }),
            ("openvino", _) => Ok(Self::Device { device: named, automatic: false }),
            ("native", None) => Ok(Self::Native),
            ("octave", None) => Ok(Self::Program(Language::Octave)),
            ("matlab", None) => Ok(Self::Program(Language::Matlab)),
            (backend @ ("native" | "octave" | "matlab"), Some(device)) => Err(Error::new(
                ErrorCode::InvalidArgument,
                format!("device is {device:?}, and backend {backend} runs on no device"),
            )),
            (other, _) => Err(Error::new(
                ErrorCode::UnsupportedOperation,
                format!("backend is {other:?}: there is {}", BACKENDS.join(", ")),
            )),
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
    device: Option<String>,
    time_limit_ms: Option<u64>,
}

/// Only what says where.
#[derive(Deserialize)]
struct Whereabouts {
    backend: Option<String>,
    device: Option<String>,
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
    let Description { operation, parameters, steps, complex, backend, device, time_limit_ms } =
        description;
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
    let backend = Backend::read(backend.as_deref(), device.as_deref())?;
    let limit = time_limit_ms.unwrap_or(LIMIT_MS);
    if !(1..=LONGEST_MS).contains(&limit) {
        return Err(invalid(format!("time_limit_ms is {limit}, it takes 1 to {LONGEST_MS}")));
    }
    let limit = Duration::from_millis(limit);
    let complex = complex.unwrap_or_else(|| steps.first().is_some_and(takes_complex));
    let pipeline = Pipeline::new(steps).map_err(fault)?;
    Ok(Plan { text: text.into(), pipeline, complex, backend, limit })
}

/// Where a description sends its signal, found without designing anything.
pub(super) fn place(text: &[u8]) -> Place {
    let says = |word: &[u8]| text.windows(word.len()).any(|part| part == word);
    // Reading JSON costs more than a transform of 1,024 samples.
    if !says(b"\"backend\"") && !says(b"\"device\"") {
        return Place::Native;
    }
    let Ok(Whereabouts { backend, device }) = serde_json::from_slice(text) else {
        return Place::Native;
    };
    let backend = Backend::read(backend.as_deref(), device.as_deref());
    backend.map_or(Place::Native, |backend| backend.place())
}

/// Members whose data is complex unless it is said otherwise.
fn takes_complex(step: &Step) -> bool {
    let kind = step.parameters.get("kind").and_then(Value::as_str);
    matches!(kind, Some("ifft" | "irfft" | "istft"))
}
