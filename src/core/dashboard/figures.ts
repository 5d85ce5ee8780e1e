/** The metrics of an engine as they are shown, whichever version it is of. Null is not known. */
import {list, number, numbers, record, text, type Unknown} from './reading.ts'

export interface Latency {
  readonly count: number
  readonly p50: number | null
  readonly p95: number | null
  readonly p99: number | null
}

export interface Breaker {
  readonly state: string
  readonly failures: number | null
  readonly opened: number | null
  readonly reason: string | null
}

export interface Amount {
  readonly used: number | null
  readonly limit: number | null
}

/** Of an NPU whose admission follows its telemetry. */
export interface Admission {
  readonly condition: string | null
  readonly reason: string | null
  readonly places: number | null
  readonly limit: number | null
  readonly frequencyMhz: number | null
  readonly maxFrequencyMhz: number | null
  readonly temperatureCelsius: number | null
  readonly powerWatts: number | null
}

export interface Figures {
  readonly engine: string | null
  readonly uptimeMs: number | null
  readonly submitted: number | null
  readonly completed: number | null
  readonly failed: number | null
  readonly fallbacks: number | null
  readonly retries: number | null
  readonly abandoned: number | null
  readonly queueDepth: number | null
  readonly running: number | null
  /** From realtime to low; others behind. */
  readonly queueByPriority: ReadonlyArray<readonly [priority: string, depth: number]>
  /** How many inferences had how many operations in them, by size. */
  readonly batchSizes: ReadonlyArray<readonly [size: number, count: number]>
  readonly failuresByCode: ReadonlyArray<readonly [code: string, count: number]>
  readonly devices: ReadonlyMap<string, {readonly queue: Latency; readonly compute: Latency; readonly total: Latency}>
  readonly models: ReadonlyArray<{readonly model: string; readonly device: string; readonly total: Latency}>
  readonly operations: ReadonlyMap<string, Latency>
  readonly breakers: ReadonlyMap<string, Breaker>
  readonly power: ReadonlyMap<string, Admission>
  readonly resources: ReadonlyMap<string, Amount>
  readonly processBytes: number | null
  readonly modelBytes: number | null
}

/** Of the operations that there were most of, since the engine started; null for an engine that does not tell. */
export function latencySinceStart({operations}: Figures): {readonly type: string; readonly latency: Latency} | null {
  // Percentiles of several types cannot be added up.
  const [most] = [...operations].filter(([, {count}]) => count > 0).toSorted(([, a], [, b]) => b.count - a.count)
  return most ? {type: most[0], latency: most[1]} : null
}

const PRIORITIES = ['realtime', 'critical', 'high', 'normal', 'low']

export function readFigures(value: unknown): Figures {
  const snapshot = record(value)
  const memory = record(snapshot.memory)
  return {
    engine: text(snapshot.engine, 100),
    uptimeMs: number(snapshot.uptimeMs),
    submitted: number(snapshot.submitted),
    completed: number(snapshot.completed),
    failed: number(snapshot.failed),
    fallbacks: number(snapshot.fallbacks),
    retries: number(snapshot.retries),
    abandoned: number(snapshot.abandoned),
    queueDepth: number(snapshot.queueDepth),
    running: number(snapshot.running),
    queueByPriority: numbers(snapshot.queueDepthByPriority).toSorted(([a], [b]) => urgency(a) - urgency(b)),
    batchSizes: numbers(snapshot.batchSizes)
      .map(([size, count]) => [Number(size), count] as const)
      .filter(([size]) => Number.isFinite(size))
      .toSorted(([a], [b]) => a - b),
    failuresByCode: numbers(snapshot.failuresByCode).toSorted(([, a], [, b]) => b - a),
    devices: mapOf(snapshot.devices, (group) => ({
      compute: readLatency(group.compute),
      queue: readLatency(group.queue),
      total: readLatency(group.total),
    })),
    models: list(snapshot.models).flatMap((each) => readModel(record(each))),
    operations: mapOf(snapshot.operations, ({total}) => readLatency(total)),
    breakers: mapOf(snapshot.breakers, readBreaker),
    power: mapOf(snapshot.power, readAdmission),
    resources: mapOf(snapshot.resources, ({limit, used}) => ({used: number(used), limit: number(limit)})),
    processBytes: number(memory.processResident),
    modelBytes: number(memory.models),
  }
}

function urgency(priority: string): number {
  const index = PRIORITIES.indexOf(priority)
  return index === -1 ? PRIORITIES.length : index
}

function mapOf<T>(value: unknown, read: (each: Unknown) => T): ReadonlyMap<string, T> {
  return new Map(Object.entries(record(value)).map(([name, each]) => [name, read(record(each))]))
}

export function readLatency(value: unknown): Latency {
  const {count, p50, p95, p99} = record(value)
  return {count: number(count) ?? 0, p50: number(p50), p95: number(p95), p99: number(p99)}
}

function readModel({device, model, total}: Unknown): Figures['models'] {
  const name = text(model, 500)
  return name === null ? [] : [{model: name, device: text(device, 100) ?? 'unknown', total: readLatency(total)}]
}

function readBreaker({failures, opened, reason, state}: Unknown): Breaker {
  return {
    state: text(state, 40) ?? 'unknown',
    failures: number(failures),
    opened: number(opened),
    reason: text(reason),
  }
}

function readAdmission({condition, figures, limit, places, reason}: Unknown): Admission {
  const read = record(figures)
  return {
    condition: text(condition, 40),
    reason: text(reason, 300),
    places: number(places),
    limit: number(limit),
    frequencyMhz: number(read.frequencyMhz),
    maxFrequencyMhz: number(read.maxFrequencyMhz),
    temperatureCelsius: number(read.temperatureCelsius),
    powerWatts: number(read.powerWatts),
  }
}
