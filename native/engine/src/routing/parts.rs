//! Many texts on all processors.
//!
//! Threads that end with the call instead of a pool: a process that was forked while a pool existed would wait for
//! threads that it does not have, and what is saved by keeping them is nothing beside thousands of texts.

use std::thread;

/// Texts that are worth a thread where each takes about a microsecond.
pub(crate) const TEXTS_PER_THREAD: usize = 2048;

/// What `work` makes of all items, in their order; it is given parts of them, side by side where there are several
/// times `worth_a_thread`.
pub(crate) fn in_parts<T: Sync, R: Send>(
    items: &[T],
    worth_a_thread: usize,
    work: impl Fn(&[T]) -> Vec<R> + Sync,
) -> Vec<R> {
    let wanted = items.len() / worth_a_thread;
    // Asking the system takes as long as dozens of texts.
    let threads = match wanted {
        0 | 1 => 1,
        _ => thread::available_parallelism().map_or(1, usize::from).min(wanted),
    };
    if threads == 1 {
        return work(items);
    }
    let (first, others) = items.split_at(items.len().div_ceil(threads));
    thread::scope(|scope| {
        let work = &work;
        let parts: Vec<_> =
            others.chunks(first.len()).map(|part| scope.spawn(move || work(part))).collect();
        // This thread would only wait meanwhile.
        let mut done = work(first);
        for part in parts {
            match part.join() {
                Ok(part) => done.extend(part),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        done
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_come_back_in_their_order() {
        for count in [0, 1, 10, 57] {
            let items: Vec<usize> = (0..count).collect();
            let doubled = in_parts(&items, 10, |part| part.iter().map(|item| 2 * item).collect());
            assert!(doubled.iter().copied().eq(items.iter().map(|item| 2 * item)));
        }
    }
}
