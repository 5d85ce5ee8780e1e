//! Short inferences run on the workers' own threads, where that is quicker.
//!
//! A plugin hands each inference to a thread of its own and wakes the caller when it is done. That way there and back
//! costs as much as ten to thirty microseconds of computing: nothing for a model that takes milliseconds, most of what
//! a tiny one takes. So a form of a model whose inferences turn out to be short is compiled once more, without threads
//! of the plugin, and both ways take turns at the real work until it is known which is quicker. That one stays. Where
//! neither is, the workers' own threads do, as they keep nobody else awake. Where these lose by little they get another
//! chance later, and then ever more seldom: a busy moment must not slow a model down for as long as it is loaded.
//!
//! Turns are short and many, since a machine that others use too changes its speed within milliseconds: of two ways that
//! are timed one after the other, the one with the better moment would win.
//!
//! Such a form runs one inference at a time, so each place has one of its own. Models that are this quick are small.

use std::sync::Arc;

use super::Shared;
use super::models::{Form, Instance, Job, Shapes};
use super::run::On;
use super::state::State;
use crate::error::Result;
use crate::model::compile::{Compiled, Threads};
use crate::scheduler::Nanos;

/// Runs of which the quickest tells whether a model is short.
const TRIAL: u32 = 32;
/// How many times as many runs come before the next comparison, where the one before was lost by little.
const PATIENCE: u32 = 64;
/// What the workers' own threads took, as a share of what the device's did, from which on there is no other chance.
const HOPELESS: f64 = 1.25;
/// Inferences above this are not short: what the way to another thread costs is lost in them.
const SHORT: Nanos = 1_000_000;
/// Runs of one way before it is the other's turn; the quickest of them counts.
const TURN: usize = 8;
/// Turns of both ways that are compared.
const PAIRS: usize = 31;

/// The quickest of some runs: what makes one slower than it could be is other programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Timing {
    runs: u32,
    quickest: Nanos,
}

/// What is known of whose threads run a form of a model best.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Direct {
    /// How many runs are timed before a comparison.
    trial: u32,
    stage: Stage,
}

/// How far it is found out.
#[derive(Debug, Clone, PartialEq)]
enum Stage {
    /// It runs on the device's threads and is timed.
    Timed(Timing),
    /// Short enough; it is being compiled for the workers' own threads.
    Preparing,
    /// It runs on either threads by turns.
    Compared(Duel),
    /// Found out, or out of question.
    Settled,
}

/// Both ways by turns, the workers' own threads first.
#[derive(Debug, Clone, PartialEq, Default)]
struct Duel {
    /// Runs of this turn.
    runs: usize,
    /// Nanoseconds a row in the quickest of them.
    quickest: Option<f64>,
    /// What the workers' own threads took, if the last turn was theirs.
    direct: Option<f64>,
    /// What the workers' own threads took, as a share of what the device's did just after.
    ratios: Vec<f64>,
}

/// Asks for a form of a model to be compiled for the workers' own threads.
#[derive(Debug)]
pub(super) struct Request {
    model: usize,
    instance: Arc<Instance>,
    generation: u64,
    shapes: Option<Shapes>,
    /// What it is on the device's threads.
    compiled: Arc<Compiled>,
}

/// What a run teaches.
#[derive(Debug, PartialEq, Eq)]
enum Lesson {
    Nothing,
    Prepare,
    /// It is the other way's turn.
    Swap,
    /// The way that runs now is to stay.
    Stay,
    /// The way that runs now is to stay until there is another comparison.
    StayForNow,
    /// The other way is to stay.
    Change,
}

impl Timing {
    fn new() -> Self {
        Self { runs: 0, quickest: Nanos::MAX }
    }

    /// Learns from a run, of which the `trial` after the first one count.
    fn take(&mut self, trial: u32, nanos: Nanos) -> Lesson {
        // The first run of a form warms it up.
        if self.runs > 0 {
            self.quickest = self.quickest.min(nanos);
        }
        self.runs += 1;
        match self.runs > trial {
            false => Lesson::Nothing,
            true if self.quickest <= SHORT => Lesson::Prepare,
            true => Lesson::Stay,
        }
    }
}

impl Duel {
    /// Learns from a run of the way whose turn it is.
    fn learn(&mut self, per_row: f64) -> Lesson {
        self.runs += 1;
        let quickest = self.quickest.map_or(per_row, |least| least.min(per_row));
        if self.runs < TURN {
            self.quickest = Some(quickest);
            return Lesson::Nothing;
        }
        (self.runs, self.quickest) = (0, None);
        let Some(direct) = self.direct.take() else {
            self.direct = Some(quickest);
            return Lesson::Swap;
        };
        self.ratios.push(direct / quickest);
        if self.ratios.len() < PAIRS {
            return Lesson::Swap;
        }
        match median(&mut self.ratios) {
            ..=1.0 => Lesson::Change,
            ..HOPELESS => Lesson::StayForNow,
            _ => Lesson::Stay,
        }
    }
}

fn median(values: &mut [f64]) -> f64 {
    let middle = values.len() / 2;
    *values.select_nth_unstable_by(middle, f64::total_cmp).1
}

impl Direct {
    pub(super) fn of(instance: &Instance, compiled: &Compiled) -> Self {
        let possible = compiled.blocking && instance.recipe.may_run_on_caller();
        let stage = if possible { Stage::Timed(Timing::new()) } else { Stage::Settled };
        Self { trial: TRIAL, stage }
    }

    /// Learns from a run of so many rows that took `nanos`.
    fn learn(&mut self, rows: usize, nanos: Nanos) -> Lesson {
        let lesson = match &mut self.stage {
            Stage::Timed(timing) => timing.take(self.trial, nanos),
            Stage::Compared(duel) => duel.learn(nanos as f64 / rows.max(1) as f64),
            Stage::Preparing | Stage::Settled => Lesson::Nothing,
        };
        match lesson {
            Lesson::Nothing | Lesson::Swap => {}
            Lesson::Prepare => self.stage = Stage::Preparing,
            Lesson::StayForNow => {
                self.trial = self.trial.saturating_mul(PATIENCE);
                self.stage = Stage::Timed(Timing::new());
            }
            Lesson::Stay | Lesson::Change => self.stage = Stage::Settled,
        }
        lesson
    }
}

/// Learns from a run of so many rows that ended well. Gives what must be dropped outside of the lock.
pub(super) fn learn(
    shared: &Shared,
    state: &mut State,
    on: &On,
    compiled: &Arc<Compiled>,
    rows: usize,
    end: Nanos,
) -> Option<Form> {
    let entry = &mut state.models.entries[on.model];
    let variant = entry.variant_of(on.shapes.as_ref(), compiled)?;
    // A run that began in the other way's turn belongs to neither.
    if !Arc::ptr_eq(&variant.form.compiled, compiled) {
        return None;
    }
    match variant.direct.learn(rows, end.saturating_sub(on.start)) {
        Lesson::Nothing => None,
        Lesson::Prepare => {
            let request = Request {
                model: on.model,
                instance: Arc::clone(&on.instance),
                generation: on.generation,
                shapes: on.shapes.clone(),
                compiled: Arc::clone(compiled),
            };
            state.models.jobs.push_back(Job::RunDirectly(request));
            shared.background_wake.notify_one();
            None
        }
        Lesson::Swap => {
            variant.swap();
            None
        }
        Lesson::Change => {
            variant.swap();
            variant.other.take()
        }
        Lesson::Stay | Lesson::StayForNow => variant.other.take(),
    }
}

/// Compiles a form for the workers' own threads, a place for each, and lets it take turns with what there was.
pub(super) fn prepare(shared: &Shared, request: Request) {
    let workers = shared.devices[request.instance.device].workers().max(1);
    let copies = u64::try_from(workers).unwrap_or(u64::MAX);
    let has_room = shared.has_memory_for(request.instance.bytes.saturating_mul(copies));
    let prepared = has_room.then(|| compile(&request, workers));
    if let Some(Err(error)) = &prepared {
        tracing::debug!(model = &*request.instance.signature.model, %error, "stays on the device's threads");
    }
    let mut state = shared.state.lock();
    let not_used = begin(&mut state, &request, prepared.and_then(Result::ok));
    drop(state);
    drop(not_used);
}

fn compile(request: &Request, workers: usize) -> Result<Form> {
    let instance = &request.instance;
    let model = instance.shaped(request.shapes.as_ref())?;
    let compile = || instance.compile(&model, Threads::Caller);
    let first = compile()?;
    let mut idle = vec![instance.place(&first)?];
    for _ in 1..workers {
        idle.push(instance.place(&compile()?)?);
    }
    Ok(Form { compiled: Arc::new(first), idle })
}

/// Begins to compare. Gives the form back when what it is compared with is no longer there.
fn begin(state: &mut State, request: &Request, prepared: Option<Form>) -> Option<Form> {
    let entry = &mut state.models.entries[request.model];
    let same = entry.generation == request.generation;
    let variant = entry.variant_of(request.shapes.as_ref(), &request.compiled);
    let Some(variant) = variant.filter(|_| same) else {
        return prepared;
    };
    let Some(form) = prepared else {
        variant.direct.stage = Stage::Settled;
        return None;
    };
    variant.direct.stage = Stage::Compared(Duel::default());
    variant.other = Some(form);
    variant.swap();
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timed() -> Direct {
        Direct { trial: TRIAL, stage: Stage::Timed(Timing::new()) }
    }

    fn compared() -> Direct {
        Direct { trial: TRIAL, stage: Stage::Compared(Duel::default()) }
    }

    /// What the runs teach, up to the first lesson that is one.
    fn lesson(direct: &mut Direct, nanos: impl Fn(u32) -> Nanos) -> (u32, Lesson) {
        for run in 0..2 * TRIAL {
            let lesson = direct.learn(1, nanos(run));
            if lesson != Lesson::Nothing {
                return (run, lesson);
            }
        }
        (2 * TRIAL, Lesson::Nothing)
    }

    #[test]
    fn a_short_inference_is_prepared_for_once() {
        let mut direct = timed();
        assert_eq!(lesson(&mut direct, |_| 100_000), (TRIAL, Lesson::Prepare));
        assert_eq!(lesson(&mut direct, |_| 100_000).1, Lesson::Nothing);
    }

    #[test]
    fn the_quickest_run_counts_and_the_first_does_not() {
        let disturbed = |run| if run == 7 { 900_000 } else { 50_000_000 };
        assert_eq!(lesson(&mut timed(), disturbed).1, Lesson::Prepare);
        let only_first = |run| if run == 0 { 900_000 } else { 50_000_000 };
        assert_eq!(lesson(&mut timed(), only_first).1, Lesson::Stay);
    }

    #[test]
    fn a_long_inference_is_left_alone() {
        let mut direct = timed();
        assert_eq!(lesson(&mut direct, |_| 5_000_000), (TRIAL, Lesson::Stay));
        assert_eq!(direct.stage, Stage::Settled);
    }

    /// Whether the workers' own threads stay, when a run of so many rows takes `nanos(run, direct)`.
    fn stays_direct(rows: impl Fn(usize) -> usize, nanos: impl Fn(usize, bool) -> Nanos) -> bool {
        let mut way = compared();
        let mut direct = true;
        for run in 0..2 * PAIRS * TURN {
            match way.learn(rows(run), nanos(run, direct)) {
                Lesson::Nothing => {}
                Lesson::Swap => direct = !direct,
                Lesson::Stay | Lesson::StayForNow => return direct,
                Lesson::Change => return !direct,
                Lesson::Prepare => panic!("prepared twice"),
            }
        }
        panic!("never decided");
    }

    fn way(direct: bool, own: Nanos, device: Nanos) -> Nanos {
        if direct { own } else { device }
    }

    #[test]
    fn the_quicker_way_stays() {
        assert!(stays_direct(|_| 1, |_, direct| way(direct, 70_000, 100_000)));
        assert!(stays_direct(|_| 1, |_, direct| way(direct, 99_000, 100_000)));
        assert!(!stays_direct(|_| 1, |_, direct| way(direct, 101_000, 100_000)));
        assert!(!stays_direct(|_| 1, |_, direct| way(direct, 300_000, 100_000)));
    }

    #[test]
    fn as_quick_on_either_the_workers_own_threads_stay() {
        assert!(stays_direct(|_| 1, |_, direct| way(direct, 100_000, 100_000)));
    }

    /// How many runs come before the workers' own threads are tried again, when they took `share` of what the device's
    /// did in so many comparisons; none where they are not.
    fn runs_before_next(share: f64, comparisons: u32) -> Option<u32> {
        let mut way = timed();
        let mut runs = 0;
        for _ in 0..=comparisons {
            runs = (0..).find(|_| way.learn(1, 100_000) == Lesson::Prepare)?;
            way.stage = Stage::Compared(Duel::default());
            let mut direct = true;
            loop {
                let nanos = if direct { 100_000.0 * share } else { 100_000.0 };
                match way.learn(1, nanos as Nanos) {
                    Lesson::Nothing => {}
                    Lesson::Swap => direct = !direct,
                    _ => break,
                }
            }
            if way.stage == Stage::Settled {
                return None;
            }
        }
        Some(runs)
    }

    #[test]
    fn who_lost_by_little_gets_another_chance_ever_more_seldom() {
        assert_eq!(runs_before_next(1.1, 0), Some(TRIAL));
        assert_eq!(runs_before_next(1.1, 1), Some(TRIAL * PATIENCE));
        assert_eq!(runs_before_next(1.1, 2), Some(TRIAL * PATIENCE * PATIENCE));
        assert_eq!(runs_before_next(1.4, 0), None);
        assert_eq!(runs_before_next(0.9, 0), None);
    }

    /// Stretches of some milliseconds in which each run takes up to two and a half times as long, as beside a server that
    /// has just started.
    fn busy(seed: u64) -> impl Fn(usize) -> f64 {
        let mut random = seed;
        let mut below = move |limit: u64| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (random >> 33) % limit
        };
        let mut factors = Vec::new();
        while factors.len() < 2 * PAIRS * TURN {
            factors.extend((0..below(100)).map(|_| 1.0));
            factors.extend((0..below(100)).map(|_| 1.0 + below(1_500) as f64 / 1_000.0));
        }
        move |run| factors[run]
    }

    #[test]
    fn busy_moments_decide_nothing() {
        for seed in 0..500 {
            let busy = busy(seed);
            let nanos = |own, device| {
                let busy = &busy;
                move |run, direct| (way(direct, own, device) as f64 * busy(run)) as Nanos
            };
            assert!(stays_direct(|_| 1, nanos(43_000, 49_000)), "seed {seed}");
            assert!(!stays_direct(|_| 1, nanos(49_000, 43_000)), "seed {seed}");
        }
    }

    #[test]
    fn a_machine_that_changes_its_speed_changes_nothing() {
        for period in [40, 150, 1_000] {
            for phase in 0..8 {
                let speed =
                    |run| if (run + phase * period / 4) % (2 * period) < period { 1 } else { 2 };
                let nanos = |run, direct| speed(run) * way(direct, 80_000, 100_000);
                assert!(stays_direct(|_| 1, nanos), "period {period}, phase {phase}");
                let nanos = |run, direct| speed(run) * way(direct, 100_000, 80_000);
                assert!(!stays_direct(|_| 1, nanos), "period {period}, phase {phase}");
            }
        }
    }

    #[test]
    fn a_larger_batch_is_not_a_slower_way() {
        let rows = |run: usize| 1 + (run / TURN) % 2 * 7;
        let nanos = |run, direct| rows(run) as Nanos * way(direct, 80_000, 100_000);
        assert!(stays_direct(rows, nanos));
    }
}
