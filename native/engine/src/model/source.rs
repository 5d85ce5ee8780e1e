//! From what a caller calls a model to the file it is in.
//!
//! A name with a path separator, or one that ends in `.onnx` or `.xml`, is a path. Anything else is a name of the
//! catalogue: a folder below the models folder with a `model.json` that names the file and the state pairs.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;

use crate::error::{Error, ErrorCode, Result};
use crate::model::matmul;
use crate::operation::Name;

/// Where a model comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    File {
        path: PathBuf,
        /// Outputs that feed inputs of the next inference of a stream, by name; empty: found by name and shape.
        state: Vec<(String, String)>,
    },
    /// The engine's own product of two FP32 matrices.
    MatrixMultiply,
    /// A step of a signal.
    Generated(Arc<Generated>),
}

/// A model made in memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Generated {
    pub(crate) ir: String,
    pub(crate) weights: Vec<u8>,
    /// The only device that it is meant for; any when absent.
    pub(crate) device: Option<Name>,
}

impl Source {
    /// Whether the model is meant for a device.
    pub(crate) fn is_for(&self, device: &Name) -> bool {
        match self {
            Self::Generated(model) => model.device.as_ref().is_none_or(|only| only == device),
            Self::File { .. } | Self::MatrixMultiply => true,
        }
    }
}

#[derive(Debug, Deserialize)]
struct Manifest {
    file: String,
    #[serde(default)]
    state: Vec<StatePair>,
}

#[derive(Debug, Deserialize)]
struct StatePair {
    output: String,
    input: String,
}

/// Finds the source of `model`.
///
/// # Errors
/// `MODEL_NOT_FOUND` naming what is missing, `MODEL_INVALID` for a manifest that cannot be read.
pub(crate) fn find(model: &str, models: &Path) -> Result<Source> {
    if model == matmul::NAME {
        return Ok(Source::MatrixMultiply);
    }
    if is_path(model) {
        return file(PathBuf::from(model), Vec::new());
    }
    let folder = models.join(model);
    let manifest = folder.join("model.json");
    let text = std::fs::read_to_string(&manifest).map_err(|error| {
        Error::new(ErrorCode::ModelNotFound, format!("no model is named \"{model}\""))
            .suggest(format!("npubridge models pull {model}"))
            .suggest(
                "npubridge models list shows the names; a path to an .onnx or .xml file works too",
            )
            .caused_by(format!("{}: {error}", manifest.display()))
    })?;
    let (name, state) = read_manifest(&text).map_err(|cause| {
        Error::new(
            ErrorCode::ModelInvalid,
            format!("{} does not describe a model", manifest.display()),
        )
        .suggest(format!("npubridge models pull {model} --force"))
        .caused_by(cause.cause().unwrap_or_default())
    })?;
    file(folder.join(name), state)
}

/// The file that a model.json names, and its pairs of state.
pub(crate) fn read_manifest(text: &str) -> Result<(PathBuf, Vec<(String, String)>)> {
    let manifest: Manifest = serde_json::from_str(text).map_err(|error| {
        Error::new(ErrorCode::ModelInvalid, "this does not describe a model").caused_by(error)
    })?;
    let state = manifest.state.into_iter().map(|pair| (pair.output, pair.input)).collect();
    Ok((manifest.file.into(), state))
}

fn is_path(model: &str) -> bool {
    let extension = Path::new(model).extension();
    let known = extension
        .is_some_and(|end| ["onnx", "xml"].iter().any(|known| end.eq_ignore_ascii_case(known)));
    known || model.contains(std::path::is_separator)
}

fn file(path: PathBuf, state: Vec<(String, String)>) -> Result<Source> {
    if path.is_file() {
        return Ok(Source::File { path, state });
    }
    let what = if path.exists() { "is not a file" } else { "does not exist" };
    Err(Error::new(ErrorCode::ModelNotFound, format!("model file {} {what}", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_looked_up_in_the_models_folder() {
        let models = tempfile::tempdir().unwrap();
        let folder = models.path().join("vad");
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("m.onnx"), "x").unwrap();
        let manifest =
            r#"{"name":"vad","file":"m.onnx","state":[{"output":"stateN","input":"state"}]}"#;
        std::fs::write(folder.join("model.json"), manifest).unwrap();
        let state = vec![("stateN".to_owned(), "state".to_owned())];
        assert_eq!(
            find("vad", models.path()).unwrap(),
            Source::File { path: folder.join("m.onnx"), state }
        );
    }

    #[test]
    fn an_unknown_name_says_how_to_get_it() {
        let error = find("vad", Path::new("nowhere")).unwrap_err();
        assert_eq!(error.code(), ErrorCode::ModelNotFound);
        assert_eq!(error.suggestions()[0], "npubridge models pull vad");
    }

    #[test]
    fn a_missing_path_is_named() {
        let error = find("a/b.onnx", Path::new("nowhere")).unwrap_err();
        assert!(error.message().contains("a/b.onnx does not exist"), "{error}");
    }

    #[test]
    fn a_broken_manifest_is_told() {
        let models = tempfile::tempdir().unwrap();
        std::fs::create_dir(models.path().join("m")).unwrap();
        std::fs::write(models.path().join("m/model.json"), "{").unwrap();
        assert_eq!(find("m", models.path()).unwrap_err().code(), ErrorCode::ModelInvalid);
    }
}
