//! Whether the engine and its devices work.

use serde::Serialize;

use super::Shared;
use super::models::Status;
use crate::model::matmul;
use crate::runtime;

/// Whether the engine and its devices work.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Health {
    /// `ok`, `degraded` (running on less than the first choice) or `failed`.
    pub status: &'static str,
    /// Devices in order of preference.
    pub devices: Vec<DeviceHealth>,
    /// Operations that wait.
    pub queue_depth: usize,
    /// Operations that run.
    pub running: usize,
    /// Models that are loaded.
    pub models: Vec<String>,
    /// OpenVINO; none before it is first needed.
    pub runtime: Option<RuntimeInfo>,
}

/// One device.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DeviceHealth {
    /// OpenVINO's name.
    pub name: String,
    /// What the device calls itself; none when it does not say or OpenVINO is not loaded yet.
    pub full_name: Option<String>,
    /// `available` or `suspended`.
    pub state: &'static str,
    /// Why it is suspended.
    pub reason: Option<String>,
}

/// The OpenVINO in use.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RuntimeInfo {
    /// The folder it was loaded from.
    pub folder: String,
    /// Its full version.
    pub version: String,
}

impl Shared {
    pub(super) fn health(&self) -> Health {
        // While it is being loaded there is nothing to tell, and no reason to wait.
        let core = self.core.try_lock().and_then(|core| core.clone());
        let devices: Vec<_> = self
            .devices
            .iter()
            .enumerate()
            .map(|(index, device)| {
                let reason = self.why_out_of_service(index);
                DeviceHealth {
                    name: device.name.to_string(),
                    full_name: core
                        .as_ref()
                        .and_then(|core| core.property(&device.name, "FULL_DEVICE_NAME").ok()),
                    state: if reason.is_some() { "suspended" } else { "available" },
                    reason,
                }
            })
            .collect();
        let suspended = devices.iter().filter(|device| device.reason.is_some()).count();
        let status = match suspended {
            0 => "ok",
            all if all == devices.len() => "failed",
            _ => "degraded",
        };
        let state = self.state.lock();
        let loaded = state.models.entries.iter();
        let loaded = loaded.filter(|entry| {
            matches!(entry.status, Status::Ready(_)) && &*entry.name != matmul::NAME
        });
        Health {
            status,
            devices,
            queue_depth: state.scheduler.depth(),
            running: state.scheduler.known() - state.scheduler.depth(),
            models: loaded.map(|entry| entry.name.to_string()).collect(),
            runtime: core.and_then(|_| self.runtime_info()),
        }
    }

    pub(super) fn runtime_info(&self) -> Option<RuntimeInfo> {
        runtime::loaded().map(|runtime| RuntimeInfo {
            folder: runtime.folder.display().to_string(),
            version: runtime.version.clone(),
        })
    }
}
