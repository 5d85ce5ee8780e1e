/** The probe: gather facts once, judge them, and say what would run. */
import type {EngineState, ProbeEffects} from './effects.ts'
import type {Root} from './root.ts'

import {type Accelerator, gatherAccelerators} from './inventory/accelerators.ts'
import {gatherHost, type Host} from './inventory/host.ts'
import {gatherOpenVino, type OpenVino} from './inventory/openvino.ts'
import {choosePerformance, type Performance} from './performance.ts'
import {checkRequirements, type Requirement, type RequirementResult} from './require.ts'
import {summarise, type Summary} from './summary.ts'

export interface ProbeReport extends Summary {
  readonly version: string
  readonly host: Host
  readonly accelerators: readonly Accelerator[]
  readonly openvino: OpenVino
  readonly engines: readonly EngineState[]
  readonly performance: Performance
  readonly requirements: readonly RequirementResult[]
}

export interface ProbeOptions {
  readonly version: string
  readonly root: Root
  readonly effects: ProbeEffects
  readonly require?: readonly Requirement[]
  /** The limit of each child process, 10 s unless told. */
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
}

const CHILD_LIMIT_MS = 10_000

export async function probe(options: ProbeOptions): Promise<ProbeReport> {
  const {effects, root, signal, timeoutMs = CHILD_LIMIT_MS, version} = options
  const asked = Promise.all([gatherOpenVino(effects, {timeoutMs, ...(signal && {signal})}), effects.findEngines()])
  const host = gatherHost(root)
  const accelerators = gatherAccelerators(root)
  const [openvino, engines] = await asked
  const performance = choosePerformance(openvino, engines, null)
  const requirements = checkRequirements(options.require ?? [], {engines, openvino, performance})
  const found = {accelerators, engines, host, openvino, performance, version}
  return {...found, ...summarise(found), requirements}
}
