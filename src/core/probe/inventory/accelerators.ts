import type {Root} from '../root.ts'

/** Every accelerator that the kernel shows, whoever made it: those with a driver in the accel class, and bare PCI ids. */
import {isValue, valueOf, wordOf} from '../reading.ts'
import {type NpuPart, npuPart, otherProduct, PLATFORM_DRIVERS} from './catalogue.ts'

export interface Accelerator {
  /** "accel0", or null when no driver has made one of it. */
  readonly name: string | null
  /** PCI address, or the name on another bus. */
  readonly address: string
  /** Four hexadecimal digits; null off the PCI bus. */
  readonly vendor: string | null
  readonly device: string | null
  readonly revision: string | null
  readonly maker: string
  readonly product: string
  /** What is published of it; null for anything but an Intel NPU. */
  readonly part: NpuPart | null
  /** The driver bound to it. */
  readonly driver: string | null
  /** "major:minor" of the node that it should have. */
  readonly node: string | null
  readonly power: {readonly status: string | null; readonly control: string | null}
  /** The driver's own read-only attributes, as text. */
  readonly attributes: Readonly<Record<string, string>>
}

const ACCEL = '/sys/class/accel'
const PCI = '/sys/bus/pci/devices'
/** "Processing accelerators" of the PCI class codes; the last byte is the programming interface. */
const PROCESSING_ACCELERATOR = '0x1200'

/** Attributes worth showing, by any of the drivers; those that a kernel lacks are left out. */
const ATTRIBUTES = [
  'sched_mode',
  'npu_busy_time_us',
  'npu_memory_utilization',
  'npu_max_frequency_mhz',
  'npu_current_frequency_mhz',
  'vbnv',
  'device_type',
  'fw_version',
] as const

export function gatherAccelerators(root: Root): readonly Accelerator[] {
  const classed = (valueOf(root.list(ACCEL)) ?? [])
    .filter((name) => /^accel\d+$/.test(name))
    .map((name) => readAccelerator(root, `${ACCEL}/${name}/device`, name))
  const seen = new Set(classed.map(({address}) => address))
  const bare = (valueOf(root.list(PCI)) ?? [])
    .filter((address) => !seen.has(address) && isAccelerator(root, `${PCI}/${address}`))
    .map((address) => readAccelerator(root, `${PCI}/${address}`, null))
  return [...classed, ...bare]
}

/** Whether PCI devices can be seen at all; in some sandboxes there is no /sys. */
export function isPciVisible(root: Root): boolean {
  return isValue(root.list(PCI))
}

function isAccelerator(root: Root, folder: string): boolean {
  if ((wordOf(root.text(`${folder}/class`)) ?? '').startsWith(PROCESSING_ACCELERATOR)) return true
  const vendor = hexadecimal(root, `${folder}/vendor`)
  const device = hexadecimal(root, `${folder}/device`)
  return vendor !== null && device !== null && Boolean(npuPart(vendor, device) ?? otherProduct(vendor, device, null))
}

function readAccelerator(root: Root, folder: string, name: string | null): Accelerator {
  const vendor = hexadecimal(root, `${folder}/vendor`)
  const device = hexadecimal(root, `${folder}/device`)
  const revision = hexadecimal(root, `${folder}/revision`)
  const driver = lastName(valueOf(root.canonical(`${folder}/driver`)))
  const part = npuPart(vendor, device)
  return {
    name,
    address: lastName(valueOf(root.canonical(folder))) ?? lastName(folder)!,
    vendor,
    device,
    revision,
    ...describe({device, driver, part, revision, vendor}),
    part,
    driver,
    node: name && wordOf(root.text(`${ACCEL}/${name}/dev`)),
    power: {
      status: wordOf(root.text(`${folder}/power/runtime_status`)),
      control: wordOf(root.text(`${folder}/power/control`)),
    },
    attributes: readAttributes(root, folder),
  }
}

interface Identity {
  readonly vendor: string | null
  readonly device: string | null
  readonly revision: string | null
  readonly driver: string | null
  readonly part: NpuPart | null
}

function describe({device, driver, part, revision, vendor}: Identity): {maker: string; product: string} {
  if (part) return {maker: 'Intel', product: `${part.product} NPU`}
  if (vendor && device) {
    const maker = vendor === '8086' ? 'Intel' : 'unknown maker'
    return otherProduct(vendor, device, revision) ?? {maker, product: `accelerator ${vendor}:${device}`}
  }

  return (
    PLATFORM_DRIVERS[driver ?? ''] ?? {maker: 'unknown maker', product: `accelerator of driver ${driver ?? 'none'}`}
  )
}

function readAttributes(root: Root, folder: string): Record<string, string> {
  const found: Record<string, string> = {}
  for (const attribute of ATTRIBUTES) {
    const reading = root.text(`${folder}/${attribute}`)
    if (isValue(reading)) found[attribute] = reading.value.trim()
  }

  return found
}

/** "0x8086" as "8086"; null for anything else. */
function hexadecimal(root: Root, file: string): string | null {
  return /^0x([\da-f]{2,6})$/i.exec(wordOf(root.text(file)) ?? '')?.[1]?.toLowerCase() ?? null
}

function lastName(file: string | null): string | null {
  return file?.split('/').findLast((name) => name !== '') ?? null
}
