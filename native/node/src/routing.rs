//! Choosing agents from JavaScript without an engine: by words, and by embeddings that somebody else made.

use std::path::PathBuf;
use std::sync::Arc;

use napi::bindgen_prelude::*;
use napi_derive::napi;
use npubridge_engine::routing::{
    AgentIndex, AgentRegistry, Embedding, Examples, Head, Method, Profile, Query, Routed, Scratch,
    SemanticIndex,
};
use npubridge_engine::{Error as EngineError, ErrorCode};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::described::DescribedAgent;
use crate::{to_js, to_json};

#[derive(Debug, Deserialize)]
struct DescribedQuery {
    method: Option<String>,
    top: Option<usize>,
    threshold: Option<f32>,
    explain: Option<bool>,
}

fn query(json: &str) -> npubridge_engine::Result<Query> {
    let described: DescribedQuery = serde_json::from_str(json).map_err(|error| {
        EngineError::new(ErrorCode::InvalidArgument, "the query cannot be read").caused_by(error)
    })?;
    Ok(Query {
        method: described.method.as_deref().map_or(Ok(Method::Lexical), Method::named)?,
        top: described.top.unwrap_or(3),
        threshold: described.threshold,
        explain: described.explain.unwrap_or(true),
    })
}

/// The agents of a folder of Markdown files, and the files that were skipped, as JSON.
#[napi]
pub fn read_agents(folder: String) -> Result<String> {
    let registry = AgentRegistry::open(PathBuf::from(folder)).map_err(to_js)?;
    let agents: Vec<Value> = registry
        .agents()
        .iter()
        .map(|agent| {
            json!({
                "name": agent.name,
                "description": agent.description,
                "priority": agent.priority,
                "capabilities": agent.capabilities.iter().map(|c| c.name()).collect::<Vec<_>>(),
                "examples": agent.examples,
                "file": agent.file,
                "frontMatter": agent.front_matter,
            })
        })
        .collect();
    let problems: Vec<Value> = registry
        .problems()
        .iter()
        .map(|problem| json!({"file": problem.file, "message": problem.error.message()}))
        .collect();
    Ok(json!({"agents": agents, "problems": problems}).to_string())
}

/// Agents prepared for being chosen by text.
#[napi]
pub struct NativeAgentIndex {
    index: AgentIndex,
    scratch: Scratch,
}

#[napi]
impl NativeAgentIndex {
    /// `agents` is JSON: a list of name, description, examples and priority.
    #[napi(constructor)]
    pub fn new(agents: String) -> Result<Self> {
        let agents: Vec<DescribedAgent> =
            serde_json::from_str(&agents).map_err(|error| Error::from_reason(error.to_string()))?;
        let index = AgentIndex::new(agents.into_iter().map(Profile::from).collect());
        Ok(Self { index, scratch: Scratch::default() })
    }

    /// What has to be embedded for [`NativeAgentIndex::set_embeddings`].
    #[napi]
    pub fn texts(&self) -> Vec<String> {
        SemanticIndex::texts(self.index.agents()).into_iter().map(|(_, text)| text).collect()
    }

    /// The embeddings of [`NativeAgentIndex::texts`], one after the other.
    #[napi]
    pub fn set_embeddings(&mut self, all: Float32Array) -> Result<()> {
        let texts = SemanticIndex::texts(self.index.agents());
        let embeddings: Vec<Embedding> =
            rows(&all, texts.len()).map_err(to_js)?.map(Arc::from).collect();
        let agents = self.index.agents().len();
        self.index.set_semantic(SemanticIndex::new(agents, texts, embeddings));
        Ok(())
    }

    /// The agents for texts, as a JSON list; `asked` is the JSON of a query.
    #[napi]
    pub fn route(
        &mut self,
        texts: Vec<String>,
        asked: String,
        embeddings: Option<Float32Array>,
    ) -> Result<String> {
        let Self { index, scratch, .. } = self;
        route_all(&texts, &asked, embeddings.as_ref(), |text, embedding, query| {
            index.route(text, embedding, query, scratch)
        })
    }

    /// The position of the agent whose words fit each text best, -1 where none fits.
    #[napi]
    pub fn select_all(&self, texts: Vec<String>) -> Int32Array {
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let found = self.index.lexical().select_all(&texts);
        let position = |agent: u32| i32::try_from(agent).unwrap_or(-1);
        found
            .into_iter()
            .map(|ranked| ranked.map_or(-1, |ranked| position(ranked.agent)))
            .collect::<Vec<_>>()
            .into()
    }
}

/// The embeddings of `count` texts that come one after the other.
fn rows(all: &[f32], count: usize) -> npubridge_engine::Result<std::slice::ChunksExact<'_, f32>> {
    if count == 0 || all.is_empty() || !all.len().is_multiple_of(count) {
        return Err(EngineError::new(
            ErrorCode::InvalidArgument,
            format!("{} numbers do not embed {count} texts", all.len()),
        ));
    }
    Ok(all.chunks_exact(all.len() / count))
}

/// A learned choice between labels.
#[napi]
pub struct NativeHead {
    head: Head,
}

#[napi]
impl NativeHead {
    /// Learns from examples on a thread of the pool.
    #[napi(ts_return_type = "Promise<NativeHead>")]
    pub fn train(
        texts: Vec<String>,
        labels: Vec<String>,
        embeddings: Option<Float32Array>,
    ) -> AsyncTask<Training> {
        let embeddings = embeddings.map(|all| all.to_vec());
        AsyncTask::new(Training { texts, labels, embeddings })
    }

    /// Reads a file that `save` wrote.
    #[napi(factory)]
    pub fn load(file: String) -> Result<Self> {
        Head::load(&PathBuf::from(file)).map(|head| Self { head }).map_err(to_js)
    }

    /// Writes it to a file.
    #[napi]
    pub fn save(&self, file: String) -> Result<()> {
        self.head.save(&PathBuf::from(file)).map_err(to_js)
    }

    /// Labels, the length of embeddings and the threshold, as JSON.
    #[napi]
    pub fn describe(&self) -> String {
        json!({
            "labels": self.head.labels(),
            "dimensions": self.head.dimensions(),
            "threshold": self.head.threshold(),
        })
        .to_string()
    }

    /// Sets the threshold so that it tells evidence inside the scope from evidence outside best.
    #[napi]
    pub fn calibrate(&mut self, inside: Float32Array, outside: Float32Array) {
        self.head.calibrate(&inside, &outside);
    }

    /// The labels for texts, as a JSON list; `asked` is the JSON of a query.
    #[napi]
    pub fn route(
        &self,
        texts: Vec<String>,
        asked: String,
        embeddings: Option<Float32Array>,
    ) -> Result<String> {
        route_all(&texts, &asked, embeddings.as_ref(), |text, embedding, query| {
            self.head.route(text, embedding, query)
        })
    }
}

/// Asks `route` about each text, with its row of the embeddings where there are such, and gives the answers as JSON.
fn route_all(
    texts: &[String],
    asked: &str,
    embeddings: Option<&Float32Array>,
    mut route: impl FnMut(&str, Option<&[f32]>, &Query) -> npubridge_engine::Result<Routed>,
) -> Result<String> {
    let query = query(asked).map_err(to_js)?;
    let mut rows = embeddings.map(|all| rows(all, texts.len())).transpose().map_err(to_js)?;
    let routed: npubridge_engine::Result<Vec<Routed>> = texts
        .iter()
        .map(|text| route(text, rows.as_mut().and_then(Iterator::next), &query))
        .collect();
    to_json(&routed.map_err(to_js)?)
}

/// Learning, away from the event loop.
pub struct Training {
    texts: Vec<String>,
    labels: Vec<String>,
    embeddings: Option<Vec<f32>>,
}

impl Task for Training {
    type Output = Head;
    type JsValue = NativeHead;

    fn compute(&mut self) -> Result<Head> {
        let texts: Vec<&str> = self.texts.iter().map(String::as_str).collect();
        let labels: Vec<&str> = self.labels.iter().map(String::as_str).collect();
        let embeddings = self.embeddings.as_deref();
        Head::train(&Examples { texts: &texts, labels: &labels, embeddings }).map_err(to_js)
    }

    fn resolve(&mut self, _: Env, head: Head) -> Result<NativeHead> {
        Ok(NativeHead { head })
    }
}
