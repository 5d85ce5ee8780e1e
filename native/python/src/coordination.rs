//! Planning and routing without an engine: pure functions of what they are given.

use std::path::PathBuf;

use npubridge_engine::routing::{self, Agent, AgentRegistry, Profile};
use npubridge_engine::workflow::{self, Discipline, Graph};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use crate::errors::{exception, invalid};

/// Tasks in execution order, tasks by level, and cycles: (task, tasks that it did not wait for).
type Planned<'py> = (
    Option<Bound<'py, PyList>>,
    Option<Vec<Bound<'py, PyList>>>,
    Vec<(Bound<'py, PyAny>, Bound<'py, PyList>)>,
);

/// Plans tasks that have `task_id`, `priority` and `dependencies`, by the rules of v1. Each level is by priority.
/// Dependencies on ids that no task has do not count.
///
/// `priorities` stand for those of the tasks, which need not be numbers. What is not asked for is not computed.
#[pyfunction]
#[pyo3(signature = (tasks, priorities=None, *, order=true, levels=true))]
pub(crate) fn plan<'py>(
    py: Python<'py>,
    tasks: &Bound<'py, PyList>,
    priorities: Option<Vec<i32>>,
    order: bool,
    levels: bool,
) -> PyResult<Planned<'py>> {
    let rows = rows(tasks)?;
    if !order && !levels && rows.is_none() {
        return Ok((None, None, Vec::new()));
    }
    let priorities = match priorities {
        Some(given) if given.len() == tasks.len() => given,
        Some(given) => {
            let what = format!("{} priorities for {} tasks", given.len(), tasks.len());
            return Err(invalid(py, what));
        }
        None => priorities_of(tasks)?,
    };
    let (offsets, targets) = rows.unwrap_or_else(|| (vec![0; tasks.len() + 1], Vec::new()));
    let planned = py.detach(|| {
        let graph = Graph::from_rows(&offsets, &targets)?;
        let sequence = workflow::order(&graph, &priorities, Discipline::Rounds);
        let groups =
            levels.then(|| by_level(&workflow::levels(&graph, &sequence.order), &priorities));
        Ok((sequence, groups))
    });
    let (sequence, groups) =
        planned.map_err(|error: npubridge_engine::Error| exception(py, &error))?;
    let pick = |positions: Vec<u32>| {
        let picked: PyResult<Vec<_>> =
            positions.into_iter().map(|position| tasks.get_item(position as usize)).collect();
        PyList::new(py, picked?)
    };
    let broken = sequence
        .broken
        .into_iter()
        .map(|cycle| Ok((tasks.get_item(cycle.task as usize)?, pick(cycle.dropped)?)))
        .collect::<PyResult<_>>()?;
    let groups = groups.map(|groups| groups.into_iter().map(pick).collect()).transpose()?;
    Ok((order.then(|| pick(sequence.order)).transpose()?, groups, broken))
}

fn priorities_of(tasks: &Bound<'_, PyList>) -> PyResult<Vec<i32>> {
    let name = intern!(tasks.py(), "priority");
    tasks.iter().map(|task| task.getattr(name)?.extract()).collect()
}

/// Which tasks each task waits for, as offsets and positions; none when no task names any dependency.
fn rows(tasks: &Bound<'_, PyList>) -> PyResult<Option<(Vec<u32>, Vec<u32>)>> {
    let name = intern!(tasks.py(), "dependencies");
    let mut positions = None;
    let mut offsets = Vec::with_capacity(tasks.len() + 1);
    let mut targets = Vec::new();
    offsets.push(0_u32);
    for task in tasks.iter() {
        let dependencies = task.getattr(name)?;
        let nothing = dependencies.cast::<PyList>().is_ok_and(|list| list.is_empty());
        if !nothing {
            let positions = match &positions {
                Some(known) => known,
                None => positions.insert(intern_ids(tasks)?),
            };
            for id in dependencies.try_iter()? {
                if let Some(at) = positions.get_item(id?)? {
                    targets.push(at.extract()?);
                }
            }
        }
        offsets.push(u32::try_from(targets.len())?);
    }
    Ok(positions.is_some().then_some((offsets, targets)))
}

/// The position of each id. Python's own dict compares them, so that an id may be anything that it may be there.
fn intern_ids<'py>(tasks: &Bound<'py, PyList>) -> PyResult<Bound<'py, PyDict>> {
    let py = tasks.py();
    let positions = PyDict::new(py);
    for (position, task) in tasks.iter().enumerate() {
        positions.set_item(task.getattr(intern!(py, "task_id"))?, position)?;
    }
    if positions.len() == tasks.len() {
        return Ok(positions);
    }
    Err(invalid(py, "two tasks have the same task_id"))
}

/// Positions of each level, most urgent first, equal ones as they were given.
fn by_level(levels: &[u32], priorities: &[i32]) -> Vec<Vec<u32>> {
    let count = levels.iter().max().map_or(0, |most| *most as usize + 1);
    let mut groups = vec![Vec::new(); count];
    for (level, position) in levels.iter().zip(0..) {
        groups[*level as usize].push(position);
    }
    for group in &mut groups {
        group.sort_by_key(|position| priorities[*position as usize]);
    }
    groups
}

/// The priority of an agent by its name in lower case: 1 is the most urgent, 100 the least.
#[pyfunction]
pub(crate) fn calculate_priority(agent_name: &str) -> i32 {
    routing::calculate_priority(agent_name)
}

/// The capabilities that an agent's name in lower case tells.
#[pyfunction]
pub(crate) fn capabilities(agent_name: &str) -> Vec<&'static str> {
    routing::capabilities(agent_name).iter().map(routing::Capability::name).collect()
}

/// Chooses among agents, by the rules of the engine.
#[pyclass(frozen, module = "npubridge._native")]
pub(crate) struct Router(routing::Router);

#[pymethods]
impl Router {
    /// A router over agents of which only the names are known.
    #[new]
    fn new(py: Python<'_>, names: Vec<String>) -> PyResult<Self> {
        let agents = names.iter().map(|name| Agent::named(name)).collect();
        routing::Router::new(agents).map(Self).map_err(|error| exception(py, &error))
    }

    /// Reads the Markdown files of a folder: the agents as dicts, and (file, problem) of those that were skipped.
    #[staticmethod]
    #[allow(clippy::type_complexity)]
    fn read<'py>(
        py: Python<'py>,
        folder: PathBuf,
    ) -> PyResult<(Vec<Bound<'py, PyDict>>, Vec<(PathBuf, String)>)> {
        let registry =
            py.detach(|| AgentRegistry::open(folder)).map_err(|error| exception(py, &error))?;
        let agents = registry.agents().iter().map(|agent| describe(py, agent));
        let agents = agents.collect::<PyResult<_>>()?;
        let problems = registry.problems().iter();
        let problems = problems
            .map(|problem| (problem.file.clone(), problem.error.message().to_owned()))
            .collect();
        Ok((agents, problems))
    }

    /// The name of the agent that fits a description best, or none when nothing in it speaks for any.
    fn select(&self, description: &str) -> Option<&str> {
        self.0.select(description).map(|choice| choice.agent.name.as_str())
    }
}

/// Name, description, examples and priority of an agent.
pub(crate) type ProfileRow = (String, String, Vec<String>, i32);

pub(crate) fn profile((name, description, examples, priority): ProfileRow) -> Profile {
    Profile { name, description, examples, priority }
}

/// Compares texts with what agents say of themselves, by words.
#[pyclass(frozen, module = "npubridge._native")]
pub(crate) struct LexicalIndex(routing::LexicalIndex);

#[pymethods]
impl LexicalIndex {
    /// An index of agents, as tuples of name, description, examples and priority.
    #[new]
    fn new(agents: Vec<ProfileRow>) -> Self {
        let profiles: Vec<_> = agents.into_iter().map(profile).collect();
        Self(routing::LexicalIndex::new(&profiles))
    }

    /// The position of the agent that fits each text best, or none where no word of the text is known.
    fn select(&self, py: Python<'_>, texts: Vec<String>) -> Vec<Option<u32>> {
        py.detach(|| {
            let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
            let chosen = self.0.select_all(&texts).into_iter();
            chosen.map(|ranked| ranked.map(|ranked| ranked.agent)).collect()
        })
    }
}

fn describe<'py>(py: Python<'py>, agent: &Agent) -> PyResult<Bound<'py, PyDict>> {
    let fields = PyDict::new(py);
    let capabilities: Vec<_> = agent.capabilities.iter().map(routing::Capability::name).collect();
    fields.set_item("name", &agent.name)?;
    fields.set_item("path", agent.file.as_ref().map(|file| file.display().to_string()))?;
    fields.set_item("description", &agent.description)?;
    fields.set_item("examples", &agent.examples)?;
    fields.set_item("priority", agent.priority)?;
    fields.set_item("capabilities", capabilities)?;
    Ok(fields)
}
