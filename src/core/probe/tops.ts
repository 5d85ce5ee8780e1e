/** How fast an NPU is on paper, and how that is known. */
import type {Facts} from './facts.ts'

import {lists} from './inventory/openvino.ts'

export interface Tops {
  /** 10^12 INT8 operations a second; null when unknown, or published as a range or bound only. */
  readonly value: number | null
  readonly text: string
  /**
   * `measured`: the device's own figure (DEVICE_GOPS); `computed`: clock × tiles × operations a clock; `nominal`: as
   * published for the product; `unknown`: none of these.
   */
  readonly basis: 'computed' | 'measured' | 'nominal' | 'unknown'
  readonly how: string
}

export function topsOf(facts: Facts): Tops {
  return measured(facts) ?? computed(facts) ?? nominal(facts)
}

function measured({openvino}: Facts): Tops | null {
  const text = lists(openvino, 'NPU')?.properties.DEVICE_GOPS
  const gops = Number(/\b(?:i8|int8)\W+([\d.]+(?:e[+-]?\d+)?)/i.exec(text ?? '')?.[1])
  if (Number.isNaN(gops) || gops <= 0) return null
  const value = gops / 1000
  return {value, text: `${round(value)} TOPS INT8`, basis: 'measured', how: 'DEVICE_GOPS as OpenVINO reads it'}
}

function computed(facts: Facts): Tops | null {
  const part = facts.npu?.part
  const clock = clockHz(facts)
  const tiles = enabledTiles(facts)
  if (!part || !clock || !tiles) return null
  const value = (clock * tiles * part.macsPerTile) / 1e12
  const how = `${round(clock / 1e9)} GHz × ${tiles} ${tiles === 1 ? 'tile' : 'tiles'} × ${part.macsPerTile}`
  return {value, text: `${round(value)} TOPS INT8`, basis: 'computed', how}
}

function nominal({npu}: Facts): Tops {
  const published = npu?.part?.publishedTops
  if (!published) return {value: null, text: 'TOPS unknown', basis: 'unknown', how: 'neither read nor published'}
  return {value: null, text: `${published} TOPS INT8`, basis: 'nominal', how: `published for ${npu.part.product}`}
}

/** The highest clock, from the kernel driver. */
export function clockHz({native, npu}: Facts): number | null {
  const megahertz = Number(npu?.attributes.npu_max_frequency_mhz)
  return native.parameters?.coreClockHz || (megahertz > 0 ? megahertz * 1e6 : null)
}

/** Tiles of the product less those that are switched off; the product's when the device does not tell. */
export function enabledTiles({native, npu}: Facts): number | null {
  const tiles = npu?.part?.tiles
  if (!tiles) return null
  const disabled = native.parameters?.tileConfig ?? 0
  const off = Array.from({length: tiles}, (_, tile) => (disabled >> tile) & 1).filter(Boolean).length
  return tiles - off
}

function round(value: number): string {
  return value.toFixed(1).replace(/\.0$/, '')
}
