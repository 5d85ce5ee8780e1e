import type {Root} from '../root.ts'

import {isValue, type Reading, valueOf, wordOf} from '../reading.ts'
/** The machine around the accelerators: processor, system, kernel, and whether it is virtual. */
import {expectedNpu} from './catalogue.ts'

export type Distribution = 'arch' | 'debian' | 'fedora' | 'nixos' | 'other'

export interface Processor {
  readonly vendor: string
  readonly name: string
  readonly family: number
  readonly model: number
  /** The CPUID bit that says a hypervisor is present. */
  readonly hypervisor: boolean
  /** Whether a hypervisor hides which processor this is, so that its model proves nothing. */
  readonly masked: boolean
  /** The NPU it should have; `likely` where not every part of the model has one. */
  readonly expectedNpu: {readonly product: string; readonly likely: boolean} | null
}

export interface Host {
  readonly platform: string
  readonly architecture: string | null
  readonly system: {readonly id: string; readonly name: string} | null
  readonly distribution: Distribution
  readonly kernel: string | null
  /** Kernel parameters that bear on accelerators; the others are nobody's business. */
  readonly kernelParameters: readonly string[]
  readonly processor: Processor | null
  readonly wsl: boolean
  readonly virtualMachine: boolean
  /** What runs the container, or null outside of one. */
  readonly container: string | null
}

export function gatherHost(root: Root): Host {
  const release = osRelease(root)
  const processor =
    parseProcessor(valueOf(root.text('/proc/cpuinfo', 8 << 20))) ??
    parseWindowsProcessor(root.machine.environment?.PROCESSOR_IDENTIFIER)
  const version = wordOf(root.text('/proc/version'))
  return {
    platform: root.machine.platform,
    architecture: root.machine.architecture,
    system: release ? {id: release.ID || 'linux', name: release.PRETTY_NAME || release.NAME || 'Linux'} : null,
    distribution: distributionOf(release),
    kernel: root.machine.kernelRelease ?? wordOf(root.text('/proc/sys/kernel/osrelease')),
    kernelParameters: kernelParameters(root),
    processor,
    wsl: /microsoft/i.test(version ?? ''),
    virtualMachine: processor?.hypervisor ?? false,
    container: containerOf(root),
  }
}

/** Whether a kernel parameter bears on accelerators. */
export function isRelevantParameter(word: string): boolean {
  return /^(?:module_blacklist|modprobe\.blacklist|intel_vpu\.\S+|intel_iommu|iommu|pci)=/.test(word)
}

function kernelParameters(root: Root): string[] {
  const words = wordOf(root.text('/proc/cmdline'))?.split(/\s+/) ?? []
  return words.filter(isRelevantParameter)
}

function osRelease(root: Root): Record<string, string> | null {
  const etc = root.text('/etc/os-release')
  const text = isValue(etc) ? etc.value : valueOf(root.text('/usr/lib/os-release'))
  if (text === null) return null
  const lines = text.matchAll(/^([A-Z_]+)=(?:"([^"]*)"|'([^']*)'|(\S*))$/gm)
  return Object.fromEntries([...lines].map((line) => [line[1]!, line[2] ?? line[3] ?? line[4] ?? '']))
}

const FAMILIES: ReadonlyArray<readonly [Distribution, RegExp]> = [
  ['nixos', /\bnixos\b/],
  ['debian', /\b(?:debian|ubuntu)\b/],
  ['fedora', /\b(?:fedora|rhel|centos)\b/],
  ['arch', /\barch(?:linux)?\b/],
]

function distributionOf(release: Record<string, string> | null): Distribution {
  const words = `${release?.ID ?? ''} ${release?.ID_LIKE ?? ''}`.toLowerCase()
  return FAMILIES.find(([, pattern]) => pattern.test(words))?.[0] ?? 'other'
}

/** Names that hypervisors give when they show a generic processor instead of the real one. */
const MASKED = /\b(?:QEMU|KVM|Virtual)\b/i

/** Reads the first processor of /proc/cpuinfo. ARM and others have no family there: null. */
export function parseProcessor(text: string | null): Processor | null {
  const field = (name: string) => new RegExp(String.raw`^${name}[ \t]*:[ \t]*(.*)$`, 'm').exec(text ?? '')?.[1]?.trim()
  const family = Number(field('cpu family') || NaN)
  const model = Number(field('model') || NaN)
  if (Number.isNaN(family) || Number.isNaN(model)) return null
  const name = field('model name') ?? `family ${family} model ${model}`
  return processorOf({
    vendor: field('vendor_id') ?? 'unknown',
    name: name.replaceAll(/\((?:R|TM)\)/g, '').replaceAll(/\s+/g, ' '),
    family,
    model,
    hypervisor: /\bhypervisor\b/.test(field('flags') ?? ''),
  })
}

/** Reads "Intel64 Family 6 Model 170 Stepping 4, GenuineIntel", the variable PROCESSOR_IDENTIFIER of Windows. */
export function parseWindowsProcessor(identifier: string | undefined): Processor | null {
  const match = /Family (\d+) Model (\d+) .*, (\w+)$/.exec(identifier ?? '')
  if (!match) return null
  const [, family, model, vendor = 'unknown'] = match
  return processorOf({
    vendor,
    name: identifier!,
    family: Number(family),
    model: Number(model),
    hypervisor: false,
  })
}

function processorOf(found: Pick<Processor, 'family' | 'hypervisor' | 'model' | 'name' | 'vendor'>): Processor {
  const {family, hypervisor, model, name, vendor} = found
  return {
    ...found,
    masked: hypervisor && MASKED.test(name),
    expectedNpu: vendor === 'GenuineIntel' ? expectedNpu(family, model) : null,
  }
}

const CONTAINER_MARKS: ReadonlyArray<readonly [string, string]> = [
  ['/.dockerenv', 'docker'],
  ['/run/.containerenv', 'podman'],
]

function containerOf(root: Root): string | null {
  const systemd = wordOf(root.text('/run/systemd/container')) ?? root.machine.environment?.container
  if (systemd) return systemd
  const mark = CONTAINER_MARKS.find(([file]) => isValue(root.entry(file)))
  return mark?.[1] ?? containerOfControlGroup(root.text('/proc/1/cgroup'))
}

function containerOfControlGroup(groups: Reading<string>): string | null {
  return /\b(docker|kubepods|lxc|libpod)\b/.exec(valueOf(groups) ?? '')?.[1] ?? null
}
