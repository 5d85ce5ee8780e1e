import type {Side, Suite, SuiteContext} from './suite.ts'

import {NpuBridgeError} from '../../errors.ts'
import {ACCELERATED, LEGACY_AS_SHIPPED, LEGACY_WITHOUT_SLEEP} from '../sides.ts'

/** Of each operation: 16 KB. */
const ELEMENTS = 2048
/** An old module that is slow does as many operations as it can in this time. */
const DURATION_MS = 15_000
/** An operation that sleeps keeps as much as one that does not; there is no point in waiting for as many. */
const SHIPPED_OPERATIONS = 500
const FEWER = {
  status: 'not_run',
  reason: `with its sleep it does ${SHIPPED_OPERATIONS} operations only, which do not reach the same peak`,
} as const

export const memory: Suite = {
  name: 'memory',
  description:
    'resident memory of a process that only coordinates: at the start, and what each operation leaves behind',
  metrics: [
    {name: 'base', title: 'base', unit: 'bytes', better: 'lower', target: {kind: 'ratio', bound: 2}},
    {name: 'peak', title: 'peak', unit: 'bytes', better: 'lower', target: {kind: 'ratio', bound: 2}},
    {
      name: 'growth',
      title: 'growth per operation',
      unit: 'bytes/op',
      better: 'lower',
      target: {kind: 'ratio', bound: 2},
    },
  ],
  notes: [
    `Each sample is a process of its own: Node.js with the engine, or Python with the old module. Base is its resident memory when it is ready. Then it does operations one after the other, each with ${ELEMENTS} numbers (16 KB): peak is the most memory up to the end of them, growth is what each leaves behind.`,
    'Node.js fills heaps and pools once and for all, so its growth is measured over as many operations again, and after its garbage is collected; Python frees at once what nothing refers to.',
  ],
  series: [{name: 'memory', x: 'operations of 16 KB', unit: 'bytes'}],
  async cases(context) {
    const {memoryOperations, processes} = context.effort
    context.note(
      `Each process does ${memoryOperations} operations, and ${Math.min(SHIPPED_OPERATIONS, memoryOperations)} where it sleeps.`,
    )
    return [
      {
        title: 'memory',
        metrics: ['base', 'peak', 'growth'],
        rounds: processes,
        sides: {
          [LEGACY_AS_SHIPPED]: {...legacySide(context, true), rounds: Math.ceil(processes / 3)},
          [LEGACY_WITHOUT_SLEEP]: legacySide(context, false),
          [ACCELERATED]: acceleratedSide(context),
        },
      },
    ]
  },
}

/** Some fifty points over all operations. */
function rssEvery({memoryOperations}: SuiteContext['effort']): number {
  return Math.max(1, Math.round(memoryOperations / 50))
}

function legacySide({effort, participants}: SuiteContext, sleep: boolean): Side {
  const operations = sleep ? Math.min(SHIPPED_OPERATIONS, effort.memoryOperations) : effort.memoryOperations
  return {
    ...(operations < effort.memoryOperations && {lacks: {peak: FEWER}}),
    async measure() {
      await using engine = await participants.open.legacy({sleep})
      const options = {
        elements: ELEMENTS,
        rssEvery: rssEvery(effort),
        limitMs: DURATION_MS + effort.patienceMs,
        operations,
        durationMs: DURATION_MS,
      }
      const {latenciesUs, rss, rssAfter, rssBefore, rssPeak} = await engine.measureCoordination(options)
      if (typeof rssAfter !== 'number' || typeof rssBefore !== 'number') throw unknownMemory()
      const growth = (rssAfter - rssBefore) / latenciesUs.length
      // A peak tells nothing without the number of operations that it took.
      const peak = latenciesUs.length < effort.memoryOperations ? {} : {peak: rssPeak ?? rssAfter}
      const grown = rss.map(([done, bytes]) => [done, bytes ?? 0] as const)
      return {values: {base: rssBefore, ...peak, growth}, series: {memory: [[0, rssBefore], ...grown]}}
    },
  }
}

function unknownMemory(): NpuBridgeError {
  return new NpuBridgeError('UNSUPPORTED_OPERATION', 'this system does not tell how much memory a process has')
}

function acceleratedSide({effort, measureMemory, note}: SuiteContext): Side {
  let bareBytes: number | undefined
  return {
    async measure() {
      const {after, bare, base, before, operations, peak, rss} = await measureMemory({
        operations: effort.memoryOperations,
        elements: ELEMENTS,
        rssEvery: rssEvery(effort),
      })
      // The first process speaks for all: they do not differ in this.
      bareBytes ??= bare
      note(`Node.js alone, with nothing of npubridge loaded, takes ${Math.round(bareBytes / 1e6)} MB of its base.`)
      return {values: {base, peak, growth: (after - before) / operations}, series: {memory: rss}}
    },
  }
}
