//! Embeddings on disk, by the content of model and text, so that nothing is ever stale.
//!
//! What was made together lies in one file, for a file costs as much as hundreds of embeddings in it. Files appear by
//! renaming, so any number of processes may share a cache; one that is damaged, or gone, counts as missing.

mod pack;

use std::collections::{HashMap, HashSet};
use std::fs::{self, File};
use std::io::Result;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use sha2::{Digest, Sha256};

use self::pack::{Directory, ENDING, Key, key_of};
use super::Embedding;
use crate::sync::Mutex;

/// Bytes of all packs before the oldest go.
const LARGEST: u64 = 200 << 20;
/// A pack of fewer embeddings is small, and this many small ones become one.
const SMALL: usize = 64;

/// The embeddings that one model gave.
#[derive(Debug)]
pub(crate) struct DiskCache {
    folder: PathBuf,
    largest: u64,
    index: Mutex<Index>,
}

/// What the folder held when it was last looked at.
#[derive(Debug, Default)]
struct Index {
    packs: HashMap<String, Arc<Pack>>,
    places: HashMap<Key, (Arc<Pack>, usize)>,
    modified: Option<SystemTime>,
}

#[derive(Debug)]
struct Pack {
    path: PathBuf,
    directory: Directory,
    bytes: u64,
    written: SystemTime,
}

impl DiskCache {
    /// The cache of the model that `identity` describes, below `folder`.
    pub(crate) fn new(folder: PathBuf, identity: &[u8]) -> Self {
        let model = hex(&Sha256::digest(identity)[..12]);
        Self { folder: folder.join(model), largest: LARGEST, index: Mutex::default() }
    }

    /// The embeddings of texts, of those that are there and whole.
    pub(crate) fn get(&self, texts: &[&str]) -> Vec<Option<Embedding>> {
        let places: Vec<_> = {
            let mut index = self.index.lock();
            index.look_again(&self.folder);
            texts.iter().map(|text| index.places.get(&key_of(text)).cloned()).collect()
        };
        // Texts that are asked about together were mostly made together: a file is opened once for a row of them.
        let mut open: Option<(Arc<Pack>, Option<File>)> = None;
        let embedding = |place: Option<(Arc<Pack>, usize)>| {
            let (pack, row) = place?;
            if open.as_ref().is_none_or(|(of, _)| !Arc::ptr_eq(of, &pack)) {
                open = Some((Arc::clone(&pack), File::open(&pack.path).ok()));
            }
            let (_, file) = open.as_ref()?;
            pack.directory.row(file.as_ref()?, row)
        };
        places.into_iter().map(embedding).collect()
    }

    /// Keeps embeddings. A cache that cannot be written is only slower.
    pub(crate) fn put(&self, made: &[(&str, &Embedding)]) {
        if made.is_empty() {
            return;
        }
        if let Err(error) = self.write(made) {
            tracing::debug!(%error, folder = %self.folder.display(), "embeddings were not kept");
        }
    }

    fn write(&self, made: &[(&str, &Embedding)]) -> Result<()> {
        let rows: Vec<_> =
            made.iter().map(|(text, embedding)| (key_of(text), *embedding)).collect();
        fs::create_dir_all(&self.folder)?;
        pack::write(&self.folder, &rows)?;
        let mut index = self.index.lock();
        index.look_again(&self.folder);
        index.join_small(&self.folder)?;
        index.make_room(self.largest);
        Ok(())
    }
}

impl Index {
    /// Takes in what was added to the folder, by whomever, and forgets what is gone.
    fn look_again(&mut self, folder: &Path) {
        let modified = fs::metadata(folder).and_then(|folder| folder.modified()).ok();
        if modified == self.modified {
            return;
        }
        self.modified = modified;
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
        let names: HashSet<String> = names.filter(|name| name.ends_with(ENDING)).collect();
        let before = self.packs.len();
        self.packs.retain(|name, _| names.contains(name));
        if self.packs.len() < before {
            let packs = &self.packs;
            self.places.retain(|_, (pack, _)| packs.values().any(|known| Arc::ptr_eq(known, pack)));
        }
        for name in names {
            if !self.packs.contains_key(&name)
                && let Some(pack) = Pack::open(folder.join(&name))
            {
                self.add(name, pack);
            }
        }
    }

    fn add(&mut self, name: String, pack: Pack) {
        let pack = Arc::new(pack);
        for (row, key) in pack.directory.keys.iter().enumerate() {
            self.places.insert(*key, (Arc::clone(&pack), row));
        }
        self.packs.insert(name, pack);
    }

    /// Puts small packs together when there are many, so that texts that come one by one do not leave a file each.
    fn join_small(&mut self, folder: &Path) -> Result<()> {
        let small = |pack: &&Arc<Pack>| pack.directory.keys.len() < SMALL;
        let small: Vec<_> = self.packs.values().filter(small).map(Arc::clone).collect();
        if small.len() < SMALL {
            return Ok(());
        }
        let mut rows: HashMap<Key, Embedding> = HashMap::new();
        for pack in &small {
            let Ok(file) = File::open(&pack.path) else { continue };
            for (row, key) in pack.directory.keys.iter().enumerate() {
                rows.extend(pack.directory.row(&file, row).map(|embedding| (*key, embedding)));
            }
        }
        let rows: Vec<_> = rows.iter().map(|(key, embedding)| (*key, embedding)).collect();
        pack::write(folder, &rows)?;
        remove(&small);
        self.look_again(folder);
        Ok(())
    }

    /// Lets the oldest packs go, until half the room is free, when all together have become too large.
    fn make_room(&mut self, largest: u64) {
        let mut bytes: u64 = self.packs.values().map(|pack| pack.bytes).sum();
        if bytes <= largest {
            return;
        }
        let mut aged: Vec<_> = self.packs.values().map(Arc::clone).collect();
        aged.sort_by_key(|pack| pack.written);
        let too_much = aged.iter().take_while(|pack| {
            let goes = bytes > largest / 2;
            bytes = bytes.saturating_sub(pack.bytes);
            goes
        });
        remove(&too_much.cloned().collect::<Vec<_>>());
    }
}

impl Pack {
    fn open(path: PathBuf) -> Option<Self> {
        let mut file = File::open(&path).ok()?;
        let directory = Directory::read(&mut file).ok()?;
        let metadata = file.metadata().ok()?;
        let written = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
        Some(Self { path, directory, bytes: metadata.len(), written })
    }
}

/// Another process may have removed them first.
fn remove(packs: &[Arc<Pack>]) {
    for pack in packs {
        let _ = fs::remove_file(&pack.path);
    }
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
    use std::time::Duration;

    use tempfile::TempDir;

    use super::*;

    fn cache() -> (TempDir, DiskCache) {
        let folder = tempfile::tempdir().unwrap();
        let cache = DiskCache::new(folder.path().into(), b"model one");
        (folder, cache)
    }

    fn unit(number: usize) -> Embedding {
        let angle = number as f32;
        [angle.cos(), angle.sin()].into()
    }

    fn put(cache: &DiskCache, texts: &[String]) {
        let made: Vec<_> = texts.iter().map(|text| (text.as_str(), unit(text.len()))).collect();
        cache.put(&made.iter().map(|(text, made)| (*text, made)).collect::<Vec<_>>());
    }

    fn get(cache: &DiskCache, text: &str) -> Option<Embedding> {
        cache.get(&[text]).pop().unwrap()
    }

    fn files(cache: &DiskCache) -> Vec<PathBuf> {
        fs::read_dir(&cache.folder).unwrap().map(|entry| entry.unwrap().path()).collect()
    }

    #[test]
    fn embeddings_are_found_again_by_model_and_text() {
        let (folder, cache) = cache();
        assert!(get(&cache, "hello").is_none());
        put(&cache, &["hello".into(), "world!".into()]);
        put(&cache, &["more".into()]);
        let found = cache.get(&["world!", "none", "more", "hello"]);
        assert_eq!(found, [Some(unit(6)), None, Some(unit(4)), Some(unit(5))]);
        assert!(get(&DiskCache::new(folder.path().into(), b"model two"), "hello").is_none());
    }

    #[test]
    fn caches_of_one_folder_share_what_they_keep() {
        let (folder, cache) = cache();
        let other = DiskCache::new(folder.path().into(), b"model one");
        assert!(get(&other, "hello").is_none());
        put(&cache, &["hello".into()]);
        assert_eq!(get(&other, "hello"), Some(unit(5)));
        fs::remove_dir_all(&cache.folder).unwrap();
        assert!(get(&other, "hello").is_none() && get(&cache, "hello").is_none());
    }

    #[test]
    fn a_damaged_file_counts_as_missing() {
        for damage in [&[1, 2, 3][..], &[0; 64]] {
            let (folder, cache) = cache();
            put(&cache, &["hello".into()]);
            fs::write(&files(&cache)[0], damage).unwrap();
            assert!(get(&cache, "hello").is_none());
            assert!(get(&DiskCache::new(folder.path().into(), b"model one"), "hello").is_none());
        }
    }

    #[test]
    fn a_header_that_promises_more_than_there_is_counts_as_missing() {
        let (folder, cache) = cache();
        put(&cache, &["hello".into()]);
        let file = &files(&cache)[0];
        let mut bytes = fs::read(file).unwrap();
        bytes[8..16].fill(0xff);
        fs::write(file, bytes).unwrap();
        assert!(get(&DiskCache::new(folder.path().into(), b"model one"), "hello").is_none());
    }

    #[test]
    fn texts_that_come_one_by_one_share_a_file_in_the_end() {
        let (_folder, cache) = cache();
        let texts: Vec<String> = (0..5 * SMALL).map(|text| format!("text {text}")).collect();
        for text in &texts {
            put(&cache, std::slice::from_ref(text));
        }
        assert!(files(&cache).len() < SMALL + 5, "{} files", files(&cache).len());
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let wanted = texts.iter().map(|text| Some(unit(text.len())));
        assert_eq!(cache.get(&texts), wanted.collect::<Vec<_>>());
    }

    #[test]
    fn the_oldest_go_when_all_are_too_large() {
        let folder = tempfile::tempdir().unwrap();
        let open =
            || DiskCache { largest: 8 << 10, ..DiskCache::new(folder.path().into(), b"model one") };
        let texts: Vec<String> = (0..1000).map(|text| format!("text {text}")).collect();
        for (age, part) in texts.chunks(100).enumerate() {
            let cache = open();
            let before: HashSet<PathBuf> = fs::read_dir(folder.path())
                .unwrap()
                .flat_map(|model| fs::read_dir(model.unwrap().path()).unwrap())
                .map(|file| file.unwrap().path())
                .collect();
            put(&cache, part);
            // Clocks of file systems do not tell files apart that are written at once.
            let written = SystemTime::UNIX_EPOCH + Duration::from_secs(age as u64);
            for file in files(&cache).iter().filter(|file| !before.contains(*file)) {
                File::open(file).unwrap().set_modified(written).unwrap();
            }
        }
        let cache = open();
        let bytes: u64 = files(&cache).iter().map(|file| file.metadata().unwrap().len()).sum();
        assert!(bytes <= cache.largest, "{bytes} bytes");
        assert!(get(&cache, &texts[999]).is_some() && get(&cache, &texts[0]).is_none());
    }
}
