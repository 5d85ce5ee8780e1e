import {createRequire} from 'node:module'
import path from 'node:path'

import {type ErrorCode, NpuBridgeError} from '../errors.ts'
import {nativeAdvice, nativeCandidates, platformName} from './native-file.ts'

/** The classes and functions of the add-on, as native/node/index.d.ts declares them. */
export interface NativeBinding {
  readonly NativeEngine: new (config: string, onAnswers: () => void) => NativeEngineHandle
  /** Has this process killed when its parent dies, where the system offers that. For child processes. */
  endWithParent(): void
  /** Version and devices of the runtime in `folder`, as JSON. Only in a child process: enumerating an NPU can crash. */
  inspectRuntime(folder: string): string
  /** Compiles and runs a tiny model on `device`, as JSON. Only in a child process. */
  testDevice(folder: string, device: string): string
  /** Inputs and outputs of the model at `path`, as JSON; open sizes are -1. */
  describeModel(folder: string, path: string): string
  /** The agents of a folder and the files that were skipped, as JSON. */
  readAgents(folder: string): string
  readonly NativeAgentIndex: new (agents: string) => NativeAgentIndex
  readonly NativeHead: {
    train(texts: readonly string[], labels: readonly string[], embeddings?: Float32Array | null): Promise<NativeHead>
    load(file: string): NativeHead
  }
  readonly NativeWorkflow: new (description: string, nowUs: number) => NativeWorkflow
}

/** Agents prepared for being chosen by text. Queries and answers are JSON, see native/node/src/routing.rs. */
export interface NativeAgentIndex {
  texts(): string[]
  setEmbeddings(all: Float32Array): void
  route(texts: readonly string[], query: string, embeddings?: Float32Array | null): string
  selectAll(texts: readonly string[]): Int32Array
}

/** A learned choice between labels. */
export interface NativeHead {
  save(file: string): void
  describe(): string
  calibrate(inside: Float32Array, outside: Float32Array): void
  route(texts: readonly string[], query: string, embeddings?: Float32Array | null): string
}

/** A workflow under way. Instants are microseconds of one clock; see native/node/src/workflow.rs for the JSON. */
export interface NativeWorkflow {
  plan(): string
  next(nowUs: number): Uint32Array
  complete(task: number, nowUs: number): void
  fail(task: number, message: string, nowUs: number): void
  decline(task: number, nowUs: number): void
  cancel(nowUs: number): void
  isFinished(): boolean
  takeSettled(): string
  summary(nowUs: number): string
}

export interface NativeEngineHandle {
  intern(name: string): number
  nameOf(id: number): string
  fallbackOf(id: number): string
  submit(words: Int32Array, length: number, bytes: Uint8Array, large: Uint8Array[]): boolean
  drain(records: Float64Array, slab: Uint8Array, used: number): number
  takeLarge(): Uint8Array[]
  takeErrors(): string[]
  cancel(low: number, high: number): boolean
  metrics(): string
  metricsText(): string
  health(): string
  shutdown(drainMs: number): Promise<void>
}

const ROOT = path.resolve(import.meta.dirname, '..', '..', '..')
const require = createRequire(import.meta.url)

let loaded: NativeBinding | undefined

/**
 * The native add-on. `NPUBRIDGE_NATIVE` names another file than the one installed for this platform or built here.
 * @throws NpuBridgeError UNSUPPORTED_OPERATION, with what to do, when it cannot be loaded.
 */
export function loadBinding(env: NodeJS.ProcessEnv = process.env): NativeBinding {
  if (loaded) return loaded
  const failures: string[] = []
  for (const candidate of nativeCandidates(ROOT, env)) {
    if (candidate.problem !== undefined) {
      failures.push(`${candidate.place}: ${candidate.problem}`)
      continue
    }

    try {
      loaded = require(candidate.file) as NativeBinding
      return loaded
    } catch (error) {
      failures.push(`${candidate.file}: ${firstLine(error)}`)
    }
  }

  throw new NpuBridgeError(
    'UNSUPPORTED_OPERATION',
    `the native engine cannot be loaded on ${platformName()}: ${failures.join('; ')}`,
    {suggestions: nativeAdvice(ROOT)},
  )
}

/** Whether the add-on loads, and why not. */
export function bindingProblem(env: NodeJS.ProcessEnv = process.env): string | null {
  try {
    loadBinding(env)
    return null
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

function firstLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error)
  return text.split('\n', 1)[0]!
}

interface ReportedError {
  readonly code: ErrorCode
  readonly message: string
  readonly suggestions: readonly string[]
  readonly cause: string | null
}

/** An error that the add-on wrote as JSON. */
export function parseNativeError(json: string): NpuBridgeError {
  const {code, message, suggestions, cause} = JSON.parse(json) as ReportedError
  return new NpuBridgeError(code, message, {suggestions, ...(cause === null ? {} : {cause})})
}

/** What the add-on threw, as an error of ours: its message is JSON where the engine itself refused. */
export function fromNative(error: unknown): NpuBridgeError {
  if (error instanceof NpuBridgeError) return error
  const message = error instanceof Error ? error.message : String(error)
  try {
    return parseNativeError(message)
  } catch {
    return new NpuBridgeError('INTERNAL', message, {cause: error})
  }
}
