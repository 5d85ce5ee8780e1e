/** What the command asks for, as one call each: where to look, and what to write. */
import {closest} from 'fastest-levenshtein'
import writeFileAtomic from 'write-file-atomic'

import type {Captured} from './capture.ts'
import type {ProbeEffects} from './effects.ts'
import type {Requirement} from './require.ts'

import {asNpuBridgeError, NpuBridgeError} from '../errors.ts'
import {CHECKS} from './checks/index.ts'
import {examineAlone, type Finding} from './diagnosis.ts'
import {liveEffects} from './live.ts'
import {privateWords, redactor} from './privacy.ts'
import {probe, type ProbeReport} from './probe.ts'
import {LiveRoot, type Root} from './root.ts'
import {isArchive, openRoot} from './snapshot.ts'

/** The error for an id that no check has; null for one that exists. */
export function unknownCheck(id: string): NpuBridgeError | null {
  const ids = CHECKS.map((check) => check.id)
  if (ids.includes(id)) return null
  return new NpuBridgeError('INVALID_ARGUMENT', `There is no check ${JSON.stringify(id)}.`, {
    suggestions: [`the nearest is ${closest(id, ids)}`, 'npubridge probe --all   lists them'],
  })
}

export interface SessionOptions {
  readonly version: string
  /** A folder or snapshot archive to examine instead of the running machine. */
  readonly root?: string | undefined
  /** The OpenVINO runtime to use. */
  readonly runtime?: string | undefined
  readonly require?: readonly Requirement[]
  /** Whether to run models on the devices too. */
  readonly test?: boolean
  readonly signal?: AbortSignal
}

/** Probes the running machine, a folder, or an archive, which is unpacked for as long as it is read. */
export async function runProbe(options: SessionOptions): Promise<ProbeReport> {
  return withSubject(options, async (subject) => probe({...options, ...subject}))
}

/** Findings of single checks, judged by themselves even where a check they need has failed. */
export function findingsOf(ids: readonly string[], report: ProbeReport): Finding[] {
  return ids.map((id) =>
    examineAlone(
      CHECKS.find((check) => check.id === id)!,
      report,
    ),
  )
}

/** What a check is about, with what it found in this report. */
export function explain(id: string, report: ProbeReport): Finding & {readonly explanation: string} {
  const check = CHECKS.find((candidate) => candidate.id === id)!
  const [finding] = findingsOf([id], report)
  const remedy = check.remedy(report.host.distribution, report)
  return {...finding!, explanation: check.explanation, remedy}
}

const CHILD_LIMIT_MS = 10_000

/** Saves a snapshot of the running machine at `file`. */
export async function captureTo(file: string, options: SessionOptions): Promise<Captured> {
  const {effects, root} = liveSubject(options)
  const {signal} = options
  const gather = {effects, root, timeoutMs: CHILD_LIMIT_MS, ...(signal && {signal})}
  // Loaded where it is needed: reading archives takes a tenth of a probe's time.
  const {capture} = await import('./capture.ts')
  return capture(file, gather, redactor(privateWords()))
}

/** Writes a text for others to read, atomically and without what it says of this machine's owner. */
export function writeReport(file: string, text: string): void {
  const redacted = redactor(privateWords())(text)
  try {
    writeFileAtomic.sync(file, redacted)
  } catch (error) {
    throw new NpuBridgeError('INVALID_ARGUMENT', `${file} cannot be written: ${asNpuBridgeError(error).message}`, {
      cause: error,
    })
  }
}

export interface Subject {
  readonly root: Root
  readonly effects: ProbeEffects
}

export async function withSubject<T>(options: SessionOptions, work: (subject: Subject) => Promise<T>): Promise<T> {
  if (options.root === undefined) return work(liveSubject(options))
  if (!isArchive(options.root)) return work(openRoot(options.root))
  const {unpack} = await import('./archive.ts')
  const {folder, remove} = await unpack(options.root)
  try {
    return await work(openRoot(folder))
  } finally {
    remove()
  }
}

function liveSubject({runtime, signal}: SessionOptions): Subject {
  const effects = liveEffects({...(runtime && {runtime}), ...(signal && {signal})})
  return {effects, root: new LiveRoot()}
}
