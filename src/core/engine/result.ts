/** What an engine answers with. */
import type {NpuBridgeError} from '../errors.ts'
import type {OperationType, OutputTensor} from './operation.ts'

export type EngineKind = 'legacy' | 'native' | 'openvino-node'
/** What actually runs. */
export type PerformanceMode = 'cpu' | 'gpu' | 'legacy' | 'npu'

/** Running on another device or engine than the first choice. */
export interface Fallback {
  readonly from: string
  readonly to: string
  readonly reason: string
}

export interface OperationResult {
  readonly type: OperationType
  /** Tensors by output name, for operations that compute tensors. */
  readonly outputs?: Readonly<Record<string, OutputTensor>>
  /** The answer of operations that give no tensors: echo, health_check, statistics, route, load_model, benchmark … */
  readonly data?: unknown
  /** The OpenVINO device that ran it; null for operations that need none. */
  readonly device: string | null
  readonly engine: EngineKind
  readonly fallback: Fallback | null
  /** The worker of a pool that ran it; absent where there is none. */
  readonly node?: string
  /** Time from submission to start, in microseconds. */
  readonly queueUs: number
  /**
   * Time of the work itself, in microseconds: of an inference that on the device, without its inputs' way there and its
   * outputs' way back.
   */
  readonly computeUs: number
  /** Time from submission to completion, in microseconds. */
  readonly totalUs: number
}

/** One element of a batch: a result, or the error of that operation alone. */
export type BatchElement =
  (OperationResult & {readonly ok: true}) | {readonly error: NpuBridgeError; readonly ok: false}
