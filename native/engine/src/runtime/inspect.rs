//! What a runtime offers: its devices and all they tell about themselves.

use super::load::{current_version, load};
use crate::error::Result;
use crate::openvino::Core;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A runtime and its devices.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RuntimeReport {
    /// The build of OpenVINO.
    pub version: String,
    /// The folder of the library.
    pub folder: PathBuf,
    /// The devices that OpenVINO lists.
    pub devices: Vec<DeviceReport>,
}

/// A device and its properties.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DeviceReport {
    /// The name by which models are compiled for it.
    pub name: String,
    /// The name of the hardware, where the device tells it.
    pub full_name: Option<String>,
    /// Every property that it supports and that could be read.
    pub properties: BTreeMap<String, String>,
    /// Every property that it says it supports and that could not be read, with OpenVINO's text.
    pub unreadable: BTreeMap<String, String>,
}

/// Loads the runtime in `folder` and asks every device everything.
///
/// Enumerating a broken NPU can crash the process: call this in a process that may die.
pub fn inspect(folder: &Path) -> Result<RuntimeReport> {
    let runtime = load(folder)?;
    let core = Core::new()?;
    let devices = core.available_devices()?.into_iter().map(|name| describe(&core, name)).collect();
    Ok(RuntimeReport { version: current_version()?, folder: runtime.folder.clone(), devices })
}

fn describe(core: &Core, name: String) -> DeviceReport {
    const FULL_NAME: &str = "FULL_DEVICE_NAME";
    const SUPPORTED: &str = "SUPPORTED_PROPERTIES";
    let mut properties = BTreeMap::new();
    let mut unreadable = BTreeMap::new();
    let mut keys = vec![FULL_NAME.to_owned(), SUPPORTED.to_owned()];
    if let Ok(list) = core.property(&name, SUPPORTED) {
        keys.extend(list.split_whitespace().map(str::to_owned));
    }
    for key in keys {
        match core.property(&name, &key) {
            Ok(value) => properties.insert(key, value),
            Err(error) => {
                unreadable.insert(key, error.cause().unwrap_or(error.message()).to_owned())
            }
        };
    }
    DeviceReport { full_name: properties.get(FULL_NAME).cloned(), name, properties, unreadable }
}
