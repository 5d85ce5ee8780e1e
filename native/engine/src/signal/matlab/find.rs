//! Where MATLAB may be installed.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// A variable that names the folder of MATLAB; others that drive it read the same.
const VARIABLE: &str = "MATLAB_ROOT";

/// The folder of libraries for this system within an installation.
pub(super) const SYSTEM: &str = if cfg!(windows) {
    "win64"
} else if cfg!(all(target_os = "macos", target_arch = "aarch64")) {
    "maca64"
} else if cfg!(target_os = "macos") {
    "maci64"
} else {
    "glnxa64"
};

/// Folders whose children are installations, with what their names begin with.
const PARENTS: [(&str, &str); 2] = if cfg!(windows) {
    [(r"C:\Program Files\MATLAB", "R"), (r"C:\Program Files (x86)\MATLAB", "R")]
} else if cfg!(target_os = "macos") {
    [("/Applications", "MATLAB_R"), ("/opt/MATLAB", "R")]
} else {
    [("/usr/local/MATLAB", "R"), ("/opt/MATLAB", "R")]
};

/// An installation that may be there, and who says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) root: PathBuf,
    pub(super) from: &'static str,
}

/// Where to look, and which places turned out to hold nothing.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Places {
    pub(super) found: Vec<Place>,
    pub(super) vain: Vec<String>,
}

/// All places in order. One that was configured, or that the variable names, is the only one.
pub(super) fn places(configured: Option<&Path>) -> Places {
    let named = std::env::var_os(VARIABLE).filter(|root| !root.is_empty()).map(PathBuf::from);
    let only = match (configured, named) {
        (Some(root), _) => Some(Place { root: root.to_owned(), from: "matlab_root" }),
        (None, Some(root)) => Some(Place { root, from: VARIABLE }),
        (None, None) => None,
    };
    match only {
        Some(place) => Places { found: vec![place], vain: Vec::new() },
        None => usual(&PARENTS, std::env::var_os("PATH").as_deref()),
    }
}

fn usual(parents: &[(&str, &str)], path: Option<&OsStr>) -> Places {
    let mut places = Places::default();
    for (parent, prefix) in parents {
        let mut roots = children(Path::new(parent), prefix);
        // R2024a and R2024b are in the order of their years as texts; the newest comes first.
        roots.sort_unstable_by(|a, b| b.cmp(a));
        if roots.is_empty() {
            let pattern = Path::new(parent).join(format!("{prefix}*"));
            places.vain.push(format!("{} (not there)", pattern.display()));
        }
        places.found.extend(roots.into_iter().map(|root| Place { root, from: "usual place" }));
    }
    match on_path(path) {
        Some(root) if places.found.iter().any(|place| place.root == root) => {}
        Some(root) => places.found.push(Place { root, from: "matlab on PATH" }),
        None => places.vain.push("matlab on PATH (not there)".to_owned()),
    }
    places
}

fn children(parent: &Path, prefix: &str) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(parent) else { return Vec::new() };
    let named = |path: &PathBuf| {
        path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(prefix))
    };
    entries.flatten().map(|entry| entry.path()).filter(named).collect()
}

/// The installation of the command `matlab`, which often is a link to the one in its folder.
fn on_path(path: Option<&OsStr>) -> Option<PathBuf> {
    let name = if cfg!(windows) { "matlab.exe" } else { "matlab" };
    let command = std::env::split_paths(path?).map(|folder| folder.join(name));
    let command =
        command.filter(|file| file.is_file()).find_map(|file| file.canonicalize().ok())?;
    Some(command.parent()?.parent()?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_release_comes_first_and_the_command_on_path_last() {
        let folder = tempfile::tempdir().unwrap();
        let parent = folder.path().join("MATLAB");
        for release in ["R2023b", "R2025a", "R2024b", "other"] {
            std::fs::create_dir_all(parent.join(release)).unwrap();
        }
        let own = folder.path().canonicalize().unwrap().join("own");
        std::fs::create_dir_all(own.join("bin")).unwrap();
        std::fs::write(own.join("bin/matlab"), "").unwrap();
        let links = folder.path().join("links");
        std::fs::create_dir(&links).unwrap();
        #[cfg(unix)]
        std::os::unix::fs::symlink(own.join("bin/matlab"), links.join("matlab")).unwrap();

        let parents = [(parent.to_str().unwrap(), "R"), ("/nowhere/MATLAB", "R")];
        let places = usual(&parents, Some(links.as_os_str()));
        let roots: Vec<_> = places.found.iter().map(|place| place.root.clone()).collect();
        let expected = ["R2025a", "R2024b", "R2023b"].map(|release| parent.join(release));
        assert_eq!(roots, [&expected[..], &[own]].concat());
        assert_eq!(places.vain, ["/nowhere/MATLAB/R* (not there)"]);
    }

    #[test]
    fn a_configured_root_is_the_only_place() {
        let places = places(Some(Path::new("/nowhere")));
        let only = Place { root: "/nowhere".into(), from: "matlab_root" };
        assert_eq!(places, Places { found: vec![only], vain: Vec::new() });
    }

    #[test]
    fn what_is_not_there_is_told() {
        let places = usual(&[("/nowhere", "R")], None);
        assert_eq!(places.vain, ["/nowhere/R* (not there)", "matlab on PATH (not there)"]);
    }
}
