import path from 'node:path'

import type {Paths} from '../paths.ts'
import type {StepReport, Steps} from '../progress.ts'

import {unpack} from '../download/archive.ts'
import {downloadCommand, type FetchedWheel, type FetchOptions, fetchWheel} from '../download/wheel.ts'
import {NpuBridgeError} from '../errors.ts'
import {hashProblem, type InstalledFile, totalBytes} from '../install/files.ts'
import {installFolder} from '../install/folder.ts'
import {inWords, type MeasureSpace, requireSpace} from '../install/space.ts'
import {type RunProcess, runProcess} from '../process/run.ts'
import {type InspectOptions, inspectRuntime} from './inspect.ts'
import {writeManifest} from './manifest.ts'
import {putToTest, summarise, type Tested} from './verification.ts'
import {type RuntimeWheel, selectMember} from './wheel.ts'

export interface InstallOptions {
  readonly paths: Paths
  readonly steps: Steps<'download' | 'test' | 'unpack'>
  /** Takes the wheel from this file instead of downloading it. */
  readonly file?: string | undefined
  readonly signal?: AbortSignal | undefined
  readonly inspection: InspectOptions
  readonly run?: RunProcess
  readonly pip?: NonNullable<FetchOptions['pip']>
}

export interface Installed extends Tested {
  readonly downloadedBytes: number
  readonly installedBytes: number
}

/** Checks that there is room for the wheel and what it unpacks to, and tells how much, in words. */
export async function checkSpace(
  wheel: RuntimeWheel,
  options: {
    readonly effects?: {readonly measureSpace?: MeasureSpace}
    readonly paths: Paths
    readonly wheel?: string | undefined
  },
): Promise<string> {
  const {paths, wheel: file, effects} = options
  const needs = [
    {folder: paths.runtimes, bytes: wheel.unpackedBytes},
    // pip stores a download twice for a moment.
    {folder: paths.cache, bytes: file === undefined ? 2 * wheel.bytes : 0},
  ]
  const free = await requireSpace(needs, effects?.measureSpace)
  return `up to ${inWords(totalBytes(needs))} needed, ${inWords(free)} free`
}

/**
 * Downloads `wheel`, unpacks what is needed beside `target`, tests it there, and only then gives it the name `target`.
 * The caller holds the lock of `target`.
 *
 * @throws {NpuBridgeError} as fetching, unpacking and testing do; `target` is untouched then
 */
export async function install(wheel: RuntimeWheel, target: string, options: InstallOptions): Promise<Installed> {
  const {steps, inspection} = options
  const fetched = await steps.run('download', async (report) => download(wheel, options, report))
  const installed = await installFolder(target, async (staging) => {
    const files = await steps.run('unpack', async ({advance}) =>
      unpackTo(staging, fetched, wheel, {advance, signal: options.signal}),
    )
    const tested = await steps.run('test', async () => test(staging, files, inspection))
    return {...tested, installedBytes: totalBytes(files)}
  })
  await fetched.discard()
  return {...installed, downloadedBytes: fetched.origin === 'downloaded' ? wheel.bytes : 0}
}

async function download(
  wheel: RuntimeWheel,
  {paths, file, signal, pip, run = runProcess}: InstallOptions,
  report: StepReport,
): Promise<{detail: string; value: FetchedWheel}> {
  const value = await fetchWheel(wheel, {
    run,
    downloads: path.join(paths.cache, 'downloads'),
    failure: 'RUNTIME_NOT_FOUND',
    offlineHint: `Without a network: fetch it on another machine with ${downloadCommand(wheel)}, then npubridge setup --wheel FILE`,
    file,
    signal,
    onProgress: report.advance,
    onNote: report.note,
    ...(pip && {pip}),
  })
  const origins = {downloaded: inWords(wheel.bytes), file: value.path, kept: 'kept from an earlier run'}
  return {detail: `${origins[value.origin]}, sha256 as pinned`, value}
}

async function unpackTo(
  staging: string,
  fetched: FetchedWheel,
  wheel: RuntimeWheel,
  {advance, signal}: Pick<StepReport, 'advance'> & {readonly signal: AbortSignal | undefined},
): Promise<{detail: string; value: InstalledFile[]}> {
  const {sha256, version, file, unpackedBytes: limitBytes} = wheel
  const files = await unpack(fetched.path, staging, {select: selectMember, limitBytes, signal, onProgress: advance})
  await writeManifest(staging, {version, wheel: file, sha256, installedAt: new Date().toISOString(), files})
  return {detail: `${files.length} files, ${inWords(totalBytes(files))}`, value: files}
}

async function test(
  staging: string,
  files: readonly InstalledFile[],
  inspection: InspectOptions,
): Promise<{detail: string; value: Tested}> {
  const damage = await hashProblem(staging, files, inspection.signal)
  if (damage) throw new NpuBridgeError('RUNTIME_NOT_FOUND', `Unpacking went wrong: ${damage}.`)
  const value = await putToTest(async (options) => inspectRuntime(staging, options), inspection)
  return {detail: summarise(value.verification), value}
}
