//! What holds whatever happens, in whichever order.

use std::collections::{HashMap, HashSet};

use proptest::prelude::*;

use super::*;

#[derive(Debug, Clone)]
enum Step {
    Push { priority: usize, timeout: Option<u64>, park: bool },
    Take,
    Finish(usize),
    Retry(usize),
    Release(usize),
    Cancel(usize),
    Expire,
    Pass(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..PRIORITIES, proptest::option::of(0..50u64), proptest::bool::weighted(0.1))
            .prop_map(|(priority, timeout, park)| Step::Push { priority, timeout, park }),
        3 => Just(Step::Take),
        2 => (0..64usize).prop_map(Step::Finish),
        1 => (0..64usize).prop_map(Step::Retry),
        1 => (0..64usize).prop_map(Step::Release),
        1 => (0..64usize).prop_map(Step::Cancel),
        1 => Just(Step::Expire),
        1 => (0..40u64).prop_map(Step::Pass),
    ]
}

/// A scheduler, and what it was given and gave.
struct History {
    scheduler: Scheduler<u32>,
    turn: Turn,
    now: Nanos,
    /// Of each item, in the order of the items.
    tickets: Vec<Ticket>,
    deadlines: Vec<Nanos>,
    running: Vec<(Ticket, u32)>,
    expired: Vec<(Ticket, u32)>,
    /// How often, by item.
    answered: HashMap<u32, u32>,
}

impl History {
    fn new() -> Self {
        let aging = Aging { after: Duration::from_nanos(20), every: 4 };
        Self {
            scheduler: scheduler_with(aging, Capacity::default()),
            turn: Turn::default(),
            now: 0,
            tickets: Vec::new(),
            deadlines: Vec::new(),
            running: Vec::new(),
            expired: Vec::new(),
            answered: HashMap::new(),
        }
    }

    /// A step; one that names an item where there is none is passed over.
    fn go(&mut self, step: Step) -> Result<(), TestCaseError> {
        match step {
            Step::Push { priority, timeout, park } => self.push(priority, timeout, park),
            Step::Take => self.take()?,
            Step::Finish(index) if !self.running.is_empty() => {
                let (ticket, item) = self.running.swap_remove(index % self.running.len());
                self.finish(ticket, item);
            }
            Step::Retry(index) if !self.running.is_empty() => {
                let (ticket, item) = self.running.swap_remove(index % self.running.len());
                if self.scheduler.put_back(ticket, 0, item).is_err() {
                    self.finish(ticket, item);
                }
            }
            Step::Release(index) if !self.tickets.is_empty() => {
                self.scheduler.release(self.tickets[index % self.tickets.len()]);
            }
            Step::Cancel(index) if !self.tickets.is_empty() => {
                let ticket = self.tickets[index % self.tickets.len()];
                if let Cancelled::Waiting(item) = self.scheduler.cancel(ticket) {
                    self.answer(item);
                }
            }
            Step::Expire => self.scheduler.expire(self.now, &mut self.expired),
            Step::Pass(time) => self.now += time,
            _ => {}
        }
        Ok(())
    }

    fn push(&mut self, priority: usize, timeout: Option<u64>, park: bool) {
        let deadline = timeout.map_or(NO_DEADLINE, |timeout| self.now + timeout);
        let item = u32::try_from(self.tickets.len()).unwrap();
        let place = place(priority, deadline, self.now);
        let ticket =
            if park { self.scheduler.park(place, item) } else { self.scheduler.push(place, item) };
        self.tickets.push(ticket);
        self.deadlines.push(deadline);
    }

    fn take(&mut self) -> Result<(), TestCaseError> {
        if let Some(choice) = self.scheduler.choose(0..1, self.now, &mut self.turn)
            && let Some((ticket, item)) = self.scheduler.take(choice, self.now, &mut self.expired)
        {
            let deadline = self.deadlines[item as usize];
            prop_assert!(deadline > self.now, "started after its deadline");
            self.running.push((ticket, item));
        }
        Ok(())
    }

    fn finish(&mut self, ticket: Ticket, item: u32) {
        self.scheduler.finish(ticket);
        self.answer(item);
    }

    fn answer(&mut self, item: u32) {
        *self.answered.entry(item).or_default() += 1;
    }

    fn answer_expired(&mut self) -> Result<(), TestCaseError> {
        for (_, item) in std::mem::take(&mut self.expired) {
            let deadline = self.deadlines[item as usize];
            prop_assert!(deadline <= self.now, "expired before its deadline");
            self.answer(item);
        }
        Ok(())
    }

    fn check_counts(&self) -> Result<(), TestCaseError> {
        let left = self.tickets.len() - self.answered.len();
        prop_assert_eq!(self.scheduler.known(), left);
        prop_assert_eq!(self.scheduler.depth(), left - self.running.len());
        Ok(())
    }

    /// Answers what is left.
    fn end(mut self) -> Result<(), TestCaseError> {
        for (ticket, item) in std::mem::take(&mut self.running) {
            self.finish(ticket, item);
        }
        for (_, item) in self.scheduler.drain(None) {
            self.answer(item);
        }
        prop_assert_eq!(self.answered.len(), self.tickets.len());
        prop_assert!(self.answered.values().all(|count| *count == 1));
        prop_assert_eq!(self.scheduler.known(), 0);
        prop_assert_eq!(self.scheduler.depth(), 0);
        prop_assert_eq!(self.scheduler.next_deadline(), None);
        Ok(())
    }
}

proptest! {
    // Miri is some hundred times slower.
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 2 } else { 512 }))]

    /// Whatever happens, each operation is answered exactly once, nothing starts at or after its deadline, and
    /// the counts add up.
    #[test]
    fn every_operation_is_answered_exactly_once(steps in proptest::collection::vec(step(), 1..200)) {
        let mut history = History::new();
        for step in steps {
            history.go(step)?;
            history.answer_expired()?;
            history.check_counts()?;
        }
        history.end()?;
    }

    /// However urgent the flood, an operation waits no longer than until it is overdue and then for its share of the
    /// picks, behind those that have waited for longer.
    #[test]
    fn nothing_starves(
        after in 0..40u64,
        every in 1..9u32,
        arrivals in proptest::collection::vec(proptest::collection::vec(0..PRIORITIES, 0..4), 1..120),
    ) {
        let aging = Aging { after: Duration::from_nanos(after), every };
        let mut scheduler = scheduler_with(aging, Capacity::default());
        let mut turn = Turn::default();
        let mut latest = Vec::new();
        let mut served = HashSet::new();
        let mut now = 0;
        // One is served in each unit of time; after the arrivals the flood of the most urgent goes on until all is served.
        while now < arrivals.len() as u64 || served.len() < latest.len() {
            let flood = [REALTIME, REALTIME];
            for priority in arrivals.get(usize::try_from(now).unwrap()).map_or(&flood[..], Vec::as_slice) {
                let item = u32::try_from(latest.len()).unwrap();
                let ahead = scheduler.depth() as u64;
                scheduler.push(place(*priority, NO_DEADLINE, now), item);
                if now < arrivals.len() as u64 {
                    latest.push(now + after + 1 + u64::from(every) * (ahead + 1));
                }
            }
            if let Some(item) = run_next(&mut scheduler, now, &mut turn)
                && let Some(latest) = latest.get(item as usize)
            {
                prop_assert!(now <= *latest, "{item} was served at {now}, not by {latest}");
                served.insert(item);
            }
            now += 1;
        }
    }

    /// What is admitted never exceeds the limits, and what is not tells the limit that it ran into.
    #[test]
    fn capacity_is_never_exceeded(
        total in 0..20usize,
        per_priority in proptest::array::uniform5(proptest::option::of(0..8usize)),
        steps in proptest::collection::vec(proptest::option::weighted(0.7, 0..PRIORITIES), 1..200),
    ) {
        let per_priority = per_priority.map(|limit| limit.unwrap_or(usize::MAX));
        let mut scheduler = scheduler_with(Aging::default(), Capacity { total, per_priority });
        let mut waiting = [0; PRIORITIES];
        for step in steps {
            let Some(priority) = step else {
                if let Some((ticket, item)) = scheduler.take_from(0, 0, &mut Vec::new()) {
                    scheduler.finish(ticket);
                    waiting[item as usize] -= 1;
                }
                continue;
            };
            let depth: usize = waiting.iter().sum();
            let (mine, limit) = (waiting[priority], per_priority[priority]);
            let expected = if depth >= total {
                Err(Full { depth, capacity: total, of_priority: false })
            } else if mine >= limit {
                Err(Full { depth: mine, capacity: limit, of_priority: true })
            } else {
                Ok(())
            };
            prop_assert_eq!(scheduler.admit(priority), expected);
            if expected.is_ok() {
                scheduler.push(place(priority, NO_DEADLINE, 0), u32::try_from(priority).unwrap());
                waiting[priority] += 1;
            }
            prop_assert_eq!(scheduler.depth_by_priority(), waiting);
            prop_assert!(scheduler.depth() <= total);
        }
    }

    /// Without aging, what is taken is never less urgent than anything that still waits.
    #[test]
    fn the_most_urgent_runs_first(places in proptest::collection::vec((0..PRIORITIES, proptest::option::of(1..1000u64)), 1..200)) {
        let mut scheduler = scheduler();
        for (index, (priority, deadline)) in places.iter().enumerate() {
            scheduler.push(place(*priority, deadline.unwrap_or(NO_DEADLINE), 0), u32::try_from(index).unwrap());
        }
        let order = run_all(&mut scheduler, 0);
        let mut expected: Vec<_> = (0..places.len()).collect();
        expected.sort_by_key(|index| {
            let (priority, deadline) = places[*index];
            (std::cmp::Reverse(priority), deadline.unwrap_or(NO_DEADLINE), *index)
        });
        prop_assert_eq!(order.into_iter().map(|item| item as usize).collect::<Vec<_>>(), expected);
    }
}
