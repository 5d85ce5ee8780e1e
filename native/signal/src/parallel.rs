//! Work on many channels.

use std::process;
use std::sync::{Arc, Mutex, PoisonError};

use rayon::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::fault::Result;
use crate::pages::on_large_pages;

/// Values below which handing channels to other threads costs more than it gains.
const WORTH_SHARING: usize = 1 << 15;

/// The threads of this process. A forked child has none of its parent's, and would wait for them for ever in rayon's
/// own pool.
fn pool() -> Option<Arc<ThreadPool>> {
    static POOL: Mutex<Option<(u32, Arc<ThreadPool>)>> = Mutex::new(None);
    let mut kept = POOL.lock().unwrap_or_else(PoisonError::into_inner);
    let process = process::id();
    if let Some((owner, pool)) = &*kept
        && *owner == process
    {
        return Some(Arc::clone(pool));
    }
    let named = ThreadPoolBuilder::new().thread_name(|at| format!("signal-{at}"));
    let pool = Arc::new(named.build().ok()?);
    // What a parent left is not dropped, which would wait for its threads.
    std::mem::forget(kept.replace((process, Arc::clone(&pool))));
    Some(pool)
}

/// Runs in threads where there are some.
fn shared<R: Send>(work: impl FnOnce() -> R + Send) -> R {
    match pool() {
        Some(pool) => pool.install(work),
        None => work(),
    }
}

/// Where the first value is that is not right. Whole groups are looked at without a branch for each value, so that the
/// processor takes several at once.
pub(crate) fn first_wrong<E: Sync>(
    values: &[E],
    is_right: impl Fn(&E) -> bool + Sync + Send,
) -> Option<usize> {
    const GROUP: usize = 64;
    let is_wrong = |group: &[E]| !group.iter().fold(true, |right, value| right & is_right(value));
    let group = if values.len() < WORTH_SHARING * 8 {
        values.chunks(GROUP).position(is_wrong)
    } else {
        shared(|| {
            values.par_chunks(GROUP).with_min_len(WORTH_SHARING / GROUP).position_first(is_wrong)
        })
    };
    let start = group? * GROUP;
    values[start..].iter().position(|value| !is_right(value)).map(|within| start + within)
}

/// Fills `output`, `to` values for each channel, from `input`, `from` values for each.
pub(crate) fn channels<I: Sync, O: Send>(
    input: &[I],
    from: usize,
    output: &mut [O],
    to: usize,
    work: impl Fn(&[I], &mut [O]) + Sync + Send,
) {
    if from == 0 || to == 0 {
        return;
    }
    on_large_pages(output);
    if input.len() <= from || input.len().max(output.len()) < WORTH_SHARING {
        for (input, output) in input.chunks_exact(from).zip(output.chunks_exact_mut(to)) {
            work(input, output);
        }
    } else {
        shared(|| {
            input
                .par_chunks_exact(from)
                .zip(output.par_chunks_exact_mut(to))
                .for_each(|(input, output)| work(input, output));
        });
    }
}

/// As [`channels`], for channels that have something of their own.
pub(crate) fn each<S: Send, O: Send>(
    own: &mut [S],
    output: &mut [O],
    to: usize,
    work: impl Fn(&mut S, &mut [O]) + Sync + Send,
) {
    on_large_pages(output);
    if own.len() <= 1 || output.len() < WORTH_SHARING {
        for (own, output) in own.iter_mut().zip(output.chunks_exact_mut(to)) {
            work(own, output);
        }
    } else {
        let pairs = own.par_iter_mut().zip(output.par_chunks_exact_mut(to));
        shared(|| pairs.for_each(|(own, output)| work(own, output)));
    }
}

/// What `work` gives for each channel, in order.
pub(crate) fn collect<I: Sync, O: Send>(
    input: &[I],
    from: usize,
    work: impl Fn(usize, &[I]) -> Result<O> + Sync + Send,
) -> Result<Vec<O>> {
    if input.len() <= from || input.len() < WORTH_SHARING {
        input.chunks_exact(from).enumerate().map(|(at, channel)| work(at, channel)).collect()
    } else {
        let work = |(at, channel)| work(at, channel);
        shared(|| input.par_chunks_exact(from).enumerate().map(work).collect())
    }
}
