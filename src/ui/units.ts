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

export const UNKNOWN = 'unknown'

/** Three digits of what may be large: 0.4, 12.3, 998, 1,234, 45,678, 123 K, 4.56 M; `unknown` for null. */
export function formatCount(value: number | null): string {
  if (value === null) return UNKNOWN
  if (value >= 999_500) return `${digits(value / 1e6)} M`
  if (value >= 99_950) return `${Math.round(value / 1000)} K`
  if (value >= 999.5)
    return `${Math.floor(Math.round(value) / 1000)},${String(Math.round(value) % 1000).padStart(3, '0')}`
  return Number.isInteger(value) ? String(value) : digits(value)
}

/** A latency, to three digits: 0.85 µs, 812 µs, 1.34 ms, 12.1 ms, 1.2 s; `unknown` for null. */
export function formatLatency(us: number | null): string {
  if (us === null) return UNKNOWN
  if (us < 999.5) return `${digits(us)} µs`
  return us < 999_500 ? `${digits(us / 1000)} ms` : formatSeconds(us / 1e6)
}

/** How long ago: now, 12 s, 3 min, 5 h, 2 d. */
export function formatAge(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000))
  if (seconds < 1) return 'now'
  if (seconds < 60) return `${seconds} s`
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`
  return seconds < 86_400 ? `${Math.floor(seconds / 3600)} h` : `${Math.floor(seconds / 86_400)} d`
}

function digits(value: number): string {
  const places = value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2
  const text = value.toFixed(places)
  return places === 0 ? text : text.replace(/\.?0+$/, '')
}
