import {readdir} from 'node:fs/promises'
import path from 'node:path'

import {sizeProblem, totalBytes} from '../install/files.ts'
import {CATALOGUE, type CatalogueModel, inCatalogue, wheelsOf} from './catalogue.ts'
import {type ModelManifest, readModelManifest} from './manifest.ts'

export interface ListedModel {
  readonly name: string
  readonly version: string
  readonly task: string
  readonly license: string
  readonly source: string
  /** `own`: not of the catalogue, put into the models folder by hand */
  readonly state: 'available' | 'damaged' | 'installed' | 'outdated' | 'own'
  /** What is wrong, for `damaged`. */
  readonly problem: string | null
  /** What it takes on the disk. */
  readonly bytes: number
  /** What has to be downloaded to get it. */
  readonly downloadBytes: number
  /** Where it is, or would be. */
  readonly folder: string
}

/** Every model that has a name: those of the catalogue, then those that somebody put into the models folder. */
export async function listModels(modelsFolder: string): Promise<ListedModel[]> {
  const names = await readdir(modelsFolder).catch(() => [])
  const own = names.filter((name) => !name.startsWith('.') && !inCatalogue(name)).toSorted()
  const listed = [
    ...CATALOGUE.map(async (model) => describe(model, modelsFolder)),
    ...own.map(async (name) => describeOwn(path.join(modelsFolder, name))),
  ]
  return (await Promise.all(listed)).filter((model) => model !== null)
}

async function describe(model: CatalogueModel, modelsFolder: string): Promise<ListedModel> {
  const {name, version, task, license, source} = model
  const folder = path.join(modelsFolder, name)
  return {
    name,
    version,
    task,
    license,
    source,
    folder,
    ...(await stateOf(model, folder)),
    bytes: totalBytes(model.files),
    downloadBytes: totalBytes(wheelsOf(model)),
  }
}

/** Whether what is in `folder` is the model of the catalogue, judged by names and sizes. */
export async function stateOf(
  model: CatalogueModel,
  folder: string,
): Promise<{problem: string | null; state: 'available' | 'damaged' | 'installed' | 'outdated'}> {
  const manifest = await readModelManifest(folder)
  if (!manifest) return {state: 'available', problem: null}
  if (manifest.version !== model.version) return {state: 'outdated', problem: null}
  const problem = await sizeProblem(folder, model.files)
  return {state: problem ? 'damaged' : 'installed', problem}
}

async function describeOwn(folder: string): Promise<ListedModel | null> {
  const manifest = await readModelManifest(folder)
  if (!manifest) return null
  const {version, task, license, source, files} = manifest satisfies ModelManifest
  const bytes = totalBytes(files)
  return {
    name: path.basename(folder),
    version,
    task,
    license,
    source,
    state: 'own',
    problem: null,
    bytes,
    downloadBytes: 0,
    folder,
  }
}
