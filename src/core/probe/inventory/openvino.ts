import type {ProbeEffects, RuntimeCandidate, RuntimeDevice} from '../effects.ts'

import {asNpuBridgeError, type ErrorReport, NpuBridgeError} from '../../errors.ts'

/** OpenVINO: which installations there are, the one that would be used, and what it says of its devices. */

export interface UsedRuntime {
  readonly folder: string
  readonly source: string
  readonly version: string | null
  readonly devices: readonly RuntimeDevice[]
}

export interface OpenVino {
  readonly candidates: readonly RuntimeCandidate[]
  readonly used: UsedRuntime | null
  /** What happened to the child process that loaded the runtime; null when it answered. */
  readonly failure: ErrorReport | null
}

/** Takes the first candidate without a problem; a failure in its child process is a finding, not an exception. */
export async function gatherOpenVino(
  effects: ProbeEffects,
  options: {timeoutMs: number; signal?: AbortSignal},
): Promise<OpenVino> {
  const candidates = await effects.discoverRuntimes().catch(asNpuBridgeError)
  if (candidates instanceof NpuBridgeError) return {candidates: [], failure: candidates.toJSON(), used: null}
  const chosen = candidates.find(({problem}) => problem === null)
  if (!chosen) return {candidates, failure: null, used: null}
  const {folder, source, version} = chosen
  try {
    const report = await effects.inspectRuntime(folder, options)
    return {candidates, failure: null, used: {devices: report.devices, folder, source, version: report.version}}
  } catch (error) {
    options.signal?.throwIfAborted()
    return {candidates, failure: asNpuBridgeError(error).toJSON(), used: {devices: [], folder, source, version}}
  }
}

/** Whether OpenVINO lists a device of this kind; several of one kind are numbered ("GPU.0"). */
export function lists(openvino: OpenVino, kind: 'CPU' | 'GPU' | 'NPU'): RuntimeDevice | null {
  return openvino.used?.devices.find(({name}) => name === kind || name.startsWith(`${kind}.`)) ?? null
}
