//! Looking at a runtime's library before it is loaded: any file is understood or not, and none is loaded.
#![no_main]

use std::io::Write;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let mut file = tempfile::NamedTempFile::new().expect("there is room for a temporary file");
    file.write_all(bytes).expect("there is room for a temporary file");
    npubridge_engine::fuzzing::library(file.path());
});
