import {Buffer} from 'node:buffer'

export interface WavOptions {
  readonly channels?: number
  readonly bits?: number
  /** 1 is PCM, 3 is float, 0xfffe names one of them in a longer chunk. */
  readonly format?: number
  readonly subformat?: number
  /** Chunks before the samples. */
  readonly before?: readonly Buffer[]
  /** What the data chunk says its length is. */
  readonly declared?: number
}

export function chunk(id: string, content: Uint8Array, declared = content.length): Buffer {
  const head = Buffer.alloc(8)
  head.write(id, 'latin1')
  head.writeUInt32LE(declared, 4)
  return Buffer.concat([head, content, Buffer.alloc(content.length % 2)])
}

/** A WAV file of `samples`, given as the bytes of the data chunk. */
export function wavFile(samples: Uint8Array, options: WavOptions = {}): Buffer {
  const {before = [], bits = 16, channels = 1, declared, format = 1, subformat} = options
  const fmt = Buffer.alloc(subformat === undefined ? 16 : 40)
  fmt.writeUInt16LE(format, 0)
  fmt.writeUInt16LE(channels, 2)
  fmt.writeUInt32LE(16_000, 4)
  fmt.writeUInt32LE((16_000 * channels * bits) / 8, 8)
  fmt.writeUInt16LE((channels * bits) / 8, 12)
  fmt.writeUInt16LE(bits, 14)
  if (subformat !== undefined) fmt.writeUInt16LE(subformat, 24)
  const body = Buffer.concat([Buffer.from('WAVE'), chunk('fmt ', fmt), ...before, chunk('data', samples, declared)])
  return chunk('RIFF', body)
}

export function pcm16(samples: readonly number[]): Uint8Array {
  return new Uint8Array(Int16Array.from(samples).buffer)
}
