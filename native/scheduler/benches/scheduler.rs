//! What the scheduler alone costs for each operation, by how many wait.
//!
//! `cargo bench -p npubridge-scheduler --bench scheduler`

use std::hint::black_box;
use std::time::Instant;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use npubridge_scheduler::{Aging, Capacity, Place, Scheduler, Turn};

const DEPTHS: [usize; 4] = [1_000, 10_000, 100_000, 1_000_000];
/// How many are taken and replaced between two looks at the clock.
const GROUP: u64 = 1_000;

/// Distinct deadlines in no order, and all priorities.
fn place(index: usize) -> Place {
    let mixed = (index as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 24;
    Place { lane: 0, priority: index % 5, deadline: (1 << 50) + mixed, submitted: index as u64 }
}

fn steady(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("scheduler, take one and put one");
    group.throughput(Throughput::Elements(GROUP));
    for depth in DEPTHS {
        let capacity = Capacity { total: usize::MAX, ..Capacity::default() };
        let mut scheduler = Scheduler::new(Aging::default(), capacity);
        scheduler.add_lane();
        for index in 0..depth {
            scheduler.push(place(index), index);
        }
        let mut next = depth;
        let mut turn = Turn::default();
        let mut expired = Vec::new();
        group.bench_function(BenchmarkId::from_parameter(depth), |bencher| {
            bencher.iter_custom(|groups| {
                let started = Instant::now();
                for _ in 0..groups * GROUP {
                    let choice = scheduler.choose(0..1, 0, &mut turn).expect("some wait");
                    let (ticket, item) = scheduler.take(choice, 0, &mut expired).expect("it waits");
                    scheduler.finish(ticket);
                    black_box(item);
                    scheduler.push(place(next), next);
                    next += 1;
                }
                started.elapsed()
            });
        });
    }
    group.finish();
}

criterion_group!(benches, steady);
criterion_main!(benches);
