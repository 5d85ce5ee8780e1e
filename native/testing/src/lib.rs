//! An emulated NPU, for tests only and never shipped.
//!
//! This library takes the place of `libopenvino_c` in a runtime folder made by [`folder::make`]. It answers for the
//! device `NPU` by running everything on the CPU plugin, and injects the faults that [`faults`] describes. All other
//! functions, and all other devices, are the real library's: it is a dependency of this one, so that a look-up on this
//! library finds what is defined here first and the rest there.
//!
//! What a real NPU does is imitated where a caller can tell: static shapes only, its own properties, no cancelling,
//! one inference at a time on the device, a callback thread of its own, contexts that die with a lost device, and the
//! texts of its errors. Times are the CPU's: nothing measured here says anything about an NPU.

mod abi;
mod device;
mod failure;
pub mod faults;
pub mod folder;
mod memory;
mod properties;
mod real;
mod registry;
mod request;
