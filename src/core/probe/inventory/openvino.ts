import type {InspectOptions, ProbeEffects, RuntimeCandidate, RuntimeDevice} from '../effects.ts'
import type {Root} from '../root.ts'

/** OpenVINO: which installations there are, the one that would be used, and what it says of its devices. */
import {asNpuBridgeError, type ErrorReport, NpuBridgeError} from '../../errors.ts'
import {isValue, valueOf} from '../reading.ts'

export interface UsedRuntime {
  readonly folder: string
  readonly source: string
  readonly version: string | null
  readonly devices: readonly RuntimeDevice[]
  /** Names of its files that have to do with NPUs; null when the folder cannot be listed. */
  readonly npuLibraries: readonly string[] | null
}

export interface OpenVino {
  readonly candidates: readonly RuntimeCandidate[]
  readonly used: UsedRuntime | null
  /** What happened to the child process that loaded the runtime; null when it answered. */
  readonly failure: ErrorReport | null
}

/** Takes the first candidate without a problem; a failure in its child process is a finding, not an exception. */
export async function gatherOpenVino(
  root: Root,
  options: InspectOptions & {readonly effects: ProbeEffects},
): Promise<OpenVino> {
  const {effects, signal} = options
  const candidates = await effects.discoverRuntimes().catch(asNpuBridgeError)
  if (candidates instanceof NpuBridgeError) return {candidates: [], failure: candidates.toJSON(), used: null}
  const chosen = choose(candidates)
  if (!chosen) return {candidates, failure: null, used: null}
  const {folder, source, version} = chosen
  const npuLibraries = librariesIn(root, folder)
  try {
    const report = await effects.inspectRuntime(folder, options)
    const used = {folder, source, version: report.version, devices: report.devices, npuLibraries}
    return {candidates, failure: null, used}
  } catch (error) {
    signal?.throwIfAborted()
    const used = {folder, source, version, devices: [], npuLibraries}
    return {candidates, failure: asNpuBridgeError(error).toJSON(), used}
  }
}

/** A runtime that the user named is a choice: when it cannot be used, no other takes its place. */
function choose(candidates: readonly RuntimeCandidate[]): RuntimeCandidate | null {
  const chosen = candidates.find(
    ({problem, source}) => problem === null || source === 'explicit' || source === 'environment',
  )
  return chosen?.problem === null ? chosen : null
}

function librariesIn(root: Root, folder: string): string[] | null {
  const names = valueOf(root.list(folder))?.filter((name) => name.includes('npu')) ?? null
  return names?.filter((name) => isValue(root.canonical(`${folder}/${name}`))) ?? null
}

/** The first device of a kind; several of one kind are numbered ("GPU.0"). */
export function lists(openvino: OpenVino, kind: 'CPU' | 'GPU' | 'NPU'): RuntimeDevice | null {
  return openvino.used?.devices.find(({name}) => name === kind || name.startsWith(`${kind}.`)) ?? null
}
