//! The examples that every implementation of the routing rules answers alike.

use serde_json::Value;

use super::keywords::KEYWORDS;
use super::words::words;
use super::{Agent, AgentRegistry, Router, calculate_priority, capabilities};

fn vectors(section: &str) -> Value {
    let text = include_str!("../../testdata/routing-vectors.json");
    let mut all: Value = serde_json::from_str(text).unwrap();
    all[section].take()
}

fn entries(section: &str) -> Vec<Value> {
    let Value::Array(entries) = vectors(section) else { panic!("{section} is no list") };
    assert!(!entries.is_empty(), "{section} is empty");
    entries
}

fn strings(list: &Value) -> Vec<&str> {
    let list = list.as_array().unwrap().iter();
    list.map(|entry| entry.as_str().unwrap()).collect()
}

#[test]
fn priorities_follow_the_table() {
    for (name, priority) in vectors("priorities").as_object().unwrap() {
        assert_eq!(i64::from(calculate_priority(name)), priority.as_i64().unwrap(), "{name:?}");
    }
}

#[test]
fn capabilities_follow_the_table() {
    for (name, expected) in vectors("capabilities").as_object().unwrap() {
        let found: Vec<_> = capabilities(name).iter().map(|c| c.name()).collect();
        assert_eq!(found, strings(expected), "{name:?}");
    }
}

#[test]
fn keywords_are_those_of_the_table() {
    let table = entries("keywords");
    assert_eq!(KEYWORDS.len(), table.len());
    for (keyword, entry) in KEYWORDS.iter().zip(&table) {
        assert_eq!(keyword.stem, entry["stem"]);
        assert_eq!(keyword.capability.name(), entry["capability"]);
        let listed = match &entry["words"] {
            Value::Null => vec![],
            words => strings(words),
        };
        assert_eq!(keyword.words, listed);
    }
}

#[test]
fn texts_are_cut_into_the_same_words() {
    for entry in entries("words") {
        let text = entry["text"].as_str().unwrap().to_lowercase();
        let found: Vec<_> = words(&text).collect();
        assert_eq!(found, strings(&entry["words"]), "{text:?}");
    }
}

#[test]
fn files_give_the_same_agents() {
    for entry in entries("files") {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(entry["file"].as_str().unwrap());
        std::fs::write(file, entry["text"].as_str().unwrap()).unwrap();
        let registry = AgentRegistry::open(folder.path()).unwrap();
        let found = registry.agents().first();
        let expected = &entry["agent"];
        assert_eq!(found.is_none(), expected.is_null(), "{entry}");
        if let Some(agent) = found {
            assert_eq!(agent.name, expected["name"], "{entry}");
            assert_eq!(agent.description.as_deref(), expected["description"].as_str(), "{entry}");
        }
    }
}

#[test]
fn descriptions_select_the_same_agents() {
    for entry in entries("select") {
        let agents = strings(&entry["agents"]).into_iter().map(Agent::named);
        let router = Router::new(agents.collect()).unwrap();
        let choice = router.select(entry["description"].as_str().unwrap());
        let expected = &entry["expected"];
        assert_eq!(choice.is_none(), expected.is_null(), "{entry} {choice:?}");
        if let Some(choice) = choice {
            assert_eq!(choice.agent.name, expected["agent"], "{entry}");
            assert_eq!(choice.score, expected["score"], "{entry}");
            assert!(!choice.matches.is_empty(), "{entry}");
        }
    }
}
