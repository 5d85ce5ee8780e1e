//! Looking at libraries without loading them.
//!
//! A library that was opened once stays in the process whatever comes after, and so do those it brought along: the
//! next runtime would be given their `libtbb`. And opening a file that is cut off ends the process, not the call. So
//! what can be told from the files is told from the files.

use object::read::elf::{Dyn, FileHeader, ProgramHeader};
use object::{Endianness, Object, ObjectSymbol, ReadCache, elf};
use std::collections::HashSet;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

type Header = elf::FileHeader64<Endianness>;

/// Those of `names` that neither the library nor one that it needs and that lies beside it defines, in their order.
///
/// `None` for a file that is not understood: the loader will say what it thinks of it.
pub(super) fn missing<'a>(library: &Path, names: &[&'a str]) -> Option<Vec<&'a str>> {
    let mut missing = names.to_vec();
    let needed = strike(library, &mut missing)?;
    for other in needed.iter().filter(|path| path.is_file()) {
        if missing.is_empty() {
            break;
        }
        strike(other, &mut missing);
    }
    Some(missing)
}

/// Strikes from `missing` what the library defines; gives the libraries it needs, as if all lay beside it.
fn strike(library: &Path, missing: &mut Vec<&str>) -> Option<Vec<PathBuf>> {
    let cache = ReadCache::new(File::open(library).ok()?);
    let file = object::File::parse(&cache).ok()?;
    let defined: HashSet<&[u8]> = file
        .dynamic_symbols()
        .filter(ObjectSymbol::is_definition)
        .filter_map(|symbol| symbol.name_bytes().ok())
        .collect();
    missing.retain(|name| !defined.contains(name.as_bytes()));
    let imports = needed(&cache).unwrap_or_default();
    Some(imports.into_iter().map(|name| library.with_file_name(name)).collect())
}

fn needed(cache: &ReadCache<File>) -> object::Result<Vec<String>> {
    let header = Header::parse(cache)?;
    let endian = header.endian()?;
    let sections = header.sections(endian, cache)?;
    let Some((dynamic, link)) = sections.dynamic(endian, cache)? else {
        return Ok(Vec::new());
    };
    let strings = sections.strings(endian, cache, link)?;
    let names = dynamic.iter().filter(|entry| entry.tag(endian) == elf::DT_NEEDED);
    let names = names.filter_map(|entry| entry.string(endian, strings).ok());
    Ok(names.map(|name| String::from_utf8_lossy(name).into_owned()).collect())
}

/// The first library of the runtime in `folder` that is shorter than its own header says.
pub(super) fn cut_off(folder: &Path) -> Option<PathBuf> {
    let of_runtime = |name: &str| {
        name.contains(".so")
            && ["libopenvino", "libtbb", "libhwloc"].iter().any(|p| name.starts_with(p))
    };
    let mut libraries: Vec<PathBuf> = std::fs::read_dir(folder)
        .ok()?
        .flatten()
        .filter(|entry| entry.file_name().to_str().is_some_and(of_runtime))
        .map(|entry| entry.path())
        .collect();
    libraries.sort();
    libraries.into_iter().find(|path| is_cut_off(path).unwrap_or(false))
}

/// An error for what is no ELF file at all, which the loader refuses by itself.
pub(super) fn is_cut_off(library: &Path) -> io::Result<bool> {
    let file = File::open(library)?;
    let length = file.metadata()?.len();
    let cache = ReadCache::new(file);
    let header = Header::parse(&cache).map_err(io::Error::other)?;
    let endian = header.endian().map_err(io::Error::other)?;
    // The table of segments is at the start: when even that cannot be read, the file ends within its first page.
    let Ok(segments) = header.program_headers(endian, &cache) else {
        return Ok(true);
    };
    let mut parts: Vec<(u64, u64)> =
        segments.iter().map(|segment| segment.file_range(endian)).collect();
    // The table of sections is the last thing in a file.
    let sections = u64::from(header.e_shnum(endian)) * u64::from(header.e_shentsize(endian));
    parts.push((header.e_shoff(endian), sections));
    Ok(parts.iter().any(|&(at, size)| at.checked_add(size).is_none_or(|end| end > length)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own() -> PathBuf {
        std::env::current_exe().unwrap()
    }

    #[test]
    fn a_whole_library_is_not_cut_off_and_half_of_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let copy = folder.path().join("libopenvino_test.so.2641");
        let bytes = std::fs::read(own()).unwrap();
        std::fs::write(&copy, &bytes).unwrap();
        assert_eq!(cut_off(folder.path()), None);
        for length in [bytes.len() / 2, 4096, 100] {
            std::fs::write(&copy, &bytes[..length]).unwrap();
            assert_eq!(cut_off(folder.path()), Some(copy.clone()), "{length} bytes");
        }
    }

    #[test]
    fn names_are_looked_up_in_the_library_and_in_those_it_needs() {
        // The C library of this process, by the name that the loader knows it by.
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
        let libc = maps
            .lines()
            .filter_map(|line| line.split_whitespace().nth(5))
            .find(|path| path.contains("/libc.so") || path.contains("/libc-"))
            .map(PathBuf::from);
        let Some(libc) = libc else { return };
        let names = ["malloc", "no_such_function_here"];
        assert_eq!(missing(&libc, &names), Some(vec!["no_such_function_here"]));
    }

    #[test]
    fn what_is_no_library_is_left_to_the_loader() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("libopenvino_c.so.2641");
        std::fs::write(&path, b"no ELF").unwrap();
        assert_eq!(missing(&path, &["a"]), None);
        assert_eq!(cut_off(folder.path()), None);
    }
}
