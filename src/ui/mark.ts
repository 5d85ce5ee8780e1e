import {styleText} from 'node:util'

const MARKS = {
  failed: ['red', '✖'],
  none: ['dim', '·'],
  ok: ['green', '✔'],
  warning: ['yellow', '!'],
} as const

/** A mark for stdout, coloured where stdout shows colours. */
export function mark(kind: keyof typeof MARKS): string {
  const [colour, sign] = MARKS[kind]
  return styleText(colour, sign, {stream: process.stdout})
}
