/** Where a benchmark ran: everything that its figures depend on, as far as the system tells. */
import {createHash} from 'node:crypto'
import {existsSync} from 'node:fs'
import {readFile} from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'

import type {Health} from '../engine/engine.ts'
import type {LegacyEngine} from '../engine/legacy.ts'
import type {Summary} from './statistics.ts'

import {driverOf} from './device-facts.ts'
import {type Counters, readCounters} from './machine-counters.ts'

export interface Environment {
  /** ISO 8601 */
  readonly started_at: string
  readonly seconds: number
  readonly npubridge: string
  readonly node: string
  readonly os: {readonly platform: string; readonly release: string; readonly distribution: string | null}
  readonly cpu: {
    readonly model: string
    readonly cores: number
    readonly governor: string | null
    /** Whether the clock may rise above its base for as long as it stays cool; null where the system does not tell. */
    readonly turbo: boolean | null
  }
  readonly memory_bytes: number
  readonly container: boolean
  /** Over the minute before the start. */
  readonly load_average: number
  readonly accelerated: AcceleratedSide | null
  readonly legacy: LegacySide | null
  readonly settings: {
    readonly quick: boolean
    readonly rounds: number
    /** How long one round goes on. */
    readonly round_ms: number
    /** Of the order in which the sides took turns. */
    readonly seed: number
    /** Inferences in flight where throughput is measured. */
    readonly concurrency: number
    /** What came in the suite load, and how soon it had to be answered. */
    readonly load: {
      /** Operations per second. */
      readonly rate: number
      readonly arrivals: 'constant' | 'poisson'
      readonly duration_ms: number
      readonly deadline_ms: number
    }
  }
  /** The time of a fixed load, taken between the suites: how fast the machine was. */
  readonly calibration: Summary & {readonly unit: 'us'}
  /** What makes these figures less certain, a sentence each. */
  readonly warnings: readonly string[]
}

export interface AcceleratedSide {
  readonly engine: string
  readonly performance_mode: string
  readonly device: string | null
  readonly device_name: string | null
  readonly runtime: string | null
  /** The version of the device's driver; null where the runtime does not tell. */
  readonly driver: string | null
  /** Why it is not the first choice; null when it is. */
  readonly fallback: string | null
}

export interface LegacySide {
  readonly module: string
  readonly sha256: string | null
  readonly python: string
  readonly generations: readonly string[]
}

/** Share of the processors that others may use before it is worth a warning. */
const BUSY = 0.5
const NOTICEABLE = 0.01

export type Machine = Pick<
  Environment,
  'container' | 'cpu' | 'load_average' | 'memory_bytes' | 'node' | 'npubridge' | 'os' | 'warnings'
>

/** Looks at the machine before the work begins, and at its end again for what has disturbed it. */
export async function watchMachine(): Promise<{end: () => Promise<Machine>}> {
  const before = await machine()
  const counters = await readCounters()
  return {
    async end() {
      const warnings = disturbances(counters, await readCounters())
      return {...before, warnings: [...before.warnings, ...warnings]}
    },
  }
}

/** What has disturbed the work between two looks. */
export function disturbances(before: Counters, after: Counters): string[] {
  const ticks = after.ticks - before.ticks
  const stolen = ticks > 0 ? (after.stolen - before.stolen) / ticks : 0
  const limited = after.limited - before.limited
  const throttled = after.throttled - before.throttled
  return [
    ...(stolen >= NOTICEABLE
      ? [`${percent(stolen)} of the processor time was taken by the host of this virtual machine`]
      : []),
    ...(limited > 0 ? [`the processor limit of the container held this work back ${limited} times`] : []),
    ...(throttled > 0 ? [`the processor slowed down ${throttled} times because of heat`] : []),
  ]
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`
}

async function machine(): Promise<Machine> {
  const cores = os.availableParallelism()
  const load = os.loadavg()[0]!
  const governor = await firstLine('/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor')
  const turbo = await turboOf()
  return {
    npubridge: await ownVersion(),
    node: process.versions.node,
    os: {platform: process.platform, release: os.release(), distribution: await distribution()},
    cpu: {model: os.cpus()[0]?.model.trim() ?? 'unknown', cores, governor, turbo},
    memory_bytes: os.totalmem(),
    container: isContainer(process.env),
    load_average: load,
    warnings: [...busy(load, cores), ...slowed(governor), ...(turbo ? [TURBO] : [])],
  }
}

/** What ran the operations, by its own account. */
export async function acceleratedSide(health: Health): Promise<AcceleratedSide> {
  const {devices, engine, fallback, performanceMode, runtime} = health
  const device = devices.find(({state}) => state === 'available') ?? devices[0]
  return {
    engine,
    performance_mode: performanceMode,
    device: device?.name ?? null,
    device_name: device?.fullName ?? null,
    runtime: runtime?.version ?? null,
    driver: await driverOf(health),
    fallback: fallback?.reason ?? null,
  }
}

/** The old module; `named` is the user's, null for the reference. */
export async function legacySide({about}: LegacyEngine, named: string | null): Promise<LegacySide> {
  const text = await readFile(about.module).catch(() => null)
  return {
    module: named ?? 'reference',
    sha256: text && createHash('sha256').update(text).digest('hex'),
    python: about.python,
    generations: about.generations,
  }
}

async function ownVersion(): Promise<string> {
  const manifest = path.join(import.meta.dirname, '../../../package.json')
  return (JSON.parse(await readFile(manifest, 'utf8')) as {version: string}).version
}

async function distribution(): Promise<string | null> {
  const release = await readFile('/etc/os-release', 'utf8').catch(() => '')
  return /^PRETTY_NAME="?([^"\n]*)/m.exec(release)?.[1] ?? null
}

function isContainer(env: NodeJS.ProcessEnv): boolean {
  return env.container !== undefined || existsSync('/.dockerenv') || existsSync('/run/.containerenv')
}

function busy(load: number, cores: number): string[] {
  if (load < BUSY * cores) return []
  return [
    `load average ${load.toFixed(1)} on ${cores} cores: other programs were running, so times are too long and vary`,
  ]
}

function slowed(governor: string | null): string[] {
  if (governor === null || governor === 'performance') return []
  return [`CPU governor ${governor}: the clock follows the load, and short measurements see it low`]
}

const TURBO = 'turbo is on: the clock is higher while the processor is cool, so what runs first may look faster'

/** By the driver of Intel's processors, or the general one. */
async function turboOf(): Promise<boolean | null> {
  const off = await firstLine('/sys/devices/system/cpu/intel_pstate/no_turbo')
  const on = await firstLine('/sys/devices/system/cpu/cpufreq/boost')
  return off === null ? (on === null ? null : on === '1') : off === '0'
}

async function firstLine(file: string): Promise<string | null> {
  const text = await readFile(file, 'utf8').catch(() => null)
  return text?.split('\n', 1)[0] ?? null
}
