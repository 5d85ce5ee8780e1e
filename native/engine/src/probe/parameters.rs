//! What the kernel driver tells whoever may open the node of an NPU: `DRM_IOCTL_IVPU_GET_PARAM`.
//!
//! Numbers and layout are those of the kernel's `include/uapi/drm/ivpu_accel.h`.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use serde::Serialize;

/// `_IOWR('d', DRM_COMMAND_BASE + 0, struct drm_ivpu_param)`
const GET_PARAM: libc::c_ulong = 0xC010_6440;

const REVISION: u32 = 1;
const PLATFORM_TYPE: u32 = 2;
const CORE_CLOCK_RATE: u32 = 3;
const NUM_CONTEXTS: u32 = 4;
const TILE_CONFIG: u32 = 11;
const SKU: u32 = 12;
const CAPABILITIES: u32 = 13;

/// What became of opening the node.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeAnswer {
    /// None when the node could not be opened.
    pub parameters: Option<Parameters>,
    /// The name of the error, such as EMFILE when all contexts are in use.
    pub open_error: Option<String>,
}

/// The parameters that this kernel knows; the others are absent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Parameters {
    /// The highest clock, in Hz.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub core_clock_hz: Option<u64>,
    /// How many programs may have the NPU open at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contexts: Option<u64>,
    /// A set bit is a tile that is switched off.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tile_config: Option<u64>,
    /// The part's variant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sku: Option<u64>,
    /// Silicon or one of the simulators.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub platform_type: Option<u64>,
    /// The stepping.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision: Option<u64>,
    /// Bits of what the driver can do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub capabilities: Option<u64>,
}

/// `struct drm_ivpu_param`
#[repr(C)]
struct Param {
    param: u32,
    index: u32,
    value: u64,
}

/// Opens the device node of an NPU, which takes one of its contexts for that time, and reads its parameters.
#[must_use]
pub fn ask_node(node: &Path) -> NodeAnswer {
    // The node may be anything by now; a pipe must not make us wait.
    let opened =
        OpenOptions::new().read(true).write(true).custom_flags(libc::O_NONBLOCK).open(node);
    match opened {
        Ok(file) => NodeAnswer { parameters: Some(read_all(&file)), open_error: None },
        Err(error) => NodeAnswer { parameters: None, open_error: Some(name_of(&error)) },
    }
}

fn read_all(file: &File) -> Parameters {
    Parameters {
        core_clock_hz: read(file, CORE_CLOCK_RATE),
        contexts: read(file, NUM_CONTEXTS),
        tile_config: read(file, TILE_CONFIG),
        sku: read(file, SKU),
        platform_type: read(file, PLATFORM_TYPE),
        revision: read(file, REVISION),
        capabilities: read(file, CAPABILITIES),
    }
}

/// None for a parameter that the driver does not know, and for a node of another driver.
fn read(file: &File, param: u32) -> Option<u64> {
    let mut request = Param { param, index: 0, value: 0 };
    // SAFETY: the descriptor is open, and the number of the request carries the size of this structure.
    let result = unsafe { libc::ioctl(file.as_raw_fd(), GET_PARAM, &raw mut request) };
    (result == 0).then_some(request.value)
}

fn name_of(error: &io::Error) -> String {
    let name = match error.raw_os_error() {
        Some(libc::EACCES) => "EACCES",
        Some(libc::EBUSY) => "EBUSY",
        Some(libc::EMFILE) => "EMFILE",
        Some(libc::ENODEV) => "ENODEV",
        Some(libc::ENOENT) => "ENOENT",
        Some(libc::ENXIO) => "ENXIO",
        Some(libc::EPERM) => "EPERM",
        _ => return error.to_string(),
    };
    name.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_request_carries_the_size_of_its_structure() {
        assert_eq!((GET_PARAM >> 16) & 0x3fff, size_of::<Param>() as libc::c_ulong);
        assert_eq!(GET_PARAM >> 30, 3);
        assert_eq!((GET_PARAM >> 8) & 0xff, libc::c_ulong::from(b'd'));
        assert_eq!(std::mem::offset_of!(Param, value), 8);
    }

    #[test]
    fn a_node_that_is_not_there_is_an_answer() {
        let answer = ask_node(Path::new("/dev/accel/accel-that-is-not-there"));
        assert_eq!(answer.open_error.as_deref(), Some("ENOENT"));
        assert_eq!(answer.parameters, None);
    }

    #[test]
    fn a_node_of_another_driver_has_no_parameters() {
        let answer = ask_node(Path::new("/dev/null"));
        assert_eq!(
            answer,
            NodeAnswer { parameters: Some(Parameters::default()), open_error: None }
        );
    }

    #[test]
    fn parameters_that_are_not_known_are_left_out() {
        let known = Parameters { core_clock_hz: Some(1_400_000_000), ..Parameters::default() };
        let json = serde_json::to_string(&NodeAnswer { parameters: Some(known), open_error: None });
        assert_eq!(
            json.expect("numbers and texts can be written"),
            r#"{"parameters":{"coreClockHz":1400000000},"openError":null}"#
        );
    }

    #[test]
    fn errors_are_named_as_in_the_manual() {
        assert_eq!(name_of(&io::Error::from_raw_os_error(libc::EMFILE)), "EMFILE");
        assert!(name_of(&io::Error::from_raw_os_error(libc::EIO)).contains("os error 5"));
    }
}
