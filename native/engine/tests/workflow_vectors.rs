//! The examples that every implementation of the workflow rules answers alike.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails, in its helpers too")]

use npubridge_engine::workflow::{Discipline, Plan, RunOptions, Task, WorkflowRun, plan_with};
use serde_json::Value;

fn strings(list: &Value) -> Vec<&str> {
    let list = list.as_array().unwrap().iter();
    list.map(|entry| entry.as_str().unwrap()).collect()
}

fn tasks(case: &Value) -> Vec<Task> {
    let entries = case["tasks"].as_array().unwrap().iter();
    let task = |entry: &Value| {
        Task::new(entry["id"].as_str().unwrap())
            .with_priority(entry["priority"].as_i64().unwrap().try_into().unwrap())
            .after(strings(&entry["dependencies"]))
    };
    entries.map(task).collect()
}

fn ids<'a>(tasks: &'a [Task], positions: &[u32]) -> Vec<&'a str> {
    let ids = positions.iter().map(|&at| tasks[at as usize].id.as_str());
    ids.collect()
}

fn check_given_up(plan: &Plan, tasks: &[Task], case: &Value) {
    let broken = case["broken"].as_array().unwrap();
    assert_eq!(plan.broken.len(), broken.len(), "{case}");
    for (found, expected) in plan.broken.iter().zip(broken) {
        assert_eq!(ids(tasks, &[found.task]), [&expected["task"]], "{case}");
        assert_eq!(ids(tasks, &found.dropped), strings(&expected["dropped"]), "{case}");
    }
    let unknown = case["unknown"].as_array().unwrap();
    assert_eq!(plan.unknown.len(), unknown.len(), "{case}");
    for (found, expected) in plan.unknown.iter().zip(unknown) {
        assert_eq!(ids(tasks, &[found.task]), [&expected["task"]], "{case}");
        assert_eq!(found.id, expected["id"], "{case}");
    }
}

#[test]
fn workflows_are_planned_alike() {
    let text = include_str!("../testdata/workflow-vectors.json");
    let vectors: Value = serde_json::from_str(text).unwrap();
    let cases = vectors["cases"].as_array().unwrap();
    assert!(!cases.is_empty());
    for case in cases {
        let tasks = tasks(case);
        let rounds = plan_with(&tasks, Discipline::Rounds).unwrap();
        assert_eq!(ids(&tasks, &rounds.order), strings(&case["order"]), "{case}");
        let levels = Value::from(rounds.levels.clone());
        assert_eq!(levels, case["levels"], "{case}");
        check_given_up(&rounds, &tasks, case);

        let urgency = plan_with(&tasks, Discipline::Urgency).unwrap();
        let expected = strings(&case["urgency"]);
        assert_eq!(ids(&tasks, &urgency.order), expected, "{case}");
        let run = WorkflowRun::start(tasks, &RunOptions::default(), |_| false, 0).unwrap();
        assert_eq!(ids(run.tasks(), run.settled()), expected, "{case}");
    }
}
