use super::super::plan_with;
use super::*;

fn start(tasks: &[Task], max_parallel: u32) -> WorkflowRun {
    WorkflowRun::start(
        tasks.to_vec(),
        &RunOptions { max_parallel, ..RunOptions::default() },
        |_| true,
        0,
    )
    .unwrap()
}

fn routed(tasks: &[Task]) -> WorkflowRun {
    WorkflowRun::start(tasks.to_vec(), &RunOptions::default(), |_| false, 0).unwrap()
}

fn statuses(run: &WorkflowRun) -> Vec<&'static str> {
    (0..run.tasks().len() as u32).map(|task| run.record(task).unwrap().status.name()).collect()
}

fn broke() -> Error {
    Error::new(ErrorCode::Internal, "it broke")
}

#[test]
fn ready_tasks_start_by_priority_within_the_places() {
    let tasks = [
        Task::new("late").with_priority(90),
        Task::new("first").with_priority(1),
        Task::new("second").with_priority(5),
        Task::new("after").with_priority(2).after(["first"]),
    ];
    let mut run = start(&tasks, 2);
    assert_eq!(run.next(0), Some(1));
    assert_eq!(run.next(0), Some(2));
    assert_eq!(run.next(0), None);
    assert_eq!(run.running(), 2);
    run.complete(1, 10).unwrap();
    assert_eq!(run.next(10), Some(3));
    assert_eq!(run.next(10), None);
    run.complete(3, 20).unwrap();
    run.complete(2, 20).unwrap();
    assert_eq!(run.next(20), Some(0));
    assert!(!run.is_finished());
    run.complete(0, 30).unwrap();
    assert!(run.is_finished());
    assert_eq!(run.settled(), [1, 3, 2, 0]);
}

#[test]
fn a_workflow_without_handlers_is_routed_in_one_call() {
    let tasks = [
        Task::new("a").with_priority(9),
        Task::new("b").with_priority(1).after(["a"]),
        Task::new("c").with_priority(5),
    ];
    let run = routed(&tasks);
    assert!(run.is_finished());
    assert_eq!(run.settled(), [2, 0, 1]);
    assert_eq!(statuses(&run), ["routed"; 3]);
}

#[test]
fn a_routed_task_passes_on_while_every_place_is_taken() {
    let tasks = [
        Task::new("work").with_agent("worker"),
        Task::new("more").with_agent("worker"),
        Task::new("noted").after(["work"]),
        Task::new("last").with_agent("worker").after(["noted"]),
    ];
    let one = RunOptions { max_parallel: 1, ..RunOptions::default() };
    let mut run =
        WorkflowRun::start(tasks.to_vec(), &one, |task| task.agent == "worker", 0).unwrap();
    assert_eq!(run.next(0), Some(0));
    run.complete(0, 5).unwrap();
    assert_eq!(statuses(&run), ["completed", "ready", "routed", "ready"]);
    assert_eq!(run.record(2).unwrap().settled_us, Some(5));
}

#[test]
fn what_depends_on_a_failed_task_is_skipped_with_the_reason() {
    let tasks = [
        Task::new("fails"),
        Task::new("near").after(["fails", "other"]),
        Task::new("far").after(["near"]),
        Task::new("other"),
    ];
    let mut run = start(&tasks, 10);
    assert_eq!(run.next(0), Some(0));
    assert_eq!(run.next(0), Some(3));
    run.fail(0, broke(), 7).unwrap();
    assert_eq!(statuses(&run), ["failed", "skipped", "skipped", "running"]);
    run.complete(3, 9).unwrap();
    assert!(run.is_finished());
    assert_eq!(run.next(9), None);
    let reason = |task| match run.record(task).unwrap().detail {
        Some(TaskDetail::Skipped(skip)) => run.skip_reason(*skip),
        other => panic!("{other:?}"),
    };
    assert_eq!(reason(1), r#"its dependency "fails" failed"#);
    assert_eq!(reason(2), r#"its dependency "near" was skipped because "fails" failed"#);
    assert_eq!(run.record(0).unwrap().detail, Some(&TaskDetail::Failed(broke())));
}

#[test]
fn a_cycle_is_broken_only_when_nothing_else_can_run() {
    let tasks = [
        Task::new("a").with_priority(1).after(["b"]),
        Task::new("b").with_priority(2).after(["a"]),
        Task::new("free").with_priority(99),
        Task::new("slow").with_priority(99),
    ];
    let mut run = start(&tasks, 10);
    assert_eq!(run.next(0), Some(2));
    assert_eq!(run.next(0), Some(3));
    assert_eq!(run.next(0), None);
    run.complete(2, 1).unwrap();
    assert_eq!(run.next(1), None);
    run.complete(3, 2).unwrap();
    assert_eq!(run.next(2), Some(0));
    assert_eq!(run.next(2), None);
    run.complete(0, 3).unwrap();
    assert_eq!(run.next(3), Some(1));
    run.complete(1, 4).unwrap();
    assert!(run.is_finished());
    assert_eq!(run.broken()[0].dropped, [1]);
}

#[test]
fn a_failure_before_a_cycle_skips_what_it_feeds_and_the_rest_goes_on() {
    let tasks = [
        Task::new("fails").with_priority(1),
        Task::new("a").after(["b", "fails"]),
        Task::new("b").after(["a"]),
        Task::new("x").with_priority(60).after(["x"]),
    ];
    let mut run = start(&tasks, 1);
    assert_eq!(run.next(0), Some(0));
    run.fail(0, broke(), 1).unwrap();
    assert_eq!(statuses(&run), ["failed", "skipped", "skipped", "ready"]);
    assert_eq!(run.next(1), Some(3));
    run.complete(3, 2).unwrap();
    assert!(run.is_finished());
}

#[test]
fn one_place_runs_in_the_planned_order_of_urgency() {
    let tasks = [
        Task::new("a").with_priority(30).after(["c", "free"]),
        Task::new("b").with_priority(10).after(["a"]),
        Task::new("c").with_priority(20).after(["b"]),
        Task::new("free").with_priority(90),
        Task::new("then").with_priority(1).after(["free"]),
    ];
    let planned = plan_with(&tasks, Discipline::Urgency).unwrap().order;
    let mut run = start(&tasks, 1);
    while let Some(task) = run.next(0) {
        run.complete(task, 0).unwrap();
    }
    assert_eq!(run.settled(), planned);
    assert_eq!(routed(&tasks).settled(), planned);
}

#[test]
fn an_outcome_nobody_waits_for_is_refused_and_changes_nothing() {
    let mut run = start(&[Task::new("a"), Task::new("b").after(["a"])], 1);
    let refused = |result: Result<()>| {
        let error = result.unwrap_err();
        assert_eq!(error.code(), ErrorCode::InvalidArgument);
        error.message().to_owned()
    };
    assert_eq!(
        refused(run.complete(1, 0)),
        r#"task "b" is waiting, not running: its outcome cannot be reported"#
    );
    assert_eq!(
        refused(run.fail(2, broke(), 0)),
        "there is no task at position 2: the workflow has 2"
    );
    run.next(0);
    run.complete(0, 1).unwrap();
    assert_eq!(
        refused(run.complete(0, 2)),
        r#"task "a" is completed, not running: its outcome cannot be reported"#
    );
    assert_eq!(statuses(&run), ["completed", "ready"]);
}

#[test]
fn no_place_at_all_is_refused() {
    let options = RunOptions { max_parallel: 0, ..RunOptions::default() };
    let error = WorkflowRun::start(vec![], &options, |_| true, 0).unwrap_err();
    assert_eq!(error.code(), ErrorCode::InvalidArgument);
    assert_eq!(error.message(), "max_parallel is 0: no task could ever start");
}

#[test]
fn cancelling_leaves_running_tasks_to_the_host() {
    let tasks = [Task::new("runs"), Task::new("ready"), Task::new("waits").after(["runs"])];
    let mut run = start(&tasks, 1);
    run.next(0);
    run.cancel(5);
    assert_eq!(statuses(&run), ["running", "cancelled", "cancelled"]);
    assert_eq!(run.next(5), None);
    run.complete(0, 9).unwrap();
    assert!(run.is_finished());
    assert_eq!(run.summary(50).cancelled, 2);
    assert_eq!(run.summary(50).elapsed_us, 9);
}

#[test]
fn the_summary_counts_and_measures() {
    let tasks = [
        Task::new("a").with_agent("security"),
        Task::new("b").with_agent("debugger").after(["ghost"]),
        Task::new("c").with_agent("security").after(["b"]),
        Task::new("d").with_agent("nobody"),
    ];
    let mut run = WorkflowRun::start(
        tasks.to_vec(),
        &RunOptions::default(),
        |task| task.agent != "nobody",
        1_000,
    )
    .unwrap();
    run.next(1_100);
    run.next(1_100);
    run.complete(0, 1_200).unwrap();
    let under_way = run.summary(1_250);
    assert_eq!(under_way.unsettled, 2);
    assert_eq!((under_way.elapsed_us, under_way.active_us, under_way.busy_us), (250, 150, 250));
    run.fail(1, broke(), 1_300).unwrap();

    let summary = run.summary(9_999);
    assert_eq!((summary.total, summary.completed, summary.routed), (4, 1, 1));
    assert_eq!((summary.failed, summary.skipped, summary.unsettled), (1, 1, 0));
    assert_eq!(summary.success_rate, 0.5);
    assert_eq!((summary.elapsed_us, summary.active_us, summary.overhead_us), (300, 200, 100));
    assert_eq!((summary.busy_us, summary.peak_running), (300, 2));
    assert_eq!(summary.unknown[0].id, "ghost");
    let agents: Vec<_> = summary
        .agents
        .iter()
        .map(|agent| (agent.agent.as_str(), agent.tasks, agent.busy_us))
        .collect();
    assert_eq!(agents, [("security", 2, 100), ("debugger", 1, 200), ("nobody", 1, 0)]);
    assert_eq!(summary.agents[1].utilisation, 200.0 / 300.0);
}

#[test]
fn an_empty_workflow_is_finished_at_once() {
    let run = routed(&[]);
    assert!(run.is_finished());
    let summary = run.summary(100);
    assert_eq!((summary.total, summary.elapsed_us, summary.success_rate), (0, 0, 0.0));
}

#[test]
fn a_clock_that_steps_back_stands_still() {
    let mut run = start(&[Task::new("a")], 1);
    run.next(100);
    run.complete(0, 50).unwrap();
    assert_eq!(run.summary(0).elapsed_us, 100);
    assert_eq!(run.summary(0).busy_us, 0);
}

#[test]
fn a_chain_of_100_000_tasks_runs_and_fails_without_recursion() {
    let count = 100_000;
    let tasks: Vec<_> = (0..count)
        .map(|i| {
            let task = Task::new(format!("t{i}"));
            if i == 0 { task } else { task.after([format!("t{}", i - 1)]) }
        })
        .collect();
    assert!(routed(&tasks).is_finished());
    let mut run = start(&tasks, 10);
    run.next(0);
    run.fail(0, broke(), 1).unwrap();
    assert!(run.is_finished());
    assert_eq!(run.summary(1).skipped, count - 1);
}

fn with_options(tasks: &[Task], options: &RunOptions) -> WorkflowRun {
    WorkflowRun::start(tasks.to_vec(), options, |_| true, 0).unwrap()
}

fn failed() -> Error {
    Error::new(ErrorCode::Internal, "it broke")
}

#[test]
fn an_agent_has_no_more_tasks_at_once_than_it_may() {
    let tasks = ["a", "b", "c"].map(|id| Task::new(id).with_agent("slow"));
    let mut tasks = tasks.to_vec();
    tasks.push(Task::new("d").with_agent("other"));
    let agent_limits = [("slow".to_owned(), 1)].into();
    let mut run = with_options(&tasks, &RunOptions { agent_limits, ..RunOptions::default() });
    assert_eq!((run.next(0), run.next(0), run.next(0)), (Some(0), Some(3), None));
    run.complete(0, 1).unwrap();
    assert_eq!((run.next(1), run.next(1)), (Some(1), None));
    run.complete(1, 2).unwrap();
    assert_eq!(run.next(2), Some(2));
    run.complete(3, 3).unwrap();
    run.complete(2, 3).unwrap();
    assert!(run.is_finished());
}

#[test]
fn a_failure_may_stop_everything_or_nothing() {
    let tasks = [Task::new("a"), Task::new("b").after(["a"]), Task::new("c")];
    let policy = |on_failure| RunOptions { max_parallel: 1, on_failure, ..RunOptions::default() };
    let mut stopped = with_options(&tasks, &policy(FailurePolicy::Stop));
    assert_eq!(stopped.next(0), Some(0));
    stopped.fail(0, failed(), 1).unwrap();
    assert_eq!(statuses(&stopped), ["failed", "cancelled", "cancelled"]);
    let mut going_on = with_options(&tasks, &policy(FailurePolicy::Continue));
    assert_eq!(going_on.next(0), Some(0));
    going_on.fail(0, failed(), 1).unwrap();
    assert_eq!(statuses(&going_on), ["failed", "ready", "ready"]);
}

#[test]
fn a_declined_task_lets_others_go_on() {
    let mut run =
        with_options(&[Task::new("a"), Task::new("b").after(["a"])], &RunOptions::default());
    assert_eq!(run.next(0), Some(0));
    run.decline(0, 1).unwrap();
    assert_eq!(statuses(&run), ["skipped", "ready"]);
}

#[test]
fn what_is_done_is_not_started_again() {
    let tasks = [Task::new("a"), Task::new("b").after(["a"]), Task::new("c").after(["b"])];
    let done = vec![0, 1, 1, 7];
    let mut run = with_options(&tasks, &RunOptions { done, ..RunOptions::default() });
    assert_eq!(statuses(&run), ["completed", "completed", "ready"]);
    assert_eq!((run.next(0), run.next(0)), (Some(2), None));
    run.complete(2, 1).unwrap();
    assert!(run.is_finished());
}

#[test]
fn urgency_is_inherited_where_it_is_asked_for() {
    let tasks = [
        Task::new("idle").with_priority(40),
        Task::new("first").with_priority(90),
        Task::new("alarm").with_priority(1).after(["first"]),
    ];
    let inherit = RunOptions { inherit: true, ..RunOptions::default() };
    assert_eq!(with_options(&tasks, &inherit).next(0), Some(1));
    assert_eq!(with_options(&tasks, &RunOptions::default()).next(0), Some(0));
}

#[test]
fn the_critical_path_is_the_chain_that_took_longest() {
    let tasks = [Task::new("a"), Task::new("b"), Task::new("c").after(["a", "b"])];
    let mut run = with_options(&tasks, &RunOptions::default());
    assert_eq!((run.next(0), run.next(0)), (Some(0), Some(1)));
    run.complete(0, 3).unwrap();
    run.complete(1, 10).unwrap();
    assert_eq!(run.next(10), Some(2));
    run.complete(2, 14).unwrap();
    assert_eq!(run.critical_path(), (vec![1, 2], 14));
    let empty = with_options(&[], &RunOptions::default());
    assert_eq!(empty.critical_path(), (vec![], 0));
}
