/**
 * WAV: mono PCM of 8, 16, 24 or 32 bits, or float32. Samples become FP32 in [-1, 1]: PCM divided by the magnitude of
 * its most negative value (32768 for 16 bits), floats as they are.
 * Format: Microsoft's "Multimedia Programming Interface and Data Specifications 1.0" and WAVEFORMATEXTENSIBLE.
 */
import type {Buffer} from 'node:buffer'

import {endianness} from 'node:os'

import {NpuBridgeError} from '../errors.ts'

const PCM = 1
const FLOAT = 3
const EXTENSIBLE = 0xff_fe
/** What programs write that do not know the length beforehand, such as ffmpeg to a pipe. */
const UNKNOWN_LENGTH = 0xff_ff_ff_ff

export interface WavFormat {
  readonly encoding: 'float' | 'pcm'
  readonly bytesPerSample: number
  /** In Hz. */
  readonly sampleRate: number
  /** Where the samples start, in bytes. */
  readonly dataOffset: number
  readonly samples: number
}

/**
 * @param bytes the file's start, at least up to its samples.
 * @param fileSize in bytes.
 * @throws {NpuBridgeError} INVALID_ARGUMENT for what is not mono WAV of a known encoding or is cut off.
 */
export function readWavFormat(bytes: Buffer, fileSize: number, name: string): WavFormat {
  if (bytes.length < 12 || bytes.toString('latin1', 0, 4) !== 'RIFF' || bytes.toString('latin1', 8, 12) !== 'WAVE') {
    throw invalid(name, 'is not a WAV file: it does not start with RIFF…WAVE')
  }

  let format: {bytesPerSample: number; encoding: 'float' | 'pcm'; sampleRate: number} | undefined
  for (let at = 12; at + 8 <= bytes.length;) {
    const id = bytes.toString('latin1', at, at + 4)
    const length = bytes.readUInt32LE(at + 4)
    const start = at + 8
    if (id === 'fmt ') {
      format = sampleFormat(bytes.subarray(start, start + length), name)
    } else if (id === 'data') {
      if (!format) throw invalid(name, 'has its samples before their format')
      return {...format, dataOffset: start, samples: sampleCount(length, fileSize - start, format.bytesPerSample, name)}
    }

    // Chunks are padded to an even length.
    at = start + length + (length % 2)
  }

  throw invalid(name, 'has no data chunk')
}

function sampleFormat(chunk: Buffer, name: string) {
  if (chunk.length < 16) throw invalid(name, 'has a format chunk that is cut off')
  const bits = chunk.readUInt16LE(14)
  const channels = chunk.readUInt16LE(2)
  const tag = chunk.readUInt16LE(0)
  // An extensible format names the real one in the first bytes of its GUID.
  const code = tag === EXTENSIBLE && chunk.length >= 26 ? chunk.readUInt16LE(24) : tag
  if (channels !== 1) {
    throw invalid(name, `has ${channels} channels, mono is needed`, [`ffmpeg -i ${name} -ac 1 -ar 16000 mono.wav`])
  }

  const known = (code === PCM && [8, 16, 24, 32].includes(bits)) || (code === FLOAT && bits === 32)
  if (!known) {
    throw invalid(name, `has samples of format ${code} with ${bits} bits; PCM of 8 to 32 bits and float32 are read`, [
      `ffmpeg -i ${name} -ac 1 -ar 16000 -c:a pcm_s16le mono.wav`,
    ])
  }

  const encoding = code === PCM ? ('pcm' as const) : ('float' as const)
  return {bytesPerSample: bits / 8, encoding, sampleRate: chunk.readUInt32LE(4)}
}

function sampleCount(declared: number, available: number, bytesPerSample: number, name: string): number {
  const length = declared === UNKNOWN_LENGTH ? available : declared
  if (length > available) throw invalid(name, `is cut off: it has ${available} of the ${length} bytes of its samples`)
  return Math.floor(length / bytesPerSample)
}

function invalid(name: string, problem: string, suggestions: readonly string[] = []): NpuBridgeError {
  return new NpuBridgeError('INVALID_ARGUMENT', `${name} ${problem}`, {suggestions})
}

/** The samples in `bytes` as numbers in [-1, 1]. */
export function decodeSamples(bytes: Buffer, format: Pick<WavFormat, 'bytesPerSample' | 'encoding'>): Float32Array {
  const width = format.bytesPerSample
  const samples = new Float32Array(Math.floor(bytes.length / width))
  const scale = 1 / 2 ** (width * 8 - 1)
  if (width === 2 && bytes.byteOffset % 2 === 0 && endianness() === 'LE') {
    // What nearly all recordings are, three times as fast as sample by sample.
    const numbers = new Int16Array(bytes.buffer, bytes.byteOffset, samples.length)
    for (let i = 0; i < samples.length; i++) samples[i] = numbers[i]! * scale
    return samples
  }

  for (let i = 0; i < samples.length; i++) {
    if (format.encoding === 'float') samples[i] = bytes.readFloatLE(i * 4)
    // 8-bit samples alone are unsigned.
    else if (width === 1) samples[i] = (bytes[i]! - 128) * scale
    else samples[i] = bytes.readIntLE(i * width, width) * scale
  }

  return samples
}
