import type {Root} from '../root.ts'

/** Installed versions of the packages that make an NPU work, from the package manager's own files. */
import {valueOf} from '../reading.ts'

export type Packages = Readonly<Record<string, string>>

const DEBIAN = [
  'libze1',
  'level-zero',
  'intel-level-zero-npu',
  'intel-driver-compiler-npu',
  'intel-fw-npu',
  'linux-firmware',
]
const ARCH = new Set(['level-zero-loader', 'intel-npu-driver', 'intel-npu-compiler', 'linux-firmware'])
const STATUS_LIMIT = 64 << 20

/** Debian's and Arch's files are text; RPM's database is not, so Fedora's stay unknown. */
export function gatherPackages(root: Root): Packages {
  return {...debianPackages(valueOf(root.text('/var/lib/dpkg/status', STATUS_LIMIT)) ?? ''), ...archPackages(root)}
}

function debianPackages(status: string): Record<string, string> {
  const found: Record<string, string> = {}
  for (const name of DEBIAN) {
    const start = `\n${status}`.indexOf(`\nPackage: ${name}\n`)
    if (start === -1) continue
    const end = status.indexOf('\n\n', start)
    const paragraph = status.slice(start, end === -1 ? undefined : end)
    const version = /^Version: (\S+)$/m.exec(paragraph)?.[1]
    if (version && /^Status: .* installed$/m.test(paragraph)) found[name] = version
  }

  return found
}

function archPackages(root: Root): Record<string, string> {
  const folders = valueOf(root.list('/var/lib/pacman/local')) ?? []
  const pairs = folders.flatMap((folder) => {
    const match = /^(.+)-([^-]+-[^-]+)$/.exec(folder)
    return match && ARCH.has(match[1]!) ? [[match[1]!, match[2]!] as const] : []
  })
  return Object.fromEntries(pairs)
}
