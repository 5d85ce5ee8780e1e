//! Operations about agents: choosing one, and coordinating a whole workflow.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use parking_lot::Mutex;
use serde::Serialize;

use super::{Shared, host};
use crate::error::{Error, ErrorCode, Result};
use crate::operation::{Output, Route, Workflow};
use crate::routing::AgentRegistry;
use crate::workflow::{Discipline, Graph, RunOptions, WorkflowRun, levels, order};

/// How long the files of a folder of agents are taken to be unchanged before they are looked at again.
const FRESH: Duration = Duration::from_secs(1);
/// Folders of agents that are kept; one that asks for more has no use for a cache.
const FOLDERS: usize = 64;

/// Agents by folder, read when first needed and again when the files change.
#[derive(Debug, Default)]
pub(super) struct Agents(Mutex<HashMap<PathBuf, Known>>);

#[derive(Debug)]
struct Known {
    registry: AgentRegistry,
    /// When files were last added to the folder or removed from it.
    modified: Option<SystemTime>,
    looked_at: Instant,
}

impl Agents {
    /// Lets `read` look at the agents of `folder` as they are now, or were less than a second ago.
    fn with<T>(&self, folder: &Path, read: impl FnOnce(&AgentRegistry) -> T) -> Result<T> {
        let mut all = self.0.lock();
        // A folder that is gone or has other files in it shows at once; a changed file within a second.
        let modified = std::fs::metadata(folder).and_then(|folder| folder.modified()).ok();
        if let Some(known) = all.get_mut(folder) {
            if known.modified != modified || known.looked_at.elapsed() > FRESH {
                known.registry.reload_if_changed()?;
                (known.modified, known.looked_at) = (modified, Instant::now());
            }
            return Ok(read(&known.registry));
        }
        let registry = AgentRegistry::open(folder)?;
        let answer = read(&registry);
        if all.len() >= FOLDERS {
            all.clear();
        }
        all.insert(folder.to_path_buf(), Known { registry, modified, looked_at: Instant::now() });
        Ok(answer)
    }
}

#[derive(Debug, Serialize)]
struct Choice {
    agent: Option<String>,
    score: u32,
    reason: Option<String>,
}

/// The agent that fits a description best.
pub(super) fn route(shared: &Shared, route: &Route) -> Result<Output> {
    let folder = route.agents.as_deref().or(shared.config.agents.as_deref()).ok_or_else(|| {
        Error::new(
            ErrorCode::InvalidArgument,
            "route names no folder of agents and none is configured",
        )
        .suggest("give \"agents\": a folder with one Markdown file for each agent")
    })?;
    let choice = shared.agents.with(folder, |registry| {
        registry.select(&route.description).map(|choice| Choice {
            agent: Some(choice.agent.name.clone()),
            score: choice.score,
            reason: Some(choice.reason()),
        })
    })?;
    host::report(&choice.unwrap_or(Choice { agent: None, score: 0, reason: None }))
}

/// What came of a workflow, by columns: element i of each belongs to the task that was given as number i.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Report<'a> {
    /// Numbers of the tasks in the order in which they were settled.
    order: &'a [u32],
    levels: Vec<u32>,
    status: Vec<&'static str>,
    total: u32,
    completed: u32,
    routed: u32,
    skipped: u32,
    success_rate: f64,
    elapsed_us: u64,
    overhead_us: u64,
    /// Tasks by agent.
    agents: HashMap<&'a str, u32>,
    /// Cycles, each with the task that was let go first and the dependencies it was let go without.
    broken: Vec<Broken<'a>>,
    /// Dependencies on ids that no task has.
    unknown: Vec<Unknown<'a>>,
}

#[derive(Debug, Serialize)]
struct Broken<'a> {
    task: &'a str,
    dropped: Vec<&'a str>,
}

#[derive(Debug, Serialize)]
struct Unknown<'a> {
    task: &'a str,
    id: &'a str,
}

/// Coordinates a workflow whose tasks have no handlers here: each is routed to its agent, in order.
pub(super) fn workflow(workflow: Workflow) -> Result<Output> {
    let started = Instant::now();
    let now = || u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
    let Workflow { tasks, max_parallel } = workflow;
    let (graph, _) = Graph::from_tasks(&tasks)?;
    let priorities: Vec<i32> = tasks.iter().map(|task| task.priority).collect();
    let sequence = order(&graph, &priorities, Discipline::Urgency);
    let levels = levels(&graph, &sequence.order);
    let options = RunOptions { max_parallel };
    let run = WorkflowRun::start(tasks, &options, |_| false, now())?;
    let summary = run.summary(now());
    let id = |task: u32| run.tasks()[task as usize].id.as_str();
    let mut agents = HashMap::new();
    for task in run.tasks() {
        *agents.entry(task.agent.as_str()).or_insert(0) += 1;
    }
    let total = u32::try_from(run.tasks().len()).unwrap_or(u32::MAX);
    host::report(&Report {
        order: run.settled(),
        levels,
        status: (0..total)
            .map(|task| run.record(task).map_or("unknown", |record| record.status.name()))
            .collect(),
        total: summary.total,
        completed: summary.completed,
        routed: summary.routed,
        skipped: summary.skipped,
        success_rate: summary.success_rate,
        elapsed_us: now(),
        overhead_us: summary.overhead_us,
        agents,
        broken: run
            .broken()
            .iter()
            .map(|cycle| Broken {
                task: id(cycle.task),
                dropped: cycle.dropped.iter().map(|task| id(*task)).collect(),
            })
            .collect(),
        unknown: run
            .unknown()
            .iter()
            .map(|unknown| Unknown { task: id(unknown.task), id: &unknown.id })
            .collect(),
    })
}
