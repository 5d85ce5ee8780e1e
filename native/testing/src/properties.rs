//! The properties of the emulated NPU: those of an OpenVINO platform 3720 (Meteor Lake), as its plugin names them.

use std::collections::BTreeMap;

/// Where a property may be asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Read only, of the device.
    Fixed,
    /// To be set, on the device or when compiling.
    Settable,
}

use Kind::{Fixed, Settable};

/// Name, kind, and value unless set. Figures are nominal, and chosen to be told from any other device's.
const TABLE: &[(&str, Kind, &str)] = &[
    ("AVAILABLE_DEVICES", Fixed, "3720"),
    ("CACHE_DIR", Settable, ""),
    ("DEVICE_ARCHITECTURE", Fixed, "3720"),
    ("DEVICE_GOPS", Fixed, "bf16:0 f16:5734.4 f32:0 i8:11468.8 u8:11468.8"),
    ("DEVICE_ID", Settable, ""),
    ("DEVICE_PCI_INFO", Fixed, "{domain: 0 bus: 0 device: 0xb function: 0}"),
    ("DEVICE_TYPE", Fixed, "integrated"),
    ("DEVICE_UUID", Fixed, "80d1d11eb73811eab3de0242ac130004"),
    ("EXECUTION_DEVICES", Fixed, "NPU"),
    ("EXECUTION_MODE_HINT", Settable, "PERFORMANCE"),
    ("FULL_DEVICE_NAME", Fixed, "Intel(R) AI Boost (emulated)"),
    (PRECISION, Settable, "f16"),
    ("LOG_LEVEL", Settable, "LOG_NONE"),
    ("MODEL_PRIORITY", Settable, "MEDIUM"),
    ("NPU_BYPASS_UMD_CACHING", Settable, "NO"),
    ("NPU_COMPILATION_MODE_PARAMS", Settable, ""),
    ("NPU_COMPILER_TYPE", Settable, "DRIVER"),
    ("NPU_COMPILER_VERSION", Fixed, "458772"),
    ("NPU_DEFER_WEIGHTS_LOAD", Settable, "NO"),
    ("NPU_DEVICE_ALLOC_MEM_SIZE", Fixed, "0"),
    ("NPU_DEVICE_TOTAL_MEM_SIZE", Fixed, "17179869184"),
    ("NPU_DRIVER_VERSION", Fixed, "1751328000"),
    ("NPU_MAX_TILES", Fixed, "2"),
    ("NPU_QDQ_OPTIMIZATION", Settable, "NO"),
    ("NPU_TILES", Settable, "-1"),
    ("NPU_TURBO", Settable, "NO"),
    ("NUM_STREAMS", Settable, "1"),
    (OPTIMAL_REQUESTS, Fixed, "4"),
    ("OPTIMIZATION_CAPABILITIES", Fixed, "FP16 INT8 EXPORT_IMPORT"),
    (HINT, Settable, "LATENCY"),
    ("PERFORMANCE_HINT_NUM_REQUESTS", Settable, "1"),
    ("PERF_COUNT", Settable, "NO"),
    ("RANGE_FOR_ASYNC_INFER_REQUESTS", Fixed, "1 10 1"),
    ("RANGE_FOR_STREAMS", Fixed, "1 4"),
    ("WORKLOAD_TYPE", Settable, "DEFAULT"),
];

const HINT: &str = "PERFORMANCE_HINT";
const PRECISION: &str = "INFERENCE_PRECISION_HINT";
const OPTIMAL_REQUESTS: &str = "OPTIMAL_NUMBER_OF_INFER_REQUESTS";
const SUPPORTED: &str = "SUPPORTED_PROPERTIES";

/// What the CPU plugin is told when a model is compiled for the NPU; it does not know the rest.
const PASSED_ON: &[&str] = &["CACHE_DIR", "EXECUTION_MODE_HINT", "PERF_COUNT"];

/// Values that were set.
pub(crate) type Values = BTreeMap<String, String>;

/// The value of a property of the device, or `None` for one it does not have.
pub(crate) fn of_device(set: &Values, key: &str) -> Option<String> {
    if key == SUPPORTED {
        let names: Vec<&str> =
            [SUPPORTED].into_iter().chain(TABLE.iter().map(|&(name, ..)| name)).collect();
        return Some(names.join(" "));
    }
    let (name, _, value) = TABLE.iter().find(|(name, ..)| *name == key)?;
    Some(set.get(*name).cloned().unwrap_or_else(|| (*value).to_owned()))
}

/// The same for a model compiled with these values: the number of requests worth having follows the hint.
pub(crate) fn of_model(set: &Values, key: &str) -> Option<String> {
    if key == OPTIMAL_REQUESTS {
        let throughput = set.get(HINT).is_some_and(|hint| hint != "LATENCY");
        return Some(if throughput { "4" } else { "1" }.into());
    }
    of_device(set, key)
}

/// Whether a property exists and whether it can be set.
pub(crate) fn settable(key: &str) -> Option<bool> {
    let (_, kind, _) = TABLE.iter().find(|(name, ..)| *name == key)?;
    Some(*kind == Settable)
}

/// What of these the CPU plugin is to be told, besides running one inference at a time as fast as it can, and as exactly
/// as the engine has it run on the CPU: a test that compares the two means to find faults of ours.
pub(crate) fn for_cpu(set: &Values) -> Vec<(String, String)> {
    let passed = PASSED_ON.iter().filter_map(|&key| Some((key.to_owned(), set.get(key)?.clone())));
    let always = [(HINT, "LATENCY"), (PRECISION, "f32")];
    always
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into_iter()
        .chain(passed)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(pairs: &[(&str, &str)]) -> Values {
        pairs.iter().map(|&(key, value)| (key.into(), value.into())).collect()
    }

    #[test]
    fn every_supported_property_has_a_value() {
        let supported = of_device(&Values::new(), SUPPORTED).unwrap();
        assert!(supported.split(' ').count() > 30);
        for key in supported.split(' ') {
            assert!(of_device(&Values::new(), key).is_some(), "{key}");
        }
        assert_eq!(of_device(&Values::new(), "INFERENCE_NUM_THREADS"), None);
    }

    #[test]
    fn what_was_set_is_read_again() {
        let set = values(&[("NPU_TURBO", "YES")]);
        assert_eq!(of_device(&set, "NPU_TURBO").as_deref(), Some("YES"));
        assert_eq!(settable("NPU_TURBO"), Some(true));
        assert_eq!(settable("NPU_MAX_TILES"), Some(false));
        assert_eq!(settable("NONE_SUCH"), None);
    }

    #[test]
    fn the_hint_decides_how_many_requests_are_worth_having() {
        let optimal = |pairs: &[(&str, &str)]| of_model(&values(pairs), OPTIMAL_REQUESTS).unwrap();
        assert_eq!(optimal(&[]), "1");
        assert_eq!(optimal(&[(HINT, "THROUGHPUT")]), "4");
    }

    #[test]
    fn the_cpu_is_told_only_what_it_knows() {
        let told =
            for_cpu(&values(&[("NPU_TURBO", "YES"), ("PERF_COUNT", "YES"), (HINT, "THROUGHPUT")]));
        let expected = [(HINT, "LATENCY"), (PRECISION, "f32"), ("PERF_COUNT", "YES")];
        assert_eq!(told, expected.map(|(key, value)| (key.into(), value.into())));
    }
}
