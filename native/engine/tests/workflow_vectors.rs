//! The examples that every implementation of the workflow rules answers alike.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails, in its helpers too")]

use npubridge_engine::workflow::{
    Discipline, FailurePolicy, Graph, Plan, RunOptions, Task, WorkflowRun, plan_with,
};
use npubridge_engine::{Error, ErrorCode};
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

/// Runs a workflow one task at a time, as the bindings do: agent "good" succeeds, "bad" fails, others have no handler.
fn host(case: &serde_json::Value) -> npubridge_engine::Result<WorkflowRun> {
    let list = case["tasks"].as_array().unwrap();
    let tasks: Vec<Task> = list
        .iter()
        .map(|task| {
            let dependencies = task["dependencies"].as_array().into_iter().flatten();
            Task::new(task["id"].as_str().unwrap())
                .with_agent(task["agent"].as_str().unwrap())
                .with_priority(task["priority"].as_i64().unwrap_or(50) as i32)
                .after(dependencies.map(|id| id.as_str().unwrap()))
        })
        .collect();
    if case["breakCycles"] != true {
        Graph::from_tasks(&tasks)?.0.require_acyclic(&tasks)?;
    }
    let on_failure = match case["onFailure"].as_str() {
        Some("stop") => FailurePolicy::Stop,
        Some("continue") => FailurePolicy::Continue,
        _ => FailurePolicy::SkipDependents,
    };
    let options =
        RunOptions { max_parallel: 1, on_failure, inherit: true, ..RunOptions::default() };
    let handled = |task: &Task| task.agent == "good" || task.agent == "bad";
    let mut run = WorkflowRun::start(tasks, &options, handled, 0)?;
    while let Some(task) = run.next(0) {
        match run.tasks()[task as usize].agent.as_str() {
            "good" => run.complete(task, 0)?,
            _ => run.fail(task, Error::new(ErrorCode::Internal, "it broke"), 0)?,
        }
    }
    Ok(run)
}

#[test]
fn hosts_agree_on_the_contract() {
    let text = include_str!("../testdata/workflow-contract.json");
    let all: serde_json::Value = serde_json::from_str(text).unwrap();
    for case in all["cases"].as_array().unwrap() {
        let name = &case["name"];
        let run = match (host(case), case["error"].as_str()) {
            (Err(error), Some(expected)) => {
                assert_eq!(error.message(), expected, "{name}");
                continue;
            }
            (run, _) => run.unwrap(),
        };
        assert!(run.is_finished(), "{name}");
        let id = |task: u32| run.tasks()[task as usize].id.as_str();
        let order: Vec<_> = run.settled().iter().map(|task| id(*task)).collect();
        assert_eq!(serde_json::json!(order), case["order"], "{name}");
        for task in run.settled() {
            let status = run.record(*task).unwrap().status.name();
            assert_eq!(case["statuses"][id(*task)], status, "{name}: {}", id(*task));
        }
    }
}
