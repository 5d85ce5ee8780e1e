//! How many requests of a model are worth running together, found out while they run.
//!
//! Stacking requests saves the fixed cost of an inference, which is most of a tiny model's time and next to nothing of
//! a large one's, where it can even cost: caches overflow, and a CPU runs several streams side by side anyway. So the
//! size that has been best so far and its neighbours, of twice and half as many rows, take turns at the real work now
//! and then, and the cheaper one a row stays.
//!
//! Turns follow each other at once: a machine that others use too changes its speed within tenths of a second, and of
//! two sizes that are timed one after the other the one with the better moment would win.

use crate::scheduler::Nanos;

/// Sizes are powers of two up to 2^10.
const SIZES: usize = 11;
/// A turn is as many runs of one size, or as many as take this long together: one run of a tiny model says little. The
/// first one of a turn on each place of a device has to get used to another shape, and of the rest the quickest counts.
const TURN: Work = Work { runs: 16, nanos: 1_000_000 };
const LEAST_RUNS: u32 = 3;
/// A larger size must be this much cheaper a row, as it makes each of them wait for longer.
const WORTH: f64 = 0.98;
/// Pairs of turns after which a comparison is over.
const PAIRS: usize = 9;
/// Pairs after which it is over where the usual one is so far from what it takes, and where all of them are: to go on
/// comparing with a size that is dearer costs more than to be wrong now and then.
const USUAL: (usize, f64) = (5, 0.03);
const ALL: [(usize, f64); 2] = [(3, 0.1), (2, 0.2)];
/// Work between two comparisons: at first, and twice as much each time that one changed nothing, up to the longest. In
/// time or in runs, since of some models very many fit into that time.
const FIRST_PAUSE: Work = Work { runs: 1 << 13, nanos: 2_000_000_000 };
const LONGEST_PAUSE: Work = Work { runs: 1 << 18, nanos: 64_000_000_000 };

/// What has been learnt about one model on one device.
#[derive(Debug)]
pub(super) struct Pace {
    /// Exponent of the size that is cheapest a row.
    best: usize,
    /// Sizes that have run: the first run of one may have compiled it, and does not count.
    warm: [bool; SIZES],
    duel: Option<Duel>,
    /// Whether the next comparison is with a larger size.
    upward: bool,
    /// What has run since the last comparison, and what has to before the next.
    since: Work,
    pause: Work,
}

#[derive(Debug, Default, Clone, Copy)]
struct Work {
    runs: u32,
    nanos: Nanos,
}

impl Work {
    fn add(&mut self, nanos: Nanos) {
        self.runs = self.runs.saturating_add(1);
        self.nanos = self.nanos.saturating_add(nanos);
    }

    fn reaches(self, limit: Self) -> bool {
        self.runs >= limit.runs || self.nanos >= limit.nanos
    }

    /// Twice as much, within the bounds of a pause.
    fn doubled(self) -> Self {
        let of = |this: u64, first: u64, longest: u64| (2 * this).clamp(first, longest);
        let runs = of(self.runs.into(), FIRST_PAUSE.runs.into(), LONGEST_PAUSE.runs.into());
        Self {
            runs: u32::try_from(runs).unwrap_or(u32::MAX),
            nanos: of(self.nanos, FIRST_PAUSE.nanos, LONGEST_PAUSE.nanos),
        }
    }
}

/// Two sizes in turns: the best so far first.
#[derive(Debug)]
struct Duel {
    /// Exponent of the size that the best one is compared with.
    other: usize,
    turn: Turn,
    /// What the best size cost a row in its turn, if that was the last.
    cost: Option<f64>,
    /// What the other size cost, as a share of what the best one did just before.
    ratios: Vec<f64>,
    /// What has run since the other size last did.
    without: Work,
}

#[derive(Debug)]
struct Turn {
    work: Work,
    /// Nanoseconds a row in the quickest run: what makes one slower than it could be is other programs and interrupts.
    per_row: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Open,
    Better,
    NotBetter,
}

impl Default for Turn {
    fn default() -> Self {
        Self { work: Work::default(), per_row: f64::INFINITY }
    }
}

impl Duel {
    fn new(other: usize) -> Self {
        Self {
            other,
            turn: Turn::default(),
            cost: None,
            ratios: Vec::with_capacity(PAIRS),
            without: Work::default(),
        }
    }

    fn is_turn_of_other(&self) -> bool {
        self.cost.is_some()
    }

    /// Learns from a run of either size, or of another one.
    fn learn(&mut self, best: usize, exponent: usize, nanos: Nanos) -> Verdict {
        self.without.add(nanos);
        if exponent == self.other {
            self.without = Work::default();
        }
        let at_turn = if self.is_turn_of_other() { self.other } else { best };
        if exponent == at_turn && self.turn.is_over_with((1 << exponent) as f64, nanos) {
            let per_row = std::mem::take(&mut self.turn).per_row;
            if let Some(cost) = self.cost.take() {
                self.ratios.push(per_row / cost);
                return self.verdict(best);
            }
            self.cost = Some(per_row);
        }
        // There is never enough to run the other size.
        if self.without.reaches(FIRST_PAUSE) { Verdict::NotBetter } else { Verdict::Open }
    }

    fn verdict(&self, best: usize) -> Verdict {
        let needed = if self.other > best { WORTH } else { 1.0 };
        let mut sorted = self.ratios.clone();
        sorted.sort_by(f64::total_cmp);
        let (Some(least), Some(most)) = (sorted.first(), sorted.last()) else {
            return Verdict::Open;
        };
        let (pairs, usual) = (sorted.len(), sorted[sorted.len() / 2]);
        let is_clear = |(enough, margin): (usize, f64), low: f64, high: f64| {
            pairs >= enough && (high < needed - margin || low > needed + margin)
        };
        let is_over = pairs >= PAIRS
            || is_clear(USUAL, usual, usual)
            || ALL.into_iter().any(|some| is_clear(some, *least, *most));
        match (is_over, usual <= needed) {
            (false, _) => Verdict::Open,
            (true, true) => Verdict::Better,
            (true, false) => Verdict::NotBetter,
        }
    }
}

impl Turn {
    /// Adds a run, and gives whether it was the last.
    fn is_over_with(&mut self, rows: f64, nanos: Nanos) -> bool {
        self.work.add(nanos);
        self.per_row = self.per_row.min(nanos as f64 / rows);
        self.work.runs >= LEAST_RUNS && self.work.reaches(TURN)
    }
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            best: 0,
            warm: [false; SIZES],
            duel: None,
            upward: true,
            since: Work::default(),
            // Nothing is known yet: the first comparison begins at once.
            pause: Work::default(),
        }
    }
}

impl Pace {
    /// How many of `waiting` rows to run together, `max` at the most: a power of two.
    pub(super) fn rows(&mut self, waiting: usize, max: usize) -> usize {
        let fits = |exponent: usize| exponent < SIZES && 1 << exponent <= waiting.min(max);
        if self.duel.is_none() && self.since.reaches(self.pause) {
            self.begin(fits);
        }
        let wanted = match &self.duel {
            Some(duel) if duel.is_turn_of_other() && fits(duel.other) => duel.other,
            _ => self.best,
        };
        let exponent = (0..=wanted).rev().find(|exponent| fits(*exponent)).unwrap_or(0);
        1 << exponent
    }

    /// Begins to compare: with a larger and a smaller size by turns, where there is one.
    fn begin(&mut self, fits: impl Fn(usize) -> bool) {
        let larger = Some(self.best + 1).filter(|larger| fits(*larger));
        let smaller = self.best.checked_sub(1);
        let other = if self.upward { larger.or(smaller) } else { smaller.or(larger) };
        let Some(other) = other else {
            return;
        };
        self.upward = other < self.best;
        self.duel = Some(Duel::new(other));
    }

    /// Learns from a run of `rows` rows that took `nanos`.
    pub(super) fn learn(&mut self, rows: usize, nanos: Nanos) {
        let exponent = rows.max(1).ilog2() as usize;
        if !rows.is_power_of_two() || exponent >= SIZES {
            return;
        }
        if !std::mem::replace(&mut self.warm[exponent], true) {
            return;
        }
        let Some(duel) = &mut self.duel else {
            self.since.add(nanos);
            return;
        };
        let other = duel.other;
        match duel.learn(self.best, exponent, nanos) {
            Verdict::Open => {}
            Verdict::Better => self.take(other),
            Verdict::NotBetter => self.stay(),
        }
    }

    /// Goes on in the same direction at once.
    fn take(&mut self, other: usize) {
        self.upward = other > self.best;
        self.best = other;
        self.pause = Work::default();
        self.duel = None;
    }

    fn stay(&mut self) {
        self.since = Work::default();
        self.pause = self.pause.doubled();
        self.duel = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs with plenty waiting and gives the size that is settled on.
    fn settle(cost_of: impl Fn(usize) -> u64) -> usize {
        let mut pace = Pace::default();
        run(&mut pace, 8000, cost_of)
    }

    fn run(pace: &mut Pace, runs: usize, cost_of: impl Fn(usize) -> u64) -> usize {
        for _ in 0..runs {
            let rows = pace.rows(1000, 32);
            pace.learn(rows, cost_of(rows));
        }
        1 << pace.best
    }

    /// A machine that changes its speed by half now and then, and that holds up some runs for long.
    fn unsteady(cost_of: impl Fn(usize) -> u64) -> impl Fn(usize) -> u64 {
        let run = std::cell::Cell::new(0_u64);
        move |rows| {
            run.set(run.get() + 1);
            let slow = if (run.get() / 150).is_multiple_of(2) { 2 } else { 3 };
            let held_up = if run.get().is_multiple_of(7) { 3 } else { 1 };
            cost_of(rows) * slow * held_up
        }
    }

    #[test]
    fn a_fixed_cost_is_shared_by_as_many_as_allowed() {
        assert_eq!(settle(|rows| 15_000 + 100 * rows as u64), 32);
    }

    #[test]
    fn what_other_programs_do_changes_nothing() {
        assert_eq!(settle(unsteady(|rows| 15_000 + 100 * rows as u64)), 32);
        assert_eq!(settle(unsteady(|rows| 1_000_000 * rows as u64)), 1);
    }

    #[test]
    fn sizes_that_pay_a_little_each_are_all_climbed() {
        // What minilm takes on two cores, in microseconds.
        let micros = |rows: usize| match rows {
            1 => 7_700,
            2 => 14_400,
            4 => 26_600,
            rows => 6_600 * rows as u64,
        };
        assert_eq!(settle(unsteady(|rows| 1000 * micros(rows))), 4);
    }

    #[test]
    fn the_size_of_a_slow_model_is_found_within_few_runs() {
        let mut pace = Pace::default();
        assert_eq!(run(&mut pace, 70, |rows| 20_000_000 + 100_000 * rows as u64), 32);
    }

    #[test]
    fn the_first_run_of_a_size_does_not_count_however_long_it_takes() {
        let seen = std::cell::RefCell::new(std::collections::HashSet::new());
        let compiled = |rows: usize| {
            let first = if seen.borrow_mut().insert(rows) { 1_000_000_000 } else { 0 };
            first + 20_000_000 + 100_000 * rows as u64
        };
        assert_eq!(run(&mut Pace::default(), 70, compiled), 32);
    }

    #[test]
    fn what_it_takes_to_change_the_size_is_no_cost_of_a_size() {
        let last = std::cell::Cell::new(0);
        let cost = |rows: usize| {
            let changed = if last.replace(rows) == rows { 0 } else { 1_000_000 };
            changed + 7_000_000 * rows as u64
        };
        assert_eq!(settle(cost), 1);
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
        assert_eq!(run(&mut pace, 40_000, |rows| 1_000 * rows as u64), 1);
        assert_eq!(run(&mut pace, 400_000, |rows| 15_000 + 100 * rows as u64), 32);
        assert_eq!(run(&mut pace, 400_000, |rows| 1_000 * rows as u64), 1);
    }

    #[test]
    fn what_changes_nothing_is_compared_ever_more_seldom() {
        let mut pace = Pace::default();
        let mut others = [0, 0];
        for half in &mut others {
            for _ in 0..100_000 {
                let rows = pace.rows(1000, 32);
                pace.learn(rows, 1_000_000 * rows as u64);
                *half += usize::from(rows != 1);
            }
        }
        assert!(others[0] > 0 && 2 * others[1] < others[0], "{others:?}");
    }

    #[test]
    fn a_size_that_never_fits_is_no_longer_waited_for() {
        let mut pace = Pace { best: 1, ..Pace::default() };
        let rows = pace.rows(4, 32);
        pace.learn(rows, 1_000_000);
        assert_eq!(pace.duel.as_ref().map(|duel| duel.other), Some(2));
        let mut sizes = std::collections::HashSet::new();
        for _ in 0..10_000 {
            let rows = pace.rows(2, 32);
            pace.learn(rows, 1_000_000 * rows as u64);
            sizes.insert(rows);
        }
        assert_eq!(pace.best, 0, "{sizes:?}");
    }
}
