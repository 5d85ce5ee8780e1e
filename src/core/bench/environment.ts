/** Where a benchmark ran: everything that its figures depend on, as far as the system tells. */
import {createHash} from 'node:crypto'
import {existsSync} from 'node:fs'
import {readFile} from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'

import type {Health} from '../engine/engine.ts'
import type {LegacyEngine} from '../engine/legacy.ts'

export interface Environment {
  /** ISO 8601 */
  readonly started_at: string
  readonly seconds: number
  readonly npubridge: string
  readonly node: string
  readonly os: {readonly platform: string; readonly release: string; readonly distribution: string | null}
  readonly cpu: {readonly model: string; readonly cores: number; readonly governor: string | null}
  readonly memory_bytes: number
  readonly container: boolean
  /** Over the minute before the start. */
  readonly load_average: number
  readonly accelerated: AcceleratedSide | null
  readonly legacy: LegacySide | null
  readonly settings: {readonly quick: boolean; readonly rounds: number; readonly seed: number}
  /** What makes these figures less certain, a sentence each. */
  readonly warnings: readonly string[]
}

export interface AcceleratedSide {
  readonly engine: string
  readonly performance_mode: string
  readonly device: string | null
  readonly device_name: string | null
  readonly runtime: string | null
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

/** The machine, before the work begins. */
export async function machine(): Promise<
  Pick<Environment, 'container' | 'cpu' | 'load_average' | 'memory_bytes' | 'node' | 'npubridge' | 'os' | 'warnings'>
> {
  const cores = os.availableParallelism()
  const load = os.loadavg()[0]!
  const governor = await firstLine('/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor')
  return {
    npubridge: await ownVersion(),
    node: process.versions.node,
    os: {platform: process.platform, release: os.release(), distribution: await distribution()},
    cpu: {model: os.cpus()[0]?.model.trim() ?? 'unknown', cores, governor},
    memory_bytes: os.totalmem(),
    container: isContainer(process.env),
    load_average: load,
    warnings: [...busy(load, cores), ...slowed(governor)],
  }
}

/** What ran the operations, by its own account. */
export function acceleratedSide({devices, engine, fallback, performanceMode, runtime}: Health): AcceleratedSide {
  const device = devices.find(({state}) => state === 'available') ?? devices[0]
  return {
    engine,
    performance_mode: performanceMode,
    device: device?.name ?? null,
    device_name: device?.fullName ?? null,
    runtime: runtime?.version ?? null,
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

async function firstLine(file: string): Promise<string | null> {
  const text = await readFile(file, 'utf8').catch(() => null)
  return text?.split('\n', 1)[0] ?? null
}
