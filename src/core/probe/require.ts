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
  readonly performance: Performance
}

export function checkRequirements(names: readonly Requirement[], found: Found): RequirementResult[] {
  return [...new Set(names)].map((name) => ({name, ...checkRequirement(name, found)}))
}

function checkRequirement(name: Requirement, found: Found): {met: boolean; reason: string} {
  if (name === 'native' || name === 'legacy') return checkEngine(name, found.engines)
  const device = lists(found.openvino, name.toUpperCase() as 'CPU')
  const engine = found.engines.find(({available, kind}) => available && kind !== 'legacy')
  if (device && engine) return {met: true, reason: `${device.fullName ?? device.name} by the ${engine.kind} engine`}
  const rejected = found.performance.rejected.find(({candidate}) => candidate === name)
  return {met: false, reason: rejected?.reason ?? `OpenVINO lists no ${name.toUpperCase()}`}
}

function checkEngine(kind: 'legacy' | 'native', engines: readonly EngineState[]): {met: boolean; reason: string} {
  const engine = engines.find((candidate) => candidate.kind === kind)
  return {met: engine?.available ?? false, reason: engine?.detail ?? 'not examined'}
}
