/**
 * The program of the process whose memory is watched: an engine and nothing else, so that what the benchmark itself
 * needs does not count. The request is the first argument, the answer goes to file descriptor 3. See memory.ts.
 */
import {writeFileSync} from 'node:fs'

import type {Engine} from '../engine/engine.ts'
import type {MemoryRequest, MemoryUse} from './memory.ts'

import {asNpuBridgeError} from '../errors.ts'

const ANSWER_FD = 3
/** Until then, operations still fill heaps and pools to the size that they keep. */
const WARM_UP = 1000

async function memoryUse(
  {elements, operations}: MemoryRequest,
  bare: number,
  open: () => Promise<Engine>,
): Promise<MemoryUse> {
  await using engine = await open()
  const echo = async (count: number) => {
    // Every operation brings a payload of its own, as callers do.
    for (let index = 0; index < count; index++) {
      const data = Float64Array.from({length: elements}, (_, element) => element + index)
      await engine.submit({type: 'echo', data})
    }
  }

  const base = resident()
  await echo(WARM_UP)
  const before = resident()
  await echo(operations)
  return {bare, base, before, after: resident(), operations}
}

/** What is in RAM when nothing is left that could be freed. */
function resident(): number {
  globalThis.gc?.()
  globalThis.gc?.()
  return process.memoryUsage.rss()
}

try {
  const bare = resident()
  // Loaded only now: what npubridge itself takes is part of the base, what Node.js takes is known apart.
  const {openEngine} = await import('./open-engine.ts')
  const request = JSON.parse(process.argv[2] ?? '') as MemoryRequest
  const value = await memoryUse(request, bare, async () => openEngine(request.selection))
  writeFileSync(ANSWER_FD, JSON.stringify({value}))
} catch (error) {
  writeFileSync(ANSWER_FD, JSON.stringify({error: asNpuBridgeError(error).toJSON()}))
}
