/**
 * Which models a server may open. Names come from outside, so a name is never a path, and whatever it leads to has to
 * lie in the folder also after links are followed.
 */
import {type Dirent} from 'node:fs'
import {readdir, realpath, stat} from 'node:fs/promises'
import path from 'node:path'

import {NpuBridgeError} from '../../errors.ts'
import {readModelManifest} from '../../models/manifest.ts'
import {nameSuggestions} from '../../run/nearest.ts'

export interface FoundModel {
  readonly name: string
  readonly version: string
  /** What the engine knows it by: its name where the engine reads the same folder, else the path of its file. */
  readonly reference: string
  readonly file: string
}

/** No separators, no leading dot; and not like a file, which engines would take it for. */
const NAME = /^[a-z\d][\w.-]{0,127}$/i
const MODEL_FILE = /\.(?:onnx|xml)$/i
const VERSION = /^\d{1,9}$/

export function isModelName(name: string): boolean {
  return NAME.test(name) && !MODEL_FILE.test(name)
}

/** Where the models of a server are from. */
export type ModelSource = Pick<ModelFolder, 'find' | 'list'>

export class ModelFolder {
  readonly #folder: string
  readonly #catalogue: string

  /**
   * @param folder models in any of these forms: `NAME/model.json`, `NAME/VERSION/model.onnx` (or .xml), `NAME/*.onnx`,
   *   `NAME.onnx`
   * @param catalogue where `npubridge models pull` puts models; their names are known, too
   */
  constructor(folder: string, catalogue: string) {
    this.#folder = folder
    this.#catalogue = catalogue
  }

  /**
   * @throws {NpuBridgeError} INVALID_ARGUMENT for what cannot be a name, MODEL_NOT_FOUND, MODEL_INVALID for one that
   *   leads out of its folder
   */
  async find(name: string): Promise<FoundModel> {
    if (!isModelName(name)) {
      throw new NpuBridgeError('INVALID_ARGUMENT', `${JSON.stringify(name.slice(0, 128))} is not the name of a model`, {
        suggestions: ['names have letters, digits, dots, hyphens and underscores; paths are not accepted here'],
      })
    }

    const found = await this.#lookUp(name)
    if (found) return found
    throw await this.unknown(name)
  }

  /** Every model that is there, by name. What cannot be opened is not. */
  async list(): Promise<FoundModel[]> {
    const folders = this.#catalogue === this.#folder ? [this.#folder] : [this.#folder, this.#catalogue]
    const entries = (await Promise.all(folders.map(async (folder) => readdir(folder).catch(() => [])))).flat()
    const names = [...new Set(entries.map((entry) => entry.replace(MODEL_FILE, '')))].filter((name) =>
      isModelName(name),
    )
    const found = await Promise.all(names.map(async (name) => this.#lookUp(name).catch(() => undefined)))
    return found.filter((model) => model !== undefined).toSorted((a, b) => a.name.localeCompare(b.name, 'en'))
  }

  async unknown(name: string): Promise<NpuBridgeError> {
    const names = (await this.list()).map((model) => model.name)
    return new NpuBridgeError('MODEL_NOT_FOUND', `there is no model ${JSON.stringify(name)}`, {
      suggestions: nameSuggestions(name, names, 'models'),
    })
  }

  async #lookUp(name: string): Promise<FoundModel | undefined> {
    const described = await this.#described(this.#folder, name, name)
    if (described) return described
    const own = (await this.#inFolder(name)) ?? (await this.#flat(name))
    if (own) return own
    return this.#catalogue === this.#folder ? undefined : this.#described(this.#catalogue, name)
  }

  /** A model with a model.json, as the catalogue's have. */
  async #described(folder: string, name: string, reference?: string): Promise<FoundModel | undefined> {
    const manifest = await readModelManifest(path.join(folder, name))
    if (!manifest) return undefined
    const file = await confined(folder, path.join(folder, name, manifest.file))
    return file === undefined ? undefined : {name, version: manifest.version, reference: reference ?? file, file}
  }

  /** `NAME/VERSION/model.onnx`, of which the highest version is served, or `NAME/*.onnx`. */
  async #inFolder(name: string): Promise<FoundModel | undefined> {
    const folder = path.join(this.#folder, name)
    const entries = await readdir(folder, {withFileTypes: true}).catch((): Dirent[] => [])
    const versions = entries
      .map((entry) => entry.name)
      .filter((entry) => VERSION.test(entry))
      .toSorted((a, b) => Number(b) - Number(a))
    for (const version of versions) {
      const file = await this.#only(path.join(folder, version))
      if (file !== undefined) return {name, version, reference: file, file}
    }

    const file = await this.#only(folder)
    return file === undefined ? undefined : {name, version: '1', reference: file, file}
  }

  async #flat(name: string): Promise<FoundModel | undefined> {
    for (const end of ['.onnx', '.xml']) {
      const file = await confined(this.#folder, path.join(this.#folder, `${name}${end}`))
      if (file !== undefined) return {name, version: '1', reference: file, file}
    }

    return undefined
  }

  /** The model of a folder: model.xml or model.onnx, or the only one there is. */
  async #only(folder: string): Promise<string | undefined> {
    const names = (await readdir(folder).catch(() => [])).filter((name) => MODEL_FILE.test(name))
    const usual = ['model.xml', 'model.onnx'].find((name) => names.includes(name))
    const chosen = usual ?? (names.length === 1 ? names[0] : undefined)
    return chosen === undefined ? undefined : confined(this.#folder, path.join(folder, chosen))
  }
}

/** The real path of a model's file; undefined where there is none. Its weights must lie in the folder as well. */
async function confined(folder: string, file: string): Promise<string | undefined> {
  const real = await realFile(file)
  if (real === undefined) return undefined
  const root = `${await realpath(folder)}${path.sep}`
  const weights = await realFile(real.replace(/\.xml$/i, '.bin'))
  const parts = weights === undefined ? [real] : [real, weights]
  if (!MODEL_FILE.test(real) || parts.some((part) => !part.startsWith(root))) {
    throw new NpuBridgeError('MODEL_INVALID', `the model ${path.basename(file)} leads out of the folder of models`)
  }

  return real
}

async function realFile(file: string): Promise<string | undefined> {
  const real = await realpath(file).catch(() => undefined)
  if (real === undefined) return undefined
  const stats = await stat(real)
  return stats.isFile() ? real : undefined
}
