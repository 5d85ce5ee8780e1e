import {execa} from 'execa'
import path from 'node:path'

const BIN = path.resolve(import.meta.dirname, '../../bin/run.js')

/** Runs the built command line; how it ends is for the test to judge. */
// eslint-disable-next-line @typescript-eslint/promise-function-async -- what execa gives is more than a promise
export function npubridge(...parameters: string[]) {
  return execa(process.execPath, [BIN, ...parameters], {reject: false})
}
