//! The memory below large arrays.

/// Bytes of a large page.
#[cfg(target_os = "linux")]
const LARGE_PAGE: usize = 2 << 20;

/// As many zeros, which the system gives when they are first touched instead of their being written by hand: `vec!` knows
/// that only of plain numbers.
pub(crate) fn zeroed<E: bytemuck::Zeroable>(length: usize) -> Vec<E> {
    bytemuck::zeroed_vec(length)
}

/// Asks for large pages below a large array that is about to be filled, as numpy does for its own: else the system
/// interrupts whoever first touches a page for each 4 KiB, which takes longer than most work on them.
pub fn on_large_pages<O>(array: &mut [O]) {
    #[cfg(target_os = "linux")]
    {
        let start = array.as_mut_ptr().cast::<u8>();
        let skipped = start.align_offset(LARGE_PAGE);
        let whole = size_of_val(array).saturating_sub(skipped) / LARGE_PAGE * LARGE_PAGE;
        if whole > 0 {
            // SAFETY: the pages lie within the array, whose contents this leaves as they are. Where there are no large
            // pages it fails, and nothing is different.
            unsafe {
                libc::madvise(start.wrapping_add(skipped).cast(), whole, libc::MADV_HUGEPAGE)
            };
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _ = array;
}
