/** One worker for as long as its process lives. */
import type {Config} from '../../config/schema.ts'
import type {Engine} from '../../engine/engine.ts'

import {ClusterWorker, type WorkerSettings} from './worker.ts'

/** A pool gives many operations at once: each inference keeps to one core, and several run side by side. */
const PROFILE = 'throughput'

export interface RunWorkerOptions extends Omit<WorkerSettings, 'engine'> {
  readonly config: Config
  readonly openEngine: (config: Config) => Promise<Engine>
  readonly drainMs: number
  /** Ends the worker. */
  readonly signal: AbortSignal
  readonly onJoined: (worker: JoinedWorker) => void
}

/** What a worker says when it has joined. */
export interface JoinedWorker {
  readonly node: string
  readonly pid: number
  /** The Redis server, without its password. */
  readonly queue: string
  readonly pool: string
  readonly engine: string
  readonly profile: string
  readonly devices: readonly string[]
  readonly capacity: number
  readonly agents: readonly string[]
}

/**
 * Runs a worker until `signal` is aborted and what it was at has ended.
 *
 * @throws NpuBridgeError what keeps it from joining
 */
export async function runWorker(options: RunWorkerOptions): Promise<void> {
  const {config, drainMs, onJoined, openEngine, signal, ...settings} = options
  const {profile = PROFILE} = config
  await using engine = await openEngine({...config, profile})
  const worker = await ClusterWorker.join({...settings, engine})
  try {
    const {devices} = await engine.health()
    onJoined({
      node: worker.name,
      pid: process.pid,
      queue: worker.redis,
      pool: settings.options.pool,
      engine: engine.kind,
      profile,
      devices: devices.map(({name}) => name),
      capacity: settings.capacity,
      agents: settings.allowedAgents ?? [],
    })
    await aborted(signal)
  } finally {
    await worker.leave({drainMs})
  }
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return
  await new Promise<void>((resolve) => {
    signal.addEventListener(
      'abort',
      () => {
        resolve()
      },
      {once: true},
    )
  })
}
