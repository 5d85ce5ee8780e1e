/**
 * What is published of NPUs and other accelerators. Sources: drivers/accel/ivpu of the Linux tree,
 * intel/linux-npu-driver, Intel's product pages (INT8 TOPS), and the drivers of the other vendors.
 */
export type NpuGeneration = '37xx' | '40xx' | '50xx' | '60xx'

export interface NpuPart {
  /** PCI device id under vendor 8086. */
  readonly id: string
  readonly product: string
  readonly generation: NpuGeneration
  /** What OpenVINO calls the platform; null where it does not know it yet. */
  readonly platform: string | null
  readonly tiles: number | null
  /** The first kernel whose intel_vpu knows the id. */
  readonly kernel: string
  /** INT8 TOPS as published, as a text since some are ranges or bounds. */
  readonly publishedTops: string | null
  /** Multiply-accumulate operations a clock and tile. */
  readonly macsPerTile: number
  /** The first user-mode driver that supports it; null where no bound is known. */
  readonly driver: string | null
}

type Row = Omit<NpuPart, 'macsPerTile'>

const ROWS: readonly Row[] = [
  {
    id: '7d1d',
    product: 'Meteor Lake',
    generation: '37xx',
    platform: '3720',
    tiles: 2,
    kernel: '6.3',
    publishedTops: '11–11.5',
    driver: null,
  },
  {
    id: 'ad1d',
    product: 'Arrow Lake',
    generation: '37xx',
    platform: '3720',
    tiles: 2,
    kernel: '6.6',
    publishedTops: '13',
    driver: null,
  },
  {
    id: '643e',
    product: 'Lunar Lake',
    generation: '40xx',
    platform: '4000',
    tiles: 6,
    kernel: '6.6',
    publishedTops: 'up to 48',
    driver: null,
  },
  {
    id: 'b03e',
    product: 'Panther Lake',
    generation: '50xx',
    platform: '5010',
    tiles: 3,
    kernel: '6.13',
    publishedTops: 'up to 50',
    driver: '1.28',
  },
  {
    id: 'fd3e',
    product: 'Wildcat Lake',
    generation: '50xx',
    platform: '5020',
    tiles: 1,
    kernel: '6.17',
    publishedTops: null,
    driver: '1.32',
  },
  {
    id: 'd71d',
    product: 'Nova Lake',
    generation: '60xx',
    platform: null,
    tiles: null,
    kernel: '6.19',
    publishedTops: null,
    driver: null,
  },
]

const PARTS: readonly NpuPart[] = ROWS.map((row) => ({...row, macsPerTile: row.generation === '50xx' ? 8192 : 4096}))

export function npuPart(vendor: string | null, device: string | null): NpuPart | null {
  return vendor === '8086' ? (PARTS.find(({id}) => id === device) ?? null) : null
}

/** The published part of a product name, for processors whose NPU does not show. */
export function npuPartOfProduct(product: string): NpuPart | null {
  return PARTS.find((candidate) => candidate.product === product) ?? null
}

/** Processors that have an NPU, as family/model; `likely` where other steppings of the model may lack it. */
const PROCESSORS: ReadonlyArray<{family: number; models: readonly number[]; product: string; likely: boolean}> = [
  {family: 6, likely: false, models: [0xcc], product: 'Panther Lake'},
  {family: 6, likely: false, models: [0xd5], product: 'Wildcat Lake'},
  {family: 18, likely: false, models: [1, 3], product: 'Nova Lake'},
  {family: 6, likely: true, models: [0xaa, 0xac], product: 'Meteor Lake'},
  {family: 6, likely: true, models: [0xc5, 0xc6, 0xb5], product: 'Arrow Lake'},
  {family: 6, likely: true, models: [0xbd], product: 'Lunar Lake'},
]

/** The NPU product that an Intel processor should have, or null. */
export function expectedNpu(family: number, model: number): {product: string; likely: boolean} | null {
  const row = PROCESSORS.find((processor) => processor.family === family && processor.models.includes(model))
  return row ? {likely: row.likely, product: row.product} : null
}

/** Firmware files that the driver asks for, in its order of preference, below a firmware folder. */
export function firmwareNames(generation: NpuGeneration): readonly string[] {
  const versioned = [`intel/vpu/vpu_${generation}_v1.bin`]
  if (generation !== '60xx') versioned.push(`intel/vpu/vpu_${generation}_v0.0.bin`)
  if (generation === '37xx') versioned.push('intel/vpu/vpu_37xx.bin')
  return versioned
}

const OTHER_PRODUCTS: Readonly<
  Record<string, {readonly maker: string; readonly products: Readonly<Record<string, string>>}>
> = {
  1022: {
    maker: 'AMD',
    products: {
      1502: 'Ryzen AI NPU (Phoenix or Hawk Point)',
      '17f0:10': 'Ryzen AI NPU (Strix)',
      '17f0:11': 'Ryzen AI NPU (Strix Halo)',
      '17f0:20': 'Ryzen AI NPU (Krackan)',
      '17f0': 'Ryzen AI NPU',
    },
  },
  '17cb': {
    maker: 'Qualcomm',
    products: {a080: 'Cloud AI 80', a100: 'Cloud AI 100', a110: 'Cloud AI 100 Ultra'},
  },
  '1da3': {
    maker: 'Habana',
    products: {'0001': 'Goya', 1000: 'Gaudi', 1010: 'Gaudi', 1020: 'Gaudi2'},
  },
}

/** Maker and product of an accelerator that is not an Intel NPU; null for ids that are not in the catalogue. */
export function otherProduct(
  vendor: string,
  device: string,
  revision: string | null,
): {maker: string; product: string} | null {
  const row = OTHER_PRODUCTS[vendor]
  const product = row?.products[`${device}:${revision ?? ''}`] ?? row?.products[device]
  return row && product ? {maker: row.maker, product} : null
}

/** Accelerators on a platform bus have no ids; their driver says what they are. */
export const PLATFORM_DRIVERS: Readonly<Record<string, {readonly maker: string; readonly product: string}>> = {
  ethosu: {maker: 'Arm', product: 'Ethos-U NPU'},
  rocket: {maker: 'Rockchip', product: 'RKNN NPU'},
}
