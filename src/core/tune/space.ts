/** What is worth trying on a device. What it then refuses is skipped with its reason. */
import {type Candidate, complexity, DEFAULT} from './candidate.ts'

export interface SpaceFacts {
  /** `NPU`, `GPU.1`, `CPU`. */
  readonly device: string
  /** Processors that this process may use. */
  readonly cores: number
  /** Requests that the device wants with the hint for throughput; null where it does not say. */
  readonly optimalRequests: number | null
  /** Whether operations can be run together. */
  readonly batches: boolean
}

/** The default and every combination that may be better, the default first. */
export function searchSpace(facts: SpaceFacts): Candidate[] {
  const counts = requestCounts(facts)
  const streams = facts.device.startsWith('CPU') ? powers(facts.cores) : [1, 2, 4]
  const combinations = (['latency', 'throughput'] as const).flatMap((hint) =>
    [undefined, ...counts].flatMap((requests) =>
      [undefined, ...streams].flatMap((streamCount) =>
        (facts.batches ? [undefined, 1] : [undefined]).map((batch) =>
          combine({hint, requests, streams: streamCount, batch}),
        ),
      ),
    ),
  )
  // Where time is short, what differs least from the default has been tried.
  return unique([DEFAULT, ...precisions(), ...ofNpus(facts), ...combinations]).toSorted(
    (a, b) => complexity(a) - complexity(b),
  )
}

/** Precision is a choice by itself: it is tried with each hint, and left to the device elsewhere. */
function precisions(): Candidate[] {
  return (['FP32', 'FP16', 'INT8'] as const).flatMap((precision) => [
    {precision},
    {hint: 'throughput' as const, precision},
  ])
}

/**
 * What only NPUs have. Whether this one has it shows when it is tried: what is not among its SUPPORTED_PROPERTIES, or
 * more tiles than there are, is skipped with that reason. Each is tried with both hints and else left alone.
 */
function ofNpus({device}: SpaceFacts): Candidate[] {
  if (!device.startsWith('NPU')) return []
  const own: Candidate[] = [
    {turbo: false},
    {turbo: true},
    {workload: 'efficient'},
    {turbo: false, workload: 'efficient'},
    ...TILES.map((tiles) => ({tiles})),
  ]
  return own.flatMap((each) => [each, {hint: 'throughput' as const, ...each}])
}

/** Of the NPUs that there are, the largest has six. */
const TILES = [1, 2, 3, 4, 6]

function requestCounts({cores, device, optimalRequests}: SpaceFacts): number[] {
  const most = device.startsWith('CPU') ? cores : Math.max(8, optimalRequests ?? 0)
  return powers(most)
}

/** 1, 2, 4 … up to `most`, eight at the most. */
function powers(most: number): number[] {
  return [1, 2, 4, 8].filter((count) => count <= Math.max(1, most))
}

/** The hint for latency is the default. */
function combine(given: Record<'batch' | 'hint' | 'requests' | 'streams', unknown>): Candidate {
  const entries = Object.entries(given).filter(
    ([key, value]) => value !== undefined && !(key === 'hint' && value === 'latency'),
  )
  return Object.fromEntries(entries)
}

function unique(candidates: readonly Candidate[]): Candidate[] {
  const seen = new Set<string>()
  return candidates.filter((candidate) => {
    const key = JSON.stringify(Object.entries(candidate).toSorted(([a], [b]) => a.localeCompare(b)))
    return !seen.has(key) && seen.add(key)
  })
}
