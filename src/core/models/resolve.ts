import {closest, distance} from 'fastest-levenshtein'
import {stat} from 'node:fs/promises'
import path from 'node:path'

import {NpuBridgeError} from '../errors.ts'
import {readHead} from '../install/files.ts'
import {exists} from '../install/folder.ts'
import {CATALOGUE, inCatalogue, type StatePair} from './catalogue.ts'
import {readModelManifest} from './manifest.ts'

/** Names of model folders: no separators and no leading dot, so that a name never leads out of the models folder. */
const NAME = /^[a-z\d][\w.-]*$/i

export interface ResolvedModel {
  readonly name: string
  /** The .onnx or .xml file, absolute. */
  readonly path: string
  /** Outputs that a stream feeds back as inputs, as far as the catalogue knows; empty for own files. */
  readonly state: readonly StatePair[]
}

/** Whether `nameOrPath` is a path: it has a separator or ends like a model file. Anything else is a name. */
export function isModelPath(nameOrPath: string): boolean {
  return /[/\\]/.test(nameOrPath) || /\.(?:onnx|xml)$/i.test(nameOrPath)
}

/**
 * The file of a model, given by its catalogue name or by a path.
 *
 * @throws {NpuBridgeError} MODEL_NOT_FOUND with the name that was probably meant and the command that fetches it,
 *   MODEL_INVALID for a file that is empty, no file, or an .xml without its .bin
 */
export async function resolveModel(nameOrPath: string, modelsFolder: string): Promise<ResolvedModel> {
  if (isModelPath(nameOrPath)) return fromPath(nameOrPath)
  const folder = path.join(modelsFolder, nameOrPath)
  const manifest = NAME.test(nameOrPath) ? await readModelManifest(folder) : null
  if (!manifest) throw unknownModel(nameOrPath)
  const file = path.join(folder, manifest.file)
  await requireModelFile(file, [`Fetch it again: npubridge models pull ${nameOrPath}`])
  return {name: nameOrPath, path: file, state: manifest.state}
}

async function fromPath(given: string): Promise<ResolvedModel> {
  const file = path.resolve(given)
  await requireModelFile(file, ['Models that have a name: npubridge models list'])
  return {name: path.basename(file, path.extname(file)), path: file, state: []}
}

/** What can be told of a model file without reading it whole. */
async function requireModelFile(file: string, suggestions: readonly string[]): Promise<void> {
  const stats = await stat(file).catch(() => null)
  if (!stats) throw new NpuBridgeError('MODEL_NOT_FOUND', `There is no model file ${file}.`, {suggestions})
  if (!stats.isFile()) throw new NpuBridgeError('MODEL_INVALID', `${file} is not a file.`, {suggestions})
  if (stats.size === 0) throw new NpuBridgeError('MODEL_INVALID', `The model file ${file} is empty.`, {suggestions})
  if (/\.xml$/i.test(file)) await requireIr(file, suggestions)
}

/** OpenVINO's IR is an .xml file that starts with a tag, with the weights in a .bin of the same name. */
async function requireIr(file: string, suggestions: readonly string[]): Promise<void> {
  const head = new TextDecoder().decode(await readHead(file, 16))
  if (!head.trimStart().startsWith('<')) throw new NpuBridgeError('MODEL_INVALID', `${file} is not XML.`, {suggestions})
  const weights = file.replace(/\.xml$/i, '.bin')
  if (await exists(weights)) return
  throw new NpuBridgeError('MODEL_INVALID', `${file} has no weights: ${weights} is missing.`, {suggestions})
}

/** The error for a name that is not there: not fetched yet, or misspelt. */
export function unknownModel(name: string): NpuBridgeError {
  if (inCatalogue(name)) {
    return new NpuBridgeError('MODEL_NOT_FOUND', `The model ${name} has not been fetched yet.`, {
      suggestions: [`npubridge models pull ${name}`],
    })
  }

  const meant = nearestName(name)
  return new NpuBridgeError('MODEL_NOT_FOUND', `There is no model named ${JSON.stringify(name)}.`, {
    suggestions: [
      ...(meant ? [`Did you mean ${meant}? npubridge models pull ${meant}`] : []),
      'See the names: npubridge models list',
      'Use a file of your own: a path that ends in .onnx or .xml',
    ],
  })
}

/** The catalogue name that differs from `name` by at most half of its letters. */
function nearestName(name: string): string | null {
  const names = CATALOGUE.map((model) => model.name)
  const nearest = closest(name.toLowerCase(), names)
  return distance(name.toLowerCase(), nearest) <= nearest.length / 2 ? nearest : null
}
