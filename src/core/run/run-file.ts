import type {Stats} from 'node:fs'
/** The files that `run` itself reads and writes. */
import type {Readable, Writable} from 'node:stream'

import {randomUUID} from 'node:crypto'
import {type FileHandle, open, readFile, realpath, rename, rm, stat} from 'node:fs/promises'
import path from 'node:path'
import {finished} from 'node:stream/promises'

import type {Engine} from '../engine/engine.ts'
import type {RunSummary} from './tally.ts'

import {asNpuBridgeError, NpuBridgeError} from '../errors.ts'
import {LONGEST_LINE} from './lines.ts'
import {runLines, type RunOptions} from './run-lines.ts'

const READ_BYTES = 256 * 1024

/**
 * Opens `file`; `-` is `stdin`, whose lines name files relative to the current folder.
 * @throws {NpuBridgeError} INVALID_ARGUMENT where it is not there or cannot be read.
 */
export async function openInput(file: string, stdin: Readable): Promise<RunOptions['input']> {
  if (file === '-') return {bytes: undefined, folder: process.cwd(), stream: stdin}
  const stats = await statInput(file)
  // A pipe (`<(…)`) has no size, and no folder that means anything.
  const isRegular = stats.isFile()
  const handle = await open(file).catch(unreadable(file))
  return {
    bytes: isRegular ? stats.size : undefined,
    folder: isRegular ? path.dirname(path.resolve(file)) : process.cwd(),
    stream: handle.createReadStream({highWaterMark: READ_BYTES}),
  }
}

async function statInput(file: string): Promise<Stats> {
  const stats = await stat(file).catch(unreadable(file))
  if (stats.isDirectory()) throw new NpuBridgeError('INVALID_ARGUMENT', `${file} is a folder, not a file`)
  return stats
}

function unreadable(file: string) {
  return (cause: NodeJS.ErrnoException): never => {
    const problem = cause.code === 'ENOENT' ? 'does not exist' : `cannot be read: ${cause.message}`
    throw new NpuBridgeError('INVALID_ARGUMENT', `${file} ${problem}`, {cause, suggestions: ['- reads standard input']})
  }
}

/** The error for a flag of workflows that came with JSON Lines. */
export function notForLines(flag: string, file: string): NpuBridgeError {
  return new NpuBridgeError('INVALID_ARGUMENT', `--${flag} is for workflows, and ${file} is none`, {
    suggestions: ['a workflow is a .yaml file, or a .json file with "tasks"'],
  })
}

/** Whether `file` is a workflow rather than JSON Lines: YAML by its name, or JSON with `tasks`. */
export async function isWorkflow(file: string): Promise<boolean> {
  if (/\.ya?ml$/i.test(file)) return true
  if (!/\.json$/i.test(file)) return false
  const {size} = await statInput(file)
  return size <= LONGEST_LINE && hasTasks(await readFile(file, 'utf8'))
}

function hasTasks(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && 'tasks' in value
  } catch {
    // Several lines of JSON are not JSON: that is what JSON Lines look like.
    return false
  }
}

export interface RunOutput {
  readonly stream: Writable
  /** Everything is written: the file takes its place. */
  commit(): Promise<void>
  /** Leaves what was there before as it was. */
  discard(): Promise<void>
}

/**
 * Where results go: `stdout`, or a file that appears under its name when it is complete.
 * @throws {NpuBridgeError} INVALID_ARGUMENT where it cannot be written.
 */
export async function openOutput(file: string | undefined, stdout: Writable): Promise<RunOutput> {
  if (file === undefined) return {commit: nothing, discard: nothing, stream: stdout}
  try {
    const target = await realpath(file).catch(() => path.resolve(file))
    const stats = await stat(target).catch(() => undefined)
    // A pipe or a device is written to; replacing it by a file is not what anybody wants.
    if (stats && !stats.isFile()) return directOutput(await open(target, 'w'))
    const temporary = `${target}.${randomUUID()}.tmp`
    return replacingOutput(await open(temporary, 'wx'), temporary, target)
  } catch (error) {
    throw new NpuBridgeError('INVALID_ARGUMENT', `${file} cannot be written: ${asNpuBridgeError(error).message}`, {
      cause: error,
    })
  }
}

/** Standard output is not ours to end. */
async function nothing(): Promise<void> {
  await Promise.resolve()
}

function directOutput(handle: FileHandle): RunOutput {
  const stream = handle.createWriteStream()
  const end = async () => {
    stream.end()
    await finished(stream)
  }

  return {commit: end, discard: end, stream}
}

function replacingOutput(handle: FileHandle, temporary: string, target: string): RunOutput {
  const stream = handle.createWriteStream({flush: true})
  return {
    async commit() {
      stream.end()
      await finished(stream)
      await rename(temporary, target)
    },
    async discard() {
      stream.destroy()
      await rm(temporary, {force: true})
    },
    stream,
  }
}

export interface RunFileOptions extends Omit<RunOptions, 'engine' | 'input' | 'output'> {
  /** A path, or `-` for `stdin`. */
  readonly file: string
  readonly stdin: Readable
  /** Where results go; `stdout` when undefined. */
  readonly outputFile?: string | undefined
  readonly stdout: Writable
  /** Called when input and output are known to be there. */
  readonly openEngine: () => Promise<AsyncDisposable & Pick<Engine, 'submit'>>
}

/**
 * Runs a JSON Lines file. Lines that fail are part of the summary.
 * @throws {NpuBridgeError} where input, output or engine cannot be had at all.
 */
export async function runFile(options: RunFileOptions): Promise<RunSummary> {
  const {file, openEngine, outputFile, stdin, stdout, ...others} = options
  const input = await openInput(file, stdin)
  const output = await openOutput(outputFile, stdout)
  try {
    await using engine = await openEngine()
    const summary = await runLines({...others, engine, input, output: output.stream})
    await output.commit()
    return summary
  } catch (error) {
    await output.discard()
    throw error
  } finally {
    // Nothing reads it any more, also where nothing ever did.
    input.stream.destroy()
  }
}
