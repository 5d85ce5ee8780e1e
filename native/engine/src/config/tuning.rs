//! What a model is compiled with, where that is not what its profile chooses.

use serde::Deserialize;

/// Settings that overrule those of the profile; what is absent is left to it, or to the device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tuning {
    /// `PERFORMANCE_HINT`.
    pub hint: Option<Hint>,
    /// Inferences on the device at once, and `PERFORMANCE_HINT_NUM_REQUESTS`.
    pub requests: Option<usize>,
    /// `NUM_STREAMS`.
    pub streams: Option<usize>,
    /// `NPU_TURBO`.
    pub turbo: Option<bool>,
    /// `WORKLOAD_TYPE`.
    pub workload: Option<Workload>,
    /// `NPU_TILES`.
    pub tiles: Option<usize>,
    /// `INFERENCE_PRECISION_HINT`.
    pub precision: Option<Precision>,
}

/// What a device optimizes for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Hint {
    Latency,
    Throughput,
}

/// How urgently a device works.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Workload {
    Default,
    Efficient,
}

/// What a model is computed in. `INT8` is a property of a quantised model, not of a device's setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[allow(missing_docs)]
pub enum Precision {
    #[serde(rename = "FP32")]
    Fp32,
    #[serde(rename = "FP16")]
    Fp16,
    #[serde(rename = "BF16")]
    Bf16,
    #[serde(rename = "INT8")]
    Int8,
}

impl Precision {
    /// The name in configurations, and among `OPTIMIZATION_CAPABILITIES`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Fp32 => "FP32",
            Self::Fp16 => "FP16",
            Self::Bf16 => "BF16",
            Self::Int8 => "INT8",
        }
    }
}
