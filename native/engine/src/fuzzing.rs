//! What the fuzz targets in native/fuzz reach of what is private otherwise. Each panics where a promise is broken.
#![allow(missing_docs, clippy::missing_panics_doc)]

use std::path::Path;

use crate::error::ErrorCode;
use crate::model::source;
use crate::workflow::{Discipline, Graph, plan_graph};
use crate::{routing, runtime};

pub fn front_matter(text: &str) {
    routing::read_front_matter(text);
}

pub fn library(file: &Path) {
    runtime::look_at(file);
}

pub fn manifest(text: &str) {
    if let Err(error) = source::read_manifest(text) {
        assert_eq!(error.code(), ErrorCode::ModelInvalid);
    }
}

pub fn graph(offsets: &[u32], dependencies: &[u32]) {
    let Ok(graph) = Graph::from_rows(offsets, dependencies) else {
        return;
    };
    let priorities = vec![0; graph.len() as usize];
    let mut order = plan_graph(&graph, &priorities, Discipline::default()).order;
    order.sort_unstable();
    assert!(order.into_iter().eq(graph.tasks()), "each task comes once");
}
