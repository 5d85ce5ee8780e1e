//! On whose threads short inferences are computed.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)]

mod common;
mod support;

use common::core;
use npubridge_engine::engine::Engine;
use std::fs;
use support::*;

/// More runs than it takes to find out which way is quicker.
const ENOUGH: usize = 200;
/// Times that many for one model, which is more than compiling it anew takes.
const ROUNDS: usize = 20;

/// Nanoseconds that the threads whose names begin with `name` have computed.
fn computed(name: &str) -> u64 {
    let tasks = fs::read_dir("/proc/self/task").unwrap().flatten();
    let mine = tasks.filter(|task| {
        fs::read_to_string(task.path().join("comm")).is_ok_and(|comm| comm.starts_with(name))
    });
    let spent = mine.filter_map(|task| {
        let text = fs::read_to_string(task.path().join("schedstat")).ok()?;
        text.split(' ').next()?.parse::<u64>().ok()
    });
    spent.sum()
}

#[test]
fn short_inferences_move_to_the_workers_own_threads_and_give_the_same() {
    let _turn = turn();
    if core().is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let engine = Engine::start(config(&["CPU"], folder.path())).unwrap();
    let mut expected = None;
    let mut attempt = 0;
    // It is compiled anew in the background, so there is no number of runs after which it must be done. Which way is
    // quicker is found out once for each model: where other programs disturbed that, another model is as good.
    eventually("the workers compute themselves", || {
        attempt += 1;
        let model = ir::sized(folder.path(), &format!("short-{attempt}"), 1, 256, 256);
        let run = || simply(&engine, infer(&model, &[("x", rows(1, 256, 3))])).values();
        let first = expected.get_or_insert_with(run);
        (0..ROUNDS).any(|_| {
            let before = (computed("npubridge-CPU"), computed("npubridge-load"));
            for _ in 0..ENOUGH {
                assert_eq!(run(), *first);
            }
            let workers = computed("npubridge-CPU") - before.0;
            // OpenVINO's threads bear the name of the thread that made them, which loads models.
            let plugin = computed("npubridge-load").saturating_sub(before.1);
            plugin < workers / 10
        })
    });
    engine.shutdown(std::time::Duration::from_secs(1));
}
