//! From a profile to the properties that a device is given: what it does not have is left out, and said.

use serde::Serialize;

use super::generation::{self, Generation};
use crate::config::{Hint, Npu, Precision, Profile, Tuning, Workload};
use crate::openvino::Core;

/// What a device computes in.
pub(crate) const PRECISION_HINT: &str = "INFERENCE_PRECISION_HINT";

/// Whether a device holds each of its threads to one core.
const PINNING: &str = "ENABLE_CPU_PINNING";

/// A setting that a device was not given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Dropped {
    pub(crate) property: &'static str,
    pub(crate) value: String,
    pub(crate) reason: String,
}

/// What a model is compiled with.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Properties {
    pub(crate) set: Vec<(&'static str, String)>,
    pub(crate) dropped: Vec<Dropped>,
    /// Inferences at once, where that is asked for.
    pub(crate) requests: Option<usize>,
}

/// What a device says of itself, as far as it does.
#[derive(Debug, Clone, Default)]
pub(crate) struct Facts {
    pub(crate) device: String,
    supported: Vec<String>,
    /// `OPTIMIZATION_CAPABILITIES`: empty where they are not told.
    capabilities: Vec<String>,
    /// The least and the most of `RANGE_FOR_STREAMS`.
    streams: Option<(usize, usize)>,
    tiles: Option<usize>,
    generation: Option<Generation>,
}

impl Facts {
    /// Asks the device.
    pub(crate) fn of(core: &Core, device: &str) -> Self {
        let words = |key| -> Vec<String> {
            let text = core.property(device, key).unwrap_or_default();
            let words = text.split([' ', ',']).filter(|word| !word.is_empty());
            words.map(str::to_owned).collect()
        };
        let numbers = |key| -> Vec<usize> {
            words(key).iter().filter_map(|word| word.parse().ok()).collect()
        };
        let generation = if device.starts_with("NPU") {
            core.property(device, "DEVICE_ARCHITECTURE").ok()
        } else {
            None
        };
        let generation = generation.and_then(|name| generation::of_platform(&name));
        let tiles = numbers("NPU_MAX_TILES").first().copied().filter(|tiles| *tiles > 0);
        Self {
            device: device.to_owned(),
            supported: words("SUPPORTED_PROPERTIES"),
            capabilities: words("OPTIMIZATION_CAPABILITIES"),
            streams: match numbers("RANGE_FOR_STREAMS")[..] {
                [least, most, ..] => Some((least, most)),
                _ => None,
            },
            tiles: tiles.or(generation.map(|known| known.tiles)),
            generation,
        }
    }

    fn is_npu(&self) -> bool {
        self.device.starts_with("NPU")
    }

    pub(crate) fn supports(&self, property: &str) -> bool {
        self.supported.iter().any(|known| known == property)
    }

    /// Requests worth having at once on a device that does not say so itself.
    pub(crate) fn usual_requests(&self, hint: Hint) -> Option<usize> {
        self.generation.map(|known| match hint {
            Hint::Latency => 1,
            Hint::Throughput => known.requests,
        })
    }
}

/// What is optimized for: by the tuning, else by the profile.
pub(crate) fn hint(profile: Profile, tuning: &Tuning) -> Hint {
    tuning.hint.unwrap_or(match profile {
        Profile::Throughput => Hint::Throughput,
        Profile::Latency | Profile::Efficiency => Hint::Latency,
    })
}

/// The properties for `facts.device`. `quantised` tells whether the model has integer operations.
pub(crate) fn map(
    profile: Profile,
    tuning: &Tuning,
    npu: &Npu,
    facts: &Facts,
    quantised: bool,
) -> Properties {
    let mut mapped = Properties::default();
    let hint = match hint(profile, tuning) {
        Hint::Latency => "LATENCY",
        Hint::Throughput => "THROUGHPUT",
    };
    mapped.want(facts, "PERFORMANCE_HINT", hint.to_owned());
    if let Some(requests) = tuning.requests {
        mapped.requests = Some(requests.max(1));
        mapped.want(facts, "PERFORMANCE_HINT_NUM_REQUESTS", requests.max(1).to_string());
    }
    if let Some(streams) = tuning.streams {
        match facts.streams {
            Some((least, most)) if !(least..=most).contains(&streams) => {
                let reason = format!("{} takes {least} to {most}", facts.device);
                mapped.drop("NUM_STREAMS", streams.to_string(), reason);
            }
            _ => mapped.want(facts, "NUM_STREAMS", streams.to_string()),
        }
    }
    mapped.pinning(facts);
    mapped.power(profile, tuning, facts);
    mapped.tiles(tuning, facts);
    let of_device = if facts.is_npu() { npu.precision } else { None };
    if let Some(precision) = tuning.precision.or(of_device) {
        mapped.precision(precision, facts, quantised);
    }
    mapped
}

impl Properties {
    fn want(&mut self, facts: &Facts, property: &'static str, value: String) {
        if facts.supports(property) {
            self.set.push((property, value));
        } else {
            self.drop(property, value, format!("{} does not have it", facts.device));
        }
    }

    fn drop(&mut self, property: &'static str, value: String, reason: String) {
        self.dropped.push(Dropped { property, value, reason });
    }

    /// Threads of the CPU plugin go where there is room. It would hold each to one core, as if nothing else ran: not this
    /// process's event loop, no further engine on the host that holds its threads to the same cores.
    fn pinning(&mut self, facts: &Facts) {
        if facts.device.starts_with("CPU") && facts.supports(PINNING) {
            self.set.push((PINNING, "NO".to_owned()));
        }
    }

    /// What a profile asks of an NPU by itself says nothing to other devices, and is not missed there; what is asked for
    /// by name is.
    fn power(&mut self, profile: Profile, tuning: &Tuning, facts: &Facts) {
        let turbo = match profile {
            Profile::Latency => Some(true),
            Profile::Efficiency => Some(false),
            Profile::Throughput => None,
        };
        if let Some(turbo) = tuning.turbo.or(turbo.filter(|_| facts.is_npu())) {
            self.want(facts, "NPU_TURBO", if turbo { "YES" } else { "NO" }.to_owned());
        }
        let workload = match profile {
            Profile::Efficiency => Some(Workload::Efficient),
            Profile::Latency | Profile::Throughput => None,
        };
        if let Some(workload) = tuning.workload.or(workload) {
            let value = match workload {
                Workload::Default => "DEFAULT",
                Workload::Efficient => "EFFICIENT",
            };
            self.want(facts, "WORKLOAD_TYPE", value.to_owned());
        }
    }

    fn tiles(&mut self, tuning: &Tuning, facts: &Facts) {
        match (tuning.tiles, facts.tiles) {
            (Some(tiles), Some(most)) if tiles > most => {
                let reason = format!("{} has {most}", facts.device);
                self.drop("NPU_TILES", tiles.to_string(), reason);
            }
            (Some(tiles), _) => self.want(facts, "NPU_TILES", tiles.to_string()),
            (None, _) => {}
        }
    }

    fn precision(&mut self, precision: Precision, facts: &Facts, quantised: bool) {
        let name = precision.name();
        let known = &facts.capabilities;
        if !known.is_empty() && !known.iter().any(|capability| capability == name) {
            let reason = format!("{} computes in {}", facts.device, known.join(", "));
            return self.drop(PRECISION_HINT, name.to_owned(), reason);
        }
        match precision {
            // Integer operations are in the model or not: no hint makes them.
            Precision::Int8 if quantised => {}
            Precision::Int8 => {
                self.drop(PRECISION_HINT, name.to_owned(), "the model is not quantised".into())
            }
            Precision::Fp32 => self.want(facts, PRECISION_HINT, "f32".into()),
            Precision::Fp16 => self.want(facts, PRECISION_HINT, "f16".into()),
            Precision::Bf16 => self.want(facts, PRECISION_HINT, "bf16".into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(device: &str, supported: &str, capabilities: &str) -> Facts {
        let words = |text: &str| text.split(' ').map(str::to_owned).collect();
        Facts {
            device: device.into(),
            supported: words(supported),
            capabilities: words(capabilities),
            streams: Some((1, 4)),
            tiles: Some(2),
            generation: generation::of_platform("3720"),
        }
    }

    fn npu() -> Facts {
        let supported = "PERFORMANCE_HINT PERFORMANCE_HINT_NUM_REQUESTS NUM_STREAMS NPU_TURBO NPU_TILES WORKLOAD_TYPE INFERENCE_PRECISION_HINT";
        facts("NPU", supported, "FP16 INT8")
    }

    fn cpu() -> Facts {
        let supported =
            "PERFORMANCE_HINT PERFORMANCE_HINT_NUM_REQUESTS NUM_STREAMS INFERENCE_PRECISION_HINT";
        facts("CPU", supported, "FP32 INT8")
    }

    fn mapped(profile: Profile, tuning: Tuning, facts: &Facts) -> Properties {
        map(profile, &tuning, &Npu::default(), facts, false)
    }

    fn pairs(properties: &Properties) -> Vec<(&str, &str)> {
        properties.set.iter().map(|(key, value)| (*key, value.as_str())).collect()
    }

    #[test]
    fn each_profile_asks_an_npu_for_what_it_stands_for() {
        let of = |profile| mapped(profile, Tuning::default(), &npu());
        assert_eq!(
            pairs(&of(Profile::Latency)),
            [("PERFORMANCE_HINT", "LATENCY"), ("NPU_TURBO", "YES")]
        );
        assert_eq!(pairs(&of(Profile::Throughput)), [("PERFORMANCE_HINT", "THROUGHPUT")]);
        assert_eq!(
            pairs(&of(Profile::Efficiency)),
            [("PERFORMANCE_HINT", "LATENCY"), ("NPU_TURBO", "NO"), ("WORKLOAD_TYPE", "EFFICIENT")]
        );
    }

    #[test]
    fn what_a_device_lacks_is_left_out_and_said() {
        let properties = mapped(Profile::Efficiency, Tuning::default(), &cpu());
        assert_eq!(pairs(&properties), [("PERFORMANCE_HINT", "LATENCY")]);
        let [dropped] = &properties.dropped[..] else { panic!("{properties:?}") };
        assert_eq!((dropped.property, &*dropped.value), ("WORKLOAD_TYPE", "EFFICIENT"));
        assert_eq!(dropped.reason, "CPU does not have it");
        assert!(mapped(Profile::Latency, Tuning::default(), &cpu()).dropped.is_empty());
    }

    #[test]
    fn threads_of_the_cpu_are_held_to_no_core() {
        let supported = "PERFORMANCE_HINT ENABLE_CPU_PINNING";
        let on =
            |device| mapped(Profile::Throughput, Tuning::default(), &facts(device, supported, ""));
        let hint = ("PERFORMANCE_HINT", "THROUGHPUT");
        assert_eq!(pairs(&on("CPU")), [hint, ("ENABLE_CPU_PINNING", "NO")]);
        assert_eq!(pairs(&on("GPU")), [hint]);
    }

    #[test]
    fn a_tuning_overrules_its_profile() {
        let tuning = Tuning {
            hint: Some(Hint::Throughput),
            requests: Some(3),
            streams: Some(2),
            turbo: Some(false),
            ..Tuning::default()
        };
        let properties = mapped(Profile::Latency, tuning, &npu());
        assert_eq!(properties.requests, Some(3));
        assert_eq!(
            pairs(&properties),
            [
                ("PERFORMANCE_HINT", "THROUGHPUT"),
                ("PERFORMANCE_HINT_NUM_REQUESTS", "3"),
                ("NUM_STREAMS", "2"),
                ("NPU_TURBO", "NO")
            ]
        );
    }

    #[test]
    fn more_streams_and_tiles_than_there_are_are_left_out() {
        let tuning = Tuning { streams: Some(5), tiles: Some(3), ..Tuning::default() };
        let reasons: Vec<_> = mapped(Profile::Throughput, tuning, &npu())
            .dropped
            .into_iter()
            .map(|dropped| dropped.reason)
            .collect();
        assert_eq!(reasons, ["NPU takes 1 to 4", "NPU has 2"]);
    }

    #[test]
    fn a_precision_that_the_device_or_the_model_lacks_is_left_out() {
        let with = |precision, facts: &Facts, quantised| {
            let tuning = Tuning { precision: Some(precision), ..Tuning::default() };
            let properties = map(Profile::Throughput, &tuning, &Npu::default(), facts, quantised);
            properties.dropped.first().map(|dropped| dropped.reason.clone())
        };
        assert_eq!(with(Precision::Fp16, &npu(), false), None);
        assert_eq!(
            with(Precision::Fp32, &npu(), false).as_deref(),
            Some("NPU computes in FP16, INT8")
        );
        assert_eq!(
            with(Precision::Int8, &npu(), false).as_deref(),
            Some("the model is not quantised")
        );
        assert_eq!(with(Precision::Int8, &npu(), true), None);
        assert_eq!(
            with(Precision::Fp16, &cpu(), false).as_deref(),
            Some("CPU computes in FP32, INT8")
        );
    }

    #[test]
    fn the_precision_of_npus_is_asked_of_npus_only() {
        let npus = Npu { precision: Some(Precision::Fp16), ..Npu::default() };
        let of = |facts| map(Profile::Throughput, &Tuning::default(), &npus, facts, false);
        let (on_npu, on_cpu) = (of(&npu()), of(&cpu()));
        assert!(pairs(&on_npu).contains(&("INFERENCE_PRECISION_HINT", "f16")));
        assert_eq!(pairs(&on_cpu), [("PERFORMANCE_HINT", "THROUGHPUT")]);
    }

    #[test]
    fn a_known_generation_stands_in_for_what_the_driver_does_not_say() {
        assert_eq!(npu().usual_requests(Hint::Throughput), Some(4));
        assert_eq!(npu().usual_requests(Hint::Latency), Some(1));
        assert_eq!(Facts::default().usual_requests(Hint::Throughput), None);
    }
}
