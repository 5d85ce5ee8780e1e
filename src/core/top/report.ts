/** What `top` knows: the same on a screen, in a pipe and as JSON. */
import {z} from 'zod'

import type {Live, LiveAdvice, LiveError, LiveFallback, LiveModel} from '../dashboard/live.ts'
import type {Reading, TopSource} from './source.ts'

import {RecentFigures} from '../dashboard/recent.ts'
import {viewOf} from '../dashboard/view.ts'

const MOST_ERRORS = 20
const MOST_RATES = 120

const amount = z.number().nullable()
const latency = z.object({count: z.number(), p50: amount, p95: amount, p99: amount})
const telemetry = z.object({
  utilisation: amount.describe('0 to 1'),
  frequencyMhz: amount,
  maxFrequencyMhz: amount,
  memoryBytes: amount,
  temperatureCelsius: amount,
  powerWatts: amount,
  power: z.string().nullable(),
  reason: z.string().nullable().describe('why some of it is not known'),
})

export const topReportSchema = z.object({
  source: z.object({
    kind: z.enum(['engine', 'server']),
    name: z.string(),
    version: z.string().nullable(),
    state: z.string().nullable(),
  }),
  engine: z.string().nullable(),
  uptimeMs: amount,
  throughput: amount.describe('operations answered a second'),
  failuresPerSecond: amount,
  fallbacksPerSecond: amount,
  totals: z.object({
    submitted: amount,
    completed: amount,
    failed: amount,
    fallbacks: amount,
    retries: amount,
    abandoned: amount,
  }),
  latency: latency.extend({scope: z.string()}).nullable().describe('microseconds'),
  queueDepth: amount,
  running: amount,
  queueByPriority: z.array(z.tuple([z.string(), z.number()])),
  batchSizes: z.array(z.tuple([z.number(), z.number()])).describe('operations in an inference, and how many had them'),
  meanBatch: amount,
  failuresByCode: z.array(z.tuple([z.string(), z.number()])),
  devices: z.array(
    z.object({
      name: z.string(),
      fullName: z.string().nullable(),
      breaker: z.string().describe('closed, open, half-open; unknown where the engine has none'),
      failures: amount,
      opened: amount,
      reason: z.string().nullable(),
      perSecond: amount,
      latency: latency.nullable().describe('of the work itself, since the start; microseconds'),
      telemetry: telemetry.nullable(),
      admitted: z.object({limit: amount, places: amount}).nullable(),
    }),
  ),
  models: z.array(
    z.object({
      name: z.string(),
      version: z.string().nullable(),
      state: z.string(),
      reason: z.string().nullable(),
      devices: z.array(z.string()),
      count: z.number(),
      perSecond: amount,
      p50: amount,
      p99: amount,
    }),
  ),
  processBytes: amount,
  modelBytes: amount,
  memoryLimitBytes: amount,
  errors: z.array(
    z.object({code: z.string(), message: z.string(), where: z.string(), count: z.number(), ageMs: z.number()}),
  ),
  fallbacks: z.array(
    z.object({from: z.string(), to: z.string(), reason: z.string(), count: z.number(), ageMs: z.number()}),
  ),
  advice: z.array(z.object({id: z.string(), advice: z.string(), because: z.string(), setting: z.string().nullable()})),
})

export type TopReport = z.infer<typeof topReportSchema>

export class TopState {
  /** Operations answered a second, the newest last; null before a restart and after it. */
  readonly rates: Array<number | null> = []
  /** How often the engine was found to be another one. */
  restarts = 0
  readonly #source: Pick<TopSource, 'kind' | 'name'>
  readonly #recent = new RecentFigures()
  #live: Live | null = null
  #models: readonly LiveModel[] = []
  #errors: readonly LiveError[] = []
  #fallbacks: readonly LiveFallback[] = []
  #advice: readonly LiveAdvice[] = []
  #readAt = 0

  constructor(source: Pick<TopSource, 'kind' | 'name'>) {
    this.#source = source
  }

  /** Whether there are two snapshots, so that there are rates. */
  get hasRates(): boolean {
    return this.#recent.earlier !== null
  }

  add({figures, live}: Reading): void {
    const before = this.#recent.current
    const instance = this.#live?.instance
    const isAnother = Boolean(instance && live?.instance && instance !== live.instance)
    if (isAnother) this.#recent.clear()
    if (this.#recent.add(figures).isRestarted || isAnother) this.#restart()
    this.#live = live
    this.#models = live?.models ?? this.#models
    this.#fallbacks = live?.fallbacks ?? this.#fallbacks
    this.#advice = live?.advice ?? this.#advice
    this.#readAt = performance.now()
    if (live?.errors) {
      const told = new Set(live.errors.map(({number}) => number))
      const kept = this.#errors.filter(({number}) => !told.has(number))
      this.#errors = [...kept, ...live.errors].slice(-MOST_ERRORS)
    }

    if (before?.uptimeMs === figures.uptimeMs) return
    this.rates.push(this.report().throughput)
    if (this.rates.length > MOST_RATES) this.rates.shift()
  }

  report(): TopReport {
    const {current, earlier} = this.#recent
    if (current === null) throw new Error('nothing was read yet')
    const view = viewOf({current, earlier, live: this.#live, models: this.#models})
    const {abandoned, completed, failed, fallbacks, retries, submitted} = view.totals
    const {kind, name} = this.#source
    const report: unknown = {
      source: {kind, name, version: this.#live?.version ?? null, state: this.#live?.state ?? null},
      ...view,
      totals: {submitted, completed, failed, fallbacks, retries, abandoned},
      errors: this.#errors
        .map(({ageMs, code, count, message, where}) => ({code, message, where, count, ageMs}))
        .toReversed(),
      fallbacks: this.#fallbacks
        .toSorted((a, b) => b.count - a.count)
        .map(({ageMs, count, from, reason, to}) => ({from, to, reason, count, ageMs})),
      advice: this.#advice.map(({advice, because, id, setting}) => ({id, advice, because, setting})),
    }
    // Lists that may not be written to are the only difference.
    return report as TopReport
  }

  /** How long ago the last reading was, in milliseconds. */
  get ageMs(): number {
    return performance.now() - this.#readAt
  }

  #restart(): void {
    this.restarts++
    this.rates.push(null)
    this.#models = []
    this.#errors = []
    this.#fallbacks = []
    this.#advice = []
  }
}
