//! One file of the cache: embeddings that were made together.
//!
//! Little endian: `npbembd1`, the number of rows and of dimensions as u32, the SHA-256 of each row's text, then the rows
//! as float32. Files never change; they appear whole, by renaming, and go.

use std::fs::File;
use std::io::{Error, ErrorKind, Read, Result, Seek, SeekFrom, Write};
use std::path::Path;

use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;

use super::super::Embedding;

const MAGIC: &[u8; 8] = b"npbembd1";
const HEADER: usize = 16;
const KEY: usize = 32;
const NUMBER: usize = size_of::<f32>();
/// The ending of a pack's name.
pub(super) const ENDING: &str = "npbe";

/// What a text is found by.
pub(super) type Key = [u8; KEY];

pub(super) fn key_of(text: &str) -> Key {
    Sha256::digest(text.as_bytes()).into()
}

/// Which texts a pack has, in the order of its rows.
#[derive(Debug)]
pub(super) struct Directory {
    pub(super) keys: Vec<Key>,
    dimensions: usize,
}

impl Directory {
    /// Reads what a file says of itself; one that is not as long as it says is damaged.
    pub(super) fn read(file: &mut File) -> Result<Self> {
        let mut header = [0; HEADER];
        file.read_exact(&mut header)?;
        let number = |at: usize| {
            let bytes = [header[at], header[at + 1], header[at + 2], header[at + 3]];
            usize::try_from(u32::from_le_bytes(bytes)).unwrap_or(usize::MAX)
        };
        let (rows, dimensions) = (number(8), number(12));
        let length = dimensions
            .checked_mul(NUMBER)
            .and_then(|row| rows.checked_mul(KEY + row)?.checked_add(HEADER))
            .and_then(|length| u64::try_from(length).ok());
        if header[..8] != *MAGIC || length != Some(file.metadata()?.len()) {
            return Err(Error::new(ErrorKind::InvalidData, "not a whole pack of embeddings"));
        }
        let mut keys = vec![[0; KEY]; rows];
        file.read_exact(keys.as_flattened_mut())?;
        Ok(Self { keys, dimensions })
    }

    /// The embedding of a row; only one of length 1 is one.
    pub(super) fn row(&self, mut file: &File, row: usize) -> Option<Embedding> {
        let mut bytes = vec![0; self.dimensions * NUMBER];
        let start = HEADER + self.keys.len() * KEY + row * bytes.len();
        file.seek(SeekFrom::Start(u64::try_from(start).ok()?)).ok()?;
        file.read_exact(&mut bytes).ok()?;
        let (numbers, _) = bytes.as_chunks::<NUMBER>();
        let embedding: Embedding = numbers.iter().copied().map(f32::from_le_bytes).collect();
        let length: f32 = embedding.iter().map(|x| x * x).sum();
        ((length - 1.0).abs() < 1e-3).then_some(embedding)
    }
}

/// Writes a pack of embeddings, all of the same dimensions. Its name says what texts it has.
pub(super) fn write(folder: &Path, rows: &[(Key, &Embedding)]) -> Result<()> {
    let dimensions = rows.first().map_or(0, |(_, embedding)| embedding.len());
    if rows.iter().any(|(_, embedding)| embedding.len() != dimensions) {
        return Err(Error::new(ErrorKind::InvalidInput, "embeddings of different dimensions"));
    }
    let mut bytes = Vec::with_capacity(HEADER + rows.len() * (KEY + dimensions * NUMBER));
    bytes.extend_from_slice(MAGIC);
    for number in [rows.len(), dimensions] {
        let number = u32::try_from(number).map_err(|_| ErrorKind::InvalidInput)?;
        bytes.extend_from_slice(&number.to_le_bytes());
    }
    let mut texts = Sha256::new();
    for (key, _) in rows {
        bytes.extend_from_slice(key);
        texts.update(key);
    }
    for (_, embedding) in rows {
        bytes.extend(embedding.iter().flat_map(|number| number.to_le_bytes()));
    }
    let mut file = NamedTempFile::new_in(folder)?;
    file.write_all(&bytes)?;
    let name = format!("{}.{ENDING}", super::hex(&texts.finalize()[..16]));
    file.persist(folder.join(name))?;
    Ok(())
}
