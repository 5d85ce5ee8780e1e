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

interface Found {
  readonly openvino: OpenVino
  readonly engines: readonly EngineState[]
}

const DEVICES = ['NPU', 'GPU', 'CPU'] as const

/** `whyNoNpu` is what the diagnosis found; without it, OpenVINO's own answer is the reason. */
export function choosePerformance(found: Found, whyNoNpu: string | null): Performance {
  const rejected: Array<{candidate: string; reason: string}> = []
  const engine = found.engines.find(({available, kind}) => available && kind !== 'legacy')
  for (const kind of DEVICES) {
    const device = engine && lists(found.openvino, kind)
    const name = kind.toLowerCase() as PerformanceMode
    if (device) return {mode: name, engine: engine.kind, device: device.name, rejected}
    const reason = (kind === 'NPU' && whyNoNpu?.replace(/\.$/, '')) || whyNot(kind, found)
    rejected.push({candidate: name, reason})
  }

  const legacy = found.engines.find(({kind}) => kind === 'legacy')
  if (legacy?.available) return {mode: 'legacy', engine: 'legacy', device: null, rejected}
  if (legacy) rejected.push({candidate: 'legacy', reason: legacy.detail})
  return {mode: null, engine: null, device: null, rejected: found.engines.length > 0 ? rejected : []}
}

function whyNot(kind: (typeof DEVICES)[number], {engines, openvino}: Found): string {
  const {failure, used} = openvino
  if (failure) return `OpenVINO did not answer: ${failure.message.split('\n', 1)[0]}`
  if (!used) return 'no usable OpenVINO runtime was found'
  if (!lists(openvino, kind)) {
    const devices = used.devices.map(({name}) => name).join(', ')
    return devices ? `OpenVINO lists only ${devices}` : 'OpenVINO lists no device'
  }

  const reasons = engines
    .filter((engine) => engine.kind !== 'legacy')
    .map((engine) => `${engine.kind}: ${engine.detail}`)
  return `no engine can reach it (${reasons.join('; ')})`
}
