//! Runs a workflow without running anything: says what may start, takes what came of it.
//!
//! The host owns threads, promises and clocks. It calls [`WorkflowRun::next`] until it gets nothing, executes what it
//! got in any way it likes, and reports each outcome; every report may make further tasks ready. Instants are
//! microseconds since any fixed moment of the host's choice.
//!
//! What is decided here:
//! - a task starts only after all its dependencies are completed or routed; of the tasks that are ready the one of the
//!   least rank starts, at most `max_parallel` at a time;
//! - a task whose agent has no handler is *routed*: settled at once when it is ready, without taking a place;
//! - a task that depends, directly or not, on a failed one is skipped, with the reason;
//! - a cycle is broken where [`super::plan`] breaks it, and only when nothing else can run any more.

mod critical;
mod limits;
mod options;
mod ready;
mod record;
mod status;
mod summary;

use std::collections::HashMap;

use super::order::{BrokenCycle, Discipline, order};
use super::urgency::ranks;
use super::{Graph, Task, UnknownDependency};
use crate::{Error, ErrorCode, Result};
pub use options::{FailurePolicy, RunOptions};
use ready::Ready;
pub use record::{Skip, TaskDetail, TaskRecord};
pub use status::TaskStatus;
pub use summary::{AgentUse, WorkflowSummary};

/// A workflow under way.
#[derive(Debug)]
pub struct WorkflowRun {
    tasks: Vec<Task>,
    /// Without the dependencies that were dropped.
    graph: Graph,
    broken: Vec<BrokenCycle>,
    unknown: Vec<UnknownDependency>,
    handled: Vec<bool>,
    /// Dependencies still to come, plus one for a task that is held back until its cycle stands in the way.
    waiting: Vec<u32>,
    ranks: Vec<u32>,
    limits: limits::AgentLimits,
    on_failure: FailurePolicy,
    /// How many of `broken` have been released.
    released: usize,
    ready: Ready,
    routable: Ready,
    states: Vec<State>,
    details: HashMap<u32, TaskDetail>,
    settled: Vec<u32>,
    max_parallel: u32,
    running: u32,
    peak_running: u32,
    started_us: u64,
    now_us: u64,
    /// Time during which at least one task ran.
    active_us: u64,
}

#[derive(Debug, Clone, Copy)]
struct State {
    status: TaskStatus,
    started_us: Option<u64>,
    settled_us: Option<u64>,
}

impl WorkflowRun {
    /// Starts a run; tasks that are only routed and wait for nothing are settled when this returns.
    ///
    /// `has_handler` is asked once for each task.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` when two tasks share an id or `max_parallel` is 0.
    pub fn start(
        tasks: Vec<Task>,
        options: &RunOptions,
        has_handler: impl FnMut(&Task) -> bool,
        now_us: u64,
    ) -> Result<Self> {
        if options.max_parallel == 0 {
            return Err(Error::new(
                ErrorCode::InvalidArgument,
                "max_parallel is 0: no task could ever start",
            )
            .suggest("use 1 to run one task at a time"));
        }
        let (graph, unknown) = Graph::from_tasks(&tasks)?;
        let limits = limits::AgentLimits::new(&tasks, &options.agent_limits)?;
        let ranks = ranks(&graph, &tasks, options.inherit, options.preference);
        let priorities: Vec<_> = tasks.iter().map(|task| task.priority).collect();
        let broken = order(&graph, &priorities, Discipline::Urgency).broken;
        let graph = graph.without_dropped(&broken);
        let mut waiting = graph.dependency_counts();
        for cycle in &broken {
            waiting[cycle.task as usize] += 1;
        }
        let state = State { status: TaskStatus::Waiting, started_us: None, settled_us: None };
        let mut run = Self {
            handled: tasks.iter().map(has_handler).collect(),
            ready: Ready::new(),
            routable: Ready::new(),
            states: vec![state; tasks.len()],
            details: HashMap::new(),
            settled: Vec::with_capacity(tasks.len()),
            max_parallel: options.max_parallel,
            ranks,
            limits,
            on_failure: options.on_failure,
            released: 0,
            running: 0,
            peak_running: 0,
            started_us: now_us,
            now_us,
            active_us: 0,
            tasks,
            graph,
            broken,
            unknown,
            waiting,
        };
        run.restore(&options.done);
        for task in run.graph.tasks() {
            let waits = run.states[task as usize].status == TaskStatus::Waiting;
            if waits && run.waiting[task as usize] == 0 {
                run.make_ready(task);
            }
        }
        run.advance();
        Ok(run)
    }

    /// Takes the next task to execute, if one is ready and a place is free. The host must report its outcome.
    pub fn next(&mut self, now_us: u64) -> Option<u32> {
        self.tick(now_us);
        if self.running == self.max_parallel {
            return None;
        }
        let task = loop {
            let task = self.ready.pop()?;
            if self.limits.admit(task) {
                break task;
            }
        };
        self.running += 1;
        self.peak_running = self.peak_running.max(self.running);
        let state = &mut self.states[task as usize];
        state.status = TaskStatus::Running;
        state.started_us = Some(self.now_us);
        Some(task)
    }

    /// Reports that a running task succeeded.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` when the task is not running; the run is as before.
    pub fn complete(&mut self, task: u32, now_us: u64) -> Result<()> {
        self.stop_running(task, now_us)?;
        self.succeed(task, TaskStatus::Completed);
        self.advance();
        Ok(())
    }

    /// Reports that a running task failed; all that depends on it is skipped.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` when the task is not running; the run is as before.
    pub fn fail(&mut self, task: u32, error: Error, now_us: u64) -> Result<()> {
        self.stop_running(task, now_us)?;
        self.details.insert(task, TaskDetail::Failed(error));
        match self.on_failure {
            FailurePolicy::Continue => self.succeed(task, TaskStatus::Failed),
            FailurePolicy::SkipDependents => {
                self.settle(task, TaskStatus::Failed);
                self.skip_dependents(task);
            }
            FailurePolicy::Stop => {
                self.settle(task, TaskStatus::Failed);
                self.cancel(now_us);
            }
        }
        self.advance();
        Ok(())
    }

    /// Reports that a task that was taken is not to be done: its condition does not hold. What depends on it goes on.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` when the task is not running; the run is as before.
    pub fn decline(&mut self, task: u32, now_us: u64) -> Result<()> {
        self.stop_running(task, now_us)?;
        self.succeed(task, TaskStatus::Skipped);
        self.advance();
        Ok(())
    }

    /// Cancels every task that has not started. Running ones go on until the host reports them.
    pub fn cancel(&mut self, now_us: u64) {
        self.tick(now_us);
        self.ready.clear();
        self.limits.forget_parked();
        for task in self.graph.tasks() {
            let status = self.states[task as usize].status;
            if matches!(status, TaskStatus::Waiting | TaskStatus::Ready) {
                self.settle(task, TaskStatus::Cancelled);
            }
        }
    }

    /// Whether every task is settled.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.settled.len() == self.tasks.len()
    }

    /// How many tasks the host has taken and not yet reported.
    #[must_use]
    pub fn running(&self) -> u32 {
        self.running
    }

    /// The tasks of the run, by position.
    #[must_use]
    pub fn tasks(&self) -> &[Task] {
        &self.tasks
    }

    /// The settled tasks in the order in which they were settled: a host that remembers how many it has seen finds
    /// the news behind them.
    #[must_use]
    pub fn settled(&self) -> &[u32] {
        &self.settled
    }

    /// Cycles that are broken, whether their turn has come or not.
    #[must_use]
    pub fn broken(&self) -> &[BrokenCycle] {
        &self.broken
    }

    /// Dependencies on ids that no task has.
    #[must_use]
    pub fn unknown(&self) -> &[UnknownDependency] {
        &self.unknown
    }

    /// Moves the clock of the run; one that steps back stands still.
    fn tick(&mut self, now_us: u64) {
        let now_us = now_us.max(self.now_us);
        if self.running > 0 {
            self.active_us += now_us - self.now_us;
        }
        self.now_us = now_us;
    }

    fn stop_running(&mut self, task: u32, now_us: u64) -> Result<()> {
        let Some(record) = self.record(task) else {
            return Err(Error::new(
                ErrorCode::InvalidArgument,
                format!(
                    "there is no task at position {task}: the workflow has {}",
                    self.tasks.len()
                ),
            ));
        };
        if record.status != TaskStatus::Running {
            return Err(Error::new(
                ErrorCode::InvalidArgument,
                format!(
                    "task {:?} is {}, not running: its outcome cannot be reported",
                    record.task.id,
                    record.status.name()
                ),
            ));
        }
        self.tick(now_us);
        self.running -= 1;
        for parked in self.limits.release(task) {
            self.ready.push(parked, self.ranks[parked as usize]);
        }
        Ok(())
    }

    /// Settles what an earlier run has completed.
    fn restore(&mut self, done: &[u32]) {
        for &task in done {
            let known = self.states.get(task as usize);
            if known.is_none_or(|state| state.status != TaskStatus::Waiting) {
                continue;
            }
            self.settle(task, TaskStatus::Completed);
            for index in 0..self.graph.dependents(task).len() {
                let dependent = self.graph.dependents(task)[index];
                self.waiting[dependent as usize] -= 1;
            }
        }
    }

    fn settle(&mut self, task: u32, status: TaskStatus) {
        let state = &mut self.states[task as usize];
        state.status = status;
        state.settled_us = Some(self.now_us);
        self.settled.push(task);
    }

    fn succeed(&mut self, task: u32, status: TaskStatus) {
        self.settle(task, status);
        for index in 0..self.graph.dependents(task).len() {
            let dependent = self.graph.dependents(task)[index];
            self.arrive(dependent);
        }
    }

    /// One thing that `task` waited for has come.
    fn arrive(&mut self, task: u32) {
        let waiting = &mut self.waiting[task as usize];
        *waiting -= 1;
        if *waiting == 0 && self.states[task as usize].status == TaskStatus::Waiting {
            self.make_ready(task);
        }
    }

    fn make_ready(&mut self, task: u32) {
        self.states[task as usize].status = TaskStatus::Ready;
        let queue = if self.handled[task as usize] { &mut self.ready } else { &mut self.routable };
        queue.push(task, self.ranks[task as usize]);
    }

    fn skip_dependents(&mut self, failed: u32) {
        let mut reached = vec![failed];
        let mut next = 0;
        while let Some(&dependency) = reached.get(next) {
            next += 1;
            for index in 0..self.graph.dependents(dependency).len() {
                let task = self.graph.dependents(dependency)[index];
                if self.states[task as usize].status == TaskStatus::Waiting {
                    self.settle(task, TaskStatus::Skipped);
                    let skip = Skip { dependency, failed };
                    self.details.insert(task, TaskDetail::Skipped(skip));
                    reached.push(task);
                }
            }
        }
    }

    /// Settles what needs no host, until a task is ready or running or nothing is left.
    fn advance(&mut self) {
        loop {
            while let Some(task) = self.routable.pop() {
                self.states[task as usize].started_us = Some(self.now_us);
                self.succeed(task, TaskStatus::Routed);
            }
            if self.running > 0 || !self.ready.is_empty() || !self.release_next_cycle() {
                return;
            }
        }
    }

    /// Lets the next task go that was held back for a cycle; false when there is none.
    fn release_next_cycle(&mut self) -> bool {
        while let Some(cycle) = self.broken.get(self.released) {
            let task = cycle.task;
            self.released += 1;
            if self.states[task as usize].status == TaskStatus::Waiting {
                self.arrive(task);
                return true;
            }
        }
        false
    }
}

#[cfg(test)]
mod tests;
