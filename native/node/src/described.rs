//! Operations that come from JavaScript as JSON, because they are seldom.

use std::path::PathBuf;
use std::time::Duration;

use npubridge_engine::config::Batching;
use npubridge_engine::operation::{
    Agents, Benchmark, Embed, Kind, LoadModel, Name, Operation, Route, Workflow,
};
use npubridge_engine::routing::{Method, Profile, Query, calculate_priority};
use npubridge_engine::workflow::Task;
use npubridge_engine::{Error, ErrorCode, Result};
use serde::Deserialize;

#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", rename_all_fields = "camelCase")]
enum Described {
    LoadModel {
        model: String,
        #[serde(default)]
        shapes: Vec<(String, Vec<usize>)>,
        batching: Option<DescribedBatching>,
    },
    UnloadModel {
        model: String,
    },
    Route(DescribedRoute),
    Workflow(DescribedWorkflow),
    Embed {
        texts: Vec<String>,
        model: Option<String>,
    },
    Benchmark {
        kind: String,
        duration_ms: f64,
        model: Option<String>,
    },
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct DescribedBatching {
    max: usize,
    delay_us: Option<u64>,
    adaptive: Option<bool>,
    #[serde(default)]
    preferred: Vec<usize>,
}

impl From<DescribedBatching> for Batching {
    fn from(described: DescribedBatching) -> Self {
        let sizes = Self {
            max: described.max.max(1),
            delay: Duration::from_micros(described.delay_us.unwrap_or(0)),
            adaptive: described.adaptive.unwrap_or(true),
            ..Self::default()
        };
        sizes.preferring(&described.preferred)
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct DescribedRoute {
    description: Option<String>,
    descriptions: Option<Vec<String>>,
    agents: Option<DescribedAgents>,
    head: Option<PathBuf>,
    method: Option<String>,
    top: Option<usize>,
    threshold: Option<f32>,
    explain: Option<bool>,
}

impl TryFrom<DescribedRoute> for Route {
    type Error = Error;

    fn try_from(described: DescribedRoute) -> Result<Self> {
        let DescribedRoute { description, descriptions, agents, head, .. } = described;
        let method = described.method.as_deref().map_or(Ok(Method::Keywords), Method::named)?;
        Ok(Self {
            many: descriptions.is_some(),
            texts: descriptions.unwrap_or_else(|| description.into_iter().collect()),
            agents: agents.map(Agents::from),
            head,
            query: Query {
                method,
                top: described.top.unwrap_or(3),
                threshold: described.threshold,
                explain: described.explain.unwrap_or(true),
            },
        })
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct DescribedWorkflow {
    tasks: Vec<DescribedTask>,
    max_parallel: Option<u32>,
    agents: Option<DescribedAgents>,
}

impl From<DescribedWorkflow> for Workflow {
    fn from(described: DescribedWorkflow) -> Self {
        let DescribedWorkflow { tasks, max_parallel, agents } = described;
        let unassigned = (0..).zip(&tasks).filter(|(_, task)| task.agent.is_none());
        Self {
            unassigned: unassigned.map(|(number, _)| number).collect(),
            tasks: tasks.into_iter().map(Task::from).collect(),
            max_parallel: max_parallel.unwrap_or(10),
            agents: agents.map(Agents::from),
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum DescribedAgents {
    Folder(PathBuf),
    Listed(Vec<DescribedAgent>),
}

#[derive(Debug, Deserialize)]
pub(crate) struct DescribedAgent {
    name: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    examples: Vec<String>,
    priority: Option<i32>,
}

impl From<DescribedAgent> for Profile {
    fn from(described: DescribedAgent) -> Self {
        let DescribedAgent { name, description, examples, priority } = described;
        let priority = priority.unwrap_or_else(|| calculate_priority(&name.to_lowercase()));
        Self { name, description, examples, priority }
    }
}

impl From<DescribedAgents> for Agents {
    fn from(described: DescribedAgents) -> Self {
        match described {
            DescribedAgents::Folder(folder) => Self::Folder(folder),
            DescribedAgents::Listed(agents) => {
                Self::Listed(agents.into_iter().map(Profile::from).collect())
            }
        }
    }
}

#[derive(Debug, Deserialize)]
struct DescribedTask {
    id: String,
    agent: Option<String>,
    #[serde(default)]
    description: String,
    priority: Option<i32>,
    #[serde(default)]
    dependencies: Vec<String>,
}

impl From<DescribedTask> for Task {
    fn from(described: DescribedTask) -> Self {
        let mut task = Self::new(described.id).after(described.dependencies);
        task.description = described.description;
        if let Some(agent) = described.agent {
            task = task.with_agent(agent);
        }
        match described.priority {
            Some(priority) => task.with_priority(priority),
            None => task,
        }
    }
}

/// An operation from its JSON.
pub(crate) fn described(json: &[u8]) -> Result<Operation> {
    let described: Described = serde_json::from_slice(json).map_err(|error| {
        Error::new(ErrorCode::InvalidArgument, "the operation cannot be read").caused_by(error)
    })?;
    Ok(match described {
        Described::LoadModel { model, shapes, batching } => {
            Operation::LoadModel(Box::new(LoadModel {
                model: model.into(),
                shapes: shapes.into_iter().map(|(name, shape)| (name.into(), shape)).collect(),
                batching: batching.map(Batching::from),
            }))
        }
        Described::UnloadModel { model } => Operation::UnloadModel { model: model.into() },
        Described::Route(route) => Operation::Route(Box::new(route.try_into()?)),
        Described::Workflow(workflow) => Operation::Workflow(Box::new(workflow.into())),
        Described::Embed { texts, model } => {
            Operation::Embed(Box::new(Embed { texts, model: model.map(Name::from) }))
        }
        Described::Benchmark { kind, duration_ms, model } => {
            Operation::Benchmark(Box::new(Benchmark {
                kind: benchmark_kind(&kind)?,
                duration: Duration::try_from_secs_f64(duration_ms / 1e3).unwrap_or(Duration::ZERO),
                model: model.map(Name::from),
            }))
        }
    })
}

fn benchmark_kind(name: &str) -> Result<Kind> {
    Kind::ALL.into_iter().find(|kind| kind.name() == name).ok_or_else(|| {
        Error::new(ErrorCode::InvalidArgument, format!("kind is \"{name}\""))
            .suggest("echo, inference or matrix_multiply")
    })
}
