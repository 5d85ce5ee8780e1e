//! Work on many channels.

use rayon::prelude::*;

use crate::fault::Result;

/// Values below which handing channels to other threads costs more than it gains.
const WORTH_SHARING: usize = 1 << 15;

/// Fills `output`, `to` values for each channel, from `input`, `from` values for each.
pub(crate) fn channels<I: Sync, O: Send>(
    input: &[I],
    from: usize,
    output: &mut [O],
    to: usize,
    work: impl Fn(&[I], &mut [O]) + Sync,
) {
    if from == 0 || to == 0 {
        return;
    }
    if input.len() <= from || input.len().max(output.len()) < WORTH_SHARING {
        for (input, output) in input.chunks_exact(from).zip(output.chunks_exact_mut(to)) {
            work(input, output);
        }
    } else {
        input
            .par_chunks_exact(from)
            .zip(output.par_chunks_exact_mut(to))
            .for_each(|(input, output)| work(input, output));
    }
}

/// What `work` gives for each channel, in order.
pub(crate) fn collect<I: Sync, O: Send>(
    input: &[I],
    from: usize,
    work: impl Fn(usize, &[I]) -> Result<O> + Sync,
) -> Result<Vec<O>> {
    if input.len() <= from || input.len() < WORTH_SHARING {
        input.chunks_exact(from).enumerate().map(|(at, channel)| work(at, channel)).collect()
    } else {
        input.par_chunks_exact(from).enumerate().map(|(at, channel)| work(at, channel)).collect()
    }
}
