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
    let devices = core
        .available_devices()?
        .into_iter()
        .map(|name| describe(&core, name))
        .collect();
    Ok(RuntimeReport {
        version: current_version()?,
        folder: runtime.folder.clone(),
        devices,
    })
}

fn describe(core: &Core, name: String) -> DeviceReport {
    const FULL_NAME: &str = "FULL_DEVICE_NAME";
    const SUPPORTED: &str = "SUPPORTED_PROPERTIES";
    let mut properties = BTreeMap::new();
    let mut unreadable = BTreeMap::new();
    let mut read = |key: &str| match core.property(&name, key) {
        Ok(value) => properties.insert(key.to_owned(), value),
        Err(error) => unreadable.insert(
            key.to_owned(),
            error.cause().unwrap_or(error.message()).to_owned(),
        ),
    };
    match core.property(&name, SUPPORTED) {
        Ok(list) => list.split_whitespace().for_each(|key| drop(read(key))),
        // Without the list, the one property that every device should have is better than nothing.
        Err(error) => {
            read(FULL_NAME);
            unreadable.insert(
                SUPPORTED.into(),
                error.cause().unwrap_or(error.message()).to_owned(),
            );
        }
    }
    DeviceReport {
        full_name: properties.get(FULL_NAME).cloned(),
        name,
        properties,
        unreadable,
    }
}
