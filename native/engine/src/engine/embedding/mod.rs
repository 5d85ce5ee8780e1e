//! Texts as vectors: the operation `embed`, and what `route` needs to choose by meaning.
//!
//! A thread of its own cuts texts into tokens and lets the engine's scheduler run the model on stacked texts of similar
//! length. It is started when there is something to embed and ends when nothing is left, so it costs nothing else.

mod model;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use crate::sync::Mutex;

use self::model::{Embedded, Model, TOGETHER};
use super::answer::Answer;
use super::{Shared, coordination};
use crate::error::{Error, ErrorCode, Result};
use crate::operation::{Embed, Fallback, Name, Output, Priority, Route};
use crate::routing::Embedding;
use crate::scheduler::{Nanos, Ticket};
use crate::tensor::Tensor;

/// The model that texts are embedded with unless another one is named.
pub(super) const MODEL: &str = "minilm";

/// What waits to be embedded, and what was.
#[derive(Debug, Default)]
pub(super) struct Embeddings {
    waiting: Mutex<Waiting>,
    models: Mutex<HashMap<Name, Arc<Model>>>,
}

#[derive(Debug, Default)]
struct Waiting {
    jobs: VecDeque<(Ticket, Job)>,
    working: bool,
}

/// An operation that needs embeddings.
#[derive(Debug)]
pub(super) enum Job {
    Embed(Embed),
    Route(Box<Route>),
}

/// Hands a job to the thread, which is started if there is none.
pub(super) fn begin(shared: &Arc<Shared>, ticket: Ticket, job: Job) {
    let mut waiting = shared.embeddings.waiting.lock();
    waiting.jobs.push_back((ticket, job));
    if std::mem::replace(&mut waiting.working, true) {
        return;
    }
    drop(waiting);
    let owner = Arc::clone(shared);
    let thread =
        std::thread::Builder::new().name("npubridge-embed".into()).spawn(move || work(&owner));
    match thread {
        Ok(thread) => shared.state.lock().add_thread(thread),
        Err(error) => {
            let error = Error::new(ErrorCode::ResourceExhausted, "no thread for embeddings")
                .caused_by(error);
            let jobs = {
                let mut waiting = shared.embeddings.waiting.lock();
                waiting.working = false;
                std::mem::take(&mut waiting.jobs)
            };
            for (ticket, _) in jobs {
                let now = shared.now();
                shared.answer_apart(ticket, |pending| Answer::failed(pending, error.clone(), now));
            }
        }
    }
}

fn work(shared: &Arc<Shared>) {
    loop {
        let jobs = shared.embeddings.next();
        if jobs.is_empty() {
            return;
        }
        let start = shared.now();
        let priority_of =
            |ticket: &Ticket| shared.state.lock().apart.get(ticket).map(|it| it.priority);
        // Without those that were cancelled while they waited.
        let jobs: Vec<_> = jobs
            .into_iter()
            .filter_map(|(ticket, job)| Some((priority_of(&ticket)?, ticket, job)))
            .collect();
        let together = Together::make(shared, &jobs);
        for (priority, ticket, job) in jobs {
            let (outcome, device, fallback) = run(shared, job, priority, &together);
            answer(shared, ticket, outcome, (device, fallback), start);
        }
    }
}

impl Embeddings {
    /// The jobs that waited longest and go through one model together; none when none waits, and then the thread ends.
    fn next(&self) -> Vec<(Ticket, Job)> {
        let mut waiting = self.waiting.lock();
        let mut jobs: Vec<(Ticket, Job)> = Vec::new();
        let mut texts = 0;
        while let Some((_, job)) = waiting.jobs.front() {
            texts += job.size();
            let fits = texts <= TOGETHER
                && jobs.first().is_none_or(|(_, first)| first.model() == job.model());
            if !fits && !jobs.is_empty() {
                break;
            }
            jobs.extend(waiting.jobs.pop_front());
        }
        waiting.working = !jobs.is_empty();
        jobs
    }
}

impl Job {
    fn model(&self) -> &str {
        match self {
            Self::Embed(Embed { model: Some(model), .. }) => model,
            Self::Embed(_) | Self::Route(_) => MODEL,
        }
    }

    /// How many texts it has; whether they are embedded may stand in a file, which is not read while others wait.
    fn size(&self) -> usize {
        match self {
            Self::Embed(job) => job.texts.len(),
            Self::Route(route) => route.texts.len(),
        }
    }

    /// What the job is sure to need the embeddings of.
    fn texts(&self, shared: &Shared) -> &[String] {
        match self {
            Self::Embed(job) => &job.texts,
            Self::Route(route) => coordination::texts_to_embed(shared, route),
        }
    }
}

/// The embeddings that several jobs need: operations of one text each would run the model on one row each.
#[derive(Debug, Default)]
struct Together {
    model: String,
    by_text: HashMap<String, Embedding>,
    device: Option<Name>,
    fallback: Option<Arc<Fallback>>,
}

impl Together {
    /// Nothing if there is a single job, or if anything fails: each job then fails, or not, on its own.
    fn make(shared: &Shared, jobs: &[(Priority, Ticket, Job)]) -> Self {
        let (Some((_, _, first)), Some(priority)) =
            (jobs.first(), jobs.iter().map(|(priority, ..)| *priority).max())
        else {
            return Self::default();
        };
        if jobs.len() == 1 {
            return Self::default();
        }
        let texts = jobs.iter().flat_map(|(_, _, job)| job.texts(shared));
        let texts: Vec<&str> = texts.map(String::as_str).collect();
        let Ok(made) = shared.embed(first.model(), &texts, priority) else {
            return Self::default();
        };
        Self {
            model: first.model().into(),
            by_text: texts.into_iter().map(String::from).zip(made.embeddings).collect(),
            device: made.device,
            fallback: made.fallback,
        }
    }

    fn of(&self, model: &str, texts: &[&str]) -> Option<Embedded> {
        if model != self.model {
            return None;
        }
        let embeddings = texts.iter().map(|text| self.by_text.get(*text).cloned());
        let (device, fallback) = (self.device.clone(), self.fallback.clone());
        Some(Embedded { embeddings: embeddings.collect::<Option<_>>()?, device, fallback })
    }
}

fn answer(
    shared: &Shared,
    ticket: Ticket,
    outcome: Result<Output>,
    (device, fallback): (Option<Name>, Option<Arc<Fallback>>),
    start: Nanos,
) {
    let end = shared.now();
    shared.answer_apart(ticket, |pending| Answer {
        device,
        fallback,
        ..Answer::on_host(pending, outcome, start, end)
    });
}

fn run(
    shared: &Shared,
    job: Job,
    priority: Priority,
    together: &Together,
) -> (Result<Output>, Option<Name>, Option<Arc<Fallback>>) {
    let mut used = (None, None);
    let mut embed = |model: &str, texts: &[&str]| {
        let done = match together.of(model, texts) {
            Some(done) => done,
            None => shared.embed(model, texts, priority)?,
        };
        if done.device.is_some() {
            used = (done.device, done.fallback);
        }
        Ok(done.embeddings)
    };
    let model = String::from(job.model());
    let outcome = match job {
        Job::Embed(job) => {
            let texts: Vec<&str> = job.texts.iter().map(String::as_str).collect();
            embed(&model, &texts).and_then(|embeddings| as_tensor(&embeddings))
        }
        Job::Route(route) => {
            coordination::route_by_meaning(shared, &route, |texts| embed(MODEL, texts))
        }
    };
    (outcome, used.0, used.1)
}

/// [texts, dimensions]
fn as_tensor(embeddings: &[Embedding]) -> Result<Output> {
    let dimensions = embeddings.first().map_or(0, |embedding| embedding.len());
    let all: Vec<f32> = embeddings.iter().flat_map(|embedding| embedding.iter().copied()).collect();
    let tensor = Tensor::from_f32(&[embeddings.len(), dimensions], &all)?;
    Ok(Output::Tensors(vec![("embeddings".into(), tensor)]))
}
