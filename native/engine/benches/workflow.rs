//! How planning, running and routing grow with the number of tasks.
//!
//! `cargo bench -p npubridge-engine --bench workflow`

use std::hint::black_box;

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use npubridge_engine::routing::{Agent, LexicalIndex, Profile, Router, Scratch};
use npubridge_engine::workflow::{Discipline, Graph, RunOptions, Task, WorkflowRun, order, plan};

const SIZES: [usize; 5] = [10, 100, 1_000, 10_000, 100_000];

/// Each task depends on up to three earlier ones; deterministic, without cycles.
fn tasks(count: usize) -> Vec<Task> {
    let mut state = 1_usize;
    let mut draw = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 33) % below
    };
    (0..count)
        .map(|at| {
            let dependencies: Vec<_> = (0..3_usize.min(at)).map(|_| draw(at)).collect();
            Task::new(format!("task-{at}"))
                .with_priority(1 + draw(100) as i32)
                .with_agent(format!("agent-{}", draw(10)))
                .after(dependencies.into_iter().map(|at| format!("task-{at}")))
        })
        .collect()
}

fn workflows(criterion: &mut Criterion) {
    for count in SIZES {
        let tasks = tasks(count);
        let priorities: Vec<_> = tasks.iter().map(|task| task.priority).collect();
        let (graph, _) = Graph::from_tasks(&tasks).expect("ids are unique");
        let mut group = criterion.benchmark_group("workflow");
        group.throughput(Throughput::Elements(count as u64));
        group.sample_size(if count > 10_000 { 10 } else { 50 });
        group.bench_function(BenchmarkId::new("plan", count), |bencher| {
            bencher.iter(|| plan(black_box(&tasks)));
        });
        group.bench_function(BenchmarkId::new("order", count), |bencher| {
            bencher.iter(|| order(black_box(&graph), &priorities, Discipline::Rounds));
        });
        group.bench_function(BenchmarkId::new("route all", count), |bencher| {
            run_all(bencher, &tasks, false);
        });
        group.bench_function(BenchmarkId::new("run all", count), |bencher| {
            run_all(bencher, &tasks, true);
        });
        group.finish();
    }
}

fn run_all(bencher: &mut criterion::Bencher<'_>, tasks: &[Task], handled: bool) {
    let options = RunOptions::default();
    bencher.iter_batched(
        || tasks.to_vec(),
        |tasks| {
            let mut run =
                WorkflowRun::start(tasks, &options, |_| handled, 0).expect("ids are unique");
            let mut now_us = 0;
            while let Some(task) = run.next(now_us) {
                now_us += 1;
                run.complete(task, now_us).expect("the task runs");
            }
            assert!(run.is_finished());
            run
        },
        BatchSize::LargeInput,
    );
}

fn routes(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("routing");
    for count in [10, 100, 1_000] {
        let kinds = ["security", "tester", "deployer", "writer", "monitor"];
        let agents = (0..count).map(|at| Agent::named(&format!("{}-{at}", kinds[at % 5])));
        let router = Router::new(agents.collect()).expect("names are unique");
        group.throughput(Throughput::Elements(1));
        group.bench_function(BenchmarkId::new("select", count), |bencher| {
            let description = "Check the deployment of the login service and audit its tests";
            bencher.iter(|| router.select(black_box(description)));
        });
    }
    group.finish();
}

/// 100 agents with descriptions, and texts that differ.
fn lexical_routes(criterion: &mut Criterion) {
    const TEXTS: usize = 10_000;
    let verbs = ["review", "deploy", "monitor", "encrypt", "translate", "compile", "measure"];
    let things = ["code", "servers", "metrics", "secrets", "texts", "kernels", "maps", "books"];
    let profile = |at: usize| Profile {
        name: format!("agent-{at}"),
        description: format!(
            "Can {} {} and then {} the {} number {at}",
            verbs[at % 7],
            things[at * 3 % 8],
            verbs[at * 5 % 7],
            things[at * 7 % 8]
        ),
        ..Profile::default()
    };
    let index = LexicalIndex::new(&(0..100).map(profile).collect::<Vec<_>>());
    let text = |at: usize| {
        format!("please {} the {} of customer {at} before noon", verbs[at % 7], things[at % 8])
    };
    let texts: Vec<String> = (0..TEXTS).map(text).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let mut group = criterion.benchmark_group("lexical");
    group.throughput(Throughput::Elements(1));
    group.bench_function("one", |bencher| {
        let mut scratch = Scratch::default();
        bencher.iter(|| index.select(black_box(texts[17]), &mut scratch));
    });
    group.throughput(Throughput::Elements(TEXTS as u64));
    group.bench_function("many", |bencher| {
        bencher.iter(|| index.select_all(black_box(&texts)));
    });
    group.finish();
}

criterion_group!(benches, workflows, routes, lexical_routes);
criterion_main!(benches);
