//! The arguments of a workflow: its tasks, from a list of dicts.

use npubridge_engine::operation::{Operation, Workflow};
use npubridge_engine::workflow::Task;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use super::{Arguments, shown};
use crate::errors::invalid;

impl<'py> Arguments<'_, 'py> {
    pub(super) fn workflow(&self) -> PyResult<Operation> {
        let given = self.required("tasks")?;
        let Ok(given) = given.cast::<PyList>() else {
            return Err(invalid(self.py, format!("tasks is {}, not a list", shown(&given))));
        };
        let tasks = given.iter().enumerate().map(|(index, task)| self.task(index, &task));
        let max_parallel = match self.other("max_parallel")? {
            Some(given) => self.typed("max_parallel", &given)?,
            None => 10,
        };
        Ok(Operation::Workflow(Box::new(Workflow {
            tasks: tasks.collect::<PyResult<_>>()?,
            max_parallel,
            agents: None,
            unassigned: Vec::new(),
        })))
    }

    fn task(&self, index: usize, given: &Bound<'py, PyAny>) -> PyResult<Task> {
        let Ok(fields) = given.cast::<PyDict>() else {
            return Err(invalid(self.py, format!("tasks[{index}] is {}", shown(given))));
        };
        let place = |field: &str| format!("tasks[{index}].{field}");
        let mut task = Task::new("");
        let mut has_id = false;
        for (name, value) in fields.iter() {
            let name: String = name.extract()?;
            let at = place(&name);
            match name.as_str() {
                "id" => (task.id, has_id) = (self.typed(&at, &value)?, true),
                "agent" => task.agent = self.typed(&at, &value)?,
                "description" => task.description = self.typed(&at, &value)?,
                "priority" => task.priority = self.typed(&at, &value)?,
                "dependencies" => task.dependencies = self.typed(&at, &value)?,
                _ => return Err(invalid(self.py, format!("{at} is not known"))),
            }
        }
        if has_id { Ok(task) } else { Err(invalid(self.py, format!("{} is missing", place("id")))) }
    }
}
