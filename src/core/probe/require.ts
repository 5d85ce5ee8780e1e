/** `--require`: which of the named abilities this machine has. */
import type {EngineState} from './effects.ts'
import type {Performance} from './performance.ts'

import {lists, type OpenVino} from './inventory/openvino.ts'

export const REQUIREMENTS = ['npu', 'gpu', 'cpu', 'native', 'legacy'] as const
export type Requirement = (typeof REQUIREMENTS)[number]

export interface RequirementResult {
  readonly name: Requirement
  readonly met: boolean
  readonly reason: string
}

interface Found {
  readonly openvino: OpenVino
  readonly engines: readonly EngineState[]
}

type Answer = Omit<RequirementResult, 'name'>

export function checkRequirements(
  names: readonly Requirement[],
  found: Found,
  performance: Performance,
): RequirementResult[] {
  return [...new Set(names)].map((name) => {
    const isEngine = name === 'native' || name === 'legacy'
    return {name, ...(isEngine ? checkEngine(name, found) : checkDevice(name, found, performance))}
  })
}

/** A device counts when OpenVINO lists it and an engine can reach it. */
function checkDevice(name: 'cpu' | 'gpu' | 'npu', {engines, openvino}: Found, performance: Performance): Answer {
  const device = lists(openvino, name === 'npu' ? 'NPU' : name === 'gpu' ? 'GPU' : 'CPU')
  const engine = engines.find(({available, kind}) => available && kind !== 'legacy')
  if (device && engine) return {met: true, reason: `${device.fullName ?? device.name} by the ${engine.kind} engine`}
  const rejected = performance.rejected.find(({candidate}) => candidate === name)
  return {met: false, reason: rejected?.reason ?? `OpenVINO lists no ${name.toUpperCase()}`}
}

function checkEngine(kind: 'legacy' | 'native', {engines}: Found): Answer {
  const engine = engines.find((candidate) => candidate.kind === kind)
  return {met: engine?.available ?? false, reason: engine?.detail ?? 'not examined'}
}
