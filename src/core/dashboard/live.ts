/** What a server tells of itself beside its engine's metrics, as far as it does. Parts that did not change are absent. */
import type {TierRows} from './history.ts'

import {type Latency, readLatency} from './figures.ts'
import {type LiveNode, readNodes} from './nodes.ts'
import {boolean, list, number, record, text, type Unknown} from './reading.ts'

export interface LiveDevice {
  readonly name: string
  readonly fullName: string | null
  readonly state: string | null
}

export interface Telemetry {
  readonly utilisation: number | null
  readonly frequencyMhz: number | null
  readonly maxFrequencyMhz: number | null
  readonly memoryBytes: number | null
  readonly temperatureCelsius: number | null
  readonly powerWatts: number | null
  /** The kernel's word: active, suspended, … */
  readonly power: string | null
  /** Why some of it is not known; null where all is. */
  readonly reason: string | null
}

/** Of an NPU that nobody reads. */
export const UNREAD: Telemetry = {
  utilisation: null,
  frequencyMhz: null,
  maxFrequencyMhz: null,
  memoryBytes: null,
  temperatureCelsius: null,
  powerWatts: null,
  power: null,
  reason: null,
}

/** An error that clients were told, as often as it came in a row. */
export interface LiveError {
  readonly number: number
  readonly count: number
  readonly code: string
  readonly message: string
  /** What was asked for. */
  readonly where: string
  readonly ageMs: number
}

export interface LiveFallback {
  readonly from: string
  readonly to: string
  readonly reason: string
  readonly count: number
  readonly ageMs: number
}

export interface LiveWorkflowTask {
  readonly id: string
  readonly agent: string | null
  readonly dependencies: readonly string[]
  /** `pending` while the workflow runs. */
  readonly status: string
}

export interface LiveWorkflow {
  readonly number: number
  readonly state: string
  readonly ageMs: number
  readonly elapsedMs: number
  /** All of them; `tasks` are the first. */
  readonly total: number
  readonly tasks: readonly LiveWorkflowTask[]
  readonly error: string | null
}

export interface LiveModel {
  readonly name: string
  readonly version: string | null
  readonly state: string
  readonly reason: string | null
  /** What the engine calls it. */
  readonly reference: string
}

export interface LiveAdvice {
  readonly id: string
  readonly advice: string
  readonly because: string
  readonly setting: string | null
}

export interface Live {
  readonly version: string | null
  /** Another one after a restart. */
  readonly instance: string | null
  readonly uptimeMs: number | null
  /** Whether clients may load and unload models. */
  readonly control: boolean | null
  readonly state: string | null
  /** Latencies of the last seconds, as they were answered. */
  readonly window: {readonly seconds: number; readonly latency: Latency} | null
  readonly devices: readonly LiveDevice[]
  readonly telemetry: Telemetry | null
  readonly requestsInFlight: number | null
  readonly clients: number | null
  readonly history?: {readonly complete: boolean; readonly tiers: readonly TierRows[]}
  readonly errors?: readonly LiveError[]
  readonly fallbacks?: readonly LiveFallback[]
  readonly workflows?: readonly LiveWorkflow[]
  readonly models?: readonly LiveModel[]
  readonly advice?: readonly LiveAdvice[]
  /** Only of a server in front of a pool. */
  readonly nodes?: readonly LiveNode[]
}

/** Null for a server that tells nothing, such as one that is older. */
export function readLive(value: unknown): Live | null {
  if (typeof value !== 'object' || value === null) return null
  const live = record(value)
  const window = record(live.window)
  const seconds = number(window.seconds)
  const parts = {
    history: present(live.history, readHistory),
    errors: present(live.errors, (each) => list(each).map((item) => readError(record(item)))),
    fallbacks: present(live.fallbacks, (each) => list(each).map((item) => readFallback(record(item)))),
    workflows: present(live.workflows, (each) => list(each).map((item) => readWorkflow(record(item)))),
    models: present(live.models, (each) => list(each).flatMap((item) => readModel(record(item)))),
    advice: present(live.advice, (each) => list(each).map((item) => readAdvice(record(item)))),
    nodes: present(live.nodes, readNodes),
  }
  return {
    version: text(live.version, 60),
    instance: text(live.instance, 100),
    uptimeMs: number(live.uptime_ms),
    control: boolean(live.control),
    state: text(live.state, 200),
    window: seconds === null ? null : {seconds, latency: readLatency(window)},
    devices: list(live.devices).flatMap((each) => readDevice(record(each))),
    telemetry: live.telemetry === undefined || live.telemetry === null ? null : readTelemetry(record(live.telemetry)),
    requestsInFlight: number(live.requests_in_flight),
    clients: number(live.clients),
    ...(Object.fromEntries(Object.entries(parts).filter(([, part]) => part !== undefined)) as Partial<Live>),
  }
}

function present<T>(value: unknown, read: (value: unknown) => T): T | undefined {
  return value === undefined ? undefined : read(value)
}

function readHistory(value: unknown): {complete: boolean; tiers: TierRows[]} {
  const {complete, tiers} = record(value)
  return {
    complete: complete === true,
    tiers: list(tiers).flatMap((each) => {
      const tier = record(each)
      const period = number(tier.period_ms)
      const ages = list(tier.ages_ms).map(number)
      if (period === null || ages.includes(null)) return []
      const series = Object.entries(record(tier.series)).map(([name, values]) => [name, list(values).map(number)])
      return [{period_ms: period, ages_ms: ages as number[], series: Object.fromEntries(series) as TierRows['series']}]
    }),
  }
}

function readDevice({full_name: fullName, name, state}: Unknown): LiveDevice[] {
  const known = text(name, 100)
  return known === null ? [] : [{name: known, fullName: text(fullName, 200), state: text(state, 40)}]
}

function readTelemetry(value: Unknown): Telemetry {
  return {
    utilisation: number(value.utilisation),
    frequencyMhz: number(value.frequency_mhz),
    maxFrequencyMhz: number(value.max_frequency_mhz),
    memoryBytes: number(value.memory_bytes),
    temperatureCelsius: number(value.temperature_celsius),
    powerWatts: number(value.power_watts),
    power: text(value.power, 40),
    reason: text(value.reason, 300),
  }
}

function readError({age_ms: age, code, count, message, number: own, where}: Unknown): LiveError {
  return {
    number: number(own) ?? 0,
    count: number(count) ?? 1,
    code: text(code, 60) ?? 'UNKNOWN',
    message: text(message) ?? 'no message',
    where: text(where, 200) ?? '',
    ageMs: number(age) ?? 0,
  }
}

function readFallback({age_ms: age, count, from, reason, to}: Unknown): LiveFallback {
  return {
    from: text(from, 100) ?? 'unknown',
    to: text(to, 100) ?? 'unknown',
    reason: text(reason) ?? 'no reason was given',
    count: number(count) ?? 1,
    ageMs: number(age) ?? 0,
  }
}

function readWorkflow(value: Unknown): LiveWorkflow {
  const tasks = list(value.tasks).flatMap((each) => {
    const {agent, dependencies, id, status} = record(each)
    const known = text(id, 200)
    if (known === null) return []
    const before = list(dependencies).flatMap((name) => text(name, 200) ?? [])
    return [{id: known, agent: text(agent, 200), dependencies: before, status: text(status, 40) ?? 'unknown'}]
  })
  return {
    number: number(value.number) ?? 0,
    state: text(value.state, 40) ?? 'unknown',
    ageMs: number(value.age_ms) ?? 0,
    elapsedMs: number(value.elapsed_ms) ?? 0,
    total: number(value.total) ?? tasks.length,
    tasks,
    error: text(value.error),
  }
}

function readModel({name, reason, reference, state, version}: Unknown): LiveModel[] {
  const known = text(name, 500)
  if (known === null) return []
  return [
    {
      name: known,
      version: text(version, 60),
      state: text(state, 40) ?? 'UNKNOWN',
      reason: text(reason) || null,
      reference: text(reference) ?? known,
    },
  ]
}

function readAdvice({advice, because, id, setting}: Unknown): LiveAdvice {
  return {
    id: text(id, 100) ?? 'advice',
    advice: text(advice) ?? '',
    because: text(because) ?? '',
    setting: text(setting, 100),
  }
}
