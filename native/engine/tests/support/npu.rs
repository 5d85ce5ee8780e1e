//! The emulated NPU that tests of whole engines have one after the other.
#![allow(dead_code)]

use npubridge_engine::config::Config;
use npubridge_engine::engine::Engine;
use npubridge_engine::openvino::Core;
use npubridge_engine::runtime;
use npubridge_testing::folder;
use std::ffi::{CString, c_char, c_int};
use std::path::PathBuf;
use std::sync::{MutexGuard, OnceLock};

use crate::common;
use crate::support::{config, ir, turn};

/// The emulated device, which tests have one after the other, with a folder for models.
pub(crate) struct Npu {
    library: libloading::Library,
    runtime: PathBuf,
    pub(crate) folder: tempfile::TempDir,
    _turn: MutexGuard<'static, ()>,
}

impl Npu {
    /// `None` where there is no runtime to put between.
    pub(crate) fn take() -> Option<Self> {
        static FOLDER: OnceLock<Option<tempfile::TempDir>> = OnceLock::new();
        let turn = turn();
        let folder = FOLDER.get_or_init(make_folder).as_ref()?;
        let loaded = runtime::load(&folder.path().join("runtime")).unwrap();
        // SAFETY: the library is loaded already; this only counts one more user.
        let library = unsafe { libloading::Library::new(&loaded.library) }.unwrap();
        let npu = Self {
            library,
            runtime: loaded.folder.clone(),
            folder: tempfile::tempdir().unwrap(),
            _turn: turn,
        };
        npu.faults("");
        // What an engine of the test before left behind may still keep the device busy.
        runtime::try_device(&Core::new().unwrap(), "NPU").unwrap();
        Some(npu)
    }

    pub(crate) fn faults(&self, text: &str) {
        type Set = unsafe extern "C" fn(*const c_char) -> c_int;
        let c_text = CString::new(text).unwrap();
        // SAFETY: the function of that name has that type and takes a terminated string.
        let status = unsafe {
            self.library.get::<Set>("npubridge_testing_set_faults").unwrap()(c_text.as_ptr())
        };
        assert_eq!(status, 0, "{text}");
    }

    pub(crate) fn count(&self, name: &str) -> u64 {
        type Count = unsafe extern "C" fn(*const c_char) -> u64;
        let name = CString::new(name).unwrap();
        // SAFETY: the function of that name has that type and takes a terminated string.
        unsafe { self.library.get::<Count>("npubridge_testing_count").unwrap()(name.as_ptr()) }
    }

    pub(crate) fn engine(&self) -> Engine {
        self.engine_with(&["NPU", "CPU"], |config| config)
    }

    pub(crate) fn engine_with(
        &self,
        devices: &[&str],
        change: impl FnOnce(Config) -> Config,
    ) -> Engine {
        let config =
            Config { runtime: Some(self.runtime.clone()), ..config(devices, self.folder.path()) };
        Engine::start(change(config)).unwrap()
    }

    /// A small model of fixed shape.
    pub(crate) fn model(&self, name: &str) -> PathBuf {
        ir::sized(self.folder.path(), name, 1, 64, 128)
    }
}

impl Drop for Npu {
    fn drop(&mut self) {
        self.faults("");
    }
}

fn make_folder() -> Option<tempfile::TempDir> {
    let real = common::runtime_folder()?;
    let out = tempfile::tempdir().unwrap();
    let interposer = folder::built_interposer().expect("cargo builds the library with its tests");
    folder::make(&real, &interposer, &out.path().join("runtime"), &[]).unwrap();
    Some(out)
}
