import {stat} from 'node:fs/promises'
import path from 'node:path'

import type {Paths} from '../paths.ts'
import type {ModelInterface} from '../runtime/report.ts'

import {sha256File} from '../download/sha256.ts'
import {type ErrorReport, NpuBridgeError} from '../errors.ts'
import {type DiscoverOptions, findRuntime} from '../runtime/discover.ts'
import {type ChildOptions, describeModel} from '../runtime/inspect.ts'
import {inCatalogue, type StatePair} from './catalogue.ts'
import {readModelManifest} from './manifest.ts'
import {isModelPath, resolveModel} from './resolve.ts'

export interface ShownModel {
  readonly name: string
  readonly path: string
  readonly bytes: number
  readonly sha256: string
  /** From the model's folder; null for a file of your own. */
  readonly about: {
    readonly version: string
    readonly task: string
    readonly license: string
    readonly source: string
    readonly homepage: string | null
  } | null
  readonly state: readonly StatePair[]
  /** Null when nothing here can read the model; `unreadable` then says why. */
  readonly tensors: ModelInterface | null
  readonly unreadable: ErrorReport | null
}

export interface ShowOptions {
  readonly paths: Paths
  /** The runtime to read the model with. */
  readonly runtime?: string | undefined
  readonly signal?: AbortSignal | undefined
  readonly effects?: {readonly child?: ChildOptions['child']; readonly discover?: DiscoverOptions}
}

/** Errors that are about this installation and not about the model: it can be shown all the same. */
const NOT_THE_MODEL = new Set(['RUNTIME_NOT_FOUND', 'UNSUPPORTED_OPERATION'])

/**
 * What is known of a model, and its inputs and outputs as the runtime reads them.
 *
 * @param nameOrPath a catalogue name, or the path of an .onnx or .xml file
 * @throws {NpuBridgeError} MODEL_NOT_FOUND, MODEL_INVALID for a file that the runtime cannot read as a model,
 *   RUNTIME_NOT_FOUND when the runtime that was named cannot be used
 */
export async function showModel(nameOrPath: string, options: ShowOptions): Promise<ShownModel> {
  const {name, path: file, state} = await resolveModel(nameOrPath, options.paths.models)
  const [{size}, sha256, about] = await Promise.all([stat(file), sha256File(file), aboutModel(nameOrPath, options)])
  return {name, path: file, bytes: size, sha256, about, state, ...(await readTensors(file, options))}
}

async function aboutModel(nameOrPath: string, {paths}: ShowOptions): Promise<ShownModel['about']> {
  if (isModelPath(nameOrPath)) return null
  const manifest = await readModelManifest(path.join(paths.models, nameOrPath))
  if (!manifest) return null
  const {version, task, license, source} = manifest
  return {version, task, license, source, homepage: inCatalogue(nameOrPath)?.homepage ?? null}
}

async function readTensors(
  file: string,
  {paths, runtime, signal, effects}: ShowOptions,
): Promise<Pick<ShownModel, 'tensors' | 'unreadable'>> {
  try {
    const {folder} = await findRuntime({paths, explicit: runtime, ...effects?.discover})
    const child = effects?.child
    return {tensors: await describeModel(folder, file, {signal, ...(child && {child})}), unreadable: null}
  } catch (error) {
    const isAsked = runtime !== undefined
    if (isAsked || !(error instanceof NpuBridgeError) || !NOT_THE_MODEL.has(error.code)) throw error
    return {tensors: null, unreadable: error.toJSON()}
  }
}
