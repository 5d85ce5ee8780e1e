import {type Admission, type Breaker, type Figures, type Latency, latencySinceStart} from './figures.ts'
/**
 * What the page and `top` show, from two snapshots of metrics and what the server tells besides. Rates are taken from the
 * engine's own monotonic time, so that no clock that jumps, here or there, shows in them.
 */
import {type Live, type LiveModel, type Telemetry, UNREAD} from './live.ts'

export interface LatencyView extends Latency {
  /** What these are of: `last 10 s`, or a type of operations `since start`. */
  readonly scope: string
}

export interface DeviceView {
  readonly name: string
  readonly fullName: string | null
  /** Of the circuit breaker: closed, open, half-open; `unknown` where the engine has none. */
  readonly breaker: string
  readonly failures: number | null
  readonly opened: number | null
  readonly reason: string | null
  readonly perSecond: number | null
  readonly latency: Latency | null
  /** Only of NPUs; null for what nobody reads telemetry of. */
  readonly telemetry: Telemetry | null
  readonly admitted: {readonly limit: number | null; readonly places: number | null} | null
}

export interface ModelView {
  readonly name: string
  readonly version: string | null
  /** READY, LOADING, UNLOADING or UNAVAILABLE; `USED` where only the engine's figures tell of it. */
  readonly state: string
  readonly reason: string | null
  readonly devices: readonly string[]
  readonly count: number
  readonly perSecond: number | null
  readonly p50: number | null
  readonly p99: number | null
}

export interface View {
  readonly engine: string | null
  readonly uptimeMs: number | null
  readonly throughput: number | null
  readonly failuresPerSecond: number | null
  readonly fallbacksPerSecond: number | null
  readonly totals: Pick<Figures, 'abandoned' | 'completed' | 'failed' | 'fallbacks' | 'retries' | 'submitted'>
  readonly latency: LatencyView | null
  readonly queueDepth: number | null
  readonly running: number | null
  readonly queueByPriority: Figures['queueByPriority']
  readonly batchSizes: Figures['batchSizes']
  readonly meanBatch: number | null
  readonly failuresByCode: Figures['failuresByCode']
  readonly devices: readonly DeviceView[]
  readonly models: readonly ModelView[]
  readonly processBytes: number | null
  readonly modelBytes: number | null
  readonly memoryLimitBytes: number | null
}

export interface ViewInput {
  readonly current: Figures
  /** Some seconds older; null where there is none yet. */
  readonly earlier: Figures | null
  readonly live: Live | null
  /** The models that the server last told of. */
  readonly models?: readonly LiveModel[] | undefined
}

export function viewOf({current, earlier, live, models = []}: ViewInput): View {
  const before = earlier !== null && isLater(current, earlier) ? earlier : null
  const rate = (read: (figures: Figures) => number | null) => rateOf(current, before, read)
  const answered = ({completed, failed}: Figures) => (completed === null ? null : completed + (failed ?? 0))
  return {
    engine: current.engine,
    uptimeMs: current.uptimeMs,
    throughput: rate(answered),
    failuresPerSecond: rate(({failed}) => failed),
    fallbacksPerSecond: rate(({fallbacks}) => fallbacks),
    totals: current,
    latency: latencyOf(current, live),
    queueDepth: current.queueDepth,
    running: current.running,
    queueByPriority: current.queueByPriority,
    batchSizes: current.batchSizes,
    meanBatch: meanOf(current.batchSizes),
    failuresByCode: current.failuresByCode,
    devices: devicesOf(current, before, live),
    models: modelsOf(current, before, models),
    processBytes: current.processBytes,
    modelBytes: current.modelBytes,
    memoryLimitBytes: current.resources.get('systemMemory')?.limit ?? null,
  }
}

/** Whether two snapshots are of one engine, the first taken later. */
export function isLater(current: Figures, earlier: Figures): boolean {
  if (current.uptimeMs === null || earlier.uptimeMs === null) return false
  return current.uptimeMs > earlier.uptimeMs && (current.submitted ?? 0) >= (earlier.submitted ?? 0)
}

function rateOf(current: Figures, earlier: Figures | null, read: (figures: Figures) => number | null): number | null {
  if (earlier === null) return null
  const [now, then] = [read(current), read(earlier)]
  if (now === null || then === null || now < then) return null
  return ((now - then) * 1000) / (current.uptimeMs! - earlier.uptimeMs!)
}

function latencyOf(current: Figures, live: Live | null): LatencyView | null {
  if (live?.window && live.window.latency.count > 0) {
    return {...live.window.latency, scope: `last ${live.window.seconds} s`}
  }

  const found = latencySinceStart(current)
  return found && {...found.latency, scope: `${found.type}, since start`}
}

function meanOf(sizes: Figures['batchSizes']): number | null {
  const runs = sizes.reduce((sum, [, count]) => sum + count, 0)
  return runs === 0 ? null : sizes.reduce((sum, [size, count]) => sum + size * count, 0) / runs
}

function devicesOf(current: Figures, earlier: Figures | null, live: Live | null): DeviceView[] {
  const told = new Map((live?.devices ?? []).map((device) => [device.name, device]))
  const names = new Set([
    ...told.keys(),
    ...current.breakers.keys(),
    ...current.power.keys(),
    ...current.devices.keys(),
  ])
  return [...names].map((name) => {
    const breaker = current.breakers.get(name)
    const admission = current.power.get(name)
    const group = current.devices.get(name)
    return {
      name,
      fullName: told.get(name)?.fullName ?? null,
      ...breakerOf(breaker),
      perSecond: rateOf(current, earlier, ({devices}) => devices.get(name)?.total.count ?? 0),
      latency: group?.compute ?? null,
      telemetry: name.startsWith('NPU') ? telemetryOf(live?.telemetry ?? null, admission) : null,
      admitted: admission ? {limit: admission.limit, places: admission.places} : null,
    }
  })
}

function breakerOf(breaker: Breaker | undefined): Pick<DeviceView, 'breaker' | 'failures' | 'opened' | 'reason'> {
  return {
    breaker: breaker?.state ?? 'unknown',
    failures: breaker?.failures ?? null,
    opened: breaker?.opened ?? null,
    reason: breaker?.reason ?? null,
  }
}

/** From the kernel, and what that does not give from what the engine reads for its admission. */
function telemetryOf(read: Telemetry | null, admission: Admission | undefined): Telemetry {
  const known = read ?? UNREAD
  const engine = {...UNREAD, ...admission}
  return {
    ...known,
    frequencyMhz: known.frequencyMhz ?? engine.frequencyMhz,
    maxFrequencyMhz: known.maxFrequencyMhz ?? engine.maxFrequencyMhz,
    temperatureCelsius: known.temperatureCelsius ?? engine.temperatureCelsius,
    powerWatts: known.powerWatts ?? engine.powerWatts,
    reason: known.reason ?? engine.reason ?? (read ? null : 'nobody here reads the telemetry of an NPU'),
  }
}

function modelsOf(current: Figures, earlier: Figures | null, told: readonly LiveModel[]): ModelView[] {
  const used = Map.groupBy(current.models, ({model}) => model)
  const before = Map.groupBy(earlier?.models ?? [], ({model}) => model)
  const known = new Set(told.map(({reference}) => reference))
  const others = [...used.keys()].filter((name) => !known.has(name))
  const figuresOf = (reference: string) => {
    const groups = used.get(reference) ?? []
    // The device that does most of it.
    const main = groups.toSorted((a, b) => b.total.count - a.total.count)[0]
    const count = groups.reduce((sum, {total}) => sum + total.count, 0)
    const then = (before.get(reference) ?? []).reduce((sum, {total}) => sum + total.count, 0)
    return {
      devices: groups.map(({device}) => device),
      count,
      perSecond: earlier === null ? null : rateOf(current, earlier, (figures) => (figures === current ? count : then)),
      p50: main?.total.p50 ?? null,
      p99: main?.total.p99 ?? null,
    }
  }

  return [
    ...told.map(({name, reason, reference, state, version}) => ({
      name,
      version,
      state,
      reason,
      ...figuresOf(reference),
    })),
    ...others.map((name) => ({name, version: null, state: 'USED', reason: null, ...figuresOf(name)})),
  ]
}
