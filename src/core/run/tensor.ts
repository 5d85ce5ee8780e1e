/**
 * A tensor that a line carries inline: `{"data", "shape", "datatype"}` → a typed array. The loops here see every
 * number of the input once, check it against what its datatype takes, and write it to its place.
 */
import {type Datatype, DATATYPES, type Tensor, type TensorData} from '../engine/engine.ts'
import {DATATYPE_INFO, type DatatypeInfo, elementCount, type ElementKind, shapeText} from './datatypes.ts'
import {fieldError, showValue} from './fields.ts'
import {isUnsafeInteger} from './json.ts'
import {nameSuggestions} from './nearest.ts'

/** What to do with NaN and infinities in JSON: refuse them, or write and read them as strings. */
export type NonFinitePolicy = 'error' | 'string'

export interface InlineTensorOptions {
  readonly nonFinite: NonFinitePolicy
  /** The line was parsed with its large integers as bigints. */
  readonly exact: boolean
}

/** Thrown when a 64-bit tensor holds numbers that lost digits: the line must be parsed again, exactly. */
export class NeedsExactIntegers extends Error {}

/** More dimensions than any model has; keeps a hostile nesting from being followed down. */
const MOST_DIMENSIONS = 64
const NON_FINITE: Readonly<Record<string, number>> = {'-Infinity': -Infinity, Infinity, NaN}

/**
 * Reads `{data, shape?, datatype?}`: without a shape, the nesting of `data` gives it; the datatype is FP32 by default.
 * `place` is the path of the tensor, for messages.
 * @throws {Error} NpuBridgeError: INVALID_ARGUMENT for a value that the datatype does not take, SHAPE_MISMATCH where data and
 *   shape do not agree; {@link NeedsExactIntegers}.
 */
export function decodeInlineTensor(
  value: {readonly data?: unknown; readonly datatype?: unknown; readonly shape?: unknown},
  place: string,
  options: InlineTensorOptions,
): Tensor {
  const datatype = value.datatype === undefined ? 'FP32' : checkDatatype(value.datatype, `${place}.datatype`)
  const declared = value.shape === undefined ? undefined : checkShape(value.shape, `${place}.shape`)
  const filler: Filler = {...options, datatype, info: DATATYPE_INFO[datatype], place: `${place}.data`}
  const {data} = value
  if (!Array.isArray(data)) return scalar(data, declared, filler)
  const nesting = nestingOf(data)
  const nested = nesting.length > 1
  const shape = declared ?? nesting
  if (nested && !sameShape(nesting, shape)) {
    throw mismatch(filler.place, `is nested as ${shapeText(nesting)} but the shape is ${shapeText(shape)}`)
  }

  if (!nested && elementCount(shape) !== data.length) {
    const needed = elementCount(shape)
    throw mismatch(filler.place, `has ${data.length} elements but the shape ${shapeText(shape)} takes ${needed}`)
  }

  const target = filler.info.allocate(elementCount(shape))
  if (nested) fillNested(target, data, shape, filler)
  else fillRow(target, 0, data, filler)
  return {data: target, datatype, shape}
}

/** @throws {Error} NpuBridgeError: INVALID_ARGUMENT naming the nearest datatype. */
export function checkDatatype(value: unknown, place: string): Datatype {
  if (typeof value === 'string' && Object.hasOwn(DATATYPE_INFO, value)) return value as Datatype
  const suggestions = nameSuggestions(protocolName(value), DATATYPES, 'datatypes')
  throw fieldError(place, `is ${showValue(value)}, which is not a datatype`, {suggestions})
}

/** NumPy's and Rust's names, such as float32 and i64, in the manner of the protocol. */
function protocolName(value: unknown): string {
  return String(value)
    .replace(/^bfloat/i, 'BF')
    .replace(/^f(?:loat)?(?=\d)/i, 'FP')
    .replace(/^i(?=\d)/i, 'INT')
    .replace(/^u(?=\d)/i, 'UINT')
}

/** @throws {Error} NpuBridgeError: INVALID_ARGUMENT naming the dimension that is not a whole number from 0 on. */
export function checkShape(value: unknown, place: string): number[] {
  if (!Array.isArray(value)) throw fieldError(place, `is ${showValue(value)}, it must be an array of whole numbers`)
  if (value.length > MOST_DIMENSIONS)
    throw fieldError(place, `has ${value.length} dimensions, at most ${MOST_DIMENSIONS}`)
  for (const [index, size] of value.entries()) {
    if (!Number.isSafeInteger(size) || size < 0) {
      throw fieldError(`${place}[${index}]`, `is ${showValue(size)}, it must be a whole number, 0 or more`)
    }
  }

  const shape = value as number[]
  if (!Number.isSafeInteger(elementCount(shape))) throw fieldError(place, `${shapeText(shape)} has too many elements`)
  return [...shape]
}

interface Filler extends InlineTensorOptions {
  readonly datatype: Datatype
  readonly info: DatatypeInfo
  /** The path of the data. */
  readonly place: string
}

function mismatch(place: string, problem: string) {
  return fieldError(place, problem, {code: 'SHAPE_MISMATCH'})
}

function sameShape(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((size, index) => size === b[index])
}

/** The shape that the first elements suggest; rows of another length are found when they are read. */
function nestingOf(data: readonly unknown[]): number[] {
  const shape = [data.length]
  for (let inner = data[0]; Array.isArray(inner) && shape.length <= MOST_DIMENSIONS; inner = inner[0]) {
    shape.push(inner.length)
  }

  return shape
}

function scalar(data: unknown, declared: readonly number[] | undefined, filler: Filler): Tensor {
  if (data === undefined) throw fieldError(filler.place, 'is missing')
  const shape = declared ?? []
  if (typeof data === 'object' || elementCount(shape) !== 1) {
    throw fieldError(filler.place, `is ${showValue(data)}, it must be an array of ${elementCount(shape)} numbers`)
  }

  const target = filler.info.allocate(1)
  fillRow(target, 0, [data], filler)
  return {data: target, datatype: filler.datatype, shape}
}

function fillNested(target: TensorData, data: readonly unknown[], shape: readonly number[], filler: Filler): void {
  const last = shape.length - 1
  let offset = 0
  const visit = (value: unknown, depth: number, indices: readonly number[]): void => {
    const size = shape[depth]!
    const place = `${filler.place}${indices.map((index) => `[${index}]`).join('')}`
    if (!Array.isArray(value)) throw mismatch(place, `is ${showValue(value)} where the shape takes a row of ${size}`)
    if (value.length !== size) throw mismatch(place, `has ${value.length} elements where the others have ${size}`)
    if (depth === last) {
      fillRow(target, offset, value, {...filler, place})
      offset += size
    } else for (const [index, inner] of value.entries()) visit(inner, depth + 1, [...indices, index])
  }

  visit(data, 0, [])
}

/** Writes one row of numbers to `target`, from `offset` on. */
function fillRow(target: TensorData, offset: number, row: readonly unknown[], filler: Filler): void {
  FILL[filler.info.kind](target as never, offset, row, filler)
}

const FILL: Readonly<
  Record<ElementKind, (target: never, offset: number, row: readonly unknown[], filler: Filler) => void>
> = {
  boolean: fillBooleans,
  float: fillFloats,
  integer: fillIntegers,
  integer64: fillIntegers64,
  pattern: fillIntegers,
}

function fillFloats(target: Float32Array, offset: number, row: readonly unknown[], filler: Filler): void {
  const min = filler.info.min as number
  const max = filler.info.max as number
  for (let i = 0; i < row.length; i++) {
    const value = row[i]
    target[offset + i] =
      typeof value === 'number' && value >= min && value <= max ? value : unusualFloat(value, i, filler)
  }
}

/** A bigint of an exactly parsed line, or a non-finite number as a string; anything else is an error. */
function unusualFloat(value: unknown, index: number, filler: Filler): number {
  const {max, min} = filler.info
  const place = `${filler.place}[${index}]`
  if (typeof value === 'number' || typeof value === 'bigint') {
    if (value >= min && value <= max) return Number(value)
    throw fieldError(place, `is ${value}, beyond what ${filler.datatype} can hold`)
  }

  const nonFinite = typeof value === 'string' && Object.hasOwn(NON_FINITE, value) ? NON_FINITE[value] : undefined
  if (nonFinite === undefined) throw notANumber(value, place)
  if (filler.nonFinite === 'string') return nonFinite
  throw fieldError(place, `is ${showValue(value)}: non-finite values are refused`, {
    suggestions: ['--nonfinite string accepts them'],
  })
}

function notANumber(value: unknown, place: string) {
  return fieldError(place, `is ${showValue(value)}, it must be a number`)
}

function fillIntegers(target: Int32Array, offset: number, row: readonly unknown[], filler: Filler): void {
  const min = filler.info.min as number
  const max = filler.info.max as number
  for (let i = 0; i < row.length; i++) {
    const value = row[i]
    if (!Number.isSafeInteger(value) || (value as number) < min || (value as number) > max) {
      throw badInteger(value, i, filler)
    }

    target[offset + i] = value as number
  }
}

function fillIntegers64(target: BigInt64Array, offset: number, row: readonly unknown[], filler: Filler): void {
  const {max, min} = filler.info
  for (let i = 0; i < row.length; i++) {
    const value = row[i]
    if (Number.isSafeInteger(value) && (value as number) >= min) target[offset + i] = BigInt(value as number)
    else if (typeof value === 'bigint' && value >= min && value <= max) target[offset + i] = value
    else throw badInteger(value, i, filler)
  }
}

function fillBooleans(target: Uint8Array, offset: number, row: readonly unknown[], filler: Filler): void {
  for (let i = 0; i < row.length; i++) {
    const value = row[i]
    if (value !== true && value !== false && value !== 0 && value !== 1) {
      throw fieldError(`${filler.place}[${i}]`, `is ${showValue(value)}, a BOOL is true, false, 0 or 1`)
    }

    target[offset + i] = Number(value)
  }
}

function badInteger(value: unknown, index: number, filler: Filler): Error {
  if (filler.info.kind === 'integer64' && !filler.exact && isUnsafeInteger(value)) return new NeedsExactIntegers()
  const place = `${filler.place}[${index}]`
  const {datatype, info} = filler
  if (typeof value !== 'number' && typeof value !== 'bigint') return notANumber(value, place)
  const range = `${info.min}…${info.max}`
  if (value < info.min || value > info.max) {
    return fieldError(place, `is ${value}, but ${datatype} takes ${range}`, patternAdvice(info))
  }

  const problem = isUnsafeInteger(value) ? 'beyond 2^53 it must be written as a plain integer' : 'not a whole number'
  return fieldError(place, `is ${value}: ${problem}, and ${datatype} takes ${range}`, patternAdvice(info))
}

function patternAdvice(info: DatatypeInfo): {suggestions?: string[]} {
  if (info.kind !== 'pattern') return {}
  return {
    suggestions: ['16-bit floats travel as their bit patterns: send those, or the numbers as FP32, or an .npy file'],
  }
}
