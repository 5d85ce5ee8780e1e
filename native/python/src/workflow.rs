//! Workflows for Python: one call plans a whole workflow, one more after each task says what may start.

use std::collections::HashMap;
use std::time::Instant;

use npubridge_engine::workflow::{
    FailurePolicy, Graph, RunOptions, Task, TaskDetail, WorkflowRun as Run,
};
use npubridge_engine::{Error, ErrorCode};
use pyo3::prelude::*;

use crate::errors::{exception, invalid};

/// Id, agent, priority, dependencies, and whether somebody does it here.
type Described = (String, String, i32, Vec<String>, bool);
/// Position, status, and why.
type Settled = (u32, &'static str, Option<String>);

/// A workflow under way: says what may start and takes what came of it.
#[pyclass(module = "npubridge._native")]
pub(crate) struct WorkflowRun {
    run: Run,
    started: Instant,
    told: usize,
}

#[pymethods]
impl WorkflowRun {
    #[new]
    #[pyo3(signature = (tasks, max_parallel=10, on_failure="skip_dependents", break_cycles=false, agent_limits=None, inherit=true))]
    #[allow(clippy::too_many_arguments)]
    fn new(
        py: Python<'_>,
        tasks: Vec<Described>,
        max_parallel: u32,
        on_failure: &str,
        break_cycles: bool,
        agent_limits: Option<HashMap<String, u32>>,
        inherit: bool,
    ) -> PyResult<Self> {
        let on_failure = match on_failure {
            "stop" => FailurePolicy::Stop,
            "continue" => FailurePolicy::Continue,
            "skip_dependents" => FailurePolicy::SkipDependents,
            other => {
                let what = format!(
                    "on_failure is \"{other}\", it must be one of stop, continue, skip_dependents"
                );
                return Err(invalid(py, what));
            }
        };
        let handled: Vec<bool> = tasks.iter().map(|task| task.4).collect();
        let tasks: Vec<Task> = tasks
            .into_iter()
            .map(|(id, agent, priority, dependencies, _)| {
                Task::new(id).with_agent(agent).with_priority(priority).after(dependencies)
            })
            .collect();
        let options = RunOptions {
            max_parallel,
            on_failure,
            inherit,
            agent_limits: agent_limits.unwrap_or_default(),
            ..RunOptions::default()
        };
        let start = || {
            if !break_cycles {
                Graph::from_tasks(&tasks)?.0.require_acyclic(&tasks)?;
            }
            let mut handled = handled.into_iter();
            Run::start(tasks, &options, |_| handled.next().unwrap_or(false), 0)
        };
        let run = py.detach(start).map_err(|error| exception(py, &error))?;
        Ok(Self { run, started: Instant::now(), told: 0 })
    }

    /// Positions of the tasks to be started now.
    fn next(&mut self) -> Vec<u32> {
        let now_us = self.now_us();
        std::iter::from_fn(|| self.run.next(now_us)).collect()
    }

    /// Reports that a task succeeded.
    fn complete(&mut self, py: Python<'_>, task: u32) -> PyResult<()> {
        let now_us = self.now_us();
        self.run.complete(task, now_us).map_err(|error| exception(py, &error))
    }

    /// Reports that a task failed.
    fn fail(&mut self, py: Python<'_>, task: u32, message: String) -> PyResult<()> {
        let now_us = self.now_us();
        let failure = Error::new(ErrorCode::Internal, message);
        self.run.fail(task, failure, now_us).map_err(|error| exception(py, &error))
    }

    /// Cancels what has not started.
    fn cancel(&mut self) {
        let now_us = self.now_us();
        self.run.cancel(now_us);
    }

    /// Whether every task is settled.
    fn is_finished(&self) -> bool {
        self.run.is_finished()
    }

    /// Tasks that were settled since the last call, in that order.
    fn take_settled(&mut self) -> Vec<Settled> {
        let news = &self.run.settled()[self.told..];
        self.told = self.run.settled().len();
        let describe = |task: &u32| {
            let record = self.run.record(*task);
            let reason = match record.and_then(|record| record.detail) {
                Some(TaskDetail::Skipped(skip)) => Some(self.run.skip_reason(*skip)),
                Some(TaskDetail::Failed(error)) => Some(error.message().to_owned()),
                None => None,
            };
            (*task, record.map_or("unknown", |record| record.status.name()), reason)
        };
        news.iter().map(describe).collect()
    }
}

impl WorkflowRun {
    fn now_us(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX)
    }
}
