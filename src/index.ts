export {asNpuBridgeError, ERROR_CODES, NpuBridgeError} from './core/errors.ts'
export type {ErrorCode, ErrorReport} from './core/errors.ts'
export * from './core/engine/engine.ts'
