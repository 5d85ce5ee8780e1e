/** What does not grow with the queue or with time. Measured by programs of their own, for their memory is the figure. */
import {execa} from 'execa'
import {median} from 'simple-statistics'

import type {Measurement, Row} from '../row.ts'

/** Each takes ten seconds. */
const MOST_MEMORY_ROUNDS = 3

type ByDepth = Readonly<Record<string, {readonly bytes: readonly number[]; readonly nanos: readonly number[]}>>

interface Growth {
  readonly withDeadlines: ByDepth
  readonly withoutDeadline: ByDepth
}

interface BareLoop {
  readonly inferencesPerSecond: Readonly<Record<string, {readonly rounds: readonly number[]}>>
}

/** @param program the example queue_growth, built for release */
export const queueGrowth = (program: string): Measurement => ({
  name: 'growth with the queue',
  async measure(rounds) {
    const {stdout} = await execa(program, [String(rounds)])
    const {withDeadlines, withoutDeadline} = JSON.parse(stdout) as Growth
    return [
      growthOf('cost of an operation, 1 M / 1 K queued', withoutDeadline),
      growthOf('the same with 97 different deadlines', withDeadlines),
      {
        name: 'memory of a queued operation',
        unit: 'bytes',
        peer: null,
        better: 'lower',
        bound: 512,
        values: [...withDeadlines['1000000']!.bytes],
        behind: {},
      },
    ]
  },
})

function growthOf(name: string, byDepth: ByDepth): Row {
  const [few, many] = [byDepth['1000']!.nanos, byDepth['1000000']!.nanos]
  return {
    name,
    unit: 'x',
    peer: 'the same at 1 K',
    better: 'lower',
    bound: 2,
    values: many.map((nanos, round) => nanos / few[round]!),
    behind: {'ns at 1 M': median([...many]), 'ns at 1 K': median([...few])},
  }
}

/** @param program the example bare_loop, built for release */
export const tinyInRust = (program: string, runtime: string): Measurement => ({
  name: 'tiny model in Rust',
  async measure(rounds) {
    const {stdout} = await execa(program, [runtime, String(rounds), String(rounds)])
    const figures = (JSON.parse(stdout) as BareLoop).inferencesPerSecond
    const [ours, bare] = [figures['engine, unbatched']!.rounds, figures['bare, set, sync']!.rounds]
    return [
      {
        name: 'tiny model in Rust, unbatched',
        unit: 'x',
        peer: 'a bare C API loop, tensor set per call',
        better: 'higher',
        bound: 0.8,
        values: ours.map((rate, round) => rate / bare[round]!),
        behind: {'ours/s': median([...ours]), 'bare/s': median([...bare])},
      },
    ]
  },
})

/** @param args Node's arguments for the program that echoes ten million times and says how its memory grew */
export const memoryOverTime = (args: readonly string[]): Measurement => ({
  name: 'memory over ten million operations',
  async measure(rounds) {
    const sizes: Array<{after1M: number; after10M: number}> = []
    for (let round = 0; round < Math.min(rounds, MOST_MEMORY_ROUNDS); round++) {
      const {stdout} = await execa(process.execPath, args)
      sizes.push(JSON.parse(stdout) as {after1M: number; after10M: number})
    }

    const mebibytes = (bytes: number[]) => median(bytes) / 2 ** 20
    return [
      {
        name: 'RSS after 10 M operations / after 1 M',
        unit: 'x',
        peer: null,
        better: 'lower',
        bound: 1.05,
        values: sizes.map(({after1M, after10M}) => after10M / after1M),
        behind: {
          'MiB after 1 M': mebibytes(sizes.map(({after1M}) => after1M)),
          'MiB after 10 M': mebibytes(sizes.map(({after10M}) => after10M)),
        },
      },
    ]
  },
})
