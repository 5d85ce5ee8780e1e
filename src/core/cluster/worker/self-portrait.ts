/** What a worker knows of itself and its machine, as its announcement tells it. */
import {freemem, hostname, loadavg} from 'node:os'

import type {Engine, MetricsSnapshot} from '../../engine/engine.ts'
import type {Announcement} from '../node/announcement.ts'
import type {PoolClock} from '../redis/clock.ts'
import type {JobExecutor} from './executor.ts'
import type {JobRunner} from './job-runner.ts'

import {JOB_VERSION} from '../job/job.ts'

export interface PortraitParts {
  readonly agents: readonly string[]
  readonly capacity: number
  readonly clock: PoolClock
  readonly engine: Engine
  readonly executor: JobExecutor
  readonly heartbeatMs: number
  readonly instance: string
  readonly name: string
  readonly runner: JobRunner
  readonly startedAt: string
  readonly version: string
}

export async function portrait(parts: PortraitParts, state: Announcement['state']): Promise<Announcement> {
  const {agents, capacity, clock, engine, executor, heartbeatMs, instance, name, runner, startedAt, version} = parts
  const {devices} = await engine.health()
  const metrics = engine.metrics()
  const [load1] = loadavg()
  return {
    name,
    instance,
    host: hostname(),
    pid: process.pid,
    version,
    jobVersion: JOB_VERSION,
    startedAt,
    seenAt: clock.now(),
    heartbeatMs,
    state,
    engine: engine.kind,
    devices: devices.map(({fullName, name: device}) => ({name: device, fullName, ...thermalOf(device, metrics)})),
    models: executor.models,
    agents: [...agents],
    capacity,
    running: runner.running,
    clockSkewMs: clock.skewMs,
    load1: load1!,
    memoryFreeBytes: freemem(),
    done: runner.done,
    failed: runner.failed,
    recovered: runner.recovered,
    ...latencyOf(metrics),
  }
}

/** Only NPUs have telemetry; what cannot be read is null. */
function thermalOf(device: string, {power}: MetricsSnapshot) {
  const admission = power?.[device]
  const {frequencyMhz = null, powerWatts = null, temperatureCelsius = null} = admission?.figures ?? {}
  const condition = admission?.condition ?? 'unknown'
  const thermal = condition === 'idle' ? 'normal' : condition
  return {thermal, frequencyMhz, powerWatts, temperatureCelsius} as const
}

/** Of the kind of operation that was run most often. */
function latencyOf({operations}: MetricsSnapshot): {p50Us: null | number; p99Us: null | number} {
  const [most] = Object.values(operations).toSorted((a, b) => b.total.count - a.total.count)
  return most && most.total.count > 0 ? {p50Us: most.total.p50, p99Us: most.total.p99} : {p50Us: null, p99Us: null}
}
