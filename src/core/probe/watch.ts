/** A stream of telemetry: one sample a second, with what it tells beside the one before. */
import {setTimeout as sleep} from 'node:timers/promises'

import type {Root} from './root.ts'

import {NpuBridgeError} from '../errors.ts'
import {gatherAccelerators} from './inventory/accelerators.ts'
import {rateBetween, readTelemetry, type TelemetryRate, type TelemetrySample} from './telemetry.ts'

export interface WatchedSample extends TelemetryRate, TelemetrySample {
  /** Seconds since the first sample. */
  readonly seconds: number
}

export interface WatchOptions {
  readonly root: Root
  /** Stop after this many samples; on and on when absent. */
  readonly samples?: number | undefined
  /** At least a second between readings, since each one talks to the firmware. */
  readonly intervalMs?: number
  readonly signal?: AbortSignal
}

const LEAST_INTERVAL_MS = 1000

/**
 * Samples of the NPU until `samples` are taken or the signal aborts.
 *
 * @yields {WatchedSample} the first one without rates
 * @throws {NpuBridgeError} DEVICE_UNAVAILABLE without an Intel NPU
 */
export async function* watch(options: WatchOptions): AsyncGenerator<WatchedSample> {
  const {intervalMs = LEAST_INTERVAL_MS, root, samples = Infinity, signal} = options
  const npu = gatherAccelerators(root).find(({part}) => part !== null)
  if (!npu) throw noNpu()
  const first = readTelemetry(root, npu)
  yield {...first, powerWatts: null, seconds: 0, utilisation: null}
  let earlier = first
  for (let count = 1; count < samples; count += 1) {
    if (await isInterrupted(intervalMs, signal)) return
    const sample = readTelemetry(root, npu)
    yield {...sample, ...rateBetween(earlier, sample), seconds: (sample.at - first.at) / 1000}
    earlier = sample
  }
}

async function isInterrupted(ms: number, signal?: AbortSignal): Promise<boolean> {
  return sleep(ms, false, {...(signal && {signal})}).catch(() => true)
}

function noNpu(): NpuBridgeError {
  return new NpuBridgeError('DEVICE_UNAVAILABLE', 'There is no Intel NPU to watch.', {
    suggestions: ['See why: npubridge probe'],
  })
}
