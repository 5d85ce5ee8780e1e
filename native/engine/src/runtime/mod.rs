//! OpenVINO installations: where they are, whether one is usable, and what it offers.

mod elf;
mod find;
mod inspect;
mod load;
mod python;
mod trial;
mod version;

pub use find::{Lookup, RuntimeCandidate, RuntimeSource, SearchOptions};
pub use inspect::{DeviceReport, RuntimeReport, inspect};
pub(crate) use load::loader_text;
pub use load::{LoadedRuntime, load, loaded};
pub use trial::try_device;
pub use version::{LEAST_VERSION, RuntimeVersion};

use std::path::Path;

use crate::error::{Error, ErrorCode, Result};

/// Loads the runtime that is asked for, or else the first usable one that is found.
///
/// # Errors
/// `RUNTIME_NOT_FOUND` naming what was tried.
pub fn load_configured(explicit: Option<&Path>) -> Result<&'static LoadedRuntime> {
    if let Some(path) = explicit {
        return load(path);
    }
    if let Some(loaded) = loaded() {
        return Ok(loaded);
    }
    let mut problems = Vec::new();
    for candidate in SearchOptions::from_process(None).candidates() {
        let problem = match candidate.problem {
            Some(problem) => problem,
            None => match load(&candidate.folder) {
                Ok(loaded) => return Ok(loaded),
                Err(error) => error.to_string(),
            },
        };
        problems.push(format!("{}: {problem}", candidate.folder.display()));
    }
    let tried = if problems.is_empty() { "none was found".to_owned() } else { problems.join("; ") };
    Err(Error::new(ErrorCode::RuntimeNotFound, "no usable OpenVINO runtime")
        .suggest("npubridge setup")
        .caused_by(tried))
}

/// Looks at a file as at a library that may be loaded.
#[cfg(feature = "fuzzing")]
pub(crate) fn look_at(library: &Path) {
    drop(elf::missing(library, &["ov_core_create"]));
    drop(elf::is_cut_off(library));
}
