/** How failures look from outside: one table for HTTP and gRPC. */
import {asNpuBridgeError, type ErrorCode, NpuBridgeError} from '../../errors.ts'

/** Names of gRPC statuses, with their numbers. */
export const GRPC_STATUS = {
  CANCELLED: 1,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  UNAUTHENTICATED: 16,
} as const

export interface WireStatus {
  readonly http: number
  readonly grpc: number
}

const BAD: WireStatus = {http: 400, grpc: GRPC_STATUS.INVALID_ARGUMENT}
const BROKEN: WireStatus = {http: 500, grpc: GRPC_STATUS.INTERNAL}
const BUSY: WireStatus = {http: 503, grpc: GRPC_STATUS.UNAVAILABLE}

const OF_CODE: Readonly<Record<ErrorCode, WireStatus>> = {
  RUNTIME_NOT_FOUND: BUSY,
  DEVICE_UNAVAILABLE: BUSY,
  DEVICE_LOST: BUSY,
  MODEL_NOT_FOUND: {http: 404, grpc: GRPC_STATUS.NOT_FOUND},
  MODEL_INVALID: BAD,
  SHAPE_MISMATCH: BAD,
  DTYPE_MISMATCH: BAD,
  DEADLINE_EXCEEDED: {http: 504, grpc: GRPC_STATUS.DEADLINE_EXCEEDED},
  CANCELLED: {http: 503, grpc: GRPC_STATUS.CANCELLED},
  QUEUE_FULL: {http: 503, grpc: GRPC_STATUS.UNAVAILABLE},
  RESOURCE_EXHAUSTED: {http: 503, grpc: GRPC_STATUS.RESOURCE_EXHAUSTED},
  UNSUPPORTED_OPERATION: {http: 400, grpc: GRPC_STATUS.UNIMPLEMENTED},
  INVALID_ARGUMENT: BAD,
  CONFIG_INVALID: BROKEN,
  LEGACY_FAILED: BROKEN,
  PROTOCOL_ERROR: BAD,
  INTERNAL: BROKEN,
}

/** An error that the transport itself finds, with a status that its code alone does not tell. */
export class Refusal extends NpuBridgeError {
  readonly status: WireStatus

  constructor(
    status: WireStatus,
    code: ErrorCode,
    message: string,
    options: {cause?: unknown; suggestions?: readonly string[]} = {},
  ) {
    super(code, message, options)
    this.status = status
  }
}

export const TOO_LARGE: WireStatus = {http: 413, grpc: GRPC_STATUS.RESOURCE_EXHAUSTED}
export const NOT_ALLOWED: WireStatus = {http: 403, grpc: GRPC_STATUS.PERMISSION_DENIED}
export const NO_TOKEN: WireStatus = {http: 401, grpc: GRPC_STATUS.UNAUTHENTICATED}
export const TOO_MANY: WireStatus = {http: 429, grpc: GRPC_STATUS.RESOURCE_EXHAUSTED}
export const CLOSING: WireStatus = BUSY

export function wireStatus(error: NpuBridgeError): WireStatus {
  return error instanceof Refusal ? error.status : OF_CODE[error.code]
}

/** Whether a client may try the same again a little later. */
export function mayRetry(error: NpuBridgeError): boolean {
  const {http} = wireStatus(error)
  return http === 429 || http === 503
}

/**
 * What a client is told of anything that was thrown. What is not an error of ours is a defect: its words may hold what
 * is nobody's business, so they go to the log only.
 */
export function toldError(thrown: unknown): NpuBridgeError {
  if (thrown instanceof NpuBridgeError) return thrown
  return new NpuBridgeError('INTERNAL', 'the server failed; its log has the details', {cause: asNpuBridgeError(thrown)})
}
