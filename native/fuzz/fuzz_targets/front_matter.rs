//! The front matter of agent files: any text is read or refused with its line.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| npubridge_engine::fuzzing::front_matter(text));
