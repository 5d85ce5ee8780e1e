//! Where OpenVINO may be, in order of preference.

use super::python;
use super::version::{LEAST_VERSION, RuntimeVersion};
use std::cmp::Reverse;
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Looks up an environment variable; injected, so that a search can be tried without the process's own.
pub type Lookup = Arc<dyn Fn(&str) -> Option<OsString> + Send + Sync>;

/// Where to search.
#[derive(Clone)]
pub struct SearchOptions {
    /// What the user named; tried first.
    pub explicit: Option<PathBuf>,
    /// The environment.
    pub env: Lookup,
    /// The folder of managed runtimes, one folder a version.
    pub managed: PathBuf,
    /// The folder of an installed `openvino-node`, where the caller knows one.
    pub openvino_node: Option<PathBuf>,
    /// The root of the file system for installed packages; `/` besides in tests.
    pub root: PathBuf,
}

/// How a candidate was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum RuntimeSource {
    Explicit,
    Environment,
    Managed,
    Python,
    OpenvinoNode,
    IntelDir,
    System,
}

impl RuntimeSource {
    /// The name that all languages use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Explicit => "explicit",
            Self::Environment => "environment",
            Self::Managed => "managed",
            Self::Python => "python",
            Self::OpenvinoNode => "openvino-node",
            Self::IntelDir => "intel-dir",
            Self::System => "system",
        }
    }
}

impl fmt::Display for RuntimeSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A place that may be a runtime. Nothing was loaded to make it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuntimeCandidate {
    /// The folder of the library; the folder asked for, when there is none in it.
    pub folder: PathBuf,
    /// The library, when there is one.
    pub library: Option<PathBuf>,
    /// How it was found.
    pub source: RuntimeSource,
    /// The version that the name of the library says.
    pub version: Option<String>,
    /// Why it cannot be used, as far as that can be told without loading it.
    pub problem: Option<String>,
}

impl SearchOptions {
    /// The process's own environment and the folders of npubridge in it.
    #[must_use]
    pub fn from_process(explicit: Option<PathBuf>) -> Self {
        let env: Lookup = Arc::new(|key| std::env::var_os(key));
        let managed = managed_folder(&env);
        Self { explicit, env, managed, openvino_node: None, root: PathBuf::from("/") }
    }

    /// Every candidate, best first. What the user named is listed even if nothing is there; the rest only if
    /// something is.
    #[must_use]
    pub fn candidates(&self) -> Vec<RuntimeCandidate> {
        let mut found = Vec::new();
        if let Some(path) = &self.explicit {
            found.push(named(path, RuntimeSource::Explicit));
        }
        if let Some(path) = self.variable("NPUBRIDGE_RUNTIME") {
            found.push(named(&path, RuntimeSource::Environment));
        }
        let places = [
            (RuntimeSource::Managed, newest_first(subfolders(&self.managed, ""))),
            (RuntimeSource::Python, python::package_folder(&self.env).into_iter().collect()),
            (RuntimeSource::OpenvinoNode, self.openvino_node.iter().cloned().collect()),
            (RuntimeSource::IntelDir, self.intel_folders()),
            (RuntimeSource::System, self.loader_folders()),
        ];
        for (source, folders) in places {
            found.extend(folders.iter().filter_map(|folder| candidate(folder, source)));
        }
        let mut seen = Vec::new();
        found.retain(|candidate| {
            let key = candidate.library.as_ref().and_then(|path| path.canonicalize().ok());
            let is_new = key.is_none() || !seen.contains(&key);
            seen.push(key);
            is_new
        });
        found
    }

    fn variable(&self, key: &str) -> Option<PathBuf> {
        (self.env)(key).filter(|value| !value.is_empty()).map(PathBuf::from)
    }

    fn intel_folders(&self) -> Vec<PathBuf> {
        let installed = newest_first(subfolders(&self.root.join("opt/intel"), "openvino"));
        self.variable("INTEL_OPENVINO_DIR").into_iter().chain(installed).collect()
    }

    /// The folders that the loader searches, as far as they can be known without asking it.
    fn loader_folders(&self) -> Vec<PathBuf> {
        let from_env: Vec<PathBuf> = (self.env)("LD_LIBRARY_PATH")
            .map(|value| std::env::split_paths(&value).filter(|p| p.is_absolute()).collect())
            .unwrap_or_default();
        let fixed = ["usr/local/lib", "usr/lib/x86_64-linux-gnu", "usr/lib64", "usr/lib"];
        from_env.into_iter().chain(fixed.iter().map(|path| self.root.join(path))).collect()
    }
}

/// `NPUBRIDGE_HOME/runtimes`, else `npubridge/runtimes` in `XDG_DATA_HOME` or `~/.local/share`.
fn managed_folder(env: &Lookup) -> PathBuf {
    let variable = |key: &str| env(key).filter(|value| !value.is_empty()).map(PathBuf::from);
    let data = variable("NPUBRIDGE_HOME").unwrap_or_else(|| {
        let share = variable("XDG_DATA_HOME").unwrap_or_else(|| {
            variable("HOME").unwrap_or_else(|| PathBuf::from("/")).join(".local/share")
        });
        share.join("npubridge")
    });
    std::path::absolute(&data).unwrap_or(data).join("runtimes")
}

/// The library in `folder` or in the places below it that distributions use; the newest where there are several.
pub(super) fn library_in(folder: &Path) -> Option<PathBuf> {
    ["", "openvino/libs", "libs", "runtime/lib/intel64", "lib"]
        .into_iter()
        .map(|below| if below.is_empty() { folder.to_path_buf() } else { folder.join(below) })
        .find_map(|folder| versioned_library(&folder))
}

fn versioned_library(folder: &Path) -> Option<PathBuf> {
    let names = std::fs::read_dir(folder).ok()?.flatten().map(|entry| entry.path());
    names
        .filter(|path| path.is_file())
        .filter_map(|path| Some((suffix_version(&path)?, path)))
        // Of libopenvino_c.so.2641 and …2026.4.1, the same library, the shorter name is the one that others link to.
        .max_by_key(|(version, path)| (*version, Reverse(path.as_os_str().len())))
        .map(|(_, path)| path)
}

/// The version that the name of a library says.
pub(super) fn suffix_version(library: &Path) -> Option<RuntimeVersion> {
    let name = library.file_name()?.to_str()?;
    RuntimeVersion::from_suffix(name.strip_prefix("libopenvino_c.so.")?)
}

/// A candidate for a path that the user gave: always one, with a problem if there is nothing.
fn named(path: &Path, source: RuntimeSource) -> RuntimeCandidate {
    if path.is_dir() {
        if let Some(found) = candidate(path, source) {
            return found;
        }
    } else if path.is_file() {
        return of_library(path.to_path_buf(), source);
    }
    let problem = if path.exists() {
        "no libopenvino_c.so.<version> in it"
    } else {
        "there is no such file or folder"
    };
    RuntimeCandidate {
        folder: path.to_path_buf(),
        library: None,
        source,
        version: None,
        problem: Some(problem.into()),
    }
}

fn candidate(folder: &Path, source: RuntimeSource) -> Option<RuntimeCandidate> {
    library_in(folder).map(|library| of_library(library, source))
}

fn of_library(library: PathBuf, source: RuntimeSource) -> RuntimeCandidate {
    let version = suffix_version(&library);
    let problem = version.filter(|&version| version < LEAST_VERSION).map(|version| {
        let RuntimeVersion { year, release, .. } = LEAST_VERSION;
        format!("version {version} is too old, at least {year}.{release} is needed")
    });
    RuntimeCandidate {
        folder: library.parent().map(Path::to_path_buf).unwrap_or_default(),
        source,
        version: version.map(|version| version.to_string()),
        problem,
        library: Some(library),
    }
}

fn subfolders(folder: &Path, prefix: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix))
        .map(|entry| entry.path())
        .filter(|path| path.is_dir())
        .collect()
}

/// By version of the library inside, newest first; folders without one last, by name.
fn newest_first(mut folders: Vec<PathBuf>) -> Vec<PathBuf> {
    folders.sort_by_cached_key(|folder| {
        let version = library_in(folder).and_then(|library| suffix_version(&library));
        (Reverse(version), folder.clone())
    });
    folders
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;
    use std::fs;

    fn options(root: &Path, env: &[(&str, PathBuf)]) -> SearchOptions {
        let env: HashMap<String, OsString> =
            env.iter().map(|(key, value)| ((*key).into(), value.into())).collect();
        SearchOptions {
            explicit: None,
            env: Arc::new(move |key| env.get(key).cloned()),
            managed: root.join("managed"),
            openvino_node: None,
            root: root.to_path_buf(),
        }
    }

    fn library(folder: &Path, suffix: &str) -> PathBuf {
        fs::create_dir_all(folder).unwrap();
        let path = folder.join(format!("libopenvino_c.so.{suffix}"));
        fs::write(&path, b"").unwrap();
        path
    }

    fn sources(found: &[RuntimeCandidate]) -> Vec<&'static str> {
        found.iter().map(|candidate| candidate.source.name()).collect()
    }

    #[test]
    fn candidates_come_in_order_of_preference() {
        let root = tempfile::tempdir().unwrap();
        let at = |path: &str| root.path().join(path);
        library(&at("named"), "2641");
        library(&at("env/openvino/libs"), "2641");
        library(&at("managed/openvino-2026.4.0"), "2640");
        let newest = library(&at("managed/openvino-2026.4.1"), "2641");
        library(&at("node/bin/libs"), "2641");
        library(&at("intel/runtime/lib/intel64"), "2026.4.1");
        library(&at("usr/lib"), "2641");
        let mut options = options(
            root.path(),
            &[("NPUBRIDGE_RUNTIME", at("env")), ("INTEL_OPENVINO_DIR", at("intel"))],
        );
        options.explicit = Some(at("named"));
        options.openvino_node = Some(at("node/bin"));
        let found = options.candidates();
        let expected = [
            "explicit",
            "environment",
            "managed",
            "managed",
            "openvino-node",
            "intel-dir",
            "system",
        ];
        assert_eq!(sources(&found), expected);
        assert_eq!(found[2].library.as_ref(), Some(&newest));
        assert_eq!(found[2].version.as_deref(), Some("2026.4.1"));
        assert!(found.iter().all(|candidate| candidate.problem.is_none()), "{found:#?}");
    }

    #[test]
    fn what_the_user_named_is_listed_with_its_problem() {
        let root = tempfile::tempdir().unwrap();
        let mut options = options(root.path(), &[("NPUBRIDGE_RUNTIME", root.path().to_path_buf())]);
        options.explicit = Some(root.path().join("none"));
        let found = options.candidates();
        assert_eq!(sources(&found), ["explicit", "environment"]);
        assert_eq!(found[0].problem.as_deref(), Some("there is no such file or folder"));
        assert_eq!(found[1].problem.as_deref(), Some("no libopenvino_c.so.<version> in it"));
    }

    #[test]
    fn an_old_version_is_listed_as_too_old() {
        let root = tempfile::tempdir().unwrap();
        library(&root.path().join("managed/a"), "2510");
        let found = options(root.path(), &[]).candidates();
        assert_eq!(found[0].version.as_deref(), Some("2025.1.0"));
        assert!(found[0].problem.as_ref().unwrap().contains("2026.4"), "{found:?}");
    }

    #[test]
    fn a_library_without_a_version_in_its_name_does_not_count() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("managed/a")).unwrap();
        fs::write(root.path().join("managed/a/libopenvino_c.so"), b"").unwrap();
        fs::write(root.path().join("managed/a/libopenvino_c.so.backup"), b"").unwrap();
        assert_eq!(options(root.path(), &[]).candidates(), []);
    }

    #[test]
    fn one_library_found_twice_is_listed_once() {
        let root = tempfile::tempdir().unwrap();
        library(&root.path().join("managed/a"), "2641");
        let mut options = options(root.path(), &[]);
        options.explicit = Some(root.path().join("managed/a"));
        assert_eq!(sources(&options.candidates()), ["explicit"]);
    }

    #[test]
    fn the_managed_folder_follows_the_environment() {
        let folder = |pairs: &[(&str, &str)]| {
            let env: HashMap<String, OsString> =
                pairs.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect();
            let env: Lookup = Arc::new(move |key| env.get(key).cloned());
            managed_folder(&env)
        };
        assert_eq!(folder(&[("NPUBRIDGE_HOME", "/n")]), Path::new("/n/runtimes"));
        assert_eq!(folder(&[("XDG_DATA_HOME", "/x")]), Path::new("/x/npubridge/runtimes"));
        assert_eq!(
            folder(&[("HOME", "/h"), ("XDG_DATA_HOME", "")]),
            Path::new("/h/.local/share/npubridge/runtimes")
        );
    }
}
