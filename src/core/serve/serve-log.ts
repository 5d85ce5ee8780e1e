/** What a server tells its operator: one JSON object a line. */
import type {Writable} from 'node:stream'

import {pino} from 'pino'

import type {ServeOptions} from './options.ts'

export interface ServeLog {
  debug(message: string, details?: object): void
  info(message: string, details?: object): void
  warn(message: string, details?: object): void
  /** A defect, or something that went wrong outside; with its stack. */
  failure(message: string, error: unknown, details?: object): void
}

export function createServeLog(level: ServeOptions['logLevel'], stream: Writable): ServeLog {
  const logger = pino({level, base: {pid: process.pid}, timestamp: pino.stdTimeFunctions.isoTime}, stream)
  return {
    debug(message, details = {}) {
      logger.debug(details, message)
    },
    info(message, details = {}) {
      logger.info(details, message)
    },
    warn(message, details = {}) {
      logger.warn(details, message)
    },
    failure(message, err, details = {}) {
      logger.error({...details, err}, message)
    },
  }
}
