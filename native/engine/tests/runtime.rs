//! Loading and inspecting a real runtime.
#![allow(clippy::unwrap_used)]

mod common;

use common::runtime_folder;
use npubridge_engine::{ErrorCode, runtime};

#[test]
fn a_runtime_is_loaded_by_its_absolute_path_and_only_once() {
    let Some(folder) = runtime_folder() else {
        return;
    };
    // Nothing but the library's own run path may be needed to find what it depends on.
    let searched = std::env::var_os("LD_LIBRARY_PATH").unwrap_or_default();
    assert!(std::env::split_paths(&searched).all(|path| path != folder), "the folder is searched");
    let first = runtime::load(&folder).unwrap();
    assert!(std::ptr::eq(first, runtime::load(&first.library).unwrap()));
    assert_eq!(first.library.parent(), Some(first.folder.as_path()));

    let other = tempfile::tempdir().unwrap();
    let copy = other.path().join("libopenvino_c.so.2641");
    std::os::unix::fs::symlink(&first.library, &copy).unwrap();
    let error = runtime::load(other.path()).unwrap_err();
    assert_eq!(error.code(), ErrorCode::InvalidArgument);
    for path in [&first.library, &copy] {
        assert!(error.message().contains(&path.display().to_string()), "{error}");
    }
}

#[test]
fn every_property_of_every_device_is_read_or_its_error_told() {
    let Some(folder) = runtime_folder() else {
        return;
    };
    let report = runtime::inspect(&folder).unwrap();
    let cpu = report.devices.iter().find(|device| device.name == "CPU").unwrap();
    assert!(cpu.full_name.as_ref().is_some_and(|name| !name.is_empty()));
    let supported = &cpu.properties["SUPPORTED_PROPERTIES"];
    for key in supported.split_whitespace() {
        assert!(
            cpu.properties.contains_key(key) || cpu.unreadable.contains_key(key),
            "{key} is neither read nor explained"
        );
    }
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["devices"][0]["fullName"], *cpu.full_name.as_ref().unwrap());
    for key in ["version", "folder"] {
        assert!(json[key].is_string(), "{json}");
    }
}
