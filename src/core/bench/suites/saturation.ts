import type {MatrixMultiplyOperation} from '../../engine/engine.ts'

import {ACCELERATED, LEGACY_AS_SHIPPED, LEGACY_WITHOUT_SLEEP} from '../sides.ts'
import {keepInFlight} from '../timing.ts'
import {absent, type Side, type Suite, type SuiteContext} from './suite.ts'

const SIZES = [256, 1024] as const
/** Enough to keep a device busy while the next one is on its way. */
const WINDOW = 4
const LEGACY_HAS_NONE = 'the old module computes nothing'

export const saturation: Suite = {
  name: 'saturation',
  description: 'products of two large matrices: how much of the device is reached',
  metrics: [
    ...SIZES.map(
      (size) =>
        ({
          name: `matrix_${size}`,
          title: `matrices of ${size} × ${size}`,
          unit: 'TOPS',
          better: 'higher',
          point: {axis: 'rows and columns', x: size},
        }) as const,
    ),
    {name: 'of_nominal', title: 'share of the nominal TOPS', unit: '%', better: 'higher'},
    {name: 'busy', title: 'share of the time that the device was busy', unit: '%', better: 'higher'},
  ],
  notes: [
    `A product of two n × n matrices counts as 2 n³ operations; they are FP32, which the device may compute in FP16, and ${WINDOW} are in flight. Handing the matrices over is part of the time.`,
  ],
  cases: async (context) => [
    {
      title: 'saturation',
      metrics: saturation.metrics.map(({name}) => name),
      rounds: context.effort.rounds,
      sides: {
        [LEGACY_AS_SHIPPED]: absent('not_available', LEGACY_HAS_NONE),
        [LEGACY_WITHOUT_SLEEP]: absent('not_available', LEGACY_HAS_NONE),
        [ACCELERATED]: await acceleratedSide(context),
      },
    },
  ],
}

async function acceleratedSide({deviceFacts, effort, participants}: SuiteContext): Promise<Side> {
  const operations = new Map(SIZES.map((size) => [size, productOf(size)]))
  const tops = async (size: number) => {
    const engine = await participants.engine('throughput')
    const operation = operations.get(size as (typeof SIZES)[number])!
    const done = await keepInFlight(WINDOW, {durationMs: effort.roundMs}, async () => engine.submit(operation))
    return (done.perSecond * 2 * size ** 3) / 1e12
  }

  const facts = await deviceFacts()
  const round = async () => {
    const before = await facts.busyUs()
    const started = performance.now()
    const values: Record<string, number> = {}
    for (const size of SIZES) values[`matrix_${size}`] = await tops(size)
    const elapsedUs = (performance.now() - started) * 1000
    const after = await facts.busyUs()
    if (facts.nominalTops.value !== null) {
      values.of_nominal = (100 * Math.max(...SIZES.map((size) => values[`matrix_${size}`]!))) / facts.nominalTops.value
    }

    if (before !== null && after !== null) values.busy = (100 * (after - before)) / elapsedUs
    return {values}
  }

  return {
    lacks: {
      of_nominal: {status: 'not_available', reason: facts.nominalTops.reason},
      busy: {status: 'not_available', reason: facts.busyReason},
    },
    async prepare() {
      await round()
    },
    measure: round,
  }
}

function productOf(size: number): MatrixMultiplyOperation {
  const matrix = () => ({
    data: Float32Array.from({length: size * size}, (_, index) => ((index * 7919) % 1000) / 1000 - 0.5),
    shape: [size, size],
  })
  return {type: 'matrix_multiply', inputs: {a: matrix(), b: matrix()}}
}
