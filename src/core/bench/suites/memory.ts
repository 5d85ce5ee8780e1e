import type {Side, Suite, SuiteContext} from './suite.ts'

import {ACCELERATED, LEGACY_AS_SHIPPED, LEGACY_WITHOUT_SLEEP} from '../sides.ts'
import {NpuBridgeError} from '../../errors.ts'

/** Of each operation: 16 KB. */
const ELEMENTS = 2048
const LIMIT_MS = 30_000
/** An operation that sleeps keeps as much as one that does not; there is no point in waiting for as many. */
const SHIPPED_OPERATIONS = 500

export const memory: Suite = {
  name: 'memory',
  description: 'resident memory of a process that only coordinates: at the start, and what each operation leaves behind',
  metrics: [
    {name: 'base', unit: 'bytes', better: 'lower', target: {kind: 'ratio', bound: 2}},
    {name: 'growth', unit: 'bytes/op', better: 'lower', target: {kind: 'ratio', bound: 2}},
  ],
  notes: [
    `Each sample is a process of its own: Node.js with the engine, or Python with the old module. Base is its resident memory when it is ready; growth is what ${ELEMENTS} numbers (16 KB) a operation leave behind, one operation after the other.`,
    'Node.js collects its garbage before memory is read; Python frees at once what nothing refers to.',
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
      const options = {elements: ELEMENTS, limitMs: LIMIT_MS, operations, durationMs: LIMIT_MS / 2}
      const {latenciesUs, rssAfter, rssBefore} = await engine.measureCoordination(options)
      if (typeof rssAfter !== 'number' || typeof rssBefore !== 'number') throw unknownMemory()
      return {base: rssBefore, growth: (rssAfter - rssBefore) / latenciesUs.length}
    },
  }
}

function unknownMemory(): NpuBridgeError {
  return new NpuBridgeError('UNSUPPORTED_OPERATION', 'this system does not tell how much memory a process has')
}

function acceleratedSide({effort, measureMemory}: SuiteContext): Side {
  return {
    async measure() {
      const {after, before, operations} = await measureMemory({operations: effort.memoryOperations, elements: ELEMENTS})
      return {base: before, growth: (after - before) / operations}
    },
  }
}
