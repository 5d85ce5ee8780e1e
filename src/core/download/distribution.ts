/** How to install Python and pip on this system: the answer to "what do I type now?". */
export type PythonNeed = 'pip' | 'python'

interface PackageManager {
  readonly install: string
  readonly python: string
  readonly pip: string
}

const APT: PackageManager = {install: 'sudo apt-get install', python: 'python3 python3-pip', pip: 'python3-pip'}
const DNF: PackageManager = {install: 'sudo dnf install', python: 'python3 python3-pip', pip: 'python3-pip'}
const PACMAN: PackageManager = {install: 'sudo pacman -S', python: 'python python-pip', pip: 'python-pip'}
const ZYPPER: PackageManager = {install: 'sudo zypper install', python: 'python3 python3-pip', pip: 'python3-pip'}
const APK: PackageManager = {install: 'sudo apk add', python: 'python3 py3-pip', pip: 'py3-pip'}
const XBPS: PackageManager = {install: 'sudo xbps-install', python: 'python3 python3-pip', pip: 'python3-pip'}
const EMERGE: PackageManager = {install: 'sudo emerge', python: 'dev-lang/python dev-python/pip', pip: 'dev-python/pip'}

/** Package managers by the ID of os-release(5); a derived distribution is found by its ID_LIKE. */
const BY_ID: Record<string, PackageManager> = {
  alpine: APK,
  arch: PACMAN,
  centos: DNF,
  debian: APT,
  fedora: DNF,
  gentoo: EMERGE,
  opensuse: ZYPPER,
  rhel: DNF,
  sles: ZYPPER,
  suse: ZYPPER,
  ubuntu: APT,
  void: XBPS,
}

/**
 * Commands and hints that bring what is missing.
 *
 * @param need what is missing
 * @param platform of this machine
 * @param osRelease the text of /etc/os-release; empty where there is none
 */
export function installPythonHints(need: PythonNeed, platform: NodeJS.Platform, osRelease: string): string[] {
  if (platform === 'darwin') return ['brew install python']
  if (platform === 'win32') return ['winget install Python.Python.3.12']
  const manager = packageManagerOf(osRelease)
  if (manager === APT && need === 'pip') {
    return [
      `${APT.install} ${APT.pip}`,
      `${APT.install} python3-venv    (enough too: a temporary venv brings its own pip)`,
    ]
  }

  if (manager) return [`${manager.install} ${manager[need]}`]
  return [
    need === 'pip' ? 'Install pip for python3 with the package manager of this system.' : 'Install Python 3 and pip.',
  ]
}

function packageManagerOf(osRelease: string): PackageManager | undefined {
  const ids = [...valuesOf(osRelease, 'ID'), ...valuesOf(osRelease, 'ID_LIKE')]
  // "opensuse-leap" and the like name their family before the dash.
  return ids.map((id) => BY_ID[id] ?? BY_ID[id.split('-', 1)[0]!]).find((manager) => manager !== undefined)
}

function valuesOf(osRelease: string, key: string): string[] {
  const line = osRelease.split('\n').find((candidate) => candidate.startsWith(`${key}=`))
  return (line ?? '')
    .slice(key.length + 1)
    .replaceAll(/["']/g, '')
    .trim()
    .toLowerCase()
    .split(/\s+/)
    .filter(Boolean)
}
