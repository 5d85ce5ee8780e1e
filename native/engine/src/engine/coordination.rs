//! Operations about agents: choosing one, and coordinating a whole workflow.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use crate::sync::Mutex;
use serde::Serialize;

use super::{Shared, host};
use crate::error::{Error, ErrorCode, Result};
use crate::operation::{self, Operation, Output, Route, Workflow};
use crate::routing::{
    AgentIndex, AgentRegistry, Embedding, Head, Method, Profile, Routed, Scratch, SemanticIndex,
    TEXTS_PER_THREAD, in_parts,
};
use crate::workflow::{Discipline, Graph, RunOptions, Task, WorkflowRun, levels, order};

/// How long the files of a folder of agents are taken to be unchanged before they are looked at again.
const FRESH: Duration = Duration::from_secs(1);
/// Folders of agents, and heads, that are kept; who asks for more has no use for a cache.
const KEPT: usize = 64;
/// Texts of one operation.
const MOST_TEXTS: usize = 100_000;

/// A head, and when its file was written.
type ReadHead = (Option<SystemTime>, Arc<Head>);

/// Agents by folder, read when first needed and again when the files change; and heads by file.
#[derive(Debug, Default)]
pub(super) struct Agents {
    folders: Mutex<HashMap<PathBuf, Known>>,
    heads: Mutex<HashMap<PathBuf, ReadHead>>,
    /// The last that were given as a list: who asks often mostly asks about the same.
    listed: Mutex<Option<Arc<AgentIndex>>>,
}

#[derive(Debug)]
struct Known {
    registry: AgentRegistry,
    /// Made when somebody asks for more than keywords.
    index: Option<Arc<AgentIndex>>,
    /// When files were last added to the folder or removed from it.
    modified: Option<SystemTime>,
    looked_at: Instant,
}

impl Agents {
    /// Lets `read` look at the agents of `folder` as they are now, or were less than a second ago.
    fn with<T>(&self, folder: &Path, read: impl FnOnce(&mut Known) -> T) -> Result<T> {
        let mut all = self.folders.lock();
        // A folder that is gone or has other files in it shows at once; a changed file within a second.
        let modified = std::fs::metadata(folder).and_then(|folder| folder.modified()).ok();
        if let Some(known) = all.get_mut(folder) {
            if known.modified != modified || known.looked_at.elapsed() > FRESH {
                if known.registry.reload_if_changed()? {
                    known.index = None;
                }
                (known.modified, known.looked_at) = (modified, Instant::now());
            }
            return Ok(read(known));
        }
        let registry = AgentRegistry::open(folder)?;
        let mut known = Known { registry, index: None, modified, looked_at: Instant::now() };
        let answer = read(&mut known);
        if all.len() >= KEPT {
            all.clear();
        }
        all.insert(folder.to_path_buf(), known);
        Ok(answer)
    }

    fn index(&self, folder: &Path) -> Result<Arc<AgentIndex>> {
        self.with(folder, |known| {
            let make = || Arc::new(AgentIndex::new(known.registry.profiles()));
            Arc::clone(known.index.get_or_insert_with(make))
        })
    }

    fn listed(&self, agents: &[Profile]) -> Arc<AgentIndex> {
        let mut listed = self.listed.lock();
        if let Some(index) = listed.as_ref().filter(|index| index.agents() == agents) {
            return Arc::clone(index);
        }
        Arc::clone(listed.insert(Arc::new(AgentIndex::new(agents.to_vec()))))
    }

    /// Keeps an index that has embeddings now, unless the agents have changed meanwhile.
    fn put_back(&self, folder: &Path, index: &Arc<AgentIndex>) {
        if let Some(known) = self.folders.lock().get_mut(folder)
            && known.index.as_ref().is_some_and(|own| own.agents() == index.agents())
        {
            known.index = Some(Arc::clone(index));
        }
    }

    fn head(&self, file: &Path) -> Result<Arc<Head>> {
        let modified = std::fs::metadata(file).and_then(|file| file.modified()).ok();
        let known = self.heads.lock().get(file).cloned();
        if let Some((_, head)) = known.filter(|(of, _)| of.is_some() && *of == modified) {
            return Ok(head);
        }
        let head = Arc::new(Head::load(file)?);
        let mut heads = self.heads.lock();
        if heads.len() >= KEPT {
            heads.clear();
        }
        heads.insert(file.into(), (modified, Arc::clone(&head)));
        Ok(head)
    }
}

#[derive(Debug, Serialize)]
struct Choice {
    agent: Option<String>,
    score: u32,
    reason: Option<String>,
}

#[derive(Debug, Serialize)]
struct Choices<T> {
    routes: Vec<T>,
}

/// Whether a route may have to embed texts, which is no work for a thread of the host.
pub(super) fn may_embed(operation: &Operation) -> bool {
    let Operation::Route(route) = operation else { return false };
    route.head.is_some() || route.query.method.needs_embeddings()
}

/// The texts of a route that are embedded whatever its agents are.
pub(super) fn texts_to_embed<'a>(shared: &Shared, route: &'a Route) -> &'a [String] {
    let needed = match &route.head {
        Some(file) => shared.agents.head(file).is_ok_and(|head| head.dimensions() > 0),
        None => route.query.method.needs_embeddings(),
    };
    if needed { &route.texts } else { &[] }
}

/// The agent that fits each description best, without embeddings.
pub(super) fn route(shared: &Shared, route: &Route) -> Result<Output> {
    if route.query.method != Method::Keywords {
        return route_by_meaning(shared, route, |_| Ok(Vec::new()));
    }
    check_texts(route)?;
    let choose = |known: &mut Known| {
        let choose = |text: &String| match known.registry.select(text) {
            Some(choice) => Choice {
                agent: Some(choice.agent.name.clone()),
                score: choice.score,
                reason: Some(choice.reason()),
            },
            None => Choice { agent: None, score: 0, reason: None },
        };
        route.texts.iter().map(choose).collect::<Vec<_>>()
    };
    let Some(operation::Agents::Listed(_)) = &route.agents else {
        return report(route, shared.agents.with(&folder_of(shared, route)?, choose)?);
    };
    Err(Error::new(ErrorCode::InvalidArgument, "keywords are for a folder of agents, not a list")
        .suggest("give a method: lexical, semantic or hybrid"))
}

/// The agent or label that fits each text best, with embeddings where the method or the head needs them.
pub(super) fn route_by_meaning(
    shared: &Shared,
    route: &Route,
    mut embed: impl FnMut(&[&str]) -> Result<Vec<Embedding>>,
) -> Result<Output> {
    check_texts(route)?;
    let texts: Vec<&str> = route.texts.iter().map(String::as_str).collect();
    if let Some(file) = &route.head {
        let head = shared.agents.head(file)?;
        let embeddings = if head.dimensions() > 0 { embed(&texts)? } else { Vec::new() };
        let routed = in_parts(&beside(&texts, &embeddings), TEXTS_PER_THREAD, |part| {
            part.iter().map(|(text, of)| head.route(text, *of, &route.query)).collect()
        });
        return report(route, routed.into_iter().collect::<Result<_>>()?);
    }
    let index = index_for(shared, route, &mut embed)?;
    let needs = route.query.method.needs_embeddings();
    let embeddings = if needs { embed(&texts)? } else { Vec::new() };
    let routed = in_parts(&beside(&texts, &embeddings), TEXTS_PER_THREAD, |part| {
        let mut scratch = Scratch::default();
        part.iter().map(|(text, of)| index.route(text, *of, &route.query, &mut scratch)).collect()
    });
    report(route, routed.into_iter().collect::<Result<Vec<Routed>>>()?)
}

/// Each text with its embedding, where there are embeddings.
fn beside<'a>(texts: &[&'a str], embeddings: &'a [Embedding]) -> Vec<(&'a str, Option<&'a [f32]>)> {
    let of = |at| embeddings.get(at).map(|embedding: &Embedding| &**embedding);
    texts.iter().enumerate().map(|(at, text)| (*text, of(at))).collect()
}

fn index_for(
    shared: &Shared,
    route: &Route,
    embed: &mut impl FnMut(&[&str]) -> Result<Vec<Embedding>>,
) -> Result<Arc<AgentIndex>> {
    let folder = match &route.agents {
        Some(operation::Agents::Listed(_)) => None,
        _ => Some(folder_of(shared, route)?),
    };
    let index = match (&folder, &route.agents) {
        (Some(folder), _) => shared.agents.index(folder)?,
        (None, Some(operation::Agents::Listed(agents))) => shared.agents.listed(agents),
        (None, _) => Arc::new(AgentIndex::new(Vec::new())),
    };
    if !route.query.method.needs_embeddings() || index.has_embeddings() {
        return Ok(index);
    }
    let known = SemanticIndex::texts(index.agents());
    let texts: Vec<&str> = known.iter().map(|(_, text)| text.as_str()).collect();
    let embeddings = embed(&texts)?;
    let mut with = (*index).clone();
    with.set_semantic(SemanticIndex::new(index.agents().len(), known, embeddings));
    let with = Arc::new(with);
    match &folder {
        Some(folder) => shared.agents.put_back(folder, &with),
        None => *shared.agents.listed.lock() = Some(Arc::clone(&with)),
    }
    Ok(with)
}

fn folder_of(shared: &Shared, route: &Route) -> Result<PathBuf> {
    let named = match &route.agents {
        Some(operation::Agents::Folder(folder)) => Some(folder),
        _ => shared.config.agents.as_ref(),
    };
    named.cloned().ok_or_else(|| {
        Error::new(
            ErrorCode::InvalidArgument,
            "route names no folder of agents and none is configured",
        )
        .suggest("give \"agents\": a folder with one Markdown file for each agent")
    })
}

fn check_texts(route: &Route) -> Result<()> {
    if route.texts.len() <= MOST_TEXTS {
        return Ok(());
    }
    let message = format!("{} texts are more than {MOST_TEXTS}", route.texts.len());
    Err(Error::new(ErrorCode::InvalidArgument, message).suggest("send them in several operations"))
}

fn report<T: Serialize>(route: &Route, mut routes: Vec<T>) -> Result<Output> {
    match routes.pop() {
        Some(only) if !route.many => host::report(&only),
        last => {
            routes.extend(last);
            host::report(&Choices { routes })
        }
    }
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
    /// The agent of each task.
    assigned: Vec<&'a str>,
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
pub(super) fn workflow(shared: &Shared, workflow: Workflow) -> Result<Output> {
    let started = Instant::now();
    let now = || u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
    let Workflow { mut tasks, max_parallel, agents, unassigned } = workflow;
    if let Some(agents) = agents {
        assign(shared, &mut tasks, &unassigned, &agents)?;
    }
    let (graph, _) = Graph::from_tasks(&tasks)?;
    let priorities: Vec<i32> = tasks.iter().map(|task| task.priority).collect();
    let sequence = order(&graph, &priorities, Discipline::Urgency);
    let levels = levels(&graph, &sequence.order);
    let options = RunOptions { max_parallel, ..RunOptions::default() };
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
        assigned: run.tasks().iter().map(|task| task.agent.as_str()).collect(),
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

/// Gives tasks that name no agent to the one whose words they share.
fn assign(
    shared: &Shared,
    tasks: &mut [Task],
    unassigned: &[u32],
    agents: &operation::Agents,
) -> Result<()> {
    let index = match agents {
        operation::Agents::Folder(folder) => shared.agents.index(folder)?,
        operation::Agents::Listed(agents) => shared.agents.listed(agents),
    };
    let known = |task: &&u32| (**task as usize) < tasks.len();
    let numbers: Vec<usize> = unassigned.iter().filter(known).map(|task| *task as usize).collect();
    let texts: Vec<&str> = numbers.iter().map(|task| tasks[*task].description.as_str()).collect();
    let found = index.lexical().select_all(&texts);
    for (task, found) in numbers.into_iter().zip(found) {
        if let Some(found) = found {
            tasks[task].agent.clone_from(&index.agents()[found.agent as usize].name);
        }
    }
    Ok(())
}
