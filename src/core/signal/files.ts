/** Samples from files and to files, by the ending of their names. */
import {Buffer} from 'node:buffer'
import {readFileSync} from 'node:fs'
import {writeFile} from 'node:fs/promises'
import path from 'node:path'

import type {Tensor} from '../engine/engine.ts'

import {datatypeOf} from '../engine/validate.ts'
import {NpuBridgeError} from '../errors.ts'
import {encodeNpy} from '../run/npy.ts'
import {TensorFiles} from '../run/tensor-files.ts'
import {readWavFormat} from '../run/wav.ts'
import {encodeCsv, parseCsv} from './csv.ts'

export interface Samples {
  readonly tensor: Tensor
  /** In Hz, where the file says it. */
  readonly rate: number | undefined
}

/** @throws {NpuBridgeError} INVALID_ARGUMENT for a file that cannot be read or understood */
export async function readSamples(file: string): Promise<Samples> {
  const ending = path.extname(file).toLowerCase()
  if (ending === '.csv') return {rate: undefined, tensor: parseCsv(readText(file), file)}
  if (!['.npy', '.wav', '.wave'].includes(ending)) throw unknownEnding(file)
  const {tensor} = await new TensorFiles({folder: process.cwd()}).read({file}, 'FILE')
  if (ending !== '.npy') {
    const bytes = readFileSync(file)
    return {rate: readWavFormat(bytes, bytes.length, file).sampleRate, tensor}
  }

  return {rate: undefined, tensor: floating(tensor)}
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw new NpuBridgeError('INVALID_ARGUMENT', `${file} cannot be read: ${(error as Error).message}`, {cause: error})
  }
}

/** Whole numbers become float64, as numpy does it. */
function floating(tensor: Tensor): Tensor {
  const datatype = datatypeOf(tensor)
  if (datatype === 'FP32' || datatype === 'FP64') return tensor
  if (datatype === 'FP16' || datatype === 'BF16') return tensor
  return {data: Float64Array.from(tensor.data as Int32Array, Number), shape: tensor.shape}
}

/**
 * Writes one output.
 *
 * @throws {NpuBridgeError} INVALID_ARGUMENT for an ending that is not known, or samples that a WAV file cannot hold
 */
export async function writeSamples(file: string, tensor: Tensor, rate: number | undefined): Promise<void> {
  const ending = path.extname(file).toLowerCase()
  if (ending === '.npy') return writeFile(file, encodeNpy(tensor))
  if (ending === '.csv') return writeFile(file, encodeCsv(tensor))
  if (ending === '.wav') return writeFile(file, encodeWav(file, tensor, rate))
  throw unknownEnding(file)
}

function unknownEnding(file: string): NpuBridgeError {
  return new NpuBridgeError('INVALID_ARGUMENT', `${file} ends in none of .npy, .csv, .wav`)
}

const HEADER = 44
const FLOAT = 3

/** Mono, 32-bit floats. */
function encodeWav(file: string, {data, shape}: Tensor, rate: number | undefined): Buffer {
  if (shape.length !== 1) {
    throw new NpuBridgeError('INVALID_ARGUMENT', `${file} holds one channel, the output has shape [${shape.join(',')}]`)
  }

  if (rate === undefined) {
    throw new NpuBridgeError('INVALID_ARGUMENT', `${file} needs a sampling rate`, {suggestions: ['--fs 16000']})
  }

  const samples = Float32Array.from(data as Float64Array)
  const bytes = Buffer.alloc(HEADER + samples.byteLength)
  bytes.write('RIFF', 0, 'latin1')
  bytes.writeUInt32LE(bytes.length - 8, 4)
  bytes.write('WAVEfmt ', 8, 'latin1')
  bytes.writeUInt32LE(16, 16)
  bytes.writeUInt16LE(FLOAT, 20)
  bytes.writeUInt16LE(1, 22)
  bytes.writeUInt32LE(Math.round(rate), 24)
  bytes.writeUInt32LE(Math.round(rate) * 4, 28)
  bytes.writeUInt16LE(4, 32)
  bytes.writeUInt16LE(32, 34)
  bytes.write('data', 36, 'latin1')
  bytes.writeUInt32LE(samples.byteLength, 40)
  for (const [index, sample] of samples.entries()) bytes.writeFloatLE(sample, HEADER + index * 4)
  return bytes
}
