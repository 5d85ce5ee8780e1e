/** What a line says of samples that go through a model frame by frame. */
import * as z from 'zod'

import {SIGNAL_FAMILIES} from '../engine/engine.ts'

/** Names and defaults are those of silero's `get_speech_timestamps`. */
const segments = z.strictObject({
  /** The sampling rate of the frames, in Hz. */
  fs: z.number().positive(),
  threshold: z.number().min(0).max(1).optional(),
  neg_threshold: z.number().min(0).max(1).optional(),
  min_speech_duration_ms: z.number().min(0).optional(),
  min_silence_duration_ms: z.number().min(0).optional(),
  speech_pad_ms: z.number().min(0).optional(),
})

export const framingSchema = z.strictObject({
  /** New samples of each frame. */
  length: z
    .int()
    .min(1)
    .max(1 << 20),
  /** Samples of before that stand in front of them; zeros before the first. */
  context: z
    .int()
    .min(0)
    .max(1 << 20)
    .optional(),
  /** What is done with the samples before they are cut, as in an operation `signal`. */
  steps: z
    .array(
      z.strictObject({
        operation: z.enum(SIGNAL_FAMILIES),
        parameters: z.record(z.string(), z.unknown()).optional(),
      }),
    )
    .min(1)
    .optional(),
  /** When given, the first value of each frame's first output is taken as a probability. */
  segments: segments.optional(),
})

export type Framing = z.output<typeof framingSchema>
export type Segmenting = z.output<typeof segments>
