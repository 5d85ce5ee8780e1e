//! What there is of memory and of places on devices, and how much of it is taken.
//!
//! What is taken is not counted up and down but read off what is loaded and running. So no path, however it fails, can
//! forget to give something back.

use std::sync::OnceLock;

use super::Shared;
use super::models::Models;
use super::state::State;
use crate::error::{Error, ErrorCode};
use crate::machine;
use crate::metrics::{Amount, ResourceUse};
use crate::openvino::Core;

/// Memory of one kind: the machine's, or the part of it that a device may have.
pub(super) type Of = Option<usize>;

/// Whether there is memory for a model.
#[derive(Debug)]
pub(super) enum Room {
    Made,
    /// Models that are in use are in the way; the error says so.
    Taken(Error),
}

/// What a device told of itself when it was first asked.
#[derive(Debug, Default)]
pub(super) struct Told {
    memory: OnceLock<u64>,
}

impl Models {
    /// Memory that models are charged with, loaded or being loaded, in bytes.
    pub(super) fn memory(&self, of: Of) -> u64 {
        self.entries.iter().map(|entry| entry.charged(of)).sum()
    }

    /// As [`Models::memory`], without that of `model`.
    pub(super) fn memory_of_others(&self, model: usize, of: Of) -> u64 {
        self.memory(of) - self.entries[model].charged(of)
    }
}

impl Shared {
    /// How much memory models may take, in bytes; none where there is no limit or it is not known.
    pub(super) fn memory_limit(&self, of: Of) -> Option<u64> {
        let resources = &self.config.resources;
        match of {
            None => Some(resources.memory).filter(|limit| *limit < u64::MAX),
            Some(device) if self.is_npu(device) => {
                resources.npu_memory.or_else(|| self.devices[device].told.memory.get().copied())
            }
            Some(_) => None,
        }
    }

    /// Whether `more` bytes would still be within what models may take.
    pub(super) fn has_memory_for(&self, more: u64) -> bool {
        let charged = self.state.lock().models.memory(None);
        charged.saturating_add(more) <= self.config.resources.memory
    }

    /// Learns how much memory a device has, unless that is known or given.
    pub(super) fn ask_for_memory(&self, core: &Core, device: usize) {
        let told = &self.devices[device].told.memory;
        if !self.is_npu(device) || told.get().is_some() {
            return;
        }
        let text = core.property(&self.devices[device].name, "NPU_DEVICE_TOTAL_MEM_SIZE");
        if let Some(bytes) = text.ok().and_then(|text| text.trim().parse().ok()).filter(|b| *b > 0)
        {
            let _ = told.set(bytes);
        }
    }

    /// How many inferences may be on a device at once, whatever it wants.
    pub(super) fn slots_limit(&self, device: usize) -> usize {
        let resources = &self.config.resources;
        let limit = match &self.devices[device].name {
            name if name.starts_with("NPU") => resources.npu_slots.unwrap_or(usize::MAX),
            name if name.starts_with("CPU") => resources.cpu_cores,
            _ => usize::MAX,
        };
        limit.max(1)
    }

    /// How many threads the CPU is told to use: only where it would take more by itself, which goes by affinity.
    pub(super) fn cpu_threads(&self) -> Option<usize> {
        let cores = self.config.resources.cpu_cores.max(1);
        machine::cores_by_affinity().filter(|all| cores < *all).map(|_| cores)
    }

    fn is_npu(&self, device: usize) -> bool {
        self.devices[device].name.starts_with("NPU")
    }

    /// What is there and what is taken of it, now.
    pub(super) fn resource_use(&self, state: &State) -> ResourceUse {
        let devices = |name: &'static str| {
            (0..self.devices.len())
                .filter(move |device| self.devices[*device].name.starts_with(name))
        };
        let taken = |name| {
            devices(name).fold((0, 0), |(busy, places), device| {
                let device = &self.devices[device];
                (busy + device.busy(), places + device.workers())
            })
        };
        let limit_of_all = |limits: Vec<Option<u64>>| {
            limits.into_iter().try_fold(0, |sum: u64, limit| Some(sum.saturating_add(limit?)))
        };
        let npus = devices("NPU").count();
        let npu_limits = devices("NPU").map(|device| self.memory_limit(Some(device))).collect();
        let ((npu_busy, npu_places), (cpu_busy, cpu_places)) = (taken("NPU"), taken("CPU"));
        let cores = self.config.resources.cpu_cores as u64;
        ResourceUse {
            system_memory: Amount {
                used: state.models.memory(None),
                limit: self.memory_limit(None),
            },
            npu_memory: Amount {
                used: devices("NPU").map(|device| state.models.memory(Some(device))).sum(),
                limit: limit_of_all(npu_limits).filter(|_| npus > 0),
            },
            npu_slots: Amount {
                used: npu_busy as u64,
                limit: match self.config.resources.npu_slots {
                    Some(slots) if npus > 0 => Some((slots * npus) as u64),
                    _ => Some(npu_places as u64).filter(|places| *places > 0),
                },
            },
            // The places of the CPU share its cores.
            cpu_cores: Amount {
                used: (cores * cpu_busy as u64).div_ceil(cpu_places.max(1) as u64).min(cores),
                limit: Some(cores),
            },
        }
    }

    /// That a model can never be loaded: it needs more than there may be.
    pub(super) fn never_fits(&self, model: &str, bytes: u64, limit: u64, of: Of) -> Error {
        let (whose, option) = self.describe(of);
        Error::new(
            ErrorCode::ResourceExhausted,
            format!(
                "{model} needs at least {bytes} bytes of memory, the limit for {whose} is {limit}"
            ),
        )
        .suggest(format!("raise {option}"))
    }

    /// That a model cannot be loaded now, for others that are in use.
    pub(super) fn in_the_way(
        &self,
        state: &State,
        model: &str,
        bytes: u64,
        limit: u64,
        of: Of,
    ) -> Error {
        let (whose, option) = self.describe(of);
        let used = state.models.memory(of);
        Error::new(
            ErrorCode::ResourceExhausted,
            format!(
                "{model} needs {bytes} bytes of memory; {used} of {limit} for {whose} are used"
            ),
        )
        .suggest(format!("unload a model, or raise {option}"))
    }

    fn describe(&self, of: Of) -> (String, &'static str) {
        match of {
            None => ("models".into(), "resources.memory_mb"),
            Some(device) => {
                (format!("models on {}", self.devices[device].name), "resources.npu_memory_mb")
            }
        }
    }
}
