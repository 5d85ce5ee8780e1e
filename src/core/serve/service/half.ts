/**
 * 16-bit floats and numbers. JSON has only numbers, so tensors of these types are converted there; everywhere else they
 * travel as their bit patterns.
 */
const SHARED = new ArrayBuffer(4)
const FLOAT = new Float32Array(SHARED)
const BITS = new Uint32Array(SHARED)

/** The pattern of the IEEE 754 binary16 nearest to `value`, ties to even. */
export function toHalf(value: number): number {
  FLOAT[0] = value
  const bits = BITS[0]!
  const sign = (bits >>> 16) & 0x80_00
  const exponent = (bits >>> 23) & 0xff
  const mantissa = bits & 0x7f_ff_ff
  if (exponent === 0xff) return sign | 0x7c_00 | (mantissa === 0 ? 0 : 0x2_00)
  const scaled = exponent - 112
  if (scaled >= 0x1f) return sign | 0x7c_00
  if (scaled >= 1) return sign | roundedShift((scaled << 23) | mantissa, 13)
  // Subnormal: the leading one becomes a digit like any other.
  return scaled < -10 ? sign : sign | roundedShift(mantissa | 0x80_00_00, 14 - scaled)
}

/** `value` without its last `shift` bits, rounded to the nearest and in doubt to the even one. */
function roundedShift(value: number, shift: number): number {
  const kept = value >>> shift
  const rest = value & ((1 << shift) - 1)
  const half = 1 << (shift - 1)
  return rest > half || (rest === half && (kept & 1) === 1) ? kept + 1 : kept
}

export function fromHalf(pattern: number): number {
  const sign = pattern & 0x80_00 ? -1 : 1
  const exponent = (pattern >>> 10) & 0x1f
  const mantissa = pattern & 0x3_ff
  if (exponent === 0x1f) return mantissa === 0 ? sign * Infinity : NaN
  if (exponent === 0) return sign * mantissa * 2 ** -24
  return sign * (1 + mantissa / 1024) * 2 ** (exponent - 15)
}

/** The pattern of the bfloat16 nearest to `value`, ties to even. */
export function toBfloat(value: number): number {
  FLOAT[0] = value
  const bits = BITS[0]!
  if ((bits & 0x7f_ff_ff_ff) > 0x7f_80_00_00) return (bits >>> 16) | 0x40
  return ((bits + 0x7f_ff + ((bits >>> 16) & 1)) >>> 16) & 0xff_ff
}

export function fromBfloat(pattern: number): number {
  BITS[0] = pattern << 16
  return FLOAT[0]!
}
