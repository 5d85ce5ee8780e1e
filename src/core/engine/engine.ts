/**
 * The port between npubridge and whatever executes operations. Three engines implement it: `native` (Rust through
 * N-API), `openvino-node` and `legacy` (a Python subprocess). Nothing above this folder knows which one runs.
 */
import type {MetricsSnapshot} from './metrics-snapshot.ts'
import type {Operation, SubmitOptions} from './operation.ts'
import type {BatchElement, EngineKind, Fallback, OperationResult, PerformanceMode} from './result.ts'

export type * from './metrics-snapshot.ts'
export * from './operation.ts'
export type * from './result.ts'

export interface DeviceHealth {
  readonly name: string
  /** Null when the runtime does not say. */
  readonly fullName: string | null
  readonly state: 'available' | 'suspended'
}

export interface Health {
  readonly status: 'degraded' | 'failed' | 'ok'
  readonly engine: EngineKind
  readonly performanceMode: PerformanceMode
  readonly devices: readonly DeviceHealth[]
  readonly queueDepth: number
  readonly running: number
  readonly models: readonly string[]
  readonly fallback: Fallback | null
  /** The OpenVINO runtime in use; null for engines without one. */
  readonly runtime: {readonly folder: string; readonly version: string} | null
}

export interface Engine extends AsyncDisposable {
  readonly kind: EngineKind
  /** Runs one operation; rejects with an `NpuBridgeError` when it fails. */
  submit(operation: Operation, options?: SubmitOptions): Promise<OperationResult>
  /** Runs many operations; never rejects for the failure of one. Elements are in the order of `operations`. */
  submitBatch(operations: readonly Operation[], options?: SubmitOptions): Promise<BatchElement[]>
  health(): Promise<Health>
  metrics(): MetricsSnapshot
  /** The same as text, in the exposition format of Prometheus. */
  metricsText(): string
  /** Stops accepting work, waits up to `drainMs` for what is queued, then cancels the rest with CANCELLED. */
  shutdown(options?: {drainMs?: number}): Promise<void>
}
