/** OpenVINO's own benchmark, as pip installs it with the package `openvino`. */
import {mkdtemp, rm, writeFile} from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'

import type {Peer, PeerFigures, PeerRequest, PeerRun} from './peer.ts'

import {NpuBridgeError} from '../../errors.ts'
import {lastLines, runProcess} from '../../process/run.ts'
import {encodeNpy} from '../../run/npy.ts'
import {inputsFor} from '../model-inputs.ts'

const PROGRAM = 'benchmark_app'
/** It takes whole seconds. */
const LEAST_SECONDS = 1
const PATIENCE_MS = 60_000
const MS_PER_S = 1000
/** As the engine has it (model/properties.rs). With a hint the program takes it from a file only. */
const SETTINGS = {CPU: {ENABLE_CPU_PINNING: 'NO'}}
const US_PER: Readonly<Record<string, number>> = {ms: 1000, ns: 0.001, s: 1e6, us: 1}

export const benchmarkApp: Peer = {
  name: 'benchmark_app',
  slow: true,
  async open(request, signal) {
    const found = await runProcess(PROGRAM, ['-h'], {signal, timeoutMs: PATIENCE_MS})
    if (found.startError !== null) {
      throw new NpuBridgeError('UNSUPPORTED_OPERATION', `${PROGRAM} is not on PATH: pip install openvino`)
    }

    const folder = await mkdtemp(path.join(os.tmpdir(), 'npubridge-benchmark-app-'))
    const files = await writeFiles(folder, request)
    return {
      about: 'that of the Python package openvino',
      ownInputs: files.inputs.size === 0,
      run: async (run) => measure(argumentsOf(request, run, files), run, signal),
      [Symbol.asyncDispose]: async () => rm(folder, {force: true, recursive: true}),
    }
  },
}

interface Files {
  readonly settings: string
  /** Those of the inputs by name, where the program can read all of them. */
  readonly inputs: ReadonlyMap<string, string>
}

/** How long an inference takes depends on its inputs: by itself the program takes random ones, up to 255. */
async function writeFiles(folder: string, {inputs}: PeerRequest): Promise<Files> {
  const settings = path.join(folder, 'settings.json')
  await writeFile(settings, JSON.stringify(SETTINGS))
  const files = new Map<string, string>()
  if (!inputs.every(isReadable)) return {settings, inputs: files}
  for (const [index, [name, tensor]] of Object.entries(inputsFor({inputs})).entries()) {
    const file = path.join(folder, `${index}.npy`)
    await writeFile(file, encodeNpy(tensor))
    files.set(name, file)
  }

  return {settings, inputs: files}
}

/** Names go before a colon, and NumPy has no bfloat16. */
function isReadable({datatype, name}: PeerRequest['inputs'][number]): boolean {
  return datatype !== 'BF16' && /^[\w.]+$/.test(name)
}

/** Each run is a process that compiles the model anew, as nothing else is possible. */
async function measure(flags: readonly string[], run: PeerRun, signal: AbortSignal): Promise<PeerFigures> {
  const timeoutMs = run.durationMs + PATIENCE_MS
  const outcome = await runProcess(PROGRAM, flags, {signal, timeoutMs})
  const figures = outcome.exitCode === 0 ? readFigures(outcome.stdout) : null
  if (figures) return figures
  const said = lastLines(outcome.stderr || outcome.stdout, 1)[0] ?? 'nothing'
  throw new NpuBridgeError('INTERNAL', `${PROGRAM} gave no figures (exit code ${outcome.exitCode}); it said: ${said}`)
}

/** Exported for tests. The file `settings` is for what has no flag of its own. */
export function argumentsOf(
  {device, inputs, model, profile}: PeerRequest,
  {durationMs, window}: PeerRun,
  files: Files,
): string[] {
  const given = [...files.inputs].map(([name, file]) => `${name}:${file}`)
  return [
    '-m',
    model,
    '-d',
    device,
    '-hint',
    profile,
    // Where shapes are fixed it takes this as well.
    '-data_shape',
    inputs.map(({name, shape}) => `${name}[${shape.join(',')}]`).join(','),
    ...(given.length > 0 ? ['-i', ...given] : []),
    // As the engine does: a request is started, and tells when it is done.
    '-api',
    'async',
    // What the engine computes in on the CPU, whatever the processor has.
    ...(device === 'CPU' ? ['-infer_precision', 'f32', '-load_config', files.settings] : []),
    '-nireq',
    String(window),
    '-t',
    String(Math.max(LEAST_SECONDS, Math.round(durationMs / MS_PER_S))),
  ]
}

/** From what it prints at its end; null where that is not there. */
export function readFigures(stdout: string): PeerFigures | null {
  const [, median, unit] = /Median:\s+([\d.]+)\s*([mnu]?s)/.exec(stdout) ?? []
  const [, rate] = /Throughput:\s+([\d.]+)\s*FPS/.exec(stdout) ?? []
  if (median === undefined || unit === undefined || rate === undefined) return null
  return {perSecond: Number(rate), p50Us: Number(median) * US_PER[unit]!, p99Us: null, latenciesUs: null}
}
