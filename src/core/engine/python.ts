/** Which Python serves the legacy engine, and how to get what it lacks on this system. */
import {readFileSync} from 'node:fs'

export type PythonNeed = 'numpy' | 'python'

/** What the legacy engine asks of a Python, for messages; the child process itself checks it. */
export const OLDEST_PYTHON = '3.10'

interface Packages {
  readonly install: string
  readonly numpy: string
  readonly python: string
}

const APT: Packages = {install: 'sudo apt-get install', numpy: 'python3-numpy', python: 'python3'}
const DNF: Packages = {install: 'sudo dnf install', numpy: 'python3-numpy', python: 'python3'}
const ZYPPER: Packages = {install: 'sudo zypper install', numpy: 'python3-numpy', python: 'python3'}
const PACMAN: Packages = {install: 'sudo pacman -S', numpy: 'python-numpy', python: 'python'}
const APK: Packages = {install: 'sudo apk add', numpy: 'py3-numpy', python: 'python3'}

/** By the ID of os-release(5), or the first known one of its ID_LIKE. */
const BY_DISTRIBUTION: Readonly<Record<string, Packages>> = {
  alpine: APK,
  arch: PACMAN,
  debian: APT,
  fedora: DNF,
  opensuse: ZYPPER,
  rhel: DNF,
  suse: ZYPPER,
  ubuntu: APT,
}

export interface PythonSystem {
  readonly platform?: NodeJS.Platform | undefined
  /** The text of /etc/os-release; read when absent. */
  readonly osRelease?: string | undefined
}

/** The Pythons to try, in order: only the one in `NPUBRIDGE_PYTHON` when it is set. */
export function pythonCommands(env: NodeJS.ProcessEnv, platform: NodeJS.Platform = process.platform): string[] {
  if (env.NPUBRIDGE_PYTHON) return [env.NPUBRIDGE_PYTHON]
  return platform === 'win32' ? ['python', 'python3'] : ['python3', 'python']
}

/**
 * Commands that bring what is missing.
 *
 * @param need what is missing
 * @param executable the Python that lacks it; undefined when there is none
 * @param system where it is missing; this system when absent
 */
export function installHints(need: PythonNeed, executable: string | undefined, system: PythonSystem = {}): string[] {
  const pip = need === 'numpy' && executable ? [`${executable} -m pip install numpy`] : []
  // A distribution's package serves only the distribution's Python.
  if (need === 'numpy' && executable && !executable.startsWith('/usr/bin/')) return pip
  return [...systemHints(need, system), ...pip]
}

function systemHints(need: PythonNeed, system: PythonSystem): string[] {
  const platform = system.platform ?? process.platform
  if (platform === 'darwin') return [`brew install ${need}`]
  if (platform === 'win32') return need === 'python' ? ['winget install Python.Python.3.12'] : []
  const packages = packagesOf(system.osRelease ?? osRelease())
  if (packages) return [`${packages.install} ${packages[need]}`]
  return [
    `Install ${need === 'python' ? `Python ${OLDEST_PYTHON} or newer` : need} with this system's package manager.`,
  ]
}

function packagesOf(text: string): Packages | undefined {
  const valueOf = (key: string) => new RegExp(`^${key}=["']?([^"'\n]*)`, 'm').exec(text)?.[1] ?? ''
  // "opensuse-leap" and the like name their family before the dash.
  return [valueOf('ID'), ...valueOf('ID_LIKE').split(/\s+/)]
    .map((id) => BY_DISTRIBUTION[id] ?? BY_DISTRIBUTION[id.split('-', 1)[0]!])
    .find((packages) => packages !== undefined)
}

function osRelease(): string {
  try {
    return readFileSync('/etc/os-release', 'utf8')
  } catch {
    return ''
  }
}
