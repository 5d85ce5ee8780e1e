//! A head as a file: `NPBHEAD1`, the length of a JSON header (8 bytes), the header, the weights as 16-bit floats. All
//! numbers are little-endian.

use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;

use half::f16;
use serde::{Deserialize, Serialize};

use super::{Head, Model};
use crate::routing::terms::Vocabulary;
use crate::{Error, ErrorCode, Result};

const MAGIC: &[u8; 8] = b"NPBHEAD1";
const LARGEST_HEADER: u64 = 256 << 20;

#[derive(Serialize, Deserialize)]
struct Header {
    labels: Vec<String>,
    dimensions: usize,
    threshold: Option<f32>,
    terms: Vec<(String, f32)>,
}

impl Head {
    /// Writes the head to a file, which appears under its name when it is complete.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` when the file cannot be written.
    pub fn save(&self, path: &Path) -> Result<()> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let temporary = path.with_extension(format!("{}.tmp", std::process::id()));
        let written = folder
            .map_or(Ok(()), std::fs::create_dir_all)
            .and_then(|()| self.write(&temporary))
            .and_then(|()| std::fs::rename(&temporary, path));
        written.map_err(|error| {
            let _ = std::fs::remove_file(&temporary);
            Error::new(
                ErrorCode::InvalidArgument,
                format!("the head cannot be written to {}", path.display()),
            )
            .caused_by(error)
        })
    }

    fn write(&self, path: &Path) -> std::io::Result<()> {
        let Model { vocabulary, dimensions, weights } = &self.model;
        let terms = vocabulary.terms();
        let header = Header {
            labels: self.labels.clone(),
            dimensions: *dimensions,
            threshold: self.threshold,
            terms: terms.into_iter().map(|(term, rarity)| (term.into(), rarity)).collect(),
        };
        let header = serde_json::to_vec(&header)?;
        let mut file = File::create(path)?;
        file.write_all(MAGIC)?;
        file.write_all(&(header.len() as u64).to_le_bytes())?;
        file.write_all(&header)?;
        let short = |weight: &f32| f16::from_f32(*weight).to_le_bytes();
        file.write_all(&weights.iter().flat_map(short).collect::<Vec<u8>>())?;
        file.sync_all()
    }

    /// Reads a head that [`Head::save`] wrote.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` when the file cannot be read, `MODEL_INVALID` when it is no head or is damaged.
    pub fn load(path: &Path) -> Result<Self> {
        let mut file = File::open(path).map_err(|error| {
            Error::new(
                ErrorCode::InvalidArgument,
                format!("the head {} cannot be read", path.display()),
            )
            .suggest("npubridge route train FILE --output HEAD makes one")
            .caused_by(error)
        })?;
        read(&mut file).map_err(|what| {
            Error::new(ErrorCode::ModelInvalid, format!("{}: {what}", path.display()))
                .suggest("npubridge route train FILE --output HEAD makes a head")
        })
    }
}

fn read(file: &mut File) -> std::result::Result<Head, String> {
    let mut start = [0; 16];
    file.read_exact(&mut start).map_err(|_| "this is no head: it is too short")?;
    let (magic, length) = start.split_at(8);
    if magic != MAGIC {
        return Err("this is no head: it does not begin with NPBHEAD1".into());
    }
    let length = length.try_into().map(u64::from_le_bytes).unwrap_or(u64::MAX);
    if length > LARGEST_HEADER {
        return Err(format!("its header claims to have {length} bytes"));
    }
    let mut header = Vec::new();
    file.take(length).read_to_end(&mut header).map_err(|error| error.to_string())?;
    let header: Header = serde_json::from_slice(&header)
        .map_err(|error| format!("its header is damaged: {error}"))?;
    let classes = header.labels.len();
    let rows =
        header.terms.len().checked_add(header.dimensions).and_then(|rows| rows.checked_add(1));
    let bytes =
        rows.and_then(|rows| rows.checked_mul(classes)).and_then(|size| size.checked_mul(2));
    let mut weights = Vec::new();
    file.read_to_end(&mut weights).map_err(|error| error.to_string())?;
    if classes < 2 || bytes != Some(weights.len()) {
        return Err(format!("it has {} bytes of weights for {classes} labels", weights.len()));
    }
    let weights: Vec<f32> = weights
        .chunks_exact(2)
        .map(|bytes| f16::from_le_bytes([bytes[0], bytes[1]]).to_f32())
        .collect();
    if !weights.iter().all(|weight| weight.is_finite()) {
        return Err("one of its weights is no number".into());
    }
    let vocabulary = Vocabulary::from_terms(header.terms.into_iter());
    let Header { labels, dimensions, threshold, .. } = Header { terms: Vec::new(), ..header };
    Ok(Head { labels, model: Model { vocabulary, dimensions, weights }, threshold })
}
