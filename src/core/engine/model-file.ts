/** Where a model is, by the same rules as in the native engine. */
import {readFile, stat} from 'node:fs/promises'
import path from 'node:path'

import {NpuBridgeError} from '../errors.ts'

/** An output of a recurrent model that becomes an input of its next inference. */
export interface StatePair {
  readonly input: string
  readonly output: string
}

export interface ModelFile {
  readonly path: string
  /** The pairs that the catalogue gives; undefined when it says nothing of them. */
  readonly state: readonly StatePair[] | undefined
}

const MODEL_EXTENSIONS = new Set(['.onnx', '.xml'])
const CATALOGUE_NAME = /^[a-z0-9][\w.-]*$/i

/**
 * The file of `model`: a path when it has a separator or a model's extension, else a name of the catalogue.
 *
 * @throws {NpuBridgeError} MODEL_NOT_FOUND, or MODEL_INVALID when the catalogue's description is broken
 */
export async function findModelFile(model: string, modelsFolder: string): Promise<ModelFile> {
  if (isPath(model)) {
    await needFile(model, `the model file ${model}`, [])
    return {path: path.resolve(model), state: undefined}
  }

  const description = path.join(modelsFolder, model, 'model.json')
  const pull = [`npubridge models pull ${model}`, 'npubridge models list']
  if (!CATALOGUE_NAME.test(model)) throw notFound(`the model ${model}`, pull.slice(1))
  await needFile(description, `the model ${model}`, pull)
  const {file, state} = await readDescription(description)
  const resolved = path.resolve(modelsFolder, model, file)
  await needFile(resolved, `the file of the model ${model}, ${resolved},`, [`npubridge models pull ${model} --force`])
  return {path: resolved, state}
}

function isPath(model: string): boolean {
  return model.includes('/') || model.includes(path.sep) || MODEL_EXTENSIONS.has(path.extname(model))
}

async function readDescription(file: string): Promise<{file: string; state: StatePair[] | undefined}> {
  try {
    const description = JSON.parse(await readFile(file, 'utf8')) as {file?: unknown; state?: StatePair[]}
    if (typeof description.file !== 'string') throw new TypeError('it names no file')
    return {file: description.file, state: description.state?.length ? description.state : undefined}
  } catch (error) {
    throw new NpuBridgeError('MODEL_INVALID', `${file} does not describe a model: ${String(error)}`, {cause: error})
  }
}

async function needFile(file: string, what: string, suggestions: readonly string[]): Promise<void> {
  const stats = await stat(file).catch(() => undefined)
  if (!stats?.isFile()) throw notFound(what, suggestions)
}

function notFound(what: string, suggestions: readonly string[]): NpuBridgeError {
  return new NpuBridgeError('MODEL_NOT_FOUND', `${what} is not there`, {suggestions})
}
