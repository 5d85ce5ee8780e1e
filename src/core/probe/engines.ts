/** Which of the three engines could run here, each with what was found or the reason against it. */
import {execa} from 'execa'
import {createRequire} from 'node:module'

import type {EngineState} from './effects.ts'

import {asNpuBridgeError} from '../errors.ts'

const PYTHON_LIMIT_MS = 5000
const LEAST_PYTHON = [3, 10] as const

/** `loadBinding` rejects when the native binary cannot be loaded; nothing else is needed of it here. */
export async function findEngines(
  loadBinding: () => Promise<unknown>,
  signal?: AbortSignal,
): Promise<readonly EngineState[]> {
  const legacy = findPython(signal)
  return [await findNative(loadBinding), findOpenVinoNode(), await legacy]
}

async function findNative(loadBinding: () => Promise<unknown>): Promise<EngineState> {
  try {
    await loadBinding()
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

async function findPython(signal?: AbortSignal): Promise<EngineState> {
  const command = process.platform === 'win32' ? 'python' : 'python3'
  const script = 'import sys; print(sys.version_info[0], sys.version_info[1], sys.version_info[2], sys.executable)'
  const result = await execa(command, ['-c', script], {
    reject: false,
    stdin: 'ignore',
    timeout: PYTHON_LIMIT_MS,
    ...(signal && {cancelSignal: signal}),
  })
  const match = /^(\d+) (\d+) (\d+) (.+)$/m.exec(result.stdout ?? '')
  if (!match) return {available: false, detail: whyNoPython(command, result), kind: 'legacy'}
  const [, major, minor, patch, executable] = match
  const version = `${major}.${minor}.${patch}`
  const isEnough =
    Number(major) > LEAST_PYTHON[0] || (Number(major) === LEAST_PYTHON[0] && Number(minor) >= LEAST_PYTHON[1])
  return isEnough
    ? {available: true, detail: `Python ${version} at ${executable}`, kind: 'legacy'}
    : {available: false, detail: `Python ${version} at ${executable} is older than 3.10`, kind: 'legacy'}
}

function whyNoPython(
  command: string,
  result: {timedOut?: boolean; code?: string | undefined; stderr?: string},
): string {
  if (result.timedOut) return `${command} did not answer within ${PYTHON_LIMIT_MS / 1000} s`
  if (result.code === 'ENOENT') return `${command} is not on PATH`
  return `${command} does not run: ${result.stderr?.trim().split('\n').at(-1) || 'no output'}`
}
