//! Graphs of tasks as bindings give them, in rows: refused, or planned so that each task comes once.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|rows: (Vec<u32>, Vec<u32>)| npubridge_engine::fuzzing::graph(&rows.0, &rows.1));
