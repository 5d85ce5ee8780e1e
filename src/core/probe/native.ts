/** Readings by native code, from a child process that may die of them. */
import path from 'node:path'
import {z} from 'zod'

import type {InspectOptions} from './effects.ts'

import {asNpuBridgeError, ERROR_CODES} from '../errors.ts'
import {type RunProcess, runProcess} from '../process/run.ts'
import {askChild} from './child.ts'
import {type NativeReadings, NO_READINGS} from './inventory/native.ts'

/** An error of ours that travelled as JSON. */
export const errorReport = z.object({
  code: z.enum(ERROR_CODES),
  message: z.string(),
  suggestions: z.string().array(),
})

const device = z.object({name: z.string(), type: z.string(), id: z.string()})
const driver = z.object({version: z.number(), api: z.string(), devices: device.array()})
const levelZero = z.object({
  loaderPath: z.string().nullable(),
  loaderVersion: z.string().nullable(),
  initResult: z.string(),
  drivers: driver.array(),
})

const number = z.number().optional()
const parameters = z.object({
  coreClockHz: number,
  contexts: number,
  tileConfig: number,
  sku: number,
  platformType: number,
  revision: number,
  capabilities: number,
})

/** What the child sends; also the form in a snapshot. */
export const nativeReadings = z.object({
  levelZero: levelZero.nullable().default(null),
  parameters: parameters.nullable().default(null),
  openError: z.string().nullable().default(null),
  failure: errorReport.nullable().default(null),
})

const CHILD = path.join(import.meta.dirname, `native-child${path.extname(import.meta.filename)}`)

/** Never rejects but for an abort: what goes wrong is a reading too. */
export async function readNative(
  node: string | null,
  options: InspectOptions,
  run: RunProcess = runProcess,
): Promise<NativeReadings> {
  try {
    return nativeReadings.parse(await askChild(CHILD, node ? [node] : [], options, run)) as NativeReadings
  } catch (error) {
    options.signal?.throwIfAborted()
    return {...NO_READINGS, failure: asNpuBridgeError(error).toJSON()}
  }
}
