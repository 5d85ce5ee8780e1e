/** What an engine counts, as it is given out. */
import type {Priority} from './operation.ts'
import type {EngineKind} from './result.ts'

/** Percentiles of one HDR histogram, in microseconds. */
export interface LatencySummary {
  readonly count: number
  readonly mean: number
  readonly p50: number
  readonly p90: number
  readonly p95: number
  readonly p99: number
  readonly p999: number
  readonly max: number
}

/** Where the time of a group of operations went. */
export interface LatencyGroup {
  readonly compute: LatencySummary
  readonly queue: LatencySummary
  readonly total: LatencySummary
}

/** How much of something is taken, and how much there is: null where there is no limit or it is not known. */
export interface ResourceAmount {
  readonly used: number
  readonly limit: number | null
}

/** The circuit breaker of a device. */
export interface BreakerState {
  /** `open`: out of service; `half-open`: being tried. */
  readonly state: 'closed' | 'half-open' | 'open'
  /** Consecutive failures while it is closed. */
  readonly failures: number
  /** How often it was opened. */
  readonly opened: number
  readonly reason: string | null
}

/** A change of how much an NPU is given to do, with the figures that led to it. */
export interface AdmissionStep {
  /** Milliseconds since the engine started. */
  readonly atMs: number
  readonly reason: string
  readonly limitBefore: number
  readonly limit: number
  readonly batchDelayUs: number
  readonly figures: PowerFigures
}

/** What could be read of a device; null what could not. */
export interface PowerFigures {
  readonly frequencyMhz: null | number
  readonly maxFrequencyMhz: null | number
  readonly temperatureCelsius: null | number
  readonly powerWatts: null | number
}

/** How admission follows the telemetry of an NPU. */
export interface AdmissionState {
  readonly condition: 'idle' | 'normal' | 'throttled' | 'unknown'
  /** Why there is no telemetry; null when there is. */
  readonly reason: null | string
  readonly figures: PowerFigures
  /** Inferences at once when nothing is wrong, and now. */
  readonly places: number
  readonly limit: number
  readonly batchDelayUs: number
  readonly stepsTotal: number
  readonly steps: readonly AdmissionStep[]
}

/** What only the native engine counts. */
export interface NativeMetrics {
  readonly queueDepthByPriority: Readonly<Record<Priority, number>>
  /** Further tries of operations after a failure of their device. */
  readonly retries: number
  /** Inferences that hung and were given up. */
  readonly abandoned: number
  /** How many inferences ran with how many operations in them. */
  readonly batchSizes: Readonly<Record<string, number>>
  /** Operations answered a second, over the last whole seconds. */
  readonly throughput: {readonly last1s: number; readonly last10s: number; readonly last60s: number}
  readonly priorities: Readonly<Partial<Record<Priority, LatencyGroup>>>
  readonly devices: Readonly<Record<string, LatencyGroup>>
  readonly models: ReadonlyArray<LatencyGroup & {readonly device: string; readonly model: string}>
  /** Memory is in bytes. */
  readonly resources: {
    readonly systemMemory: ResourceAmount
    /** The part of it that belongs to models on NPUs. */
    readonly npuMemory: ResourceAmount
    /** Inferences on NPUs. */
    readonly npuSlots: ResourceAmount
    /** Cores that inferences on the CPU keep busy. */
    readonly cpuCores: ResourceAmount
  }
  readonly breakers: Readonly<Record<string, BreakerState>>
  /** By NPU. */
  readonly power: Readonly<Record<string, AdmissionState>>
  /** How long operations had waited when their deadline came, in microseconds; null when none did. */
  readonly tooLate: LatencySummary | null
  /** The settings that these figures come of. */
  readonly settings: {
    readonly queueCapacity: number
    readonly batchMax: number
    readonly batchDelayUs: number
    readonly workerThreads: number
  }
  /** In bytes. */
  readonly memory: {
    /** Null where the system does not tell. */
    readonly processResident: number | null
    readonly models: number
  }
}

/** Everything that an engine has counted, at one moment. */
export interface MetricsSnapshot extends Partial<NativeMetrics> {
  readonly engine: EngineKind
  readonly uptimeMs: number
  readonly submitted: number
  readonly completed: number
  readonly failed: number
  readonly queueDepth: number
  readonly running: number
  readonly failuresByCode: Readonly<Record<string, number>>
  readonly fallbacks: number
  readonly operations: Readonly<Record<string, LatencyGroup>>
}
