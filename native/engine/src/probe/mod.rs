//! What only native code can ask of an NPU: the Level Zero loader with its drivers, and the kernel driver.
//!
//! Both can crash or hang the process that asks, so they are meant for a process that may die. Neither is needed to run
//! operations: OpenVINO does its own asking.

mod level_zero;
mod parameters;

pub use level_zero::{Device, Driver, LevelZero, ask_level_zero};
pub use parameters::{NodeAnswer, Parameters, ask_node};
