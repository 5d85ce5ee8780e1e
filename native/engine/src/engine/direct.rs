//! Short inferences run on the workers' own threads, where that is quicker.
//!
//! A plugin hands each inference to a thread of its own and wakes the caller when it is done. That way there and back
//! costs as much as ten to thirty microseconds of computing: nothing for a model that takes milliseconds, most of what
//! a tiny one takes. So a form of a model whose inferences turn out to be short is compiled once more, without threads
//! of the plugin, and both ways are held against each other while they do real work. The quicker one stays.
//!
//! Such a form runs one inference at a time, so each place has one of its own. Models that are this quick are small.

use std::sync::Arc;

use super::Shared;
use super::models::{Instance, Job, Shapes};
use super::run::On;
use super::state::State;
use crate::error::Result;
use crate::model::cell::Cell;
use crate::model::compile::{Compiled, Threads};
use crate::scheduler::Nanos;

/// Runs of which the quickest counts.
const TRIAL: u32 = 32;
/// Inferences above this are not short: what the way to another thread costs is lost in them.
const SHORT: Nanos = 1_000_000;
/// How much quicker the workers' own threads must be.
const WORTH: f64 = 0.97;

/// The quickest of some runs: what makes one slower than it could be is other programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Timing {
    runs: u32,
    quickest: Nanos,
}

/// How far it is found out whose threads run a form of a model best.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direct {
    /// It runs on the device's threads and is timed.
    Timed(Timing),
    /// Short enough; it is being compiled for the workers' own threads.
    Preparing(Timing),
    /// It runs on the workers' own threads and is timed; so quick it was before.
    Tried { before: Nanos, timing: Timing },
    /// Found out, or out of question.
    Settled,
}

/// A form of a model that is to be compiled anew.
#[derive(Debug)]
pub(super) struct Form {
    model: usize,
    instance: Arc<Instance>,
    generation: u64,
    shapes: Option<Shapes>,
    /// What it is on the device's threads.
    compiled: Arc<Compiled>,
}

/// A compiled form and places of it that are no longer used.
#[derive(Debug)]
pub(super) struct Retired {
    _compiled: Arc<Compiled>,
    _cells: Vec<Cell>,
}

/// What a run teaches.
#[derive(Debug, PartialEq, Eq)]
enum Lesson {
    Nothing,
    Prepare,
    Stay,
    GoBack,
}

impl Timing {
    fn new() -> Self {
        Self { runs: 0, quickest: Nanos::MAX }
    }

    /// Whether there have been enough runs now.
    fn take(&mut self, nanos: Nanos) -> bool {
        // The first run of a form warms it up.
        if self.runs > 0 {
            self.quickest = self.quickest.min(nanos);
        }
        self.runs += 1;
        self.runs > TRIAL
    }
}

impl Direct {
    pub(super) fn of(instance: &Instance, compiled: &Compiled) -> Self {
        let possible = compiled.blocking && instance.recipe.may_run_on_caller();
        if possible { Self::Timed(Timing::new()) } else { Self::Settled }
    }

    fn learn(&mut self, nanos: Nanos) -> Lesson {
        let (Self::Timed(timing) | Self::Tried { timing, .. }) = self else {
            return Lesson::Nothing;
        };
        if !timing.take(nanos) {
            return Lesson::Nothing;
        }
        let quickest = timing.quickest;
        let (next, lesson) = match *self {
            Self::Timed(timing) if quickest <= SHORT => (Self::Preparing(timing), Lesson::Prepare),
            Self::Tried { before, .. } if quickest as f64 <= WORTH * before as f64 => {
                (Self::Settled, Lesson::Stay)
            }
            Self::Tried { .. } => (Self::Settled, Lesson::GoBack),
            _ => (Self::Settled, Lesson::Nothing),
        };
        *self = next;
        lesson
    }
}

/// Learns from a run that ended well. Gives what must be dropped outside of the lock.
pub(super) fn learn(
    shared: &Shared,
    state: &mut State,
    on: &On,
    compiled: &Arc<Compiled>,
    end: Nanos,
) -> Option<Retired> {
    let entry = &mut state.models.entries[on.model];
    let variant = entry.variant_of(on.shapes.as_ref(), compiled)?;
    match variant.direct.learn(end.saturating_sub(on.start)) {
        Lesson::Nothing => None,
        Lesson::Prepare => {
            let form = Form {
                model: on.model,
                instance: Arc::clone(&on.instance),
                generation: on.generation,
                shapes: on.shapes.clone(),
                compiled: Arc::clone(compiled),
            };
            state.models.jobs.push_back(Job::RunDirectly(form));
            shared.background_wake.notify_one();
            None
        }
        Lesson::Stay => {
            variant.before.take().map(|before| Retired { _compiled: before, _cells: Vec::new() })
        }
        Lesson::GoBack => variant.before.take().map(|before| Retired {
            _compiled: std::mem::replace(&mut variant.compiled, before),
            _cells: std::mem::take(&mut variant.idle),
        }),
    }
}

/// Compiles a form for the workers' own threads, a place for each, and puts it in place of what it was.
pub(super) fn prepare(shared: &Shared, form: Form) {
    let workers = shared.devices[form.instance.device].workers().max(1);
    let copies = u64::try_from(workers).unwrap_or(u64::MAX);
    let has_room = shared.has_memory_for(form.instance.bytes.saturating_mul(copies));
    let prepared = has_room.then(|| compile(&form, workers));
    if let Some(Err(error)) = &prepared {
        tracing::debug!(model = &*form.instance.signature.model, %error, "stays on the device's threads");
    }
    let mut state = shared.state.lock();
    let retired = replace(&mut state, form, prepared.and_then(Result::ok));
    drop(state);
    drop(retired);
}

fn compile(form: &Form, workers: usize) -> Result<(Compiled, Vec<Cell>)> {
    let instance = &form.instance;
    let model = instance.shaped(form.shapes.as_ref())?;
    let compile = || instance.compile(&model, Threads::Caller);
    let first = compile()?;
    let mut cells = vec![instance.place(&first)?];
    for _ in 1..workers {
        cells.push(instance.place(&compile()?)?);
    }
    Ok((first, cells))
}

fn replace(
    state: &mut State,
    form: Form,
    prepared: Option<(Compiled, Vec<Cell>)>,
) -> (Option<Retired>, Option<(Compiled, Vec<Cell>)>) {
    let entry = &mut state.models.entries[form.model];
    let same = entry.generation == form.generation;
    let variant = entry.variant_of(form.shapes.as_ref(), &form.compiled).filter(|_| same);
    let Some(variant) = variant else {
        return (None, prepared);
    };
    let (Direct::Preparing(timing), Some((compiled, cells))) = (variant.direct, prepared) else {
        variant.direct = Direct::Settled;
        return (None, None);
    };
    variant.direct = Direct::Tried { before: timing.quickest, timing: Timing::new() };
    let before = std::mem::replace(&mut variant.compiled, Arc::new(compiled));
    variant.before = Some(Arc::clone(&before));
    let cells = std::mem::replace(&mut variant.idle, cells);
    (Some(Retired { _compiled: before, _cells: cells }), None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timed() -> Direct {
        Direct::Timed(Timing::new())
    }

    /// What the runs teach, up to the first lesson that is one.
    fn lesson(direct: &mut Direct, nanos: impl Fn(u32) -> Nanos) -> (u32, Lesson) {
        for run in 0..2 * TRIAL {
            let lesson = direct.learn(nanos(run));
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
        assert_eq!(lesson(&mut timed(), only_first).1, Lesson::Nothing);
    }

    #[test]
    fn a_long_inference_is_left_alone() {
        let mut direct = timed();
        assert_eq!(lesson(&mut direct, |_| 5_000_000).1, Lesson::Nothing);
        assert_eq!(direct, Direct::Settled);
    }

    fn tried(nanos: Nanos) -> Lesson {
        let mut direct = Direct::Tried { before: 100_000, timing: Timing::new() };
        let (run, lesson) = lesson(&mut direct, |_| nanos);
        assert_eq!((run, direct), (TRIAL, Direct::Settled));
        lesson
    }

    #[test]
    fn the_quicker_way_stays() {
        assert_eq!(tried(70_000), Lesson::Stay);
        assert_eq!(tried(99_000), Lesson::GoBack);
        assert_eq!(tried(300_000), Lesson::GoBack);
    }
}
