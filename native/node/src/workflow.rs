//! Workflows for JavaScript: one call plans a whole workflow, one call a turn says what may start.

use std::collections::HashMap;

use napi::bindgen_prelude::*;
use napi_derive::napi;
use npubridge_engine::workflow::{Discipline, WorkflowRun};
use npubridge_engine::workflow::{
    FailurePolicy, Graph, Preference, RunOptions, Task, TaskDetail, TaskStatus, levels, order,
};
use npubridge_engine::{Error as EngineError, ErrorCode};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::to_js;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Described {
    tasks: Vec<DescribedTask>,
    #[serde(default = "ten")]
    max_parallel: u32,
    #[serde(default)]
    agent_limits: HashMap<String, u32>,
    #[serde(default)]
    on_failure: OnFailure,
    #[serde(default)]
    break_cycles: bool,
    #[serde(default)]
    prefer_critical_path: bool,
    /// Positions of tasks that an earlier run has completed.
    #[serde(default)]
    done: Vec<u32>,
}

#[derive(Debug, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
enum OnFailure {
    Stop,
    Continue,
    #[default]
    SkipDependents,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct DescribedTask {
    id: String,
    agent: Option<String>,
    priority: Option<i32>,
    #[serde(default)]
    dependencies: Vec<String>,
    deadline_ms: Option<f64>,
    estimated_ms: Option<f64>,
    /// Whether somebody executes it here; routed otherwise.
    #[serde(default)]
    handled: bool,
}

fn ten() -> u32 {
    10
}

impl From<DescribedTask> for Task {
    fn from(described: DescribedTask) -> Self {
        let mut task = Self::new(described.id).after(described.dependencies);
        if let Some(agent) = described.agent {
            task = task.with_agent(agent);
        }
        if let Some(priority) = described.priority {
            task = task.with_priority(priority);
        }
        if let Some(estimate) = described.estimated_ms {
            task.estimated_ms = estimate;
        }
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        {
            task.deadline_us = described.deadline_ms.map(|ms| (ms.max(0.0) * 1e3) as u64);
        }
        task
    }
}

/// A workflow under way: says what may start and takes what came of it.
#[napi]
pub struct NativeWorkflow {
    run: WorkflowRun,
    plan: Value,
    /// How many of the settled tasks have been told.
    told: usize,
}

#[napi]
impl NativeWorkflow {
    /// Plans a workflow and starts it. `description` is JSON; instants are microseconds of the caller's clock.
    #[napi(constructor)]
    pub fn new(description: String, now_us: f64) -> Result<Self> {
        start(&description, micros(now_us)).map_err(to_js)
    }

    /// Levels by position, order, cycles that were broken and dependencies on unknown ids, as JSON.
    #[napi]
    pub fn plan(&self) -> String {
        self.plan.to_string()
    }

    /// Positions of the tasks to be started now.
    #[napi]
    pub fn next(&mut self, now_us: f64) -> Uint32Array {
        let now_us = micros(now_us);
        let next: Vec<u32> = std::iter::from_fn(|| self.run.next(now_us)).collect();
        next.into()
    }

    /// Reports that a task succeeded.
    #[napi]
    pub fn complete(&mut self, task: u32, now_us: f64) -> Result<()> {
        self.run.complete(task, micros(now_us)).map_err(to_js)
    }

    /// Reports that a task failed.
    #[napi]
    pub fn fail(&mut self, task: u32, message: String, now_us: f64) -> Result<()> {
        let error = EngineError::new(ErrorCode::Internal, message);
        self.run.fail(task, error, micros(now_us)).map_err(to_js)
    }

    /// Reports that a task's condition does not hold.
    #[napi]
    pub fn decline(&mut self, task: u32, now_us: f64) -> Result<()> {
        self.run.decline(task, micros(now_us)).map_err(to_js)
    }

    /// Cancels what has not started.
    #[napi]
    pub fn cancel(&mut self, now_us: f64) {
        self.run.cancel(micros(now_us));
    }

    /// Whether every task is settled.
    #[napi]
    pub fn is_finished(&self) -> bool {
        self.run.is_finished()
    }

    /// Tasks that were settled since the last call, in that order, as JSON: position, status, and why.
    #[napi]
    pub fn take_settled(&mut self) -> String {
        let news = &self.run.settled()[self.told..];
        let news: Vec<Value> = news.iter().map(|task| self.settled(*task)).collect();
        self.told = self.run.settled().len();
        Value::from(news).to_string()
    }

    /// The account of the run as JSON.
    #[napi]
    pub fn summary(&self, now_us: f64) -> String {
        let summary = self.run.summary(micros(now_us));
        let (path, length_us) = self.run.critical_path();
        let agents: Vec<Value> = summary
            .agents
            .iter()
            .map(|agent| {
                json!({
                    "agent": agent.agent, "tasks": agent.tasks, "completed": agent.completed,
                    "routed": agent.routed, "failed": agent.failed, "skipped": agent.skipped,
                    "cancelled": agent.cancelled, "busyUs": agent.busy_us,
                    "utilisation": agent.utilisation,
                })
            })
            .collect();
        json!({
            "total": summary.total, "completed": summary.completed, "routed": summary.routed,
            "failed": summary.failed, "skipped": summary.skipped, "cancelled": summary.cancelled,
            "successRate": summary.success_rate, "elapsedUs": summary.elapsed_us,
            "activeUs": summary.active_us, "overheadUs": summary.overhead_us,
            "busyUs": summary.busy_us, "peakRunning": summary.peak_running, "agents": agents,
            "criticalPath": path, "criticalPathUs": length_us,
        })
        .to_string()
    }

    fn settled(&self, task: u32) -> Value {
        let Some(record) = self.run.record(task) else { return Value::Null };
        let reason = match record.detail {
            Some(TaskDetail::Skipped(skip)) => Some(self.run.skip_reason(*skip)),
            Some(TaskDetail::Failed(error)) => Some(error.message().to_owned()),
            None if record.status == TaskStatus::Skipped => {
                Some("its condition does not hold".into())
            }
            None => None,
        };
        json!([task, record.status.name(), reason])
    }
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn micros(now_us: f64) -> u64 {
    now_us.max(0.0) as u64
}

fn start(description: &str, now_us: u64) -> npubridge_engine::Result<NativeWorkflow> {
    let described: Described = serde_json::from_str(description).map_err(|error| {
        EngineError::new(ErrorCode::InvalidArgument, "the workflow cannot be read").caused_by(error)
    })?;
    let handled: Vec<bool> = described.tasks.iter().map(|task| task.handled).collect();
    let tasks: Vec<Task> = described.tasks.into_iter().map(Task::from).collect();
    let (graph, unknown) = Graph::from_tasks(&tasks)?;
    if !described.break_cycles {
        graph
            .require_acyclic(&tasks)
            .map_err(|error| error.suggest("--break-cycles lets the most urgent task go first"))?;
    }
    let priorities: Vec<i32> = tasks.iter().map(|task| task.priority).collect();
    let sequence = order(&graph, &priorities, Discipline::Urgency);
    let plan = json!({
        "levels": levels(&graph, &sequence.order),
        "order": sequence.order,
        "broken": sequence.broken.iter()
            .map(|cycle| json!({"task": cycle.task, "dropped": cycle.dropped}))
            .collect::<Vec<_>>(),
        "unknown": unknown.iter()
            .map(|unknown| json!({"task": unknown.task, "id": unknown.id}))
            .collect::<Vec<_>>(),
    });
    let options = RunOptions {
        max_parallel: described.max_parallel,
        agent_limits: described.agent_limits,
        on_failure: match described.on_failure {
            OnFailure::Stop => FailurePolicy::Stop,
            OnFailure::Continue => FailurePolicy::Continue,
            OnFailure::SkipDependents => FailurePolicy::SkipDependents,
        },
        inherit: true,
        preference: if described.prefer_critical_path {
            Preference::CriticalPath
        } else {
            Preference::Position
        },
        done: described.done,
    };
    let mut handlers = handled.into_iter();
    let run = WorkflowRun::start(tasks, &options, |_| handlers.next().unwrap_or(false), now_us)?;
    Ok(NativeWorkflow { run, plan, told: 0 })
}
