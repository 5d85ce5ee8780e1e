import {formatBytes, formatSeconds} from './units.ts'

const BAR_WIDTH = 20
/** Before this, a rate says more about how things started than about how they go. */
const LEAST_SECONDS = 1

/** A line that shows how far a transfer is, how fast it goes and how long it will still take. */
export function renderTransfer(doneBytes: number, totalBytes: number, seconds: number): string {
  const share = totalBytes > 0 ? Math.min(1, doneBytes / totalBytes) : 0
  const filled = Math.round(share * BAR_WIDTH)
  const bar = `▕${'█'.repeat(filled)}${' '.repeat(BAR_WIDTH - filled)}▏`
  const parts = [`${bar} ${formatBytes(doneBytes)} of ${formatBytes(totalBytes)}`]
  if (doneBytes > 0 && seconds >= LEAST_SECONDS) {
    const rate = doneBytes / seconds
    parts.push(`${formatBytes(rate)}/s`, `${formatSeconds(Math.ceil((totalBytes - doneBytes) / rate))} left`)
  }

  return parts.join(' · ')
}
