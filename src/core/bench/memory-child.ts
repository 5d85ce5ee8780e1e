/**
 * The program of the process whose memory is watched: an engine and nothing else, so that what the benchmark itself
 * needs does not count. The request is the first argument, the answer goes to file descriptor 3. See memory.ts.
 */
import {readFileSync, writeFileSync} from 'node:fs'

import type {Engine} from '../engine/engine.ts'
import type {MemoryRequest, MemoryUse} from './memory.ts'

import {asNpuBridgeError} from '../errors.ts'

const ANSWER_FD = 3

async function memoryUse(
  {elements, operations, rssEvery}: MemoryRequest,
  bare: number,
  open: () => Promise<Engine>,
): Promise<MemoryUse> {
  await using engine = await open()
  const rss: Array<[number, number]> = [[0, process.memoryUsage.rss()]]
  const echo = async (count: number) => {
    // Every operation brings a payload of its own, as callers do.
    for (let index = 0; index < count; index++) {
      const data = Float64Array.from({length: elements}, (_, element) => element + index)
      await engine.submit({type: 'echo', data})
      if ((index + 1) % rssEvery === 0) rss.push([rss.length * rssEvery, process.memoryUsage.rss()])
    }
  }

  const base = resident()
  await echo(operations)
  const peak = peakBytes()
  // By now heaps and pools have the size that they keep; what is added from here on is what operations leave behind.
  const before = resident()
  await echo(operations)
  return {bare, base, peak, before, after: resident(), operations, rss}
}

/** What is in RAM when nothing is left that could be freed. */
function resident(): number {
  globalThis.gc?.()
  globalThis.gc?.()
  return process.memoryUsage.rss()
}

/** The most there has been in RAM; what the parent had when it started this process does not count, unlike in rusage. */
function peakBytes(): number {
  const kilobytes = /^VmHWM:\s*(\d+)/m.exec(ownStatus())?.[1]
  return 1024 * (kilobytes === undefined ? process.resourceUsage().maxRSS : Number(kilobytes))
}

function ownStatus(): string {
  try {
    return readFileSync('/proc/self/status', 'utf8')
  } catch {
    return ''
  }
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
