//! The model.json of a catalogue model: any text is understood or MODEL_INVALID.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| npubridge_engine::fuzzing::manifest(text));
