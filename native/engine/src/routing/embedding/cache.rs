//! Embeddings on disk, by the content of model and text, so that nothing is ever stale.
//!
//! One small file for each text, in one of 256 folders below a folder for the model. Files appear by renaming, so any
//! number of processes may share a cache; one that is damaged counts as missing.

use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::Embedding;

/// Files of one folder before the oldest go: some 200 MB in all.
const LARGEST_FOLDER: usize = 512;
/// Of so many files that are written, one looks whether its folder has become too large: reading a folder takes longer
/// than writing a file.
const LOOKS: u8 = 16;

/// The embeddings that one model gave.
#[derive(Debug)]
pub(crate) struct DiskCache {
    folder: PathBuf,
}

impl DiskCache {
    /// The cache of the model that `identity` describes, below `folder`.
    pub(crate) fn new(folder: PathBuf, identity: &[u8]) -> Self {
        let model = hex(&Sha256::digest(identity)[..12]);
        Self { folder: folder.join(model) }
    }

    /// The embedding of a text, if it is there and whole.
    pub(crate) fn get(&self, text: &str) -> Option<Embedding> {
        let bytes = fs::read(self.file(text)).ok()?;
        let numbers = bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]));
        let embedding: Embedding = numbers.collect();
        let length: f32 = embedding.iter().map(|x| x * x).sum();
        ((length - 1.0).abs() < 1e-3).then_some(embedding)
    }

    /// Keeps an embedding. A cache that cannot be written is only slower.
    pub(crate) fn put(&self, text: &str, embedding: &[f32]) {
        if let Err(error) = self.write(text, embedding) {
            tracing::debug!(%error, folder = %self.folder.display(), "an embedding was not kept");
        }
    }

    fn write(&self, text: &str, embedding: &[f32]) -> std::io::Result<()> {
        let digest = Sha256::digest(text.as_bytes());
        let file = self.named(&digest);
        let temporary = file.with_extension(format!("{}.tmp", std::process::id()));
        let folder = file.parent().unwrap_or(&self.folder);
        let bytes: Vec<u8> = embedding.iter().flat_map(|number| number.to_le_bytes()).collect();
        let written = create(&temporary, folder).and_then(|mut file| file.write_all(&bytes));
        written.and_then(|()| fs::rename(&temporary, &file)).inspect_err(|_| {
            let _ = fs::remove_file(&temporary);
        })?;
        if digest[1].is_multiple_of(LOOKS) { make_room(folder) } else { Ok(()) }
    }

    fn file(&self, text: &str) -> PathBuf {
        self.named(&Sha256::digest(text.as_bytes()))
    }

    fn named(&self, digest: &[u8]) -> PathBuf {
        let name = hex(digest);
        self.folder.join(&name[..2]).join(&name[2..])
    }
}

/// A new file, in a folder that is made when it turns out to be missing.
fn create(file: &Path, folder: &Path) -> std::io::Result<fs::File> {
    fs::File::create(file).or_else(|error| match error.kind() {
        ErrorKind::NotFound => fs::create_dir_all(folder).and_then(|()| fs::File::create(file)),
        _ => Err(error),
    })
}

/// Lets half of a folder go, the oldest files first, when it has become too large.
fn make_room(folder: &Path) -> std::io::Result<()> {
    let entries: Vec<_> = fs::read_dir(folder)?.flatten().collect();
    if entries.len() <= LARGEST_FOLDER {
        return Ok(());
    }
    let modified = |entry: &fs::DirEntry| entry.metadata().and_then(|m| m.modified()).ok();
    let mut aged: Vec<_> = entries.iter().map(|entry| (modified(entry), entry.path())).collect();
    aged.sort();
    for (_, path) in aged.iter().take(LARGEST_FOLDER / 2) {
        let _ = fs::remove_file(path);
    }
    Ok(())
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_embedding_is_found_again_by_model_and_text() {
        let folder = tempfile::tempdir().unwrap();
        let cache = DiskCache::new(folder.path().into(), b"model one");
        assert!(cache.get("hello").is_none());
        cache.put("hello", &[0.6, 0.8]);
        assert_eq!(&*cache.get("hello").unwrap(), [0.6, 0.8]);
        assert!(cache.get("hello!").is_none());
        assert!(DiskCache::new(folder.path().into(), b"model two").get("hello").is_none());
    }

    #[test]
    fn a_damaged_file_counts_as_missing() {
        let folder = tempfile::tempdir().unwrap();
        let cache = DiskCache::new(folder.path().into(), b"model");
        cache.put("hello", &[0.6, 0.8]);
        fs::write(cache.file("hello"), [1, 2, 3]).unwrap();
        assert!(cache.get("hello").is_none());
        fs::write(cache.file("hello"), [0; 8]).unwrap();
        assert!(cache.get("hello").is_none());
    }

    #[test]
    fn folders_stay_bounded() {
        let folder = tempfile::tempdir().unwrap();
        let cache = DiskCache::new(folder.path().into(), b"model");
        let texts: Vec<String> = (0..200_000).map(|text| text.to_string()).collect();
        let in_first = |text: &&String| Sha256::digest(text.as_bytes())[0] == 0;
        let texts: Vec<&String> = texts.iter().filter(in_first).collect();
        assert!(texts.len() > LARGEST_FOLDER + 100);
        for text in &texts {
            cache.put(text, &[0.6, 0.8]);
        }
        let first = cache.file(texts[0]).parent().unwrap().to_path_buf();
        let most = LARGEST_FOLDER + 8 * usize::from(LOOKS);
        assert!(fs::read_dir(first).unwrap().count() <= most);
        assert!(cache.get(texts[texts.len() - 1]).is_some());
    }

    #[test]
    fn a_full_folder_makes_room() {
        let folder = tempfile::tempdir().unwrap();
        for file in 0..=LARGEST_FOLDER {
            fs::write(folder.path().join(file.to_string()), "").unwrap();
        }
        make_room(folder.path()).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), LARGEST_FOLDER / 2 + 1);
    }
}
