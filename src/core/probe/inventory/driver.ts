import type {Root} from '../root.ts'
import type {Accelerator} from './accelerators.ts'

/** The kernel module intel_vpu: loaded, loadable, kept out, and whether it knows the NPU at hand. */
import {isValue, type Reading, valueOf, wordOf} from '../reading.ts'

export interface Driver {
  readonly loaded: boolean
  readonly version: string | null
  /** How this kernel has it; null when the kernel's module folder cannot be read (in most containers). */
  readonly provided: 'absent' | 'builtin' | 'module' | null
  /** Whether its list of PCI ids has the NPU's; null when there is no NPU or no list. */
  readonly knowsId: boolean | null
  /** DRM_ACCEL_IVPU in the kernel's configuration: y, m, n; null when that cannot be read. */
  readonly configured: string | null
  /** "file: line" of everything that keeps it from loading. */
  readonly blockedBy: readonly string[]
}

const MODULE = 'intel_vpu'
const LIST_LIMIT = 16 << 20
const MODPROBE_FOLDERS = ['/etc/modprobe.d', '/run/modprobe.d', '/usr/local/lib/modprobe.d', '/usr/lib/modprobe.d']

export function gatherDriver(root: Root, kernel: string | null, npu: Accelerator | null): Driver {
  const folder = kernel ? modulesFolder(root, kernel) : null
  const provided = folder ? providedBy(root, folder) : null
  return {
    loaded: isValue(root.list(`/sys/module/${MODULE}`)),
    version: wordOf(root.text(`/sys/module/${MODULE}/version`)),
    provided,
    knowsId: folder && provided !== 'absent' && npu?.device ? knowsId(root, folder, npu.device) : null,
    configured: kernel ? configuredAs(root, kernel) : null,
    blockedBy: [...blockedByFiles(root), ...blockedByParameters(root)],
  }
}

/** NixOS keeps a kernel's modules elsewhere. */
function modulesFolder(root: Root, kernel: string): string | null {
  const folders = ['/lib/modules', '/run/booted-system/kernel-modules/lib/modules'].map(
    (parent) => `${parent}/${kernel}`,
  )
  return folders.find((folder) => isValue(root.text(`${folder}/modules.dep`, LIST_LIMIT))) ?? null
}

function providedBy(root: Root, folder: string): 'absent' | 'builtin' | 'module' {
  const file = /\/intel_vpu\.ko(?:\.\w+)?(?::|$)/m
  if (file.test(valueOf(root.text(`${folder}/modules.dep`, LIST_LIMIT)) ?? '')) return 'module'
  return file.test(valueOf(root.text(`${folder}/modules.builtin`, LIST_LIMIT)) ?? '') ? 'builtin' : 'absent'
}

function knowsId(root: Root, folder: string, device: string): boolean | null {
  const alias = `pci:v00008086d0000${device.toUpperCase()}`
  const loadable = valueOf(root.text(`${folder}/modules.alias`, LIST_LIMIT))
  if (loadable?.includes(MODULE))
    return loadable.split('\n').some((line) => line.includes(alias) && line.endsWith(MODULE))
  const builtin = valueOf(root.bytes(`${folder}/modules.builtin.modinfo`, 0, LIST_LIMIT))
  const text = builtin?.toString('latin1') ?? ''
  return text.includes(`${MODULE}.alias=`) ? text.includes(`${MODULE}.alias=${alias}`) : null
}

function configuredAs(root: Root, kernel: string): string | null {
  const text = valueOf(root.text(`/boot/config-${kernel}`))
  if (text === null) return null
  return /^CONFIG_DRM_ACCEL_IVPU=([ym])$/m.exec(text)?.[1] ?? 'n'
}

function blockedByFiles(root: Root): string[] {
  return MODPROBE_FOLDERS.flatMap((folder) => {
    const files = (valueOf(root.list(folder)) ?? []).filter((name) => name.endsWith('.conf'))
    return files.flatMap((name) => blockingLines(`${folder}/${name}`, root.text(`${folder}/${name}`)))
  })
}

function blockingLines(file: string, text: Reading<string>): string[] {
  const lines = (valueOf(text) ?? '').split('\n').map((line) => line.trim())
  const blocking = /^(?:blacklist\s+intel_vpu\b|install\s+intel_vpu\s+\S*(?:false|true)\b)/
  return lines.filter((line) => blocking.test(line)).map((line) => `${file}: ${line}`)
}

function blockedByParameters(root: Root): string[] {
  const words = wordOf(root.text('/proc/cmdline'))?.split(/\s+/) ?? []
  return words
    .filter((word) => /^(?:module_blacklist|modprobe\.blacklist)=/.test(word))
    .filter((word) =>
      word
        .slice(word.indexOf('=') + 1)
        .split(',')
        .includes(MODULE),
    )
    .map((word) => `kernel parameter: ${word}`)
}
