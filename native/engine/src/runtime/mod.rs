//! OpenVINO installations: where they are, whether one is usable, and what it offers.

mod elf;
mod find;
mod inspect;
mod load;
mod python;
mod version;

pub use find::{Lookup, RuntimeCandidate, RuntimeSource, SearchOptions};
pub use inspect::{DeviceReport, RuntimeReport, inspect};
pub use load::{LoadedRuntime, load, loaded};
pub use version::{LEAST_VERSION, RuntimeVersion};
