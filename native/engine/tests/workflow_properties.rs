//! What holds for every workflow, whatever its shape.

use npubridge_engine::routing::{Agent, Router};
use npubridge_engine::workflow::{
    Discipline, Plan, RunOptions, Task, TaskDetail, TaskStatus, WorkflowRun, plan_with,
};
use npubridge_engine::{Error, ErrorCode};
use proptest::prelude::*;

/// Tasks in a random arrangement; `loose` also gives cycles, self-dependencies and unknown ids.
fn workflow(loose: bool) -> impl Strategy<Value = Vec<Task>> {
    (0_usize..40)
        .prop_flat_map(move |count| {
            let task = (-3..4_i32, prop::collection::vec(any::<u16>(), 0..5));
            let arrangement = Just((0..count).collect::<Vec<_>>()).prop_shuffle();
            (prop::collection::vec(task, count), arrangement)
        })
        .prop_map(move |(drawn, arrangement)| {
            let count = drawn.len();
            let mut tasks: Vec<_> = drawn
                .into_iter()
                .enumerate()
                .map(|(number, (priority, picks))| {
                    // Without cycles a task depends only on lower numbers; the arrangement hides that order.
                    let range = if loose { count + 2 } else { number };
                    let picks = picks.into_iter().filter(|_| range > 0);
                    Task::new(format!("t{number}"))
                        .with_priority(priority)
                        .with_agent(["a", "b", "c"][number % 3])
                        .after(picks.map(|pick| format!("t{}", usize::from(pick) % range.max(1))))
                })
                .map(Some)
                .collect();
            let arranged = arrangement.iter().map(|&number| tasks[number].take());
            arranged.flatten().collect()
        })
}

const DISCIPLINES: [Discipline; 2] = [Discipline::Rounds, Discipline::Urgency];

/// The dependencies of each task that count, by search and not by table.
fn kept(tasks: &[Task], plan: &Plan) -> Vec<Vec<usize>> {
    let mut kept: Vec<Vec<usize>> = tasks
        .iter()
        .map(|task| {
            let known = task.dependencies.iter();
            known.filter_map(|id| tasks.iter().position(|other| other.id == *id)).collect()
        })
        .collect();
    for cycle in &plan.broken {
        kept[cycle.task as usize].retain(|&d| !cycle.dropped.contains(&(d as u32)));
    }
    kept
}

/// The rules of v1, written down as slowly as they read.
fn slow_order(tasks: &[Task], discipline: Discipline) -> Vec<u32> {
    let mut remaining: Vec<usize> = (0..tasks.len()).collect();
    let mut order = Vec::new();
    while !remaining.is_empty() {
        let waits = |&at: &usize| {
            let mut dependencies = tasks[at].dependencies.iter();
            dependencies.any(|id| remaining.iter().any(|&other| tasks[other].id == *id))
        };
        let mut ready: Vec<usize> = remaining.iter().copied().filter(|at| !waits(at)).collect();
        let cycle = ready.is_empty();
        if cycle {
            ready.clone_from(&remaining);
        }
        ready.sort_by_key(|&at| tasks[at].priority);
        if cycle || discipline == Discipline::Urgency {
            ready.truncate(1);
        }
        remaining.retain(|at| !ready.contains(at));
        order.extend(ready.iter().map(|&at| at as u32));
    }
    order
}

proptest! {
    #[test]
    fn every_task_comes_once_and_after_its_dependencies(tasks in workflow(false)) {
        for discipline in DISCIPLINES {
            let plan = plan_with(&tasks, discipline).unwrap();
            prop_assert!(plan.broken.is_empty() && plan.unknown.is_empty());
            let mut place = vec![None; tasks.len()];
            for (index, &task) in plan.order.iter().enumerate() {
                prop_assert_eq!(place[task as usize].replace(index), None);
            }
            for (task, dependencies) in kept(&tasks, &plan).iter().enumerate() {
                prop_assert!(place[task].is_some());
                prop_assert!(dependencies.iter().all(|&d| place[d] < place[task]));
            }
        }
    }

    #[test]
    fn any_workflow_is_ordered_as_the_slow_rules_say(tasks in workflow(true)) {
        for discipline in DISCIPLINES {
            let plan = plan_with(&tasks, discipline).unwrap();
            prop_assert_eq!(&plan.order, &slow_order(&tasks, discipline));
        }
    }

    #[test]
    fn levels_are_one_more_than_the_highest_dependency_that_counts(tasks in workflow(true)) {
        let plan = plan_with(&tasks, Discipline::Rounds).unwrap();
        for (task, dependencies) in kept(&tasks, &plan).iter().enumerate() {
            let highest = dependencies.iter().map(|&d| plan.levels[d] + 1).max();
            prop_assert_eq!(plan.levels[task], highest.unwrap_or(0));
        }
        let mut grouped = plan.groups().concat();
        grouped.sort_unstable();
        prop_assert!(grouped.iter().copied().eq(0..tasks.len() as u32));
    }

    #[test]
    fn the_same_cycles_are_broken_whatever_the_discipline(tasks in workflow(true)) {
        let rounds = plan_with(&tasks, Discipline::Rounds).unwrap();
        let urgency = plan_with(&tasks, Discipline::Urgency).unwrap();
        prop_assert_eq!(rounds.broken, urgency.broken);
        prop_assert_eq!(rounds.levels, urgency.levels);
    }

    #[test]
    fn every_run_ends_and_starts_nothing_too_early(
        tasks in workflow(true),
        max_parallel in 1_u32..5,
        choices in prop::collection::vec(any::<(u8, bool)>(), 40),
    ) {
        let plan = plan_with(&tasks, Discipline::Urgency).unwrap();
        let kept = kept(&tasks, &plan);
        let options = RunOptions { max_parallel, ..RunOptions::default() };
        let mut run =
            WorkflowRun::start(tasks.clone(), &options, |task| task.agent != "c", 0).unwrap();
        let status = |run: &WorkflowRun, task: usize| run.record(task as u32).unwrap().status;
        let succeeded = |run: &WorkflowRun, task: usize| {
            matches!(status(run, task), TaskStatus::Completed | TaskStatus::Routed)
        };
        let mut running: Vec<u32> = Vec::new();
        let mut choices = choices.into_iter();
        let mut now_us = 0;
        while !run.is_finished() {
            now_us += 1;
            while let Some(task) = run.next(now_us) {
                prop_assert!(kept[task as usize].iter().all(|&d| succeeded(&run, d)));
                running.push(task);
            }
            prop_assert!(running.len() <= max_parallel as usize);
            prop_assert!(!running.is_empty(), "the run stands still");
            let (pick, fails) = choices.next().unwrap_or((0, false));
            let task = running.swap_remove(usize::from(pick) % running.len());
            if fails {
                run.fail(task, Error::new(ErrorCode::Internal, "no"), now_us).unwrap();
            } else {
                run.complete(task, now_us).unwrap();
            }
        }
        prop_assert_eq!(run.next(now_us), None);
        let mut settled = run.settled().to_vec();
        settled.sort_unstable();
        prop_assert!(settled.iter().copied().eq(0..tasks.len() as u32));
        for (task, dependencies) in kept.iter().enumerate() {
            let skipped = status(&run, task) == TaskStatus::Skipped;
            prop_assert_eq!(skipped, !dependencies.iter().all(|&d| succeeded(&run, d)));
            if let Some(TaskDetail::Skipped(skip)) = run.record(task as u32).unwrap().detail {
                prop_assert!(dependencies.contains(&(skip.dependency as usize)));
                prop_assert_eq!(status(&run, skip.failed as usize), TaskStatus::Failed);
            }
        }
        let summary = run.summary(now_us);
        prop_assert_eq!(
            summary.completed + summary.routed + summary.failed + summary.skipped,
            summary.total
        );
        prop_assert!(summary.peak_running <= max_parallel);
    }

    #[test]
    fn any_description_is_routed_the_same_whatever_the_order_of_agents(
        description in "(debug|test|deploy|security|plan|tester|code-reviewer|[ \\PC]){0,12}",
        agents in Just(vec!["security", "tester", "deployer", "director", "code-reviewer"]).prop_shuffle(),
    ) {
        let router = |names: &[&str]| {
            Router::new(names.iter().map(|name| Agent::named(name)).collect()).unwrap()
        };
        let shuffled = router(&agents);
        let mut sorted = agents;
        sorted.sort_unstable();
        let sorted = router(&sorted);
        prop_assert_eq!(shuffled.select(&description), sorted.select(&description));
    }
}
