/** What would run an operation now, and why nothing better does. */
import type {EngineKind, PerformanceMode} from '../engine/engine.ts'
import type {EngineState} from './effects.ts'

import {lists, type OpenVino} from './inventory/openvino.ts'

export interface Performance {
  /** Null when nothing at all can run. */
  readonly mode: PerformanceMode | null
  readonly engine: EngineKind | null
  /** The OpenVINO device, null for the legacy engine. */
  readonly device: string | null
  /** Better choices, each with the reason against it, best first. */
  readonly rejected: ReadonlyArray<{readonly candidate: string; readonly reason: string}>
}

const DEVICES = ['NPU', 'GPU', 'CPU'] as const

/** `whyNoNpu` is what the diagnosis found; without it, OpenVINO's own answer is the reason. */
export function choosePerformance(
  openvino: OpenVino,
  engines: readonly EngineState[],
  whyNoNpu: string | null,
): Performance {
  const rejected: Array<{candidate: string; reason: string}> = []
  const engine = engines.find(({available, kind}) => available && kind !== 'legacy')
  for (const kind of DEVICES) {
    const device = engine && lists(openvino, kind)
    if (device) return {mode: modeOf(kind), engine: engine.kind, device: device.name, rejected}
    rejected.push({candidate: kind.toLowerCase(), reason: whyNot(kind, openvino, engines, whyNoNpu)})
  }

  const legacy = engines.find(({kind}) => kind === 'legacy')
  if (legacy?.available) return {mode: 'legacy', engine: 'legacy', device: null, rejected}
  rejected.push({candidate: 'legacy', reason: legacy?.detail ?? 'not examined'})
  return {mode: null, engine: null, device: null, rejected}
}

function modeOf(kind: (typeof DEVICES)[number]): PerformanceMode {
  return kind.toLowerCase() as PerformanceMode
}

function whyNot(kind: string, openvino: OpenVino, engines: readonly EngineState[], whyNoNpu: string | null): string {
  if (kind === 'NPU' && whyNoNpu) return whyNoNpu
  if (openvino.failure) return `OpenVINO did not answer: ${openvino.failure.message}`
  if (!openvino.used) return 'no usable OpenVINO runtime was found'
  const devices = openvino.used.devices.map(({name}) => name).join(', ') || 'no device'
  if (!lists(openvino, kind as 'CPU'))
    return `OpenVINO ${openvino.used.version ?? ''} lists ${devices}`.replace('  ', ' ')
  const missing = engines
    .filter((engine) => engine.kind !== 'legacy')
    .map((engine) => `${engine.kind}: ${engine.detail}`)
  return `no engine can reach it (${missing.join('; ')})`
}
