/** Segments of a recording from the probability of each of its frames, by the rules of silero's `get_speech_timestamps`. */
import type {Segmenting} from './framing.ts'

/** In seconds. */
export interface Segment {
  readonly start: number
  readonly end: number
}

/** In samples. */
interface Span {
  start: number
  end: number
}

/**
 * A segment begins with a frame that reaches the threshold, and ends before the first of enough frames in a row below
 * the lower one. Short ones are left out; the others are widened, but not into each other.
 *
 * Both sizes are in samples: `length` of a frame, `total` of the recording.
 */
export function segmentsOf(
  probabilities: ArrayLike<number>,
  {length, total}: {readonly length: number; readonly total: number},
  asked: Segmenting,
): Segment[] {
  const {fs, speech_pad_ms: padding = 30} = asked
  const spans = spansOf(probabilities, {length, total}, asked)
  widen(spans, (fs * padding) / 1000, total)
  return spans.map(({end, start}) => ({start: start / fs, end: end / fs}))
}

function spansOf(
  probabilities: ArrayLike<number>,
  {length, total}: {readonly length: number; readonly total: number},
  {
    fs,
    min_silence_duration_ms: silence = 100,
    min_speech_duration_ms: speech = 250,
    threshold = 0.5,
    ...asked
  }: Segmenting,
): Span[] {
  const lower = asked.neg_threshold ?? Math.max(threshold - 0.15, 0.01)
  const spans: Span[] = []
  const keep = (start: number, end: number) => {
    if (end - start > (fs * speech) / 1000) spans.push({start, end})
  }

  let start: number | undefined
  let quietSince: number | undefined
  for (let index = 0; index < probabilities.length; index++) {
    const at = index * length
    const probability = probabilities[index]!
    if (probability >= threshold) {
      start ??= at
      quietSince = undefined
    } else if (probability < lower && start !== undefined) {
      quietSince ??= at
      if (at - quietSince < (fs * silence) / 1000) continue
      keep(start, quietSince)
      start = undefined
      quietSince = undefined
    }
  }

  if (start !== undefined) keep(start, total)
  return spans
}

function widen(spans: readonly Span[], by: number, total: number): void {
  for (const [index, span] of spans.entries()) {
    if (index === 0) span.start = Math.floor(Math.max(0, span.start - by))
    const next = spans[index + 1]
    const gap = next === undefined ? Infinity : next.start - span.end
    if (next !== undefined && gap < 2 * by) {
      span.end += Math.floor(gap / 2)
      next.start -= Math.floor(gap / 2)
      continue
    }

    span.end = Math.floor(Math.min(total, span.end + by))
    if (next !== undefined) next.start = Math.floor(Math.max(0, next.start - by))
  }
}
