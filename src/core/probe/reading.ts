/** Why there is no value: nothing there, not allowed to look, or there but not what it should be. */
export type Unreadable = 'absent' | 'broken' | 'denied'

/** What a reading gave. Never an exception: a probe that stops at the first odd file would be of no use. */
export type Reading<T> = {readonly value: T} | {readonly unreadable: Unreadable; readonly detail: string}

export function isValue<T>(reading: Reading<T>): reading is {readonly value: T} {
  return 'value' in reading
}

/** The value, or null for whatever reason there is none. */
export function valueOf<T>(reading: Reading<T>): T | null {
  return isValue(reading) ? reading.value : null
}

/** The text without line end and surrounding space, or null when there is none or it is empty. */
export function wordOf(reading: Reading<string>): string | null {
  return valueOf(reading)?.trim() || null
}

export function isDenied(reading: Reading<unknown>): boolean {
  return !isValue(reading) && reading.unreadable === 'denied'
}

const REASONS: Readonly<Record<string, Unreadable>> = {
  EACCES: 'denied',
  ENOENT: 'absent',
  ENOTDIR: 'absent',
  EPERM: 'denied',
}

export function unreadableReason(error: unknown): Unreadable {
  return REASONS[(error as NodeJS.ErrnoException).code ?? ''] ?? 'broken'
}

/** Turns the exceptions of node:fs into a reading. */
export function attempt<T>(file: string, read: () => T): Reading<T> {
  try {
    return {value: read()}
  } catch (error) {
    const {code, message} = error as NodeJS.ErrnoException
    return {detail: `${file}: ${code ?? message}`, unreadable: unreadableReason(error)}
  }
}

// Tabs and line ends stay; everything else that could move a cursor, hide text or reverse it goes.
const CONTROL = /[^\t\n\P{Cc}]|[\p{Cf}\p{Zl}\p{Zp}]/gu

/** `text` with what a terminal would obey replaced by U+FFFD. */
export function printable(text: string): string {
  return text.replaceAll('\r\n', '\n').replaceAll(CONTROL, '\u{FFFD}')
}
