//! Loading one runtime into the process, after checking that it has all that is needed.

use super::elf;
use super::find::{library_in, suffix_version};
use super::version::{LEAST_VERSION, RuntimeVersion};
use crate::error::{Error, ErrorCode, Result};
use crate::openvino::{self, REQUIRED_SYMBOLS};
use crate::sync::Mutex;
use std::ffi::{CStr, c_char, c_void};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// The runtime of this process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadedRuntime {
    /// The folder of the library, without symbolic links.
    pub folder: PathBuf,
    /// The library itself, `libopenvino_c.so.…`.
    pub library: PathBuf,
    /// Its build, for example `2026.4.1-22982-e213a147257-releases/2026/4`.
    pub version: String,
}

static LOADED: OnceLock<LoadedRuntime> = OnceLock::new();
static LOADING: Mutex<()> = Mutex::new(());

/// The runtime loaded before, if any.
#[must_use]
pub fn loaded() -> Option<&'static LoadedRuntime> {
    LOADED.get()
}

/// Loads the runtime at `path`: a library, its folder, or a folder above it as [`super::SearchOptions`] knows them.
///
/// A process has one runtime, because `openvino-sys` cannot change it: asking again for the same one is free, asking
/// for another one is `INVALID_ARGUMENT`. A library that is missing, broken or too old is `RUNTIME_NOT_FOUND`.
pub fn load(path: &Path) -> Result<&'static LoadedRuntime> {
    let library = locate(path)?;
    let _guard = LOADING.lock();
    if let Some(loaded) = LOADED.get() {
        return if loaded.library == library { Ok(loaded) } else { Err(second(loaded, &library)) };
    }
    let version = examine(&library)?;
    openvino_sys::library::load_from(&library).map_err(|text| broken(&library, &text))?;
    let folder = library.parent().unwrap_or(Path::new("/")).to_path_buf();
    Ok(LOADED.get_or_init(|| LoadedRuntime { folder, library, version }))
}

/// The library behind `path`, absolute: the loader would search its own folders for a bare name.
fn locate(path: &Path) -> Result<PathBuf> {
    let library = if path.is_dir() { library_in(path) } else { Some(path.to_path_buf()) };
    let library = library.ok_or_else(|| {
        not_found(format!("there is no libopenvino_c.so.<version> in {}", path.display()))
    })?;
    // The folder is made canonical, not the file: distributions link libopenvino_c.so.2641 to the file's full name.
    let folder = library.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder
        .unwrap_or(Path::new("."))
        .canonicalize()
        .map_err(|error| missing(&library).caused_by(error))?;
    let name = library.file_name().ok_or_else(|| missing(&library))?;
    let library = folder.join(name);
    if library.is_file() { Ok(library) } else { Err(missing(&library)) }
}

/// Demands every function of the library before `openvino-sys` panics at the first one that is not there.
///
/// Told from the file first, so that a runtime that will not do is never opened; see [`elf`] for why. Returns its build
/// string. The library stays open: it cannot be unloaded anyway.
fn examine(library: &Path) -> Result<String> {
    let folder = library.parent().unwrap_or(Path::new("/"));
    if let Some(short) = elf::cut_off(folder) {
        return Err(broken(&short, "the file ends before its header says it does")
            .suggest("Run `npubridge setup --force` to install the runtime again."));
    }
    if let Some(missing) = elf::missing(library, REQUIRED_SYMBOLS)
        && let Some(first) = missing.first()
    {
        let version = suffix_version(library).map(|version| version.to_string());
        return Err(too_old(library, version.as_deref(), first, missing.len()));
    }
    // SAFETY: runs the initialisers of OpenVINO, as any program linked to it would.
    let opened = unsafe { libloading::Library::new(library) };
    let opened = opened.map_err(|error| broken(library, &loader_text(&error)))?;
    let version = build_of(&opened);
    let missing: Vec<&str> = REQUIRED_SYMBOLS
        .iter()
        .copied()
        // SAFETY: only the address is looked at, nothing is called through this type.
        .filter(|name| unsafe { opened.get::<*const c_void>(*name) }.is_err())
        .collect();
    if let Some(first) = missing.first() {
        return Err(too_old(library, version.as_deref(), first, missing.len()));
    }
    let version =
        version.ok_or_else(|| broken(library, "ov_get_openvino_version gives no version"))?;
    if RuntimeVersion::parse(&version).is_none() {
        return Err(broken(library, &format!("its version {version:?} is not a number")));
    }
    std::mem::forget(opened);
    Ok(version)
}

/// The loader's own words, which `libloading` keeps one level below its own.
pub(crate) fn loader_text(error: &libloading::Error) -> String {
    std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string)
}

/// The version that the library says it has, asked through pointers of our own since nothing is loaded yet.
fn build_of(library: &libloading::Library) -> Option<String> {
    #[repr(C)]
    struct Version {
        build: *const c_char,
        description: *const c_char,
    }
    type Get = unsafe extern "C" fn(*mut Version) -> i32;
    type Free = unsafe extern "C" fn(*mut Version);
    // SAFETY: the type is that of the C header, unchanged since the C API exists.
    let get = unsafe { library.get::<Get>("ov_get_openvino_version") }.ok()?;
    // SAFETY: as above.
    let free = unsafe { library.get::<Free>("ov_version_free") }.ok()?;
    let mut version = Version { build: std::ptr::null(), description: std::ptr::null() };
    // SAFETY: `version` is ours to fill.
    if unsafe { get(&raw mut version) } != 0 || version.build.is_null() {
        return None;
    }
    // SAFETY: not null, and a terminated string until it is freed below.
    let build = unsafe { CStr::from_ptr(version.build) }.to_string_lossy().into_owned();
    // SAFETY: filled by the call above and freed once.
    unsafe { free(&raw mut version) };
    Some(build)
}

fn not_found(message: String) -> Error {
    Error::new(ErrorCode::RuntimeNotFound, message)
        .suggest("Run `npubridge setup` to install a runtime.")
        .suggest("Run `npubridge probe` to see which runtimes there are.")
}

fn missing(library: &Path) -> Error {
    not_found(format!("there is no OpenVINO runtime at {}", library.display()))
}

fn broken(library: &Path, text: &str) -> Error {
    not_found(format!("{} cannot be loaded", library.display())).caused_by(text)
}

fn too_old(library: &Path, found: Option<&str>, symbol: &str, count: usize) -> Error {
    let found = found.unwrap_or("an unknown version");
    let more = if count > 1 { format!(" and {} more functions", count - 1) } else { String::new() };
    not_found(format!(
        "{} is {found}: it lacks {symbol}{more}; at least OpenVINO {}.{} is needed",
        library.display(),
        LEAST_VERSION.year,
        LEAST_VERSION.release,
    ))
}

fn second(loaded: &LoadedRuntime, asked: &Path) -> Error {
    Error::new(
        ErrorCode::InvalidArgument,
        format!(
            "this process already uses the runtime {}; {} needs a process of its own",
            loaded.library.display(),
            asked.display()
        ),
    )
}

/// The build of the loaded runtime as OpenVINO reports it now.
pub(super) fn current_version() -> Result<String> {
    openvino::version()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_without_a_library_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let error = load(folder.path()).unwrap_err();
        assert_eq!(error.code(), ErrorCode::RuntimeNotFound);
        assert!(error.message().contains(&folder.path().display().to_string()), "{error}");
        assert!(error.suggestions()[0].contains("npubridge setup"));
    }

    #[test]
    fn a_path_that_does_not_exist_is_named() {
        let error = load(Path::new("/nonexistent/libopenvino_c.so.2641")).unwrap_err();
        assert_eq!(error.code(), ErrorCode::RuntimeNotFound);
        assert!(error.message().contains("/nonexistent"), "{error}");
    }

    #[test]
    fn a_corrupt_library_is_reported_with_the_loaders_text() {
        let folder = tempfile::tempdir().unwrap();
        let library = folder.path().join("libopenvino_c.so.2641");
        std::fs::write(&library, b"\x7fELF and then nothing").unwrap();
        let error = load(folder.path()).unwrap_err();
        assert_eq!(error.code(), ErrorCode::RuntimeNotFound);
        assert!(error.message().contains("libopenvino_c.so.2641 cannot be loaded"), "{error}");
        assert!(error.cause().is_some_and(|text| text.contains("file too short")), "{error}");
    }

    #[test]
    fn a_library_without_the_functions_is_too_old() {
        // Any library of the system stands in for an OpenVINO that lacks functions: it has none of them.
        let Some(other) =
            ["/lib/x86_64-linux-gnu/libm.so.6", "/lib64/libm.so.6", "/usr/lib/libm.so.6"]
                .into_iter()
                .find(|path| Path::new(path).exists())
        else {
            return;
        };
        let folder = tempfile::tempdir().unwrap();
        let library = folder.path().join("libopenvino_c.so.2510");
        std::os::unix::fs::symlink(other, &library).unwrap();
        let error = load(&library).unwrap_err();
        assert_eq!(error.code(), ErrorCode::RuntimeNotFound);
        for part in ["2025.1.0", REQUIRED_SYMBOLS[0], "at least OpenVINO 2026.4"] {
            assert!(error.message().contains(part), "{error}");
        }
    }
}
