//! The agents of a folder of Markdown files.

use std::collections::BTreeMap;
use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::front_matter;
use super::{Agent, AgentChoice, Profile, Router};
use crate::{Error, ErrorCode, Result};

/// Markdown files that describe no agent.
const NOT_AGENTS: [&str; 3] = ["README.md", "TEMPLATE.md", "WHERE_I_AM.md"];
const EXTENSION: &str = ".md";
const LARGEST_FILE: u64 = 1 << 20;
const LONGEST_NAME: usize = 128;

/// The agents that a folder describes, and the files that could not be understood.
#[derive(Debug)]
pub struct AgentRegistry {
    folder: PathBuf,
    files: BTreeMap<PathBuf, Stamp>,
    router: Router,
    problems: Vec<FileProblem>,
}

/// A file that was skipped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileProblem {
    /// Which.
    pub file: PathBuf,
    /// Why: `CONFIG_INVALID`, its message naming the file and, where there is one, the line.
    pub error: Error,
}

/// Changes when a file does, as far as the file system tells.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Stamp {
    Known {
        modified: Option<SystemTime>,
        bytes: u64,
        identity: [i64; 3],
    },
    /// Could not be asked for.
    Unknown(io::ErrorKind),
}

impl AgentRegistry {
    /// Reads the agents of a folder; files that cannot be understood are in [`AgentRegistry::problems`].
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` when the folder itself cannot be read.
    pub fn open(folder: impl Into<PathBuf>) -> Result<Self> {
        let folder = folder.into();
        // Stamps first: a file that changes while it is read differs at the next look.
        let files = stamps(&folder)?;
        let (router, problems) = load(files.keys())?;
        Ok(Self { folder, files, router, problems })
    }

    /// Reads the folder again if a file has come, gone or changed; says whether it did.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` when the folder can no longer be read; the agents stay as they were.
    pub fn reload_if_changed(&mut self) -> Result<bool> {
        let files = stamps(&self.folder)?;
        if files == self.files {
            return Ok(false);
        }
        let (router, problems) = load(files.keys())?;
        self.files = files;
        self.router = router;
        self.problems = problems;
        Ok(true)
    }

    /// Where the agents come from.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What is known of the agents, for choosing them by text.
    #[must_use]
    pub fn profiles(&self) -> Vec<Profile> {
        let profile = |agent: &Agent| Profile {
            name: agent.name.clone(),
            description: agent.description.clone().unwrap_or_default(),
            examples: agent.examples.clone(),
            priority: agent.priority,
        };
        self.agents().iter().map(profile).collect()
    }

    /// The agents, ready to be asked; a clone of it survives a reload.
    #[must_use]
    pub fn router(&self) -> &Router {
        &self.router
    }

    /// The agents, by name.
    #[must_use]
    pub fn agents(&self) -> &[Agent] {
        self.router.agents()
    }

    /// The files that were skipped, by file name.
    #[must_use]
    pub fn problems(&self) -> &[FileProblem] {
        &self.problems
    }

    /// The agent that fits a description best, or none when nothing in it speaks for any.
    #[must_use]
    pub fn select(&self, description: &str) -> Option<AgentChoice<'_>> {
        self.router.select(description)
    }
}

/// The files that should describe agents.
fn stamps(folder: &Path) -> Result<BTreeMap<PathBuf, Stamp>> {
    let unreadable = |error: io::Error| {
        Error::new(
            ErrorCode::InvalidArgument,
            format!("agents folder {} cannot be read", folder.display()),
        )
        .suggest("name a folder that holds one Markdown file for each agent")
        .caused_by(error)
    };
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        if describes_agent(&entry.file_name().to_string_lossy()) {
            let path = entry.path();
            let stamp = Stamp::of(fs::metadata(&path));
            files.insert(path, stamp);
        }
    }
    Ok(files)
}

fn describes_agent(file_name: &str) -> bool {
    file_name.ends_with(EXTENSION) && !NOT_AGENTS.contains(&file_name)
}

fn load<'a>(files: impl Iterator<Item = &'a PathBuf>) -> Result<(Router, Vec<FileProblem>)> {
    let mut agents: BTreeMap<String, Agent> = BTreeMap::new();
    let mut problems = Vec::new();
    for file in files {
        let read = read_agent(file).and_then(|agent| match agents.get(&agent.name) {
            None => Ok(agent),
            Some(first) => Err(format!(
                "agent {:?} is already described by {}",
                agent.name,
                first.file.as_deref().unwrap_or(Path::new("?")).display()
            )),
        });
        match read {
            Ok(agent) => {
                agents.insert(agent.name.clone(), agent);
            }
            Err(what) => problems.push(FileProblem {
                file: file.clone(),
                error: Error::new(ErrorCode::ConfigInvalid, format!("{}: {what}", file.display())),
            }),
        }
    }
    Ok((Router::new(agents.into_values().collect())?, problems))
}

/// The agent of one file, or what is wrong with it.
fn read_agent(file: &Path) -> std::result::Result<Agent, String> {
    let text = read_text(file)?;
    let front_matter = front_matter::read(&text).map_err(|malformed| malformed.to_string())?;
    let file_name = file.file_name().and_then(|name| name.to_str());
    let stem = file_name.and_then(|name| name.strip_suffix(EXTENSION));
    let name = match (&front_matter.name, stem) {
        (Some(name), _) => name,
        (None, Some(stem)) => stem,
        (None, None) => return Err("the file name is not UTF-8 and no name is given".into()),
    };
    let agent = Agent {
        description: front_matter.description.clone(),
        examples: front_matter.examples.clone(),
        front_matter: front_matter.blocks.clone(),
        file: Some(file.into()),
        ..Agent::named(name)
    };
    check_name(&agent.name)?;
    Ok(agent)
}

fn check_name(name: &str) -> std::result::Result<(), String> {
    let length = name.chars().count();
    if length == 0 {
        return Err("the agent's name is empty".into());
    }
    if length > LONGEST_NAME {
        return Err(format!("the agent's name has {length} characters, more than {LONGEST_NAME}"));
    }
    if name.chars().any(char::is_control) {
        return Err(format!("the agent's name {name:?} holds a control character"));
    }
    Ok(())
}

fn read_text(file: &Path) -> std::result::Result<String, String> {
    let unreadable = |error: io::Error| format!("cannot be read: {error}");
    // Asked before opening: opening a pipe would wait for its writer.
    let metadata = fs::metadata(file).map_err(unreadable)?;
    if !metadata.is_file() {
        return Err("is not a regular file".into());
    }
    let too_large = |bytes| format!("has {bytes} bytes, more than {LARGEST_FILE}");
    if metadata.len() > LARGEST_FILE {
        return Err(too_large(metadata.len()));
    }
    let mut bytes = Vec::with_capacity(metadata.len() as usize);
    let opened = File::open(file).map_err(unreadable)?;
    let read = opened.take(LARGEST_FILE + 1).read_to_end(&mut bytes);
    if read.map_err(unreadable)? as u64 > LARGEST_FILE {
        return Err(too_large(bytes.len() as u64));
    }
    String::from_utf8(bytes)
        .map_err(|error| format!("is not UTF-8 at byte {}", error.utf8_error().valid_up_to()))
}

impl Stamp {
    fn of(metadata: io::Result<Metadata>) -> Self {
        match metadata {
            Ok(metadata) => Self::Known {
                modified: metadata.modified().ok(),
                bytes: metadata.len(),
                identity: identity(&metadata),
            },
            Err(error) => Self::Unknown(error.kind()),
        }
    }
}

/// Inode and change time: they tell a change that keeps size and modification time.
#[cfg(unix)]
fn identity(metadata: &Metadata) -> [i64; 3] {
    use std::os::unix::fs::MetadataExt;
    [metadata.ino().cast_signed(), metadata.ctime(), metadata.ctime_nsec()]
}

#[cfg(not(unix))]
fn identity(_metadata: &Metadata) -> [i64; 3] {
    [0; 3]
}

#[cfg(test)]
mod tests {
    use super::*;
    use tempfile::TempDir;

    fn folder(files: &[(&str, &[u8])]) -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, bytes) in files {
            fs::write(folder.path().join(name), bytes).unwrap();
        }
        folder
    }

    fn names(registry: &AgentRegistry) -> Vec<&str> {
        registry.agents().iter().map(|agent| agent.name.as_str()).collect()
    }

    /// File name and what is wrong with it.
    fn problems(registry: &AgentRegistry) -> Vec<(String, String)> {
        registry
            .problems()
            .iter()
            .map(|problem| {
                assert_eq!(problem.error.code(), ErrorCode::ConfigInvalid);
                let file = problem.file.file_name().unwrap().to_string_lossy();
                let place = format!("{}: ", problem.file.display());
                let what = problem.error.message().strip_prefix(&place).unwrap();
                (file.into_owned(), what.to_owned())
            })
            .collect()
    }

    #[test]
    fn every_markdown_file_is_an_agent_but_three() {
        let folder = folder(&[
            ("DEBUGGER.md", b"# Debugger"),
            ("README.md", b""),
            ("TEMPLATE.md", b""),
            ("WHERE_I_AM.md", b""),
            ("notes.txt", b""),
            ("x.md", b"---\nname: Code-Reviewer\ndescription: Reviews\n---\n"),
        ]);
        fs::create_dir(folder.path().join("more")).unwrap();
        fs::write(folder.path().join("more/linter.md"), "").unwrap();
        let registry = AgentRegistry::open(folder.path()).unwrap();
        assert_eq!(names(&registry), ["code-reviewer", "debugger"]);
        assert_eq!(registry.agents()[0].description.as_deref(), Some("Reviews"));
        assert_eq!(registry.agents()[1].priority, 20);
        assert_eq!(
            registry.select("debug this").unwrap().agent.file.as_deref(),
            Some(folder.path().join("DEBUGGER.md").as_path())
        );
        assert!(registry.problems().is_empty());
    }

    #[test]
    fn files_that_cannot_be_understood_are_reported_and_the_others_count() {
        let large = vec![b'x'; LARGEST_FILE as usize + 1];
        let long = format!("---\nname: {}\n---\n", "n".repeat(129));
        let folder = folder(&[
            (".md", b""),
            ("bytes.md", b"# \xff"),
            ("good.md", b""),
            ("large.md", &large),
            ("long.md", long.as_bytes()),
            ("open.md", b"---\nname: x\n"),
            ("twice.md", b"---\nname: GOOD\n---\n"),
            ("what.md", b"---\nname: \"a\\tb\"\n---\n"),
        ]);
        fs::create_dir(folder.path().join("folder.md")).unwrap();
        let registry = AgentRegistry::open(folder.path()).unwrap();
        assert_eq!(names(&registry), ["good"]);
        let expected = [
            (".md", "the agent's name is empty".to_owned()),
            ("bytes.md", "is not UTF-8 at byte 2".into()),
            ("folder.md", "is not a regular file".into()),
            ("large.md", "has 1048577 bytes, more than 1048576".into()),
            ("long.md", "the agent's name has 129 characters, more than 128".into()),
            ("open.md", "line 1: front matter is opened by \"---\" and never closed".into()),
            (
                "twice.md",
                format!(
                    "agent \"good\" is already described by {}",
                    folder.path().join("good.md").display()
                ),
            ),
            ("what.md", "the agent's name \"a\\tb\" holds a control character".into()),
        ];
        assert_eq!(problems(&registry), expected.map(|(file, what)| (file.to_owned(), what)));
    }

    #[cfg(unix)]
    #[test]
    fn a_link_to_nothing_is_reported() {
        let folder = folder(&[]);
        std::os::unix::fs::symlink("nowhere", folder.path().join("gone.md")).unwrap();
        let registry = AgentRegistry::open(folder.path()).unwrap();
        assert!(problems(&registry)[0].1.starts_with("cannot be read: "));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_file_name_that_is_not_text_needs_a_given_name() {
        use std::os::unix::ffi::OsStrExt;
        let folder = folder(&[]);
        let odd = |bytes| folder.path().join(std::ffi::OsStr::from_bytes(bytes));
        fs::write(odd(b"a\xff.md"), "").unwrap();
        fs::write(odd(b"b\xff.md"), "---\nname: known\n---\n").unwrap();
        let registry = AgentRegistry::open(folder.path()).unwrap();
        assert_eq!(names(&registry), ["known"]);
        assert_eq!(
            registry.problems()[0].error.message().split(": ").last(),
            Some("the file name is not UTF-8 and no name is given")
        );
    }

    #[test]
    fn a_folder_that_is_not_there_is_named() {
        let error = AgentRegistry::open("/no/such/folder").unwrap_err();
        assert_eq!(error.code(), ErrorCode::InvalidArgument);
        assert_eq!(error.message(), "agents folder /no/such/folder cannot be read");
        assert!(error.cause().is_some());
    }

    #[test]
    fn the_folder_is_read_again_only_when_a_file_changed() {
        let folder = folder(&[("linter.md", b"# a"), ("README.md", b"")]);
        let mut registry = AgentRegistry::open(folder.path()).unwrap();
        assert!(!registry.reload_if_changed().unwrap());

        fs::write(folder.path().join("README.md"), "changed").unwrap();
        assert!(!registry.reload_if_changed().unwrap());

        fs::write(folder.path().join("tester.md"), "").unwrap();
        assert!(registry.reload_if_changed().unwrap());
        assert_eq!(names(&registry), ["linter", "tester"]);

        fs::write(folder.path().join("linter.md"), "---\nname: other\n---\n").unwrap();
        assert!(registry.reload_if_changed().unwrap());
        assert_eq!(names(&registry), ["other", "tester"]);

        fs::remove_file(folder.path().join("tester.md")).unwrap();
        assert!(registry.reload_if_changed().unwrap());
        assert_eq!(names(&registry), ["other"]);
        assert!(!registry.reload_if_changed().unwrap());
    }

    #[test]
    fn a_change_of_the_modification_time_alone_is_seen() {
        let folder = folder(&[("linter.md", b"# a")]);
        let mut registry = AgentRegistry::open(folder.path()).unwrap();
        let file = File::options().write(true).open(folder.path().join("linter.md")).unwrap();
        file.set_modified(SystemTime::UNIX_EPOCH).unwrap();
        assert!(registry.reload_if_changed().unwrap());
    }

    #[cfg(unix)]
    #[test]
    fn a_replaced_file_of_the_same_size_and_time_is_seen() {
        let folder = folder(&[("linter.md", b"# a"), ("new", b"# b")]);
        let path = |name| folder.path().join(name);
        let make_old = |name| {
            let file = File::options().write(true).open(path(name)).unwrap();
            file.set_modified(SystemTime::UNIX_EPOCH).unwrap();
        };
        make_old("linter.md");
        let mut registry = AgentRegistry::open(folder.path()).unwrap();
        make_old("new");
        fs::rename(path("new"), path("linter.md")).unwrap();
        assert!(registry.reload_if_changed().unwrap());
    }

    #[test]
    fn agents_stay_when_the_folder_goes() {
        let folder = folder(&[("linter.md", b"")]);
        let mut registry = AgentRegistry::open(folder.path()).unwrap();
        folder.close().unwrap();
        let error = registry.reload_if_changed().unwrap_err();
        assert_eq!(error.code(), ErrorCode::InvalidArgument);
        assert_eq!(names(&registry), ["linter"]);
    }
}
