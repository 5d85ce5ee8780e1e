/**
 * Numbers as JSON text, straight to bytes.
 *
 * A float32 gets as few of 7, 8 or 9 significant digits as lead back to it, and no trailing zeros: the 17 digits that
 * its value as a double has say no more, take 1.7 times the room, and cost V8 more than twice the time. Read back as a
 * float32, by way of a double or not, the text gives the very same value.
 */
import type {Buffer} from 'node:buffer'

/** The most bytes that one number takes, with sign, point and exponent. */
export const LONGEST_NUMBER = 32

const SHARED = new ArrayBuffer(4)
const FLOAT32 = new Float32Array(SHARED)
const FLOAT32_BITS = new Int32Array(SHARED)
const MANTISSA_BITS = 0x7f_ff_ff
/** Digits of the number at hand, the last one first. */
const DIGITS = new Uint8Array(LONGEST_NUMBER)
const ZERO = 0x30
const MINUS = 0x2d
const POINT = 0x2e
const EXPONENT = 0x65

/** 10^-53 … 10^53, each the double next to it. */
const POWERS_OF_TEN = Float64Array.from({length: 107}, (_, index) => Number(`1e${index - 53}`))
const POWER_OF_ZERO = 53

/**
 * By the exponent bits of a float32: how far a decimal may be away and still read as the same number, which is half the
 * distance to the next one. A millionth less, so that errors of doubles, and rounding twice (to a double, then to a
 * float32), can make no difference.
 */
const TOLERANCE = Float64Array.from({length: 255}, (_, bits) => 2 ** (Math.max(bits, 1) - 151) * (1 - 1e-6))
/** By the exponent bits: the decimal exponent of the least number that has them. */
const DECIMAL_EXPONENT = Int8Array.from({length: 255}, (_, bits) => Math.floor((bits - 127) * Math.log10(2)))

/** Writes `value`, a finite float32, to `bytes` from `at` on; returns where it ends. */
export function writeFloat32(value: number, bytes: Buffer, at: number): number {
  if (value === 0) return writeZero(value, bytes, at)
  if (value < 0) {
    bytes[at] = MINUS
    return writePositiveFloat32(-value, bytes, at + 1)
  }

  return writePositiveFloat32(value, bytes, at)
}

function writePositiveFloat32(value: number, bytes: Buffer, at: number): number {
  FLOAT32[0] = value
  const exponentBits = FLOAT32_BITS[0]! >>> 23
  const exponent = decimalExponent(value, exponentBits)
  const power = POWERS_OF_TEN[POWER_OF_ZERO + 8 - exponent]!
  const nineDigits = value * power
  let tolerance = TOLERANCE[exponentBits]! * power
  // Below a power of two, numbers are half as far apart.
  if ((FLOAT32_BITS[0]! & MANTISSA_BITS) === 0) tolerance /= 2
  const seven = Math.round(nineDigits / 100)
  if (Math.abs(seven * 100 - nineDigits) < tolerance) return writeDecimal(seven, 6 - exponent, bytes, at)
  const eight = Math.round(nineDigits / 10)
  if (Math.abs(eight * 10 - nineDigits) < tolerance) return writeDecimal(eight, 7 - exponent, bytes, at)
  return writeDecimal(Math.round(nineDigits), 8 - exponent, bytes, at)
}

/** The exponent of the leading decimal digit. */
function decimalExponent(value: number, exponentBits: number): number {
  // A subnormal has no exponent of its own.
  const least = exponentBits === 0 ? Math.floor(Math.log10(value)) : DECIMAL_EXPONENT[exponentBits]!
  return value >= POWERS_OF_TEN[POWER_OF_ZERO + least + 1]! ? least + 1 : least
}

/** Writes `integer` × 10^-`scale`; `integer` is positive and below 2^31. Plain from 1e-6 on and below 1e21. */
function writeDecimal(integer: number, scale: number, bytes: Buffer, at: number): number {
  const last = putDigits(integer) - 1
  let first = 0
  while (DIGITS[first] === ZERO) first++
  /** How many digits stand before the point; negative for zeros right behind it. */
  const whole = last + 1 - scale
  if (whole > 21 || whole <= -6) {
    let end = writeDigits(last, last, bytes, at)
    if (last > first) bytes[end++] = POINT
    end = writeDigits(last - 1, first, bytes, end)
    bytes[end++] = EXPONENT
    return writeInteger(whole - 1, bytes, end)
  }

  if (whole <= 0) {
    let end = at
    bytes[end++] = ZERO
    bytes[end++] = POINT
    for (let zeros = whole; zeros < 0; zeros++) bytes[end++] = ZERO
    return writeDigits(last, first, bytes, end)
  }

  // Trailing zeros are dropped behind the point only.
  let end = writeDigits(last, Math.max(scale, 0), bytes, at)
  for (let zeros = scale; zeros < 0; zeros++) bytes[end++] = ZERO
  if (first >= scale) return end
  bytes[end++] = POINT
  return writeDigits(scale - 1, first, bytes, end)
}

/** Writes the digits that {@link putDigits} left, from index `last` down to `first`; returns where they end. */
function writeDigits(last: number, first: number, bytes: Buffer, at: number): number {
  let end = at
  for (let i = last; i >= first; i--) bytes[end++] = DIGITS[i]!
  return end
}

/** Puts the digits of a positive integer below 2^31 into `DIGITS`; returns how many there are. */
function putDigits(integer: number): number {
  let count = 0
  // In unsigned 32-bit arithmetic, which V8 compiles to a multiplication; with Math.trunc this takes four times as long.
  let rest = integer >>> 0
  do {
    const quotient = (rest / 10) >>> 0
    DIGITS[count++] = ZERO + rest - quotient * 10
    rest = quotient
  } while (rest > 0)

  return count
}

/** Writes an integer that a double holds exactly; returns where it ends. */
export function writeInteger(value: number, bytes: Buffer, at: number): number {
  if (Math.abs(value) > 0x7f_ff_ff_ff) return writeAscii(String(value), bytes, at)
  let end = at
  if (value < 0) bytes[end++] = MINUS
  let count = putDigits(Math.abs(value))
  while (count > 0) bytes[end++] = DIGITS[--count]!
  return end
}

/** Writes a 64-bit integer; returns where it ends. */
export function writeBigInt(value: bigint, bytes: Buffer, at: number): number {
  const number = Number(value)
  return Number.isSafeInteger(number) ? writeInteger(number, bytes, at) : writeAscii(String(value), bytes, at)
}

/** Writes a finite double in the shortest form that reads as the same double; returns where it ends. */
export function writeFloat64(value: number, bytes: Buffer, at: number): number {
  return value === 0 ? writeZero(value, bytes, at) : writeAscii(String(value), bytes, at)
}

function writeZero(value: number, bytes: Buffer, at: number): number {
  let end = at
  if (Object.is(value, -0)) bytes[end++] = MINUS
  bytes[end++] = ZERO
  return end
}

function writeAscii(text: string, bytes: Buffer, at: number): number {
  return at + bytes.write(text, at, 'latin1')
}
