//! The embeddings of texts: from memory, from disk, or from the model, which runs on stacks of texts of similar length.

use std::collections::HashMap;
use std::sync::{Arc, mpsc};
use std::thread::available_parallelism;

use super::super::Shared;
use crate::error::{Error, ErrorCode, Result};
use crate::operation::{
    Completion, Fallback, Inference, Name, Operation, Options, Output, Priority,
};
use crate::routing::embedding::{Batch, DiskCache, Recent, Tokenized, Tokens, pool};
use crate::routing::{Embedding, in_parts};
use crate::sync::Mutex;

/// Texts that go through the model together.
const STACKED: usize = 64;
/// Texts that take as long to be cut into tokens as a thread does to begin, several times over.
const CUT_BY_A_THREAD: usize = 32;
/// Stacks that are with the scheduler at once: the device must never wait for tokens.
const IN_FLIGHT: usize = 3;
/// Texts that keep the device busy for a while: those of more jobs wait for the next round.
pub(super) const TOGETHER: usize = STACKED * IN_FLIGHT;

/// A tokenizer with the memory of what its model gave.
#[derive(Debug)]
pub(super) struct Model {
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

impl Shared {
    /// The embedding of each text, of length 1: from memory, from disk, or from the model.
    pub(super) fn embed(
        &self,
        model: &str,
        texts: &[&str],
        priority: Priority,
    ) -> Result<Embedded> {
        let model = self.embedding_model(model)?;
        let mut found = model.known(texts);
        let mut missing: HashMap<&str, usize> = HashMap::new();
        let mut order = Vec::new();
        for (text, _) in texts.iter().zip(&found).filter(|(_, found)| found.is_none()) {
            missing.entry(text).or_insert_with(|| {
                order.push(*text);
                order.len() - 1
            });
        }
        let made = self.run_model(&model, &order, priority)?;
        model.keep(&order.into_iter().zip(&made.embeddings).collect::<Vec<_>>());
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
        let size = stack_size(order.len(), fixed);
        let mut stacks = order.chunks(size).enumerate();
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
            let stack = &order[number * size..];
            for (text, embedding) in stack.iter().zip(pooled) {
                made[*text] = Some(embedding);
            }
            (device, fallback) = (result.device, result.fallback);
        }
        Ok(Embedded { embeddings: made.into_iter().flatten().collect(), device, fallback })
    }
}

/// How many of some texts go through the model at once: on the processor as many as keep every core busy.
fn stack_size(texts: usize, fixed: bool) -> usize {
    let beside = if fixed { 1 } else { available_parallelism().map_or(1, usize::from) };
    texts.div_ceil(beside.min(IN_FLIGHT)).clamp(1, STACKED)
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

    /// What is known of each text, from memory or from disk.
    fn known(&self, texts: &[&str]) -> Vec<Option<Embedding>> {
        let mut found: Vec<_> = {
            let mut recent = self.recent.lock();
            texts.iter().map(|text| recent.get(text)).collect()
        };
        let Some(disk) = &self.disk else { return found };
        let forgotten: Vec<usize> = (0..texts.len()).filter(|at| found[*at].is_none()).collect();
        if forgotten.is_empty() {
            return found;
        }
        let on_disk = disk.get(&forgotten.iter().map(|at| texts[*at]).collect::<Vec<_>>());
        let mut recent = self.recent.lock();
        for (at, embedding) in forgotten.into_iter().zip(on_disk) {
            if let Some(embedding) = embedding {
                recent.put(texts[at], embedding.clone());
                found[at] = Some(embedding);
            }
        }
        found
    }

    fn keep(&self, made: &[(&str, &Embedding)]) {
        {
            let mut recent = self.recent.lock();
            for (text, embedding) in made {
                recent.put(text, Embedding::clone(embedding));
            }
        }
        if let Some(disk) = &self.disk {
            disk.put(made);
        }
    }
}
