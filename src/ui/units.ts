const BYTE_UNITS = ['B', 'KB', 'MB', 'GB', 'TB']

/** A size as people read it: 896 B, 1.3 MB, 59 MB. Units are powers of 1000, as disks and pip count. */
export function formatBytes(bytes: number): string {
  let value = bytes
  let unit = 0
  while (value >= 999.5 && unit < BYTE_UNITS.length - 1) {
    value /= 1000
    unit += 1
  }

  return `${unit > 0 && value < 9.95 ? value.toFixed(1) : Math.round(value)} ${BYTE_UNITS[unit]!}`
}

/** A short time as people read it: 12 µs, 179 ms, 1.3 s. */
export function formatMicroseconds(microseconds: number): string {
  if (microseconds < 999.5) return `${Math.round(microseconds)} µs`
  return microseconds < 999_500 ? `${Math.round(microseconds / 1000)} ms` : formatSeconds(microseconds / 1e6)
}

/** A time as people read it: 0.8 s, 3 s, 12 s, 3 min 5 s. */
export function formatSeconds(seconds: number): string {
  if (seconds < 9.95 && !Number.isSafeInteger(seconds)) return `${seconds.toFixed(1)} s`
  const whole = Math.round(seconds)
  return whole < 60 ? `${whole} s` : `${Math.floor(whole / 60)} min ${whole % 60} s`
}
