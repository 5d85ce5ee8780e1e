import type {Buffer} from 'node:buffer'

/**
 * A snapshot: a folder of copied files, and one file more for what files cannot hold — device nodes, access, user,
 * environment, and the answers of OpenVINO and Level Zero.
 */
import {existsSync, readFileSync, statSync} from 'node:fs'
import path from 'node:path'
import {z} from 'zod'

import type {ProbeEffects, RuntimeCandidate, RuntimeReport} from './effects.ts'
import type {NativeReadings} from './inventory/native.ts'
import type {Reading} from './reading.ts'

import {NpuBridgeError} from '../errors.ts'
import {IMAGE} from './machine.ts'
import {errorReport, nativeReadings} from './native.ts'
import {type Entry, FolderRoot, type Root} from './root.ts'

/** Lies at the top of the snapshot's folder. */
export const SNAPSHOT_FILE = 'npubridge-snapshot.json'
const LIMIT = 8 << 20

const entry = z.object({
  kind: z.enum(['block', 'character', 'file', 'folder', 'link', 'other']),
  mode: z.number().int(),
  uid: z.number().int(),
  gid: z.number().int(),
  links: z.number().int(),
  size: z.number().int(),
  device: z.string().nullable(),
})

const word = z.string().nullable()
const texts = z.record(z.string(), z.string())

const candidate = z.object({folder: z.string(), library: word, source: z.string(), version: word, problem: word})
const device = z.object({name: z.string(), fullName: word, properties: texts, unreadable: texts})
const report = z.object({folder: z.string(), version: z.string(), devices: device.array()})
const engineKind = z.enum(['legacy', 'native', 'openvino-node'])
const engine = z.object({kind: engineKind, available: z.boolean(), detail: z.string()})
const user = z.object({root: z.boolean(), groups: z.number().array(), memberOf: z.number().array()})

const machine = z.object({
  platform: z.string(),
  architecture: word,
  kernelRelease: word,
  user: user.nullable(),
  environment: texts.nullable(),
})

const answers = z.object({candidates: candidate.array(), report: report.nullable(), failure: errorReport.nullable()})

const schema = z.object({
  format: z.literal(1),
  machine,
  /** Device nodes, and anything else whose kind, owner or mode matters. */
  nodes: z.record(z.string(), entry).default({}),
  /** Whether the user of then could read and write a path. */
  access: z.record(z.string(), z.boolean()).default({}),
  /** Paths that the user of then was not allowed to read. */
  denied: z.string().array().default([]),
  /** Null when it could not be read. */
  kernelLog: z.string().array().nullable().default(null),
  openvino: answers.nullable().default(null),
  native: nativeReadings.nullable().default(null),
  engines: engine.array().default([]),
  /** Whether an environment variable was found to hide the NPU. */
  trapSprung: z.boolean().nullable().default(null),
})

export type Snapshot = z.infer<typeof schema>
/** What a writer gives: fields with a default may be left out. */
export type SnapshotInput = z.input<typeof schema>

/** Files as they are; nodes, access and denials as they were. */
export class RecordedRoot extends FolderRoot {
  readonly #snapshot: Snapshot

  constructor(folder: string, snapshot: Snapshot) {
    super(folder, snapshot.machine)
    this.#snapshot = snapshot
  }

  override text(file: string, limit?: number): Reading<string> {
    return this.#denial(file) ?? super.text(file, limit)
  }

  override bytes(file: string, offset: number, length: number): Reading<Buffer> {
    return this.#denial(file) ?? super.bytes(file, offset, length)
  }

  override list(folder: string): Reading<readonly string[]> {
    return this.#denial(folder) ?? super.list(folder)
  }

  override entry(file: string): Reading<Entry> {
    const recorded = this.#snapshot.nodes[file]
    return recorded ? {value: recorded} : super.entry(file)
  }

  override access(file: string): Reading<boolean> {
    const recorded = this.#snapshot.access[file]
    return recorded === undefined ? super.access(file) : {value: recorded}
  }

  override kernelLog(): Reading<readonly string[]> {
    const {kernelLog} = this.#snapshot
    return kernelLog ? {value: kernelLog} : {detail: 'needs root', unreadable: 'denied'}
  }

  #denial(file: string): {readonly unreadable: 'denied'; readonly detail: string} | null {
    return this.#snapshot.denied.includes(file) ? {detail: `${file}: needs root`, unreadable: 'denied'} : null
  }
}

/** Whether `--root` names an archive instead of a folder. */
export function isArchive(file: string): boolean {
  return /\.(?:tar\.gz|tgz|tar)$/.test(file) && Boolean(statSync(file, {throwIfNoEntry: false})?.isFile())
}

/** Opens a folder as a root: a snapshot where its file lies in it, else an image of a machine that does not run. */
export function openRoot(folder: string): {root: Root; effects: ProbeEffects} {
  if (!existsSync(folder) || !statSync(folder).isDirectory())
    throw new NpuBridgeError('INVALID_ARGUMENT', `--root ${folder} is not a folder`)
  const snapshot = readSnapshot(path.join(folder, SNAPSHOT_FILE))
  return snapshot
    ? {effects: recordedEffects(snapshot), root: new RecordedRoot(folder, snapshot)}
    : {effects: recordedEffects(null), root: new FolderRoot(folder, IMAGE)}
}

function readSnapshot(file: string): Snapshot | null {
  const status = statSync(file, {throwIfNoEntry: false})
  if (!status) return null
  const invalid = (reason: string) => new NpuBridgeError('INVALID_ARGUMENT', `${file} is not a snapshot: ${reason}`)
  if (!status.isFile() || status.size > LIMIT) throw invalid('it is no regular file of at most 8 MiB')
  const parsed = schema.safeParse(parseJson(readFileSync(file, 'utf8')))
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  throw invalid(`${issue?.path.join('.') || 'the whole'}: ${issue?.message}`)
}

function parseJson(json: string): unknown {
  try {
    return JSON.parse(json)
  } catch {
    return undefined
  }
}

const NOT_ASKED = 'files cannot tell: OpenVINO answers only on the running machine'

/** The answers of then; without any, nothing is known of OpenVINO and engines. */
export function recordedEffects(snapshot: Snapshot | null): ProbeEffects {
  const openvino = snapshot?.openvino
  return {
    trapSprung: snapshot?.trapSprung ?? null,
    async discoverRuntimes(): Promise<readonly RuntimeCandidate[]> {
      if (!openvino) throw new NpuBridgeError('UNSUPPORTED_OPERATION', NOT_ASKED)
      return openvino.candidates
    },
    async inspectRuntime(): Promise<RuntimeReport> {
      if (openvino?.report) return openvino.report
      throw new NpuBridgeError('DEVICE_LOST', openvino?.failure?.message ?? NOT_ASKED)
    },
    readNative: async () => (snapshot?.native ?? nativeReadings.parse({})) as NativeReadings,
    findEngines: async () => snapshot?.engines ?? [],
  }
}
