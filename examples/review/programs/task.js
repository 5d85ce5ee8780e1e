/** What a program is told about its task: npubridge writes it to stdin, as JSON. */
import {text} from 'node:stream/consumers'

export async function readTask() {
  return JSON.parse(await text(process.stdin))
}

/** The answer of a program: one line of JSON on stdout. */
export function answer(value) {
  console.log(JSON.stringify(value))
}
