/**
 * pip is what downloads here: it knows the mirrors, proxies, certificates and caches that this machine is set up
 * with, which no downloader of ours would.
 */
import {readFile} from 'node:fs/promises'
import path from 'node:path'

import {NpuBridgeError} from '../errors.ts'
import {lastLines, type RunProcess} from '../process/run.ts'
import {installPythonHints} from './distribution.ts'

const QUESTION_TIMEOUT_MS = 30_000
const VENV_TIMEOUT_MS = 120_000

/** A command line that pip's own arguments are appended to. */
export interface Pip {
  readonly command: string
  readonly args: readonly string[]
}

export interface FindPipOptions {
  readonly run: RunProcess
  /** Where a temporary venv may be made; the caller removes the folder. */
  readonly folder: string
  readonly signal?: AbortSignal | undefined
  readonly platform?: NodeJS.Platform
  /** The text of /etc/os-release. */
  readonly readOsRelease?: () => Promise<string>
}

const readSystemOsRelease = async () => readFile('/etc/os-release', 'utf8').catch(() => '')

/**
 * A pip that works: that of python3, else that of a temporary venv, which python3 can often make without having pip
 * itself.
 *
 * @throws {NpuBridgeError} UNSUPPORTED_OPERATION naming the package to install on this distribution
 */
export async function findPip(options: FindPipOptions): Promise<Pip> {
  const {run, folder, signal, platform = process.platform, readOsRelease = readSystemOsRelease} = options
  const tried: string[] = []
  let isPythonFound = false
  for (const python of platform === 'win32' ? ['py', 'python'] : ['python3', 'python']) {
    const own = await run(python, ['-m', 'pip', '--version'], {signal, timeoutMs: QUESTION_TIMEOUT_MS})
    if (own.exitCode === 0) return {command: python, args: ['-m', 'pip']}
    // No such command, or the Microsoft Store's placeholder for it.
    if (own.startError !== null || own.exitCode === 9009) continue
    isPythonFound = true
    tried.push(`${python} -m pip: ${lastLines(own.stderr, 1)[0] ?? `exit code ${own.exitCode}`}`)
    const venv = path.join(folder, 'venv')
    const made = await run(python, ['-m', 'venv', venv], {signal, timeoutMs: VENV_TIMEOUT_MS})
    if (made.exitCode === 0) return {command: pythonOf(venv, platform), args: ['-m', 'pip']}
    tried.push(`${python} -m venv: ${lastLines(made.stdout + made.stderr, 1)[0] ?? `exit code ${made.exitCode}`}`)
  }

  const hints = installPythonHints(isPythonFound ? 'pip' : 'python', platform, await readOsRelease())
  throw new NpuBridgeError(
    'UNSUPPORTED_OPERATION',
    isPythonFound
      ? `Downloads need pip, and neither way to it works here (${tried.join('; ')}).`
      : 'Downloads need pip, and there is no python3 on the PATH.',
    {suggestions: hints},
  )
}

function pythonOf(venv: string, platform: NodeJS.Platform): string {
  return platform === 'win32' ? path.join(venv, 'Scripts', 'python.exe') : path.join(venv, 'bin', 'python')
}
