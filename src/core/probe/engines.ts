/** Which of the three engines could run here, each with what was found or the reason against it. */
import {createRequire} from 'node:module'

import type {EngineState} from './effects.ts'

import {asNpuBridgeError} from '../errors.ts'
import {lastLines, type ProcessOutcome, type RunProcess, runProcess} from '../process/run.ts'
import {isAtLeast} from './versions.ts'

const PYTHON_LIMIT_MS = 5000
const LEAST_PYTHON = '3.10'
const VERSION_SCRIPT = 'import sys; print(".".join(map(str, sys.version_info[:3])), sys.executable)'

interface FindOptions {
  readonly run: RunProcess
  readonly signal?: AbortSignal | undefined
}

/** `loadBinding` throws when the native binary cannot be loaded; nothing else is needed of it here. */
export async function findEngines(
  loadBinding: () => unknown,
  {run = runProcess, signal}: Partial<FindOptions> = {},
): Promise<readonly EngineState[]> {
  const legacy = findPython({run, signal})
  return [findNative(loadBinding), findOpenVinoNode(), await legacy]
}

function findNative(loadBinding: () => unknown): EngineState {
  try {
    loadBinding()
    return {available: true, detail: 'the native binary loads', kind: 'native'}
  } catch (error) {
    return {available: false, detail: asNpuBridgeError(error).message, kind: 'native'}
  }
}

/** Only where it is: loading it would load OpenVINO into this process. */
function findOpenVinoNode(): EngineState {
  try {
    const file = createRequire(import.meta.url).resolve('openvino-node')
    return {available: true, detail: `found at ${file}`, kind: 'openvino-node'}
  } catch {
    return {available: false, detail: 'the optional package openvino-node is not installed', kind: 'openvino-node'}
  }
}

async function findPython({run, signal}: FindOptions): Promise<EngineState> {
  const command = process.platform === 'win32' ? 'python' : 'python3'
  const outcome = await run(command, ['-c', VERSION_SCRIPT], {signal, timeoutMs: PYTHON_LIMIT_MS})
  const match = /^(\d+\.\d+\.\d+) (.+)$/m.exec(outcome.stdout)
  if (!match) return {available: false, detail: whyNoPython(command, outcome), kind: 'legacy'}
  const [, version = '', executable] = match
  const found = `Python ${version} at ${executable}`
  return isAtLeast(version, LEAST_PYTHON)
    ? {available: true, detail: found, kind: 'legacy'}
    : {available: false, detail: `${found} is older than ${LEAST_PYTHON}`, kind: 'legacy'}
}

function whyNoPython(command: string, {startError, stderr, timedOut}: ProcessOutcome): string {
  if (timedOut) return `${command} did not answer within ${PYTHON_LIMIT_MS / 1000} s`
  if (startError) return `${command} is not on PATH`
  return `${command} does not run: ${lastLines(stderr, 1)[0] ?? 'it says nothing'}`
}
