//! The entry to devices and models.

use super::compiled_model::{CompiledModel, RawCompiledModel};
use super::ffi::{self, ov_available_devices_t, ov_core_t};
use super::handle::handle;
use super::model::{Model, RawModel};
use super::property::Properties;
use super::status::{check, check_as};
use super::tensor::Tensor;
use super::text::{c_path, c_text, copy_text, take_text};
use crate::error::{Error, ErrorCode, Result};
use std::io;
use std::path::Path;
use std::ptr;
use std::sync::Arc;

handle! {
    struct RawCore(ov_core_t) freed by ov_core_free;
}

// SAFETY: ov::Core may be used from any thread.
unsafe impl Send for RawCore {}
// SAFETY: ov::Core guards its own state with locks; all its methods may run at the same time.
unsafe impl Sync for RawCore {}

/// Devices, their properties, and the way from a file to something that runs. Clones share one core.
#[derive(Debug, Clone)]
pub struct Core(Arc<RawCore>);

impl Core {
    /// A core with the plugins of the loaded runtime.
    pub fn new() -> Result<Self> {
        let mut raw = ptr::null_mut();
        // SAFETY: `raw` is ours to fill.
        check(unsafe { ffi::ov_core_create(&raw mut raw) }, || "cannot start OpenVINO".into())?;
        Ok(Self(Arc::new(RawCore::own(raw, "ov_core_create")?)))
    }

    /// The devices that answer now, for example `["CPU", "GPU", "NPU"]`.
    pub fn available_devices(&self) -> Result<Vec<String>> {
        let mut list = ov_available_devices_t { devices: ptr::null_mut(), size: 0 };
        // SAFETY: the core is alive and `list` is ours to fill.
        let status = unsafe { ffi::ov_core_get_available_devices(self.0.raw(), &raw mut list) };
        check(status, || "cannot list the devices of OpenVINO".into())?;
        let names = if list.size == 0 || list.devices.is_null() {
            Vec::new()
        } else {
            // SAFETY: the library put `size` strings there.
            let raw = unsafe { std::slice::from_raw_parts(list.devices, list.size) };
            // SAFETY: null, or a terminated string until the list is freed below.
            raw.iter().filter_map(|&name| unsafe { copy_text(name) }).collect()
        };
        // SAFETY: filled by the call above and freed once.
        unsafe { ffi::ov_available_devices_free(&raw mut list) };
        Ok(names)
    }

    /// The value of a property of a device, as text.
    pub fn property(&self, device: &str, key: &str) -> Result<String> {
        let (c_device, c_key) = (c_text("device", device)?, c_text("property", key)?);
        let mut value = ptr::null_mut();
        // SAFETY: core and strings live through the call and `value` is ours to fill.
        let status = unsafe {
            ffi::ov_core_get_property(
                self.0.raw(),
                c_device.as_ptr(),
                c_key.as_ptr(),
                &raw mut value,
            )
        };
        check(status, || format!("cannot read property {key} of device {device}"))
            .map_err(|error| self.blame_device(error, device))?;
        // SAFETY: null or a new string that take_text frees.
        Ok(unsafe { take_text(value) }.unwrap_or_default())
    }

    /// Sets properties of a device for everything compiled afterwards.
    pub fn set_properties(&self, device: &str, properties: &[(&str, &str)]) -> Result<()> {
        let c_device = c_text("device", device)?;
        let list = Properties::new(properties)?;
        // SAFETY: core, string and list live through the call.
        let status = unsafe {
            ffi::ov_core_set_properties(self.0.raw(), c_device.as_ptr(), list.len(), list.as_ptr())
        };
        check_as(status, ErrorCode::InvalidArgument, || {
            format!("device {device} refused the properties {}", show(properties))
        })
        .map_err(|error| self.blame_device(error, device))
    }

    /// Reads a model file: IR (`.xml` with its `.bin` beside it) or ONNX.
    pub fn read_model(&self, path: &Path) -> Result<Model> {
        check_file(path)?;
        let c_path = c_path(path)?;
        let mut raw = ptr::null_mut();
        // SAFETY: core and path live through the call, the second path may be null, and `raw` is ours to fill.
        let status = unsafe {
            ffi::ov_core_read_model(self.0.raw(), c_path.as_ptr(), ptr::null(), &raw mut raw)
        };
        check_as(status, ErrorCode::ModelInvalid, || {
            format!("{} is not a model that OpenVINO can read", path.display())
        })
        .map_err(|error| {
            error.suggest("Give an intact ONNX file, or an IR .xml with its .bin beside it.")
        })?;
        Ok(Model::new(RawModel::own(raw, "ov_core_read_model")?, None))
    }

    /// Reads a model made in memory: IR text, and the weights it refers to by offset.
    pub fn read_model_from_memory(&self, xml: &str, weights: Option<Tensor>) -> Result<Model> {
        let mut raw = ptr::null_mut();
        let weights_raw = weights.as_ref().map_or(ptr::null_mut(), Tensor::raw);
        // SAFETY: core, text and weights live through the call, the text is given with its length, weights may be
        // null, and `raw` is ours to fill.
        let status = unsafe {
            ffi::ov_core_read_model_from_memory_buffer(
                self.0.raw(),
                xml.as_ptr().cast(),
                xml.len(),
                weights_raw,
                &raw mut raw,
            )
        };
        check_as(status, ErrorCode::ModelInvalid, || {
            format!("OpenVINO cannot read the model made in memory ({} bytes of IR)", xml.len())
        })?;
        let raw = RawModel::own(raw, "ov_core_read_model_from_memory_buffer")?;
        Ok(Model::new(raw, weights.map(Arc::new)))
    }

    /// Makes a model ready to run on a device.
    pub fn compile(
        &self,
        model: &Model,
        device: &str,
        properties: &[(&str, &str)],
    ) -> Result<CompiledModel> {
        let c_device = c_text("device", device)?;
        let list = Properties::new(properties)?;
        let mut raw = ptr::null_mut();
        // SAFETY: core, model, string and list live through the call and `raw` is ours to fill.
        let status = unsafe {
            ffi::ov_core_compile_model_props(
                self.0.raw(),
                model.raw(),
                c_device.as_ptr(),
                list.len(),
                list.as_ptr(),
                &raw mut raw,
            )
        };
        check(status, || {
            let with = if properties.is_empty() { "" } else { " with " };
            format!("cannot compile the model for device {device}{with}{}", show(properties))
        })
        .map_err(|error| self.blame_device(error, device))?;
        let raw = RawCompiledModel::own(raw, "ov_core_compile_model_props")?;
        Ok(CompiledModel::new(raw, self.clone(), model.weights()))
    }

    /// Takes a compiled model up again from what [`CompiledModel::export`] wrote.
    ///
    /// Compiled models are tied to device, driver and runtime version; anything else is refused here.
    pub fn import(&self, blob: &[u8], device: &str) -> Result<CompiledModel> {
        let c_device = c_text("device", device)?;
        let mut raw = ptr::null_mut();
        // SAFETY: core, bytes and string live through the call and `raw` is ours to fill.
        let status = unsafe {
            ffi::ov_core_import_model(
                self.0.raw(),
                blob.as_ptr().cast(),
                blob.len(),
                c_device.as_ptr(),
                &raw mut raw,
            )
        };
        check_as(status, ErrorCode::ModelInvalid, || {
            format!("cannot import {} bytes of compiled model on device {device}", blob.len())
        })
        .map_err(|error| self.blame_device(error, device))?;
        let raw = RawCompiledModel::own(raw, "ov_core_import_model")?;
        Ok(CompiledModel::new(raw, self.clone(), None))
    }

    /// Whether OpenVINO lists the device; `NPU` also stands for `NPU.0`, `NPU.3720` and the like.
    fn lists(&self, device: &str) -> bool {
        // A virtual device is never listed, and a failing list is no evidence against the device.
        const VIRTUAL: [&str; 4] = ["AUTO", "MULTI", "HETERO", "BATCH"];
        let family = family(device);
        VIRTUAL.contains(&family)
            || self
                .available_devices()
                .map_or(true, |all| all.iter().any(|name| self::family(name) == family))
    }

    /// The error as it is, unless the device it speaks of is not there: then that is what has to be said.
    #[cold]
    fn blame_device(&self, error: Error, device: &str) -> Error {
        let about_device = matches!(
            error.code(),
            ErrorCode::Internal | ErrorCode::DeviceUnavailable | ErrorCode::InvalidArgument
        );
        if !about_device || (error.code() != ErrorCode::DeviceUnavailable && self.lists(device)) {
            return error;
        }
        let listed = self.available_devices().unwrap_or_default().join(", ");
        let message = format!("device {device} is not available: OpenVINO lists {listed}");
        Error::new(ErrorCode::DeviceUnavailable, message)
            .caused_by(error.cause().unwrap_or(error.message()))
            .suggest("Run `npubridge probe` to see why a device is missing.")
    }
}

/// `NPU.3720` → `NPU`, `AUTO:NPU,CPU` → `AUTO`.
fn family(device: &str) -> &str {
    device.split(['.', ':', '(']).next().unwrap_or(device)
}

/// Says what OpenVINO would say worse: that there is no file, or nothing in it.
fn check_file(path: &Path) -> Result<()> {
    let invalid = |what: &str| {
        Error::new(ErrorCode::ModelInvalid, format!("{} is {what}", path.display()))
            .suggest("Give the path of an ONNX file or of an IR .xml file.")
    };
    match std::fs::metadata(path) {
        Ok(found) if found.is_dir() => Err(invalid("a folder, not a model file")),
        Ok(found) if found.len() == 0 => {
            Err(invalid("empty").suggest("The download may have been cut off: fetch it again."))
        }
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(Error::new(
            ErrorCode::ModelNotFound,
            format!("there is no model file {}", path.display()),
        )
        .suggest("Run `npubridge models list` for the models known by name, or check the path.")),
        Err(error) => Err(Error::new(
            ErrorCode::ModelInvalid,
            format!("model file {} cannot be read", path.display()),
        )
        .caused_by(error)),
    }
}

fn show(properties: &[(&str, &str)]) -> String {
    let pairs: Vec<String> =
        properties.iter().map(|(key, value)| format!("{key}={value}")).collect();
    pairs.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_belongs_to_a_family() {
        for (device, expected) in
            [("NPU", "NPU"), ("NPU.3720", "NPU"), ("AUTO:NPU,CPU", "AUTO"), ("GPU.1", "GPU")]
        {
            assert_eq!(family(device), expected);
        }
    }

    #[test]
    fn a_missing_model_file_is_told_from_an_empty_one() {
        let folder = tempfile::tempdir().unwrap();
        let missing = check_file(&folder.path().join("none.onnx")).unwrap_err();
        assert_eq!(missing.code(), ErrorCode::ModelNotFound);
        assert!(missing.message().contains("none.onnx"), "{missing}");

        let empty = folder.path().join("empty.onnx");
        std::fs::write(&empty, b"").unwrap();
        let error = check_file(&empty).unwrap_err();
        assert_eq!(error.code(), ErrorCode::ModelInvalid);
        assert!(error.message().contains("empty.onnx is empty"), "{error}");

        let error = check_file(folder.path()).unwrap_err();
        assert_eq!(error.code(), ErrorCode::ModelInvalid);
    }
}
