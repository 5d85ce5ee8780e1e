/** What the command does: a search with its files, or advice. */
import path from 'node:path'
import writeFileAtomic from 'write-file-atomic'

import type {Objective} from './objective.ts'
import type {AdviceReport, TuneReport} from './report.ts'

import {parseDuration} from '../bench/duration.ts'
import {requireWritable} from '../bench/exports.ts'
import {resolveConfig} from '../config/resolve.ts'
import {EXIT, NpuBridgeError} from '../errors.ts'
import {withStorageErrors} from '../install/storage-error.ts'
import {adviseOn} from './advise.ts'
import {saveTarget, saveWinner} from './save.ts'
import {tune, type TuneRequest} from './tune.ts'

/** By the names of the flags. */
export interface TuneFlags {
  readonly advise?: readonly string[] | undefined
  readonly config?: string | undefined
  readonly device?: 'auto' | 'cpu' | 'gpu' | 'npu' | undefined
  readonly 'export-html'?: string | undefined
  readonly 'max-memory-mb'?: number | undefined
  readonly 'max-p99-ms'?: string | undefined
  readonly model?: string | undefined
  readonly objective: Objective
  readonly runtime?: string | undefined
  readonly save?: string | undefined
  readonly 'time-limit': string
}

export interface TuneSession extends Pick<TuneRequest, 'onProgress' | 'signal'> {
  readonly renderPage: (report: TuneReport) => string
}

/** @throws {NpuBridgeError} INVALID_ARGUMENT for flags that make no sense, before anything is measured */
export async function runTune(flags: TuneFlags, session: TuneSession): Promise<AdviceReport | TuneReport> {
  const {device, runtime} = flags
  const {config} = await resolveConfig({file: flags.config, flags: {device, runtime}})
  if (flags.advise) return adviseOn(flags.advise, config, {token: process.env.NPUBRIDGE_TOKEN})
  if (flags.model === undefined) {
    throw usage('tune needs a model, or snapshots to advise on', [
      '--model silero-vad',
      '--advise snapshot.json',
      '--advise http://127.0.0.1:8000',
    ])
  }

  const page = flags['export-html']
  if (page !== undefined) await requireWritable([page])
  const target = flags.save === undefined ? null : await saveTarget(flags.save, flags.config)
  const report = await tune({
    config,
    constraints: {
      maxMemoryMb: flags['max-memory-mb'],
      maxP99Ms:
        flags['max-p99-ms'] === undefined ? defaultP99(config.max_latency_us) : milliseconds(flags['max-p99-ms']),
    },
    limitMs: parseDuration(flags['time-limit']),
    model: flags.model,
    objective: flags.objective,
    onProgress: session.onProgress,
    signal: session.signal,
  })
  if (page !== undefined) {
    await withStorageErrors(path.dirname(path.resolve(page)), async () =>
      writeFileAtomic(page, session.renderPage(report)),
    )
  }

  const saved =
    target !== null && report.winner !== null && !report.interrupted ? await saveWinner(report, target) : null
  return {...report, saved}
}

function defaultP99(longestUs: number | undefined): number | undefined {
  return longestUs === undefined ? undefined : longestUs / 1000
}

function milliseconds(text: string): number {
  const value = Number(text)
  if (Number.isFinite(value) && value > 0) return value
  throw usage(`--max-p99-ms is ${JSON.stringify(text)}, it must be a number above 0`, ['--max-p99-ms 2.5'])
}

function usage(message: string, suggestions: readonly string[]): NpuBridgeError {
  return new NpuBridgeError('INVALID_ARGUMENT', message, {exitCode: EXIT.usage, suggestions})
}
