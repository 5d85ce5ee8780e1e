/** Pools of a test: a Redis server, an engine, and workers and callers in this process. */
import {setTimeout as sleep} from 'node:timers/promises'

import type {Engine} from '../../src/core/engine/engine.ts'

import {type ClusterEngine, joinAsCaller} from '../../src/core/cluster/client/cluster-engine.ts'
import {clusterOptions, type ClusterSettings} from '../../src/core/cluster/options.ts'
import {ClusterWorker, type WorkerSettings} from '../../src/core/cluster/worker/worker.ts'

/** Short, so that what takes heartbeats and recoveries is seen soon. */
export const QUICK = {heartbeatMs: 100, recoverMs: 800} as const

export class TestPool {
  readonly #url: string
  readonly #engine: Engine
  readonly #modelsFolder: string
  readonly #workers = new Set<ClusterWorker>()
  readonly #callers = new Set<ClusterEngine>()

  constructor(url: string, engine: Engine, modelsFolder: string) {
    this.#url = url
    this.#engine = engine
    this.#modelsFolder = modelsFolder
  }

  async worker(
    name: string,
    {options, ...settings}: Omit<Partial<WorkerSettings>, 'options'> & {options?: Partial<ClusterSettings>} = {},
  ): Promise<ClusterWorker> {
    const worker = await ClusterWorker.join({
      capacity: 16,
      engine: this.#engine,
      modelsFolder: this.#modelsFolder,
      name,
      options: clusterOptions({queue: this.#url, ...QUICK, ...options}),
      version: '0.0.0',
      ...settings,
    })
    this.#workers.add(worker)
    return worker
  }

  async caller(settings: Partial<ClusterSettings> = {}): Promise<ClusterEngine> {
    const caller = await joinAsCaller({queue: this.#url, ...QUICK, ...settings})
    this.#callers.add(caller)
    return caller
  }

  /** Ends all that are still there. */
  async close(): Promise<void> {
    await Promise.all([...this.#callers].map(async (caller) => caller.shutdown()))
    await Promise.all([...this.#workers].map(async (worker) => worker.leave({drainMs: 500})))
    this.#callers.clear()
    this.#workers.clear()
  }
}

/** Looks again until `holds`, for at most ten seconds. */
export async function until(holds: () => Promise<boolean> | boolean): Promise<void> {
  const end = performance.now() + 10_000
  while (!(await holds())) {
    if (performance.now() > end) throw new Error('it did not come to pass within ten seconds')
    await sleep(20)
  }
}
