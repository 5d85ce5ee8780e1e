/** Saves what a probe reads of this machine, for support: no names of hosts or users, no serial numbers. */
import {randomBytes} from 'node:crypto'
import {mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync} from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import * as tar from 'tar'

import type {ProbeEffects} from './effects.ts'
import type {Facts} from './facts.ts'

import {asNpuBridgeError, NpuBridgeError} from '../errors.ts'
import {gatherFacts, type GatherOptions} from './gather.ts'
import {trim} from './privacy.ts'
import {valueOf} from './reading.ts'
import {type Recording, RecordingRoot} from './recording.ts'
import {SNAPSHOT_FILE, type SnapshotInput} from './snapshot.ts'
import {readTelemetry} from './telemetry.ts'

export interface Captured {
  readonly file: string
  readonly files: number
  readonly facts: Facts
}

/** Probes through a recording root and writes the recording as a gzipped tar archive at `file`, atomically. */
export async function capture(
  file: string,
  options: GatherOptions,
  redact: (text: string) => string,
): Promise<Captured> {
  const root = new RecordingRoot(options.root)
  const answers: RecordedAnswers = {candidates: null, report: null}
  const facts = await gatherFacts({...options, effects: remember(options.effects, answers), root})
  if (facts.npu) readTelemetry(root, facts.npu)
  const folder = mkdtempSync(path.join(os.tmpdir(), 'npubridge-capture-'))
  try {
    const metadata = JSON.stringify(snapshotOf(facts, root, answers), null, 2)
    writeFileSync(path.join(folder, SNAPSHOT_FILE), `${redact(metadata)}\n`)
    writeTree(folder, root.recording, redact)
    await writeArchive(file, folder)
  } finally {
    rmSync(folder, {force: true, recursive: true})
  }

  return {facts, file, files: root.recording.files.size}
}

interface RecordedAnswers {
  candidates: Awaited<ReturnType<ProbeEffects['discoverRuntimes']>> | null
  report: Awaited<ReturnType<ProbeEffects['inspectRuntime']>> | null
}

function remember(effects: ProbeEffects, answers: RecordedAnswers): ProbeEffects {
  return {
    ...effects,
    async discoverRuntimes() {
      answers.candidates = await effects.discoverRuntimes()
      return answers.candidates
    },
    async inspectRuntime(folder, inspectOptions) {
      const report = await effects.inspectRuntime(folder, inspectOptions)
      if (!inspectOptions.without) answers.report = report
      return report
    },
  }
}

/** As snapshot.ts reads it again. */
function snapshotOf(
  facts: Facts,
  root: RecordingRoot,
  {candidates, report}: RecordedAnswers,
): Record<keyof SnapshotInput, unknown> {
  const {access, denied, nodes} = root.recording
  return {
    format: 1,
    machine: root.machine,
    nodes: Object.fromEntries(nodes),
    access: Object.fromEntries(access),
    denied: [...denied],
    kernelLog: valueOf(facts.kernelLog),
    openvino: candidates && {candidates, failure: facts.openvino.failure, report},
    native: facts.native,
    engines: facts.engines,
    trapSprung: facts.trapSprung,
  }
}

function writeTree(folder: string, {files, folders, links}: Recording, redact: (text: string) => string): void {
  const inside = (name: string) => path.join(folder, name)
  for (const name of folders) mkdirSync(inside(name), {recursive: true})
  for (const [name, content] of files) {
    mkdirSync(path.dirname(inside(name)), {recursive: true})
    writeFileSync(inside(name), trim(name, content, redact))
  }

  for (const [name, target] of links) {
    mkdirSync(path.dirname(inside(name)), {recursive: true})
    symlinkSync(path.posix.relative(path.posix.dirname(name), target) || '.', inside(name))
  }
}

async function writeArchive(file: string, folder: string): Promise<void> {
  const temporary = `${file}.${randomBytes(6).toString('hex')}.tmp`
  try {
    await tar.create({cwd: folder, file: temporary, gzip: true, portable: true}, ['.'])
    renameSync(temporary, file)
  } catch (error) {
    rmSync(temporary, {force: true})
    throw new NpuBridgeError('INVALID_ARGUMENT', `${file} cannot be written: ${asNpuBridgeError(error).message}`, {
      cause: error,
    })
  }
}
