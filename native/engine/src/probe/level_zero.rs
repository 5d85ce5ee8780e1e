//! The Level Zero loader, reached with `dlopen` as OpenVINO's plugin does it.
//!
//! Layouts and numbers are those of `ze_api.h` and `loader/ze_loader.h`, which never change within major version 1.

use std::ffi::{CStr, c_char, c_void};
use std::fs;
use std::ptr;

use libloading::{Library, Symbol};
use serde::Serialize;

const LOADER: &str = "libze_loader.so.1";
const SUCCESS: u32 = 0;
const DRIVER_PROPERTIES: u32 = 0x1;
const DEVICE_PROPERTIES: u32 = 0x3;
/// More drivers or devices than any machine has; what a broken driver counts beyond is not believed.
const MOST: u32 = 64;

/// What the loader answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LevelZero {
    /// The file that was loaded; none when there is no loader.
    pub loader_path: Option<String>,
    /// The version that the loader itself tells; old ones do not.
    pub loader_version: Option<String>,
    /// "success", or the name of the result with its code.
    pub init_result: String,
    /// The drivers that could be initialised.
    pub drivers: Vec<Driver>,
}

/// One driver that the loader found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Driver {
    /// The driver's own count: seconds since 1970 of its build for Intel's NPU driver.
    pub version: u32,
    /// The version of Level Zero that it implements.
    pub api: String,
    /// Its devices.
    pub devices: Vec<Device>,
}

/// One device of a driver.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Device {
    /// As the driver calls it.
    pub name: String,
    /// gpu, cpu, fpga, mca, npu, or the number of a type that is not known.
    #[serde(rename = "type")]
    pub kind: String,
    /// PCI vendor and device, "8086:7d1d".
    pub id: String,
}

/// Loads and initialises Level Zero, and lists what it finds. An absent or unwilling loader is an answer too.
#[must_use]
pub fn ask_level_zero() -> LevelZero {
    ask(LOADER)
}

fn ask(name: &str) -> LevelZero {
    // SAFETY: loading runs the initialisers of the system's loader and drivers, which the caller asked for, in a
    // process that may die of them.
    let library = match unsafe { Library::new(name) } {
        Ok(library) => library,
        Err(error) => return LevelZero::unusable(&format!("{name} cannot be loaded: {error}")),
    };
    let loader = Loader { library };
    let answer = loader.answer();
    // Drivers keep threads running; unloading their code would pull it away from under them.
    std::mem::forget(loader);
    answer
}

impl LevelZero {
    fn unusable(reason: &str) -> Self {
        Self {
            loader_path: None,
            loader_version: None,
            init_result: reason.to_owned(),
            drivers: Vec::new(),
        }
    }
}

type Handle = *mut c_void;
type Init = unsafe extern "C" fn(u32) -> u32;
type ListDrivers = unsafe extern "C" fn(*mut u32, *mut Handle) -> u32;
type ListDevices = unsafe extern "C" fn(Handle, *mut u32, *mut Handle) -> u32;
type ApiVersion = unsafe extern "C" fn(Handle, *mut u32) -> u32;
type DriverQuery = unsafe extern "C" fn(Handle, *mut DriverProperties) -> u32;
type DeviceQuery = unsafe extern "C" fn(Handle, *mut DeviceProperties) -> u32;
type ComponentVersions = unsafe extern "C" fn(*mut usize, *mut Component) -> u32;

/// `ze_driver_properties_t`
#[repr(C)]
struct DriverProperties {
    kind: u32,
    next: *mut c_void,
    uuid: [u8; 16],
    version: u32,
}

/// `ze_device_properties_t`
#[repr(C)]
struct DeviceProperties {
    kind: u32,
    next: *mut c_void,
    device_type: u32,
    vendor: u32,
    device: u32,
    flags: u32,
    subdevice: u32,
    core_clock_rate: u32,
    max_mem_alloc_size: u64,
    max_hardware_contexts: u32,
    max_command_queue_priority: u32,
    threads_per_eu: u32,
    eu_simd_width: u32,
    eus_per_subslice: u32,
    subslices_per_slice: u32,
    slices: u32,
    timer_resolution: u64,
    timestamp_valid_bits: u32,
    kernel_timestamp_valid_bits: u32,
    uuid: [u8; 16],
    name: [c_char; 256],
}

/// `zel_component_version_t`
#[repr(C)]
#[derive(Clone, Copy)]
struct Component {
    name: [c_char; 64],
    specification: u32,
    version: [i32; 3],
}

struct Loader {
    library: Library,
}

impl Loader {
    fn answer(&self) -> LevelZero {
        let init_result = self.initialise();
        let drivers = if init_result == name_of(SUCCESS) { self.drivers() } else { Vec::new() };
        LevelZero {
            loader_path: loaded_path(LOADER),
            loader_version: self.version(),
            init_result,
            drivers,
        }
    }

    fn symbol<T>(&self, name: &str) -> Option<Symbol<'_, T>> {
        // SAFETY: every name is asked for with the type that ze_api.h or ze_loader.h gives it.
        unsafe { self.library.get(name.as_bytes()) }.ok()
    }

    fn initialise(&self) -> String {
        match self.symbol::<Init>("zeInit") {
            // SAFETY: 0 asks for every kind of device; zeInit may be called at any time.
            Some(init) => name_of(unsafe { init(0) }),
            None => "the loader has no zeInit".to_owned(),
        }
    }

    fn version(&self) -> Option<String> {
        let query = self.symbol::<ComponentVersions>("zelLoaderGetVersions")?;
        let mut count = 0_usize;
        // SAFETY: a null list asks for the count alone.
        if unsafe { query(&raw mut count, ptr::null_mut()) } != SUCCESS || count > MOST as usize {
            return None;
        }
        let mut components =
            vec![Component { name: [0; 64], specification: 0, version: [0; 3] }; count];
        // SAFETY: the list has room for `count` components.
        if unsafe { query(&raw mut count, components.as_mut_ptr()) } != SUCCESS {
            return None;
        }
        let loader = components.iter().find(|component| text(&component.name) == "loader")?;
        let [major, minor, patch] = loader.version;
        Some(format!("{major}.{minor}.{patch}"))
    }

    fn drivers(&self) -> Vec<Driver> {
        let Some(list) = self.symbol::<ListDrivers>("zeDriverGet") else { return Vec::new() };
        // SAFETY: `count` and `handles` are as `handles` of this module promises.
        let handles = handles(|count, handles| unsafe { list(count, handles) });
        handles.into_iter().map(|driver| self.driver(driver)).collect()
    }

    fn driver(&self, driver: Handle) -> Driver {
        let mut properties = DriverProperties {
            kind: DRIVER_PROPERTIES,
            next: ptr::null_mut(),
            uuid: [0; 16],
            version: 0,
        };
        if let Some(query) = self.symbol::<DriverQuery>("zeDriverGetProperties") {
            // SAFETY: the handle is one that zeDriverGet gave, and the structure says what it is.
            unsafe { query(driver, &raw mut properties) };
        }
        let mut api = 0;
        if let Some(query) = self.symbol::<ApiVersion>("zeDriverGetApiVersion") {
            // SAFETY: as above.
            unsafe { query(driver, &raw mut api) };
        }
        Driver {
            version: properties.version,
            api: format!("{}.{}", api >> 16, api & 0xffff),
            devices: self.devices(driver),
        }
    }

    fn devices(&self, driver: Handle) -> Vec<Device> {
        let Some(list) = self.symbol::<ListDevices>("zeDeviceGet") else { return Vec::new() };
        let Some(query) = self.symbol::<DeviceQuery>("zeDeviceGetProperties") else {
            return Vec::new();
        };
        // SAFETY: the driver is one that zeDriverGet gave; the rest as `handles` promises.
        let handles = handles(|count, handles| unsafe { list(driver, count, handles) });
        handles
            .into_iter()
            .filter_map(|device| {
                let mut properties = DeviceProperties::empty();
                // SAFETY: the handle is one that zeDeviceGet gave, and the structure says what it is.
                let result = unsafe { query(device, &raw mut properties) };
                (result == SUCCESS).then(|| properties.describe())
            })
            .collect()
    }
}

/// Asks for a count, then for as many handles: the way of every list in Level Zero.
fn handles(mut list: impl FnMut(*mut u32, *mut Handle) -> u32) -> Vec<Handle> {
    let mut count = 0;
    if list(&raw mut count, ptr::null_mut()) != SUCCESS || count > MOST {
        return Vec::new();
    }
    let mut handles = vec![ptr::null_mut(); count as usize];
    if list(&raw mut count, handles.as_mut_ptr()) != SUCCESS {
        return Vec::new();
    }
    handles.retain(|handle| !handle.is_null());
    handles
}

impl DeviceProperties {
    fn empty() -> Self {
        // SAFETY: every field is a number, a pointer that may be null, or an array of numbers: zero is a value of each.
        let mut properties: Self = unsafe { std::mem::zeroed() };
        properties.kind = DEVICE_PROPERTIES;
        properties
    }

    fn describe(&self) -> Device {
        let kind = match self.device_type {
            1 => "gpu".to_owned(),
            2 => "cpu".to_owned(),
            3 => "fpga".to_owned(),
            4 => "mca".to_owned(),
            5 => "npu".to_owned(),
            other => other.to_string(),
        };
        Device {
            name: text(&self.name),
            kind,
            id: format!("{:04x}:{:04x}", self.vendor, self.device),
        }
    }
}

/// The characters before the first zero, or all of them.
fn text(characters: &[c_char]) -> String {
    let bytes: Vec<u8> =
        characters.iter().map(|character| character.to_ne_bytes()[0]).chain([0]).collect();
    CStr::from_bytes_until_nul(&bytes)
        .map(|text| text.to_string_lossy().into_owned())
        .unwrap_or_default()
}

/// The results that initialisation gives, by their names in `ze_api.h`.
fn name_of(result: u32) -> String {
    let name = match result {
        SUCCESS => return "success".to_owned(),
        0x7000_0001 => "ZE_RESULT_ERROR_DEVICE_LOST",
        0x7000_0002 => "ZE_RESULT_ERROR_OUT_OF_HOST_MEMORY",
        0x7000_0003 => "ZE_RESULT_ERROR_OUT_OF_DEVICE_MEMORY",
        0x7001_0000 => "ZE_RESULT_ERROR_INSUFFICIENT_PERMISSIONS",
        0x7001_0001 => "ZE_RESULT_ERROR_NOT_AVAILABLE",
        0x7002_0000 => "ZE_RESULT_ERROR_DEPENDENCY_UNAVAILABLE",
        0x7800_0001 => "ZE_RESULT_ERROR_UNINITIALIZED",
        0x7800_0002 => "ZE_RESULT_ERROR_UNSUPPORTED_VERSION",
        0x7800_0003 => "ZE_RESULT_ERROR_UNSUPPORTED_FEATURE",
        0x7800_0004 => "ZE_RESULT_ERROR_INVALID_ARGUMENT",
        0x7fff_fffe => "ZE_RESULT_ERROR_UNKNOWN",
        _ => "ZE_RESULT",
    };
    format!("{name} (0x{result:08x})")
}

/// Where the linker found a library of this name, by the memory map of this process.
fn loaded_path(name: &str) -> Option<String> {
    let stem = name.split(".so").next()?;
    let maps = fs::read_to_string("/proc/self/maps").ok()?;
    let mut paths = maps.lines().filter_map(|line| line.find('/').map(|start| &line[start..]));
    paths
        .find(|path| path.rsplit('/').next().is_some_and(|file| file.starts_with(stem)))
        .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn structures_have_the_sizes_that_the_headers_give_them() {
        assert_eq!(size_of::<DriverProperties>(), 40);
        assert_eq!(size_of::<DeviceProperties>(), 368);
        assert_eq!(size_of::<Component>(), 80);
        assert_eq!(std::mem::offset_of!(DeviceProperties, max_mem_alloc_size), 40);
        assert_eq!(std::mem::offset_of!(DeviceProperties, timer_resolution), 80);
        assert_eq!(std::mem::offset_of!(DeviceProperties, name), 112);
    }

    #[test]
    fn an_absent_loader_is_an_answer() {
        let answer = ask("libze_loader_that_is_not_there.so.1");
        assert_eq!((answer.loader_path, answer.drivers.len()), (None, 0));
        assert!(answer.init_result.contains("cannot be loaded"), "{}", answer.init_result);
    }

    #[test]
    fn a_library_that_is_no_loader_is_an_answer_too() {
        let answer = ask("libc.so.6");
        assert_eq!(answer.init_result, "the loader has no zeInit");
        assert_eq!(answer.loader_version, None);
    }

    #[test]
    fn lists_do_not_believe_impossible_counts_nor_null_handles() {
        let impossible = handles(|count, _| {
            // SAFETY: `handles` passes a valid pointer.
            unsafe { *count = MOST + 1 };
            SUCCESS
        });
        assert!(impossible.is_empty());
        let nulls = handles(|count, _| {
            // SAFETY: as above.
            unsafe { *count = 2 };
            SUCCESS
        });
        assert!(nulls.is_empty());
        assert!(handles(|_, _| 0x7800_0001).is_empty());
    }

    #[test]
    fn lists_give_the_handles_that_are_filled_in() {
        let mut value = 7_u8;
        let handle = (&raw mut value).cast::<c_void>();
        let found = handles(|count, list| {
            // SAFETY: `handles` passes a valid count, and then a list with room for it.
            unsafe {
                *count = 1;
                if !list.is_null() {
                    *list = handle;
                }
            }
            SUCCESS
        });
        assert_eq!(found, [handle]);
    }

    #[test]
    fn results_carry_their_codes() {
        assert_eq!(name_of(0), "success");
        assert_eq!(name_of(0x7800_0001), "ZE_RESULT_ERROR_UNINITIALIZED (0x78000001)");
        assert_eq!(name_of(0x7abc_0000), "ZE_RESULT (0x7abc0000)");
    }

    #[test]
    fn devices_are_described_by_type_and_id() {
        let mut properties = DeviceProperties::empty();
        properties.device_type = 5;
        properties.vendor = 0x8086;
        properties.device = 0x7d1d;
        for (place, byte) in properties.name.iter_mut().zip(b"Intel(R) AI Boost") {
            *place = c_char::from_ne_bytes([*byte]);
        }
        let expected = Device {
            name: "Intel(R) AI Boost".to_owned(),
            kind: "npu".to_owned(),
            id: "8086:7d1d".to_owned(),
        };
        assert_eq!(properties.describe(), expected);
        properties.device_type = 99;
        assert_eq!(properties.describe().kind, "99");
    }

    #[test]
    fn a_text_without_an_end_ends_with_its_room() {
        let full = [c_char::from_ne_bytes([b'x']); 4];
        assert_eq!(text(&full), "xxxx");
    }

    #[test]
    fn a_loaded_library_is_found_in_the_memory_map() {
        let path = loaded_path("libc.so.6").expect("every process here has a libc");
        assert!(path.contains("/libc"), "{path}");
        assert_eq!(loaded_path("libnothing.so.1"), None);
    }
}
