//! How many requests of a model are worth running together, found out while they run.
//!
//! Stacking requests saves the fixed cost of an inference, which is most of a tiny model's time and next to nothing of
//! a large one's, where it can even cost: caches overflow, and a CPU runs several streams side by side anyway. So the
//! number of rows doubles for as long as that makes a row cheaper, and halves again when it no longer does.

/// Sizes are powers of two up to 2^10.
const SIZES: usize = 11;
/// Runs of a size before it is judged, after a first one that may have had to compile.
const TRIAL: u32 = 16;
/// As many say enough once they have taken this long together: a run of milliseconds is hardly disturbed by an interrupt,
/// and a slow model would take seconds to find its size.
const SHORT_TRIAL: u32 = 4;
const LONG_ENOUGH_NANOS: u64 = 25_000_000;
/// Runs after which the next larger size is tried again.
const TRY_AGAIN: u32 = 256;
/// A larger size must be this much cheaper a row; a smaller one is gone back to when it is cheaper by as much.
const WORTH: f64 = 0.95;
/// By how much the cost of a size rises at the most with each run. It falls at once: what makes a run slower than it
/// could be is other programs and interrupts, which say nothing about the size.
const RISE: f64 = 1.02;

#[derive(Debug, Clone, Copy, Default)]
struct Cost {
    /// Nanoseconds a row, of the quickest among recent runs.
    per_row: f64,
    runs: u32,
    /// What all runs took, without the first.
    nanos: u64,
}

impl Cost {
    /// Whether `trials` are over.
    fn is_known(&self, trials: u32) -> bool {
        self.runs > trials * TRIAL
            || (self.runs > trials * SHORT_TRIAL
                && self.nanos >= u64::from(trials) * LONG_ENOUGH_NANOS)
    }

    fn add(&mut self, per_row: f64, nanos: u64) {
        // The first run of a size may have compiled it.
        self.per_row = match self.runs {
            0 | 1 => per_row,
            _ => per_row.min(self.per_row * RISE),
        };
        if self.runs > 0 {
            self.nanos = self.nanos.saturating_add(nanos);
        }
        self.runs = self.runs.saturating_add(1);
    }
}

/// What has been learnt about one model on one device.
#[derive(Debug, Default)]
pub(super) struct Pace {
    costs: [Cost; SIZES],
    /// Exponent of the largest size that pays.
    best: usize,
    runs_since_trial: u32,
}

impl Pace {
    /// How many of `waiting` rows to run together, `max` at the most: a power of two.
    pub(super) fn rows(&mut self, waiting: usize, max: usize) -> usize {
        let fits = |exponent: usize| exponent < SIZES && 1 << exponent <= waiting.min(max);
        let next = self.best + 1;
        // Without knowing what it is compared with, a trial would be lost.
        if fits(next) && self.costs[self.best].is_known(1) && self.is_trial(next) {
            return 1 << next;
        }
        let exponent = (0..=self.best).rev().find(|exponent| fits(*exponent)).unwrap_or(0);
        1 << exponent
    }

    fn is_trial(&self, exponent: usize) -> bool {
        !self.costs[exponent].is_known(1) || self.runs_since_trial >= TRY_AGAIN
    }

    /// Learns from a run of `rows` rows that took `nanos`.
    pub(super) fn learn(&mut self, rows: usize, nanos: u64) {
        let exponent = rows.max(1).ilog2() as usize;
        if !rows.is_power_of_two() || exponent >= SIZES {
            return;
        }
        self.runs_since_trial = self.runs_since_trial.saturating_add(1);
        self.costs[exponent].add(nanos as f64 / rows as f64, nanos);
        self.judge(exponent);
    }

    fn judge(&mut self, exponent: usize) {
        let (best, costs) = (self.best, &self.costs);
        if exponent == best + 1 && costs[exponent].is_known(1) {
            self.runs_since_trial = 0;
            if costs[exponent].per_row < WORTH * costs[best].per_row {
                self.best = exponent;
            }
        } else if exponent == best && best > 0 && costs[best].is_known(2) {
            let smaller = &costs[best - 1];
            if smaller.is_known(1) && smaller.per_row < WORTH * costs[best].per_row {
                self.best -= 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs with plenty waiting and gives the size that is settled on.
    fn settle(cost_of: impl Fn(usize) -> u64) -> usize {
        let mut pace = Pace::default();
        for _ in 0..2000 {
            let rows = pace.rows(1000, 32);
            pace.learn(rows, cost_of(rows));
        }
        1 << pace.best
    }

    #[test]
    fn a_fixed_cost_is_shared_by_as_many_as_allowed() {
        assert_eq!(settle(|rows| 15_000 + 100 * rows as u64), 32);
    }

    #[test]
    fn runs_that_something_else_held_up_change_nothing() {
        let mut run = 0_u64;
        let held_up = std::cell::RefCell::new(move || {
            run += 1;
            if run.is_multiple_of(3) { 1_000_000 } else { 0 }
        });
        let disturbed = |rows: usize| 15_000 + 100 * rows as u64 + held_up.borrow_mut()();
        assert_eq!(settle(disturbed), 32);
    }

    #[test]
    fn the_size_of_a_slow_model_is_found_within_few_runs() {
        let mut pace = Pace::default();
        for _ in 0..32 {
            let rows = pace.rows(1000, 32);
            pace.learn(rows, 20_000_000 + 100_000 * rows as u64);
        }
        assert_eq!(1 << pace.best, 32);
    }

    #[test]
    fn the_first_run_of_a_size_does_not_count_however_long_it_takes() {
        let mut pace = Pace::default();
        for _ in 0..SHORT_TRIAL {
            pace.learn(1, 1_000_000_000);
        }
        assert!(!pace.costs[0].is_known(1));
        pace.learn(1, 1_000_000_000);
        assert!(pace.costs[0].is_known(1));
        let mut compiled = Pace::default();
        compiled.learn(1, 1_000_000_000);
        for _ in 0..TRIAL - 1 {
            compiled.learn(1, 1_000);
        }
        assert!(!compiled.costs[0].is_known(1));
    }

    #[test]
    fn rows_that_cost_the_same_each_run_alone() {
        assert_eq!(settle(|rows| 1_000_000 * rows as u64), 1);
    }

    #[test]
    fn rows_that_get_dearer_are_not_stacked_beyond_the_cheapest_size() {
        let cost = |rows: usize| {
            if rows <= 4 { 10_000 + 5_000 * rows as u64 } else { 20_000 * rows as u64 }
        };
        assert_eq!(settle(cost), 4);
    }

    #[test]
    fn never_more_than_wait_or_are_allowed() {
        let mut pace = Pace { best: 5, ..Pace::default() };
        assert_eq!(pace.rows(7, 32), 4);
        assert_eq!(pace.rows(100, 6), 4);
        assert_eq!(pace.rows(1, 32), 1);
        assert_eq!(pace.rows(0, 0), 1);
    }

    #[test]
    fn a_change_of_costs_is_noticed() {
        let mut pace = Pace::default();
        let mut run = |cost: &dyn Fn(usize) -> u64| {
            for _ in 0..4000 {
                let rows = pace.rows(1000, 32);
                pace.learn(rows, cost(rows));
            }
            1 << pace.best
        };
        assert_eq!(run(&|rows| 1_000 * rows as u64), 1);
        assert_eq!(run(&|rows| 15_000 + 100 * rows as u64), 32);
    }
}
