//! The faults to inject, as text: `lost_after=100,back_after_ms=500`.
//!
//! | fault | effect on the NPU, and on nothing else |
//! |---|---|
//! | `absent` | it is not listed and cannot be used |
//! | `crash_at_enumeration` | listing the devices kills the process (SIGSEGV) |
//! | `compile_failure` or `compile_failure=N` | every, or the next N, compilations fail |
//! | `oom` or `oom=N` | every, or the next N, compilations and new requests fail for want of device memory |
//! | `inference_failure` or `inference_failure=N` | every, or the next N, inferences fail with an unknown error |
//! | `lost_after=N` | the device is lost after N inferences: all that was compiled is dead, and it is not listed |
//! | `back_after_ms=T` | T ms after it was lost, it is listed again and can be compiled for anew, once |
//! | `hang_after=N` | after N inferences none ends any more, until the faults are changed |
//! | `slow_us=T` | each inference takes T µs longer |
//! | `slow_compile_ms=T` | each compilation takes T ms longer; one that the device is lost in gives a dead model |
//!
//! They come from `NPUBRIDGE_FAULTS` when the library is loaded; from the file named by `NPUBRIDGE_FAULTS_FILE`, which
//! is read again whenever it changed; or from the function `npubridge_testing_set_faults`. New faults replace the old
//! ones: counts start again, a lost device is back, and inferences that hang end as lost.
//!
//! A missing symbol cannot be injected into a loaded library: [`crate::folder`] makes a runtime without one.

use std::time::Duration;

/// What goes wrong from now on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Faults {
    /// There is no NPU.
    pub absent: bool,
    /// Listing devices kills the process.
    pub crash_at_enumeration: bool,
    /// Compilations to fail.
    pub compile_failure: u64,
    /// Allocations to fail.
    pub oom: u64,
    /// Inferences to fail.
    pub inference_failure: u64,
    /// Inferences until the device is lost.
    pub lost_after: Option<u64>,
    /// How long it stays lost; for ever if `None`.
    pub back_after: Option<Duration>,
    /// Inferences until one hangs.
    pub hang_after: Option<u64>,
    /// What each inference takes longer.
    pub slow: Duration,
    /// What each compilation takes longer.
    pub slow_compile: Duration,
}

impl Faults {
    /// Reads faults separated by commas or white space; an empty text is none.
    ///
    /// # Errors
    /// A sentence naming the fault that is unknown or has a wrong value.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut faults = Self::default();
        let parts = text.split(|c: char| c == ',' || c.is_whitespace()).filter(|p| !p.is_empty());
        for part in parts {
            let (name, value) = match part.split_once('=') {
                Some((name, value)) => (name, Some(value)),
                None => (part, None),
            };
            faults.set(name, value).map_err(|problem| format!("fault {part:?}: {problem}"))?;
        }
        Ok(faults)
    }

    fn set(&mut self, name: &str, value: Option<&str>) -> Result<(), String> {
        let number = || -> Result<u64, String> {
            let value = value.ok_or("needs a number")?;
            value.parse().map_err(|_| format!("{value:?} is not a whole number"))
        };
        let times = || {
            if value.is_some() { number() } else { Ok(u64::MAX) }
        };
        let flag = || match value {
            None => Ok(true),
            Some(value) => Err(format!("takes no value, but has {value:?}")),
        };
        match name {
            "absent" => self.absent = flag()?,
            "crash_at_enumeration" => self.crash_at_enumeration = flag()?,
            "compile_failure" => self.compile_failure = times()?,
            "oom" => self.oom = times()?,
            "inference_failure" => self.inference_failure = times()?,
            "lost_after" => self.lost_after = Some(number()?),
            "back_after_ms" => self.back_after = Some(Duration::from_millis(number()?)),
            "hang_after" => self.hang_after = Some(number()?),
            "slow_us" => self.slow = Duration::from_micros(number()?),
            "slow_compile_ms" => self.slow_compile = Duration::from_millis(number()?),
            _ => return Err("unknown".into()),
        }
        Ok(())
    }
}

/// Takes one from a count of failures to come; a count without end stays.
pub(crate) fn take(count: &mut u64) -> bool {
    match *count {
        0 => false,
        u64::MAX => true,
        _ => {
            *count -= 1;
            true
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_read_with_and_without_values() {
        let faults = Faults::parse("compile_failure, oom=2\nslow_us=500 hang_after=0").unwrap();
        assert_eq!(faults.compile_failure, u64::MAX);
        assert_eq!(faults.oom, 2);
        assert_eq!(faults.slow, Duration::from_micros(500));
        assert_eq!(faults.hang_after, Some(0));
        assert_eq!(Faults::parse(" ,\n").unwrap(), Faults::default());
    }

    #[test]
    fn what_is_not_understood_is_named() {
        for text in ["explode", "lost_after", "slow_us=fast", "absent=1", "oom=-1"] {
            let problem = Faults::parse(text).unwrap_err();
            assert!(problem.contains(text), "{problem}");
        }
    }

    #[test]
    fn a_count_runs_out_unless_it_has_no_end() {
        let mut two = 2;
        assert_eq!([take(&mut two), take(&mut two), take(&mut two)], [true, true, false]);
        let mut endless = u64::MAX;
        assert!(take(&mut endless) && endless == u64::MAX);
    }
}
