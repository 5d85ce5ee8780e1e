//! From a source to a model that is compiled for a device and a shape.

use std::path::{Path, PathBuf};

use crate::config::{Npu, Precision, Profile, Tuning};
use crate::datatype::DataType;
use crate::error::{Error, ErrorCode, Result};
use crate::model::matmul;
use crate::model::properties::{Facts, PRECISION_HINT, Properties, map};
use crate::model::signature::Signature;
use crate::model::source::Source;
use crate::model::urgency::Urgency;
use crate::openvino::{CompiledModel, Core, Model, Tensor};
use crate::operation::{LoadModel, Name};
use crate::runtime;

const CPU: &str = "CPU";
/// Properties that say how many threads of the plugin run a model.
const THREADING: [&str; 4] =
    ["PERFORMANCE_HINT", "PERFORMANCE_HINT_NUM_REQUESTS", "NUM_STREAMS", "INFERENCE_NUM_THREADS"];

/// Everything that decides how a model is compiled, but the device.
#[derive(Debug, Clone)]
pub(crate) struct Recipe {
    pub(crate) source: Source,
    pub(crate) load: LoadModel,
    pub(crate) profile: Profile,
    pub(crate) tuning: Tuning,
    pub(crate) npu: Npu,
    /// Where OpenVINO keeps compiled models, for devices whose compilers take long.
    pub(crate) cache: Option<PathBuf>,
    /// Threads that the CPU may use, where those are fewer than it would take.
    pub(crate) cpu_threads: Option<usize>,
}

/// A model compiled for one device, and one shape if it has one.
#[derive(Debug)]
pub(crate) struct Compiled {
    pub(crate) model: CompiledModel,
    /// Whether every input has one shape only.
    pub(crate) fixed: bool,
    /// Whether the device takes the call that waits, which costs less than starting and waiting in two calls.
    pub(crate) blocking: bool,
    pub(crate) threads: Threads,
    pub(crate) urgency: Urgency,
}

/// Whose threads compute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Threads {
    /// The device's, as its performance hint wants them.
    Device,
    /// The caller's own, without any way to another thread and back. The model then runs once at a time: each place
    /// has one of its own.
    Caller,
}

/// What is known of a model before any device is asked.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) signature: Signature,
    /// Bytes of its file or files: what it takes in memory at the least.
    pub(crate) bytes: u64,
}

impl Recipe {
    /// Reads the model and learns what it takes and gives.
    ///
    /// # Errors
    /// `MODEL_INVALID` for what is not a model, `SHAPE_MISMATCH` for shapes that do not fit it.
    pub(crate) fn inspect(&self, core: &Core) -> Result<Loaded> {
        let model = self.read(core)?;
        let (inputs, outputs) = (model.inputs()?, model.outputs()?);
        let state: &[_] = match &self.source {
            Source::File { state, .. } => state,
            Source::MatrixMultiply | Source::Generated(_) => &[],
        };
        let mut signature = Signature::new(self.load.model.clone(), &inputs, &outputs, state)?;
        // The rows of a matrix or a signal are one request's own, not requests of several callers.
        if !matches!(self.source, Source::File { .. }) {
            (signature.stacks, signature.only_rows_open) = (false, false);
        }
        Ok(Loaded { signature, bytes: self.file_bytes() })
    }

    /// Reads the model; with `shapes`, for these input shapes only.
    ///
    /// # Errors
    /// `SHAPE_MISMATCH` for shapes that the model cannot be given: no device could compile it then.
    pub(crate) fn shaped(
        &self,
        core: &Core,
        shapes: Option<&[(Name, Vec<usize>)]>,
    ) -> Result<Model> {
        let mut model = self.read(core)?;
        if let Some(shapes) = shapes {
            reshape(&mut model, &self.load.model, shapes)?;
        }
        Ok(model)
    }

    /// Compiles what [`Recipe::shaped`] gave for `device`. Only the CPU computes on threads of the caller: the plugin has
    /// none of its own then ("0 streams"), and what else the profile asks for holds as before.
    ///
    /// # Errors
    /// What the device's compiler says, with the device named.
    pub(crate) fn compile(
        &self,
        core: &Core,
        device: &str,
        model: &Model,
        threads: Threads,
    ) -> Result<Compiled> {
        let fixed = model.inputs()?.iter().all(|port| port.shape.is_static());
        let facts = Facts::of(core, device);
        let mut properties = self.properties(&facts).set;
        properties.extend(self.housekeeping(core, &facts));
        properties.extend(exactly(&facts, &properties));
        if threads == Threads::Caller {
            properties.retain(|(key, _)| !THREADING.contains(key));
            properties.push(("NUM_STREAMS", "0".to_owned()));
        }
        let pairs: Vec<_> = properties.iter().map(|(key, value)| (*key, value.as_str())).collect();
        let model = core.compile(model, device, &pairs)?;
        let blocking = device.starts_with(CPU);
        let urgency = Urgency::new(facts.supports("MODEL_PRIORITY"));
        Ok(Compiled { model, fixed, blocking, threads, urgency })
    }

    /// Whether nothing that was asked for forbids to run without threads of the plugin.
    pub(crate) fn may_run_on_caller(&self) -> bool {
        let asked = &self.tuning;
        matches!(self.source, Source::File { .. })
            && asked.streams.is_none()
            && asked.requests.is_none()
    }

    fn read(&self, core: &Core) -> Result<Model> {
        let mut model = match &self.source {
            Source::File { path, .. } => core.read_model(path)?,
            Source::MatrixMultiply => core.read_model_from_memory(matmul::IR, None)?,
            Source::Generated(generated) => {
                let mut weights = Tensor::new(DataType::U8, &[generated.weights.len()])?;
                weights.as_bytes_mut().copy_from_slice(&generated.weights);
                core.read_model_from_memory(&generated.ir, Some(weights))?
            }
        };
        if !self.load.shapes.is_empty() {
            reshape(&mut model, &self.load.model, &self.load.shapes)?;
        }
        Ok(model)
    }

    /// What the profile means on a device, and what of it the device lacks.
    pub(crate) fn properties(&self, facts: &Facts) -> Properties {
        let quantised = || match &self.source {
            Source::File { path, .. } => is_quantised(path),
            Source::MatrixMultiply | Source::Generated(_) => false,
        };
        // Reading a whole model again is worth it only where it matters.
        let wanted = [self.tuning.precision, self.npu.precision];
        let matters = wanted.contains(&Some(Precision::Int8));
        map(self.profile, &self.tuning, &self.npu, facts, matters && quantised())
    }

    /// What a device is told whatever a model is tuned for.
    fn housekeeping(&self, core: &Core, facts: &Facts) -> Vec<(&'static str, String)> {
        let device = &*facts.device;
        let mut wanted = Vec::new();
        // The CPU compiles faster than it reads a cached model back.
        let kept = device != CPU && (self.npu.caching || !device.starts_with("NPU"));
        if let (Some(cache), true) = (&self.cache, kept) {
            let folder = cache.join(cache_key(core, device));
            wanted.push(("CACHE_DIR", folder.display().to_string()));
        }
        if let (Some(threads), true) = (self.cpu_threads, device == CPU) {
            wanted.push(("INFERENCE_NUM_THREADS", threads.to_string()));
        }
        wanted.retain(|(key, _)| facts.supports(key));
        wanted
    }

    fn file_bytes(&self) -> u64 {
        match &self.source {
            Source::File { path, .. } => {
                size_of_file(path) + size_of_file(&path.with_extension("bin"))
            }
            Source::MatrixMultiply => 0,
            Source::Generated(generated) => generated.weights.len() as u64,
        }
    }
}

/// On the CPU a model is computed as it is written, unless something else was asked for. By itself OpenVINO takes half
/// precision (bf16) wherever the processor has it, so that results would depend on the machine and, as sizes have
/// kernels of their own, on what else is in a batch.
fn exactly(facts: &Facts, properties: &[(&'static str, String)]) -> Option<(&'static str, String)> {
    let is_asked_for = properties.iter().any(|(key, _)| *key == PRECISION_HINT);
    let matters = facts.device == CPU && facts.supports(PRECISION_HINT) && !is_asked_for;
    matters.then(|| (PRECISION_HINT, "f32".to_owned()))
}

/// Names the folder for models compiled for a device, its driver and this runtime. Within it OpenVINO names each file by
/// a hash of the model and of how it was compiled; what another driver compiled would be refused or, worse, taken.
fn cache_key(core: &Core, device: &str) -> String {
    let version = runtime::loaded().map(|runtime| runtime.version.clone()).unwrap_or_default();
    let told = ["DEVICE_ARCHITECTURE", "NPU_DRIVER_VERSION"].map(|key| core.property(device, key));
    let told = told.into_iter().flatten().filter(|value| !value.is_empty());
    let parts: Vec<_> = [device.to_owned()].into_iter().chain(told).chain([version]).collect();
    parts.join("-").replace(|c: char| !(c.is_ascii_alphanumeric() || "._-".contains(c)), "_")
}

/// Whether a model file has operations on integers: quantisation in ONNX, `FakeQuantize` or 8-bit constants in IR.
fn is_quantised(path: &Path) -> bool {
    const SIGNS: [&[u8]; 8] = [
        b"QuantizeLinear",
        b"MatMulInteger",
        b"ConvInteger",
        b"QLinearConv",
        b"QLinearMatMul",
        b"type=\"FakeQuantize\"",
        b"element_type=\"i8\"",
        b"element_type=\"u8\" shape=",
    ];
    let bytes = std::fs::read(path).unwrap_or_default();
    SIGNS.iter().any(|sign| memmem(&bytes, sign))
}

fn memmem(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len()).any(|part| part == wanted)
}

fn size_of_file(path: &Path) -> u64 {
    std::fs::metadata(path).map_or(0, |metadata| metadata.len())
}

fn reshape(model: &mut Model, name: &str, shapes: &[(Name, Vec<usize>)]) -> Result<()> {
    let known = model.inputs()?;
    for (input, shape) in shapes {
        let port = known.iter().find(|port| port.name == **input).ok_or_else(|| {
            let names: Vec<_> = known.iter().map(|port| port.name.as_str()).collect();
            Error::new(
                ErrorCode::InvalidArgument,
                format!("shapes.{input} is not an input of {name}; it takes {}", names.join(", ")),
            )
        })?;
        if !port.shape.accepts(shape) {
            return Err(Error::new(
                ErrorCode::ShapeMismatch,
                format!("shapes.{input} is {shape:?}, {name} takes {}", port.shape),
            ));
        }
    }
    let sizes: Vec<(&str, Vec<i64>)> = shapes
        .iter()
        .map(|(input, shape)| {
            let sizes = shape.iter().map(|size| i64::try_from(*size).unwrap_or(i64::MAX));
            (&**input, sizes.collect())
        })
        .collect();
    let borrowed: Vec<_> = sizes.iter().map(|(input, sizes)| (*input, sizes.as_slice())).collect();
    model.reshape(&borrowed)
}
