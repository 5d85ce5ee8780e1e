//! Texts as vectors: the operation `embed`, and what `route` needs to choose by meaning.
//!
//! A thread of its own cuts texts into tokens and lets the engine's scheduler run the model on stacked texts of similar
//! length. It is started when there is something to embed and ends when nothing is left, so it costs nothing else.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, mpsc};

use crate::sync::Mutex;

use super::answer::Answer;
use super::{Shared, coordination};
use crate::error::{Error, ErrorCode, Result};
use crate::operation::{
    Completion, Embed, Fallback, Inference, Name, Operation, Options, Output, Priority, Route,
};
use crate::routing::embedding::{Batch, DiskCache, Recent, Tokenized, Tokens, pool};
use crate::routing::{Embedding, in_parts};
use crate::scheduler::{Nanos, Ticket};
use crate::tensor::Tensor;

/// The model that texts are embedded with unless another one is named.
pub(super) const MODEL: &str = "minilm";
/// Texts that go through the model together.
const STACKED: usize = 64;
/// Texts that take as long to be cut into tokens as a thread does to begin, several times over.
const CUT_BY_A_THREAD: usize = 32;
/// Texts whose files take as long to be looked for, or written, as a thread does to begin, several times over.
const KEPT_BY_A_THREAD: usize = 32;
/// Stacks that are with the scheduler at once: the device must never wait for tokens.
const IN_FLIGHT: usize = 3;

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

/// A tokenizer with the memory of what its model gave.
#[derive(Debug)]
struct Model {
    name: Name,
    tokens: Tokens,
    disk: Option<DiskCache>,
    recent: Mutex<Recent>,
}

/// Embeddings with where they were made; no device when all were known already.
#[derive(Debug, Default)]
pub(super) struct Embedded {
    pub(super) embeddings: Vec<Embedding>,
    pub(super) device: Option<Name>,
    pub(super) fallback: Option<Arc<Fallback>>,
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
        let next = {
            let mut waiting = shared.embeddings.waiting.lock();
            let next = waiting.jobs.pop_front();
            waiting.working = next.is_some();
            next
        };
        let Some((ticket, job)) = next else { return };
        let start = shared.now();
        let priority = shared.state.lock().apart.get(&ticket).map(|pending| pending.priority);
        // Cancelled while it waited.
        let Some(priority) = priority else { continue };
        let (outcome, device, fallback) = run(shared, job, priority);
        answer(shared, ticket, outcome, (device, fallback), start);
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
) -> (Result<Output>, Option<Name>, Option<Arc<Fallback>>) {
    let mut used = (None, None);
    let mut embed = |model: &str, texts: &[&str]| {
        let done = shared.embed(model, texts, priority)?;
        if done.device.is_some() {
            used = (done.device, done.fallback);
        }
        Ok(done.embeddings)
    };
    let outcome = match job {
        Job::Embed(job) => {
            let texts: Vec<&str> = job.texts.iter().map(String::as_str).collect();
            let model = job.model.as_deref().unwrap_or(MODEL);
            embed(model, &texts).and_then(|embeddings| as_tensor(&embeddings))
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

impl Shared {
    /// The embedding of each text, of length 1: from memory, from disk, or from the model.
    fn embed(&self, model: &str, texts: &[&str], priority: Priority) -> Result<Embedded> {
        let model = self.embedding_model(model)?;
        let look_up = |texts: &[&str]| texts.iter().map(|text| model.known(text)).collect();
        let mut found: Vec<Option<Embedding>> = in_parts(texts, KEPT_BY_A_THREAD, look_up);
        let mut missing: HashMap<&str, usize> = HashMap::new();
        let mut order = Vec::new();
        for (text, _) in texts.iter().zip(&found).filter(|(_, found)| found.is_none()) {
            missing.entry(text).or_insert_with(|| {
                order.push(*text);
                order.len() - 1
            });
        }
        let made = self.run_model(&model, &order, priority)?;
        let fresh: Vec<(&str, &Embedding)> = order.into_iter().zip(&made.embeddings).collect();
        in_parts(&fresh, KEPT_BY_A_THREAD, |fresh| {
            fresh.iter().map(|(text, embedding)| model.keep(text, embedding)).collect()
        });
        for (text, slot) in texts.iter().zip(&mut found) {
            if slot.is_none() {
                *slot = missing.get(text).map(|at| made.embeddings[*at].clone());
            }
        }
        Ok(Embedded { embeddings: found.into_iter().flatten().collect(), ..made })
    }

    fn embedding_model(&self, name: &str) -> Result<Arc<Model>> {
        let mut models = self.embeddings.models.lock();
        if let Some(known) = models.get(name) {
            return Ok(Arc::clone(known));
        }
        let model = Arc::new(Model::open(name, self)?);
        models.insert(name.into(), Arc::clone(&model));
        Ok(model)
    }

    /// Runs texts through the model, those of similar length together, and gives them in their order.
    fn run_model(&self, model: &Model, texts: &[&str], priority: Priority) -> Result<Embedded> {
        let cut = |texts: &[&str]| texts.iter().map(|text| model.tokens.of(text)).collect();
        let tokens = in_parts(texts, CUT_BY_A_THREAD, cut);
        let tokens = tokens.into_iter().collect::<Result<Vec<_>>>()?;
        let mut order: Vec<usize> = (0..texts.len()).collect();
        order.sort_by_key(|text| tokens[*text].len());
        // Devices that take no open shapes compile one model for each; few shapes keep that bearable.
        let fixed = self.devices.first().is_some_and(|device| &*device.name != "CPU");
        let mut made: Vec<Option<Embedding>> = vec![None; texts.len()];
        let (mut device, mut fallback) = (None, None);
        let (answered, answers) = mpsc::channel();
        let mut stacks = order.chunks(STACKED).enumerate();
        let mut lengths: HashMap<usize, Vec<usize>> = HashMap::new();
        let mut running = 0;
        loop {
            while running < IN_FLIGHT {
                let Some((number, stack)) = stacks.next() else { break };
                let rows: Vec<&Tokenized> = stack.iter().map(|text| &tokens[*text]).collect();
                let batch = Batch::of(&rows, fixed)?;
                lengths.insert(number, batch.lengths.clone());
                let answered = answered.clone();
                let completion = Completion::call(move |result| {
                    // Nobody listens any more after an error.
                    let _ = answered.send((number, result));
                });
                let options = Options { priority, timeout: None };
                self.submit_for_itself(inference(model, batch), options, completion);
                running += 1;
            }
            if running == 0 {
                break;
            }
            let (number, result) = answers.recv().map_err(|_| lost())?;
            running -= 1;
            let Output::Tensors(outputs) = result.outcome? else { return Err(lost()) };
            let (_, states) = outputs.into_iter().next().ok_or_else(lost)?;
            let lengths = lengths.remove(&number).unwrap_or_default();
            let pooled = pool(&states, &lengths)?;
            let stack = &order[number * STACKED..];
            for (text, embedding) in stack.iter().zip(pooled) {
                made[*text] = Some(embedding);
            }
            (device, fallback) = (result.device, result.fallback);
        }
        Ok(Embedded { embeddings: made.into_iter().flatten().collect(), device, fallback })
    }
}

fn lost() -> Error {
    Error::new(ErrorCode::Internal, "the embedding model gave no answer")
}

fn inference(model: &Model, batch: Batch) -> Operation {
    Operation::Inference(Box::new(Inference {
        model: Name::clone(&model.name),
        inputs: vec![
            ("input_ids".into(), batch.ids),
            ("attention_mask".into(), batch.mask),
            ("token_type_ids".into(), batch.types),
        ],
        stream: None,
    }))
}

impl Model {
    fn open(name: &str, shared: &Shared) -> Result<Self> {
        let folder = shared.config.models.join(name);
        let manifest = folder.join("model.json");
        let identity = std::fs::read(&manifest).map_err(|error| {
            Error::new(
                ErrorCode::ModelNotFound,
                format!("the embedding model {name:?} is not there"),
            )
            .suggest(format!("npubridge models pull {name}"))
            .caused_by(format!("{}: {error}", manifest.display()))
        })?;
        let cache = shared.config.cache.as_deref().map(|cache| cache.join("embeddings"));
        Ok(Self {
            name: name.into(),
            tokens: Tokens::read(&folder.join("tokenizer.json"))?,
            // The manifest holds the checksums of all files of the model.
            disk: cache.map(|folder| DiskCache::new(folder, &identity)),
            recent: Mutex::default(),
        })
    }

    fn known(&self, text: &str) -> Option<Embedding> {
        if let Some(recent) = self.recent.lock().get(text) {
            return Some(recent);
        }
        let found = self.disk.as_ref()?.get(text)?;
        self.recent.lock().put(text, found.clone());
        Some(found)
    }

    fn keep(&self, text: &str, embedding: &Embedding) {
        self.recent.lock().put(text, embedding.clone());
        if let Some(disk) = &self.disk {
            disk.put(text, embedding);
        }
    }
}
