import {execa} from 'execa'

import {asNpuBridgeError, NpuBridgeError} from '../errors.ts'

/** More output than any child of ours has a reason to give; beyond it the child is stopped. */
const MAX_OUTPUT_BYTES = 64 * 1024 * 1024

export interface ProcessOptions {
  /** Added to the environment of this process; `undefined` removes a variable. */
  readonly env?: NodeJS.ProcessEnv
  readonly cwd?: string
  /** Aborting stops the child and rejects with CANCELLED. */
  readonly signal?: AbortSignal | undefined
  /** The child is killed after this many milliseconds. */
  readonly timeoutMs?: number
  /** Called with each line of stdout and stderr as it comes. */
  readonly onLine?: (line: string) => void
  /** Opens file descriptor 3 of the child for writing to us, apart from stdout, on which native libraries may talk. */
  readonly channel?: boolean
}

/** How a child process ended. A child that failed is an outcome, not an exception: the caller knows what it means. */
export interface ProcessOutcome {
  readonly exitCode: number | null
  /** The signal that ended it, e.g. SIGSEGV. */
  readonly signal: string | null
  readonly stdout: string
  readonly stderr: string
  /** What it wrote to file descriptor 3; empty without `channel`. */
  readonly channel: string
  readonly timedOut: boolean
  /** Why it could not even start, e.g. no such command. */
  readonly startError: string | null
}

export type RunProcess = (command: string, args: readonly string[], options?: ProcessOptions) => Promise<ProcessOutcome>

/** The error for work that `signal` stopped, carrying the reason it was given. */
export function cancelled(signal: AbortSignal | undefined): NpuBridgeError {
  const reason: unknown = signal?.reason
  return reason instanceof NpuBridgeError ? reason : new NpuBridgeError('CANCELLED', 'interrupted', {cause: reason})
}

/** Throws CANCELLED when `signal` was aborted. */
export function throwIfCancelled(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw cancelled(signal)
}

/** Runs `command` without a shell, waits for its end and tells how it went. */
export const runProcess: RunProcess = async (command, args, options = {}) => {
  throwIfCancelled(options.signal)
  const lines = tee(options.onLine)
  const result = await execa(command, args, {
    reject: false,
    stdio: ['ignore', ['pipe', ...lines], ['pipe', ...lines], ...(options.channel ? (['pipe'] as const) : [])],
    maxBuffer: MAX_OUTPUT_BYTES,
    ...(options.env && {env: options.env}),
    ...(options.cwd && {cwd: options.cwd}),
    ...(options.timeoutMs !== undefined && {timeout: options.timeoutMs}),
    ...(options.signal && {cancelSignal: options.signal}),
  })
  if (result.isCanceled) throw cancelled(options.signal)
  return {
    exitCode: result.exitCode ?? null,
    signal: result.signal ?? null,
    stdout: text(result.stdout),
    stderr: text(result.stderr),
    channel: text(result.stdio[3]),
    timedOut: result.timedOut,
    startError: result.exitCode === undefined && result.signal === undefined ? whyNotStarted(result) : null,
  }
}

function tee(onLine: ProcessOptions['onLine']) {
  if (!onLine) return []
  return [
    function* (line: unknown) {
      onLine(String(line))
      yield line
    },
  ]
}

function text(output: unknown): string {
  return typeof output === 'string' ? output : ''
}

function whyNotStarted(result: {readonly cause?: unknown}): string {
  return asNpuBridgeError(result.cause ?? 'it could not be started').message
}

/** The last `count` lines of `output` that are not empty. */
export function lastLines(output: string, count: number): string[] {
  return output
    .split('\n')
    .map((line) => line.trimEnd())
    .filter((line) => line.trim() !== '')
    .slice(-count)
}
