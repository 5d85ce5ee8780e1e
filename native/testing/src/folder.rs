//! Making a runtime folder with an emulated NPU out of a real one.

use object::{Object, ObjectSection};
use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

/// The name by which the interposer depends on the real library.
const REAL: &str = "libopenvino_c_real.so";
/// The file that tells a person what this folder is.
const MARKER: &str = "EMULATED-NPU.txt";

/// Makes `out`, which must not exist or be such a folder, out of the runtime in `real`.
///
/// Everything of the real runtime is linked, its C library under another name; `interposer` is copied in its place. Of
/// each name in `without` the copies lose the function of that name, as if the runtime were too old to have it.
///
/// Returns the library to load.
///
/// # Errors
/// What cannot be read or written; `InvalidInput` where `real` has no C library or `without` names no function of it.
pub fn make(real: &Path, interposer: &Path, out: &Path, without: &[String]) -> io::Result<PathBuf> {
    let real = real.canonicalize()?;
    let library = c_library(&real)?;
    if out.exists() {
        if !out.join(MARKER).is_file() {
            return Err(invalid(format!("{} is there and is not ours", out.display())));
        }
        fs::remove_dir_all(out)?;
    }
    fs::create_dir_all(out)?;
    fs::write(
        out.join(MARKER),
        format!("An emulated NPU over {}. For tests only.\n", real.display()),
    )?;
    let others = fs::read_dir(&real)?.flatten().map(|entry| entry.path()).filter(|path| {
        path.is_file() && !is_c_library(path) && path.extension().is_none_or(|e| e != "json")
    });
    for path in others {
        symlink(&path, out.join(path.file_name().unwrap_or_default()))?;
    }
    let target = out.join(library.file_name().unwrap_or_default());
    if without.is_empty() {
        symlink(&library, out.join(REAL))?;
        fs::copy(interposer, &target)?;
    } else {
        hide(&library, &out.join(REAL), without, true)?;
        hide(interposer, &target, without, false)?;
    }
    Ok(target)
}

/// The interposer as cargo built it beside the running program.
#[must_use]
pub fn built_interposer() -> Option<PathBuf> {
    built("libnpubridge_testing.so")
}

/// A library as cargo built it beside the running program.
#[must_use]
pub fn built(name: &str) -> Option<PathBuf> {
    let program = std::env::current_exe().ok()?;
    let folder = program.parent()?;
    [folder.to_path_buf(), folder.join("deps"), folder.parent()?.to_path_buf()]
        .into_iter()
        .map(|folder| folder.join(name))
        .find(|path| path.is_file())
}

fn is_c_library(path: &Path) -> bool {
    path.file_name()
        .and_then(|name| name.to_str())
        .is_some_and(|name| name.starts_with("libopenvino_c.so") || name == REAL)
}

fn c_library(folder: &Path) -> io::Result<PathBuf> {
    let mut found: Vec<PathBuf> = fs::read_dir(folder)?
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| is_c_library(path) && path.to_string_lossy().contains(".so."))
        .collect();
    // Of several names for one file, the short one is what others link to.
    found.sort_by_key(|path| path.as_os_str().len());
    let first = found.into_iter().next();
    first.ok_or_else(|| invalid(format!("no libopenvino_c.so.<version> in {}", folder.display())))
}

/// Copies a library, spoiling names in its table of dynamic symbols: a look-up by hash and name then finds nothing.
///
/// # Errors
/// What cannot be read or written; `InvalidInput` where all names must be there and one is not.
pub fn hide(
    library: &Path,
    copy: &Path,
    names: &[String],
    all_must_be_there: bool,
) -> io::Result<()> {
    let mut bytes = fs::read(library)?;
    let (start, size) = {
        let file = object::File::parse(bytes.as_slice())
            .map_err(|error| invalid(format!("{}: {error}", library.display())))?;
        let strings = file.section_by_name(".dynstr").and_then(|section| section.file_range());
        strings.ok_or_else(|| invalid(format!("{} has no dynamic symbols", library.display())))?
    };
    let out_of_range = || invalid(format!("{} is cut off", library.display()));
    let start = usize::try_from(start).map_err(|_| out_of_range())?;
    let size = usize::try_from(size).map_err(|_| out_of_range())?;
    let table = bytes.get_mut(start..start + size).ok_or_else(out_of_range)?;
    for name in names {
        let wanted = format!("\0{name}\0").into_bytes();
        match table.windows(wanted.len()).position(|part| part == wanted) {
            Some(at) => table[at + 1] = b'~',
            None if all_must_be_there => {
                return Err(invalid(format!("{} has no function {name}", library.display())));
            }
            None => {}
        }
    }
    fs::write(copy, bytes)
}

fn invalid(problem: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, problem)
}
