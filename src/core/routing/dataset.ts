/** Examples to learn from and to be measured by, as they are written in files. */
import {readFile} from 'node:fs/promises'

import {asNpuBridgeError, NpuBridgeError} from '../errors.ts'

/** A text with the label that it belongs to. */
export interface Example {
  readonly text: string
  readonly label: string
}

export interface Dataset {
  readonly train: readonly Example[]
  readonly val: readonly Example[]
  /** Texts that belong to no label. */
  readonly oosTrain: readonly Example[]
  readonly oosVal: readonly Example[]
}

const PARTS = {train: 'train', val: 'val', oosTrain: 'oos_train', oosVal: 'oos_val'} as const
/** More than this is another kind of work. */
const MOST_BYTES = 256 * 1024 * 1024

const SUGGESTIONS = [
  'a list: [["turn on the light", "home"], …]',
  'or an object of such lists: {"train": […], "val": […], "oos_train": […], "oos_val": […]}',
]

/** @throws {NpuBridgeError} INVALID_ARGUMENT naming the file and the element that is wrong */
export async function readDataset(file: string): Promise<Dataset> {
  const text = await readFile(file).catch((error: unknown) => {
    throw new NpuBridgeError('INVALID_ARGUMENT', `${file} cannot be read: ${asNpuBridgeError(error).message}`)
  })
  if (text.length > MOST_BYTES) throw wrong(file, `has ${text.length} bytes, more than ${MOST_BYTES}`)
  let value: unknown
  try {
    value = JSON.parse(text.toString('utf8'))
  } catch (error) {
    throw wrong(file, `is not JSON: ${asNpuBridgeError(error).message}`)
  }

  return parseDataset(value, file)
}

/**
 * A list is both what is learned and, where it is used for measuring, what is measured.
 *
 * @throws {NpuBridgeError} INVALID_ARGUMENT
 */
export function parseDataset(value: unknown, file: string): Dataset {
  if (Array.isArray(value)) {
    const all = examples(value, file, '')
    return {train: all, val: all, oosTrain: [], oosVal: []}
  }

  if (typeof value !== 'object' || value === null) throw wrong(file, 'holds no examples')
  const parts = value as Record<string, unknown>
  const unknown = Object.keys(parts).find((key) => !Object.values(PARTS).includes(key as 'train'))
  if (unknown !== undefined) throw wrong(file, `has ${JSON.stringify(unknown)}, which is not a part of a data set`)
  const part = (key: keyof typeof PARTS) => examples(parts[PARTS[key]] ?? [], file, PARTS[key])
  return {train: part('train'), val: part('val'), oosTrain: part('oosTrain'), oosVal: part('oosVal')}
}

function examples(value: unknown, file: string, place: string): Example[] {
  if (!Array.isArray(value)) throw wrong(file, `: ${place} is not a list`)
  return value.map((pair: unknown, index) => {
    const [text, label, ...more] = Array.isArray(pair) ? (pair as unknown[]) : []
    if (typeof text !== 'string' || typeof label !== 'string' || label === '' || more.length > 0) {
      throw wrong(file, `: ${place}[${index}] is ${JSON.stringify(pair)?.slice(0, 100)}, it must be [text, label]`)
    }

    return {text, label}
  })
}

function wrong(file: string, what: string): NpuBridgeError {
  const separator = what.startsWith(':') ? '' : ' '
  return new NpuBridgeError('INVALID_ARGUMENT', `${file}${separator}${what}`, {suggestions: SUGGESTIONS})
}
