/**
 * The program of the process whose memory is watched: an engine and nothing else, so that what the benchmark itself
 * needs does not count. The request is the first argument, the answer goes to file descriptor 3. See memory.ts.
 */
import {writeFileSync} from 'node:fs'
import process from 'node:process'

import type {MemoryRequest, MemoryUse} from './memory.ts'

import {asNpuBridgeError} from '../errors.ts'
import {openEngine} from './open-engine.ts'

const ANSWER_FD = 3
/** Until then, the first operations of a process still load code and fill pools. */
const WARM_UP = 50

async function memoryUse({elements, operations, selection}: MemoryRequest): Promise<MemoryUse> {
  await using engine = await openEngine(selection)
  const echo = async (count: number) => {
    // Every operation brings a payload of its own, as callers do.
    for (let index = 0; index < count; index++) {
      const data = Float64Array.from({length: elements}, (_, element) => element + index)
      await engine.submit({type: 'echo', data})
    }
  }

  await echo(WARM_UP)
  const before = resident()
  await echo(operations)
  return {before, after: resident(), operations}
}

/** What is in RAM when nothing is left that could be freed. */
function resident(): number {
  globalThis.gc?.()
  globalThis.gc?.()
  return process.memoryUsage.rss()
}

try {
  const value = await memoryUse(JSON.parse(process.argv[2] ?? '') as MemoryRequest)
  writeFileSync(ANSWER_FD, JSON.stringify({value}))
} catch (error) {
  writeFileSync(ANSWER_FD, JSON.stringify({error: asNpuBridgeError(error).toJSON()}))
}
