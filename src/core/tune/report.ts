/** What came of a search, in the shape of `tune --json`. */
import {z} from 'zod'

import {profile} from '../config/sections/profiles.ts'
import {OBJECTIVES} from './objective.ts'

const positive = z.number().min(0)

const figures = z.strictObject({
  throughput: positive,
  p50Us: positive,
  p99Us: positive,
  loadedP99Us: positive,
  cpuUs: positive,
  joules: positive.nullable(),
  memoryBytes: positive.nullable(),
})

const setting = z.strictObject({
  /** In words. */
  name: z.string(),
  profile,
  figures,
  /** Rounds that the figures are medians of. */
  rounds: z.int(),
  /** Constraints that it breaks. */
  broken: z.array(z.string()),
  /** Whether no other setting beats it in latency and throughput alike. */
  front: z.boolean(),
})

export const advice = z.strictObject({
  id: z.enum([
    'batch-delay-too-long',
    'deadline-unrealistic',
    'device-starved',
    'model-belongs-on-cpu',
    'queue-too-short',
    'target-not-reached',
    'throttled',
  ]),
  /** What to do, a sentence. */
  advice: z.string(),
  /** The figures behind it, a sentence. */
  because: z.string(),
  /** The setting to change; null where it is none. */
  setting: z.string().nullable(),
})

export type Advice = z.infer<typeof advice>

export const tuneReportSchema = z.strictObject({
  model: z.string(),
  device: z.string(),
  runtime: z.string().nullable(),
  objective: z.enum(OBJECTIVES),
  constraints: z.strictObject({maxP99Ms: z.number().optional(), maxMemoryMb: z.number().optional()}),
  /** Whatever was measured to the end, the best first. */
  settings: z.array(setting),
  /** The name of the winner; null when every setting breaks a constraint. */
  winner: z.string().nullable(),
  default: z.string(),
  /** Those that came out ahead, each against the default alone in pairs of turns; `gain` is a share. */
  duels: z.array(
    z.strictObject({name: z.string(), pairs: z.int(), won: z.int(), gain: z.number(), better: z.boolean()}),
  ),
  /** Why it won, a sentence each. */
  explanation: z.array(z.string()),
  skipped: z.array(z.strictObject({name: z.string(), reason: z.string()})),
  /** Settings that were tried and fell behind. */
  outrun: z.int(),
  /** Settings that were not tried, for want of time. */
  untried: z.int(),
  /** What the energy is measured by, or why it is unknown. */
  energy: z.string(),
  advice: z.array(advice),
  seconds: positive,
  interrupted: z.boolean(),
  /** The file that the profile was written to; null when it was not. */
  saved: z.string().nullable(),
})

export type TuneReport = z.infer<typeof tuneReportSchema>
export type TunedSetting = TuneReport['settings'][number]

export const adviceReportSchema = z.strictObject({
  snapshots: z.array(z.string()),
  advice: z.array(advice),
})

export type AdviceReport = z.infer<typeof adviceReportSchema>
