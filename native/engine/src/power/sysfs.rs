//! Telemetry of an Intel NPU under Linux, below a root that tests may choose.
//!
//! Clock: the attributes of the intel_vpu driver (Linux 6.15). Temperature and energy: Intel PMT, which only root may
//! read; offsets by the region's guid from Intel-PMT's XML files and intel/linux-npu-driver, the same as in
//! `src/core/probe/telemetry.ts`.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::control::Reading;

const VENDOR: &str = "0x8086";
const DRIVER: &str = "intel_vpu";
/// The NPU's byte among the temperatures of the SoC.
const TEMPERATURE_BYTE: u64 = 5;
/// Energy is a fixed-point number of joules with 14 bits of fraction.
const ENERGY_FRACTION: f64 = 16384.0;
/// Guid, offset of the energy, offset of the temperatures.
const REGIONS: [(&str, u64, u64); 7] = [
    ("0x130670b2", 0x628, 0x98),
    ("0x1306a0b2", 0x628, 0x98),
    ("0x1306a0b3", 0x628, 0x98),
    ("0x1306a0b4", 0x628, 0x98),
    ("0x3072005", 0x5d0, 0x70),
    ("0x3086000", 0x670, 0x78),
    ("0x308d000", 0x670, 0x78),
];

/// Where the telemetry of an NPU is.
#[derive(Debug, Clone)]
pub struct Telemetry {
    device: PathBuf,
    region: Option<Region>,
}

#[derive(Debug, Clone)]
struct Region {
    file: PathBuf,
    energy: u64,
    temperatures: u64,
}

impl Telemetry {
    /// That of the first NPU whose `/sys` is below `root`; the reason when there is none.
    ///
    /// # Errors
    /// A sentence that says what is missing.
    pub fn find(root: &Path) -> Result<Self, String> {
        let accelerators = root.join("sys/class/accel");
        let devices = entries(&accelerators).into_iter().map(|entry| entry.join("device"));
        let device = devices.filter(|device| is_npu(device)).min();
        let device = device
            .ok_or_else(|| format!("{} has no device of {DRIVER}", accelerators.display()))?;
        Ok(Self { device, region: region(&root.join("sys/class/intel_pmt")) })
    }

    /// Reads what there is.
    #[must_use]
    pub fn read(&self, at: Duration, busy: bool) -> Reading {
        let (energy, temperature) = match &self.region {
            Some(region) => (
                bytes::<8>(&region.file, region.energy)
                    .map(|raw| u64::from_le_bytes(raw) as f64 / ENERGY_FRACTION),
                bytes::<1>(&region.file, region.temperatures + TEMPERATURE_BYTE)
                    .map(|[degrees]| f64::from(degrees)),
            ),
            None => (None, None),
        };
        Reading {
            at,
            busy,
            frequency_mhz: number(&self.device.join("npu_current_frequency_mhz")),
            max_frequency_mhz: number(&self.device.join("npu_max_frequency_mhz")),
            temperature_celsius: temperature,
            energy_joules: energy,
        }
    }
}

fn is_npu(device: &Path) -> bool {
    let driver = fs::read_link(device.join("driver")).ok();
    let of_intel = text(&device.join("vendor")).is_some_and(|vendor| vendor == VENDOR);
    // A fixture may not have the link.
    of_intel && driver.is_none_or(|driver| driver.ends_with(DRIVER))
}

fn region(folder: &Path) -> Option<Region> {
    entries(folder).into_iter().find_map(|entry| {
        let guid = text(&entry.join("guid"))?.to_lowercase();
        let (_, energy, temperatures) = REGIONS.into_iter().find(|(known, ..)| *known == guid)?;
        Some(Region { file: entry.join("telem"), energy, temperatures })
    })
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut paths: Vec<_> = entries.map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

fn text(file: &Path) -> Option<String> {
    fs::read_to_string(file).ok().map(|text| text.trim().to_owned())
}

fn number(file: &Path) -> Option<f64> {
    text(file)?.parse::<u32>().ok().map(f64::from)
}

fn bytes<const N: usize>(file: &Path, offset: u64) -> Option<[u8; N]> {
    let mut file = File::open(file).ok()?;
    file.seek(SeekFrom::Start(offset)).ok()?;
    let mut read = [0; N];
    file.read_exact(&mut read).ok()?;
    Some(read)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(root: &Path, file: &str, content: impl AsRef<[u8]>) {
        let path = root.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    fn npu() -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        let device = "sys/class/accel/accel0/device";
        write(root.path(), &format!("{device}/vendor"), "0x8086\n");
        write(root.path(), &format!("{device}/npu_current_frequency_mhz"), "950\n");
        write(root.path(), &format!("{device}/npu_max_frequency_mhz"), "1400\n");
        root
    }

    #[test]
    fn the_clock_is_read_where_the_kernel_tells_it() {
        let root = npu();
        let reading = Telemetry::find(root.path()).unwrap().read(Duration::from_secs(1), true);
        assert_eq!(reading.frequency_mhz, Some(950.0));
        assert_eq!(reading.max_frequency_mhz, Some(1400.0));
        assert_eq!((reading.temperature_celsius, reading.energy_joules), (None, None));
    }

    #[test]
    fn temperature_and_energy_are_in_the_region_of_the_part() {
        let root = npu();
        let mut region = vec![0_u8; 0x700];
        region[0x98 + 5] = 71;
        region[0x628..0x630].copy_from_slice(&(5_u64 << 14).to_le_bytes());
        write(root.path(), "sys/class/intel_pmt/telem1/guid", "0x130670b2\n");
        write(root.path(), "sys/class/intel_pmt/telem1/telem", region);
        let reading = Telemetry::find(root.path()).unwrap().read(Duration::ZERO, true);
        assert_eq!(reading.temperature_celsius, Some(71.0));
        assert_eq!(reading.energy_joules, Some(5.0));
    }

    #[test]
    fn what_vanishes_or_is_no_number_is_absent() {
        let root = npu();
        let telemetry = Telemetry::find(root.path()).unwrap();
        let device = "sys/class/accel/accel0/device";
        write(root.path(), &format!("{device}/npu_current_frequency_mhz"), "fast");
        fs::remove_file(root.path().join(device).join("npu_max_frequency_mhz")).unwrap();
        let reading = telemetry.read(Duration::ZERO, true);
        assert_eq!((reading.frequency_mhz, reading.max_frequency_mhz), (None, None));
    }

    #[test]
    fn a_machine_without_an_npu_says_so() {
        let root = tempfile::tempdir().unwrap();
        let reason = Telemetry::find(root.path()).unwrap_err();
        assert!(reason.contains("has no device of intel_vpu"), "{reason}");
    }
}
