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

/** 10^0 … 10^53: enough to bring the least float32 to nine digits. */
const POWERS_OF_TEN = Float64Array.from({length: 54}, (_, exponent) => Number(`1e${exponent}`))
const LOG10_OF_2 = Math.LOG10E * Math.LN2
const SHARED = new ArrayBuffer(4)
const FLOAT32 = new Float32Array(SHARED)
const FLOAT32_BITS = new Int32Array(SHARED)
/** Digits of the number at hand, the last one first. */
const DIGITS = new Uint8Array(LONGEST_NUMBER)
const ZERO = 0x30
const MINUS = 0x2d
const POINT = 0x2e
const EXPONENT = 0x65

/** Writes `value`, a finite float32, to `bytes` from `at` on; returns where it ends. */
export function writeFloat32(value: number, bytes: Buffer, at: number): number {
  if (value === 0) return writeZero(value, bytes, at)
  let end = at
  let magnitude = value
  if (value < 0) {
    bytes[end++] = MINUS
    magnitude = -value
  }

  const exponent = decimalExponent(magnitude)
  for (let digits = 7; digits <= 9; digits++) {
    const scale = digits - 1 - exponent
    const integer = Math.round(scaled(magnitude, scale))
    if (leadsBackTo(scaled(integer, -scale), magnitude)) return writeDecimal(integer, scale, bytes, end)
  }

  return writeAscii(String(magnitude), bytes, end)
}

/** The exponent of the leading decimal digit of a positive float32, or one less. */
function decimalExponent(magnitude: number): number {
  FLOAT32[0] = magnitude
  const binary = (FLOAT32_BITS[0]! >>> 23) - 127
  // A subnormal has no exponent of its own; its leading zeros only cost digits.
  const estimate = Math.floor((binary === -127 ? Math.log2(magnitude) : binary) * LOG10_OF_2)
  return magnitude >= powerOfTen(estimate + 1) ? estimate + 1 : estimate
}

function powerOfTen(exponent: number): number {
  return exponent < 0 ? 1 / POWERS_OF_TEN[-exponent]! : POWERS_OF_TEN[exponent]!
}

function scaled(value: number, exponent: number): number {
  return exponent < 0 ? value / POWERS_OF_TEN[-exponent]! : value * POWERS_OF_TEN[exponent]!
}

/**
 * Whether a decimal whose value is `candidate`, give or take an error of a double, reads as the float32 `target`.
 * A candidate moved away from the target by a millionth of its distance must still do, so that neither that error nor
 * rounding twice (to a double, then to a float32) can make a difference.
 */
function leadsBackTo(candidate: number, target: number): boolean {
  return Math.fround(candidate + (candidate - target) * 1e-6) === target && Math.fround(candidate) === target
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
  let rest = integer
  do {
    const quotient = Math.trunc(rest / 10)
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
