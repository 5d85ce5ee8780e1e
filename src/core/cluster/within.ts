/** Waits for `work` to settle, but not longer than so many milliseconds; false where it took longer. Never rejects. */
export async function within(work: Promise<unknown>, milliseconds: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(() => {
      resolve(false)
    }, milliseconds)
  })
  try {
    const settled = work.then(() => true).catch(() => true)
    return await Promise.race([settled, late])
  } finally {
    clearTimeout(timer)
  }
}
