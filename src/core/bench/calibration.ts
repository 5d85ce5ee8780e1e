/**
 * A fixed load that has nothing to do with what is measured. Its time tells how fast the machine is at the moment, so
 * that runs of different days can be told apart from changes of the code.
 */
import {summarize, type Summary} from './statistics.ts'

/** 256 KB: beyond the first cache of a core, within the second. */
const WORDS = 1 << 16
const PASSES = 24
const TIMES = 5

export class Calibration {
  readonly #words = Uint32Array.from({length: WORDS}, (_, index) => Math.imul(index + 1, 0x9e_37_79_b1))
  readonly #times: number[] = []

  constructor() {
    // The first times are those of code that is not compiled yet.
    for (let count = 0; count < TIMES; count++) this.#pass()
  }

  /** Takes a few times, in a few milliseconds each. */
  take(): void {
    for (let count = 0; count < TIMES; count++) this.#times.push(this.#pass())
  }

  /** Microseconds of one load. */
  get summary(): Summary & {readonly unit: 'us'} {
    return {unit: 'us', ...summarize(this.#times)}
  }

  /** Mixes all words with their neighbours; the result is kept, so that nothing can be left out. */
  #pass(): number {
    const words = this.#words
    const started = performance.now()
    let mixed = words[0]!
    for (let pass = 0; pass < PASSES; pass++) {
      for (let index = 0; index < WORDS; index++) {
        mixed = Math.imul(mixed ^ words[index]!, 0x01_00_01_93) ^ (mixed >>> 13)
        words[index] = mixed
      }
    }

    return (performance.now() - started) * 1000
  }
}
