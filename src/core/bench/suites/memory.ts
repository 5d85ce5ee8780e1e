import type {Side, Suite, SuiteContext} from './suite.ts'

import {NpuBridgeError} from '../../errors.ts'
import {ACCELERATED, LEGACY_AS_SHIPPED, LEGACY_WITHOUT_SLEEP} from '../sides.ts'

/** Of each operation: 16 KB. */
const ELEMENTS = 2048
/** An old module that is slow does as many operations as it can in this time. */
const DURATION_MS = 15_000
/** An operation that sleeps keeps as much as one that does not; there is no point in waiting for as many. */
const SHIPPED_OPERATIONS = 500

export const memory: Suite = {
  name: 'memory',
  description:
    'resident memory of a process that only coordinates: at the start, and what each operation leaves behind',
  metrics: [
    {name: 'base', unit: 'bytes', better: 'lower', target: {kind: 'ratio', bound: 2}},
    {name: 'growth', unit: 'bytes/op', better: 'lower', target: {kind: 'ratio', bound: 2}},
  ],
  notes: [
    `Each sample is a process of its own: Node.js with the engine, or Python with the old module. Base is its resident memory when it is ready; growth is what ${ELEMENTS} numbers (16 KB) a operation leave behind, one operation after the other.`,
    'Node.js does 1000 operations first, which fill its heaps and pools once and for all, and collects its garbage before memory is read; Python frees at once what nothing refers to.',
  ],
  cases: async (context) => [
    {
      title: 'memory',
      metrics: ['base', 'growth'],
      rounds: context.effort.processes,
      sides: {
        [LEGACY_AS_SHIPPED]: {...legacySide(context, true), rounds: Math.ceil(context.effort.processes / 3)},
        [LEGACY_WITHOUT_SLEEP]: legacySide(context, false),
        [ACCELERATED]: acceleratedSide(context),
      },
    },
  ],
}

function legacySide({effort, participants}: SuiteContext, sleep: boolean): Side {
  const operations = sleep ? Math.min(SHIPPED_OPERATIONS, effort.memoryOperations) : effort.memoryOperations
  return {
    async measure() {
      await using engine = await participants.open.legacy({sleep})
      const options = {
        elements: ELEMENTS,
        limitMs: DURATION_MS + effort.patienceMs,
        operations,
        durationMs: DURATION_MS,
      }
      const {latenciesUs, rssAfter, rssBefore} = await engine.measureCoordination(options)
      if (typeof rssAfter !== 'number' || typeof rssBefore !== 'number') throw unknownMemory()
      return {base: rssBefore, growth: (rssAfter - rssBefore) / latenciesUs.length}
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
      const {after, bare, base, before, operations} = await measureMemory({
        operations: effort.memoryOperations,
        elements: ELEMENTS,
      })
      // The first process speaks for all: they do not differ in this.
      bareBytes ??= bare
      note(`Node.js alone, with nothing of npubridge loaded, takes ${Math.round(bareBytes / 1e6)} MB of its base.`)
      return {base, growth: (after - before) / operations}
    },
  }
}
