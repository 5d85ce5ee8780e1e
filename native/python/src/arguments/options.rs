//! What every operation takes: its priority and its time limit.

use std::time::Duration;

use npubridge_engine::operation::Priority;
use npubridge_engine::{Error, ErrorCode};
use pyo3::prelude::*;
use pyo3::types::PyString;

use super::{Arguments, shown};
use crate::errors::{exception, invalid};

impl Arguments<'_, '_> {
    pub(super) fn priority(&self) -> PyResult<Priority> {
        let Some(given) = self.priority else {
            return Ok(Priority::default());
        };
        let found = if let Ok(name) = given.cast::<PyString>() {
            let name = name.to_str()?;
            Priority::ALL.into_iter().find(|priority| priority.name() == name)
        } else {
            let number = given.extract::<usize>().ok();
            number.and_then(|number| Priority::try_from(number).ok())
        };
        found.ok_or_else(|| {
            let names = Priority::ALL.map(Priority::name).join(", ");
            let error =
                Error::new(ErrorCode::InvalidArgument, format!("priority is {}", shown(given)));
            exception(self.py, &error.suggest(format!("{names}, or 0 to 4")))
        })
    }

    /// The time limit; more than a duration can hold, infinity too, is none.
    pub(super) fn timeout(&self) -> PyResult<Option<Duration>> {
        let Some(given) = self.timeout_ms else {
            return Ok(None);
        };
        let wrong = || invalid(self.py, format!("timeout_ms is {}", shown(given)));
        let millis = match given.extract::<f64>() {
            Ok(millis) => millis,
            // An integer beyond the range of floats.
            Err(error) if error.is_instance_of::<pyo3::exceptions::PyOverflowError>(self.py) => {
                if given.lt(0)? {
                    -1.0
                } else {
                    f64::INFINITY
                }
            }
            Err(_) => return Err(wrong()),
        };
        if millis.is_nan() || millis < 0.0 {
            return Err(wrong());
        }
        Ok(Duration::try_from_secs_f64(millis / 1e3).ok())
    }
}
