/** How a server is doing, second by second, and the same for everybody who watches. */
import {randomUUID} from 'node:crypto'

import type {Engine, Health, MetricsSnapshot} from '../../engine/engine.ts'
import type {ServerMetrics} from '../server-metrics.ts'
import type {InferenceService} from '../service/inference-service.ts'
import type {FoundModel} from '../service/model-folder.ts'
import type {ModelOverview} from '../service/model-registry.ts'
import type {Activity} from './activity.ts'

import {LatencyHistogram} from '../../dashboard/histogram.ts'
import {History} from '../../dashboard/history.ts'
import {type Telemetry, UNREAD} from '../../dashboard/live.ts'
import {type LiveNode} from '../../dashboard/nodes.ts'
import {advise} from '../../tune/advise.ts'
import {type Advice} from '../../tune/report.ts'

const TICK_MS = 1000
/** Seconds whose latencies are told together. */
const WINDOW = 10
/** A snapshot may be so old, so that two who watch at 2 Hz do not cost twice. */
const FRESH_MS = 400
/** A snapshot is taken again after so many times what it took: half a hundredth of the time at most. */
const COST_FACTOR = 200
/** However dear they are. */
const STALE_MS = 5000
const ADVICE_MS = 5000
/** How long ago the folder of models may have been looked at, while somebody watches. */
const FOLDER_MS = 10_000

export interface MonitorOptions {
  readonly service: InferenceService
  readonly activity: Activity
  readonly metrics: ServerMetrics
  /** Telemetry of the NPU; null where there is none. */
  readonly readTelemetry: () => Telemetry | null
  /** The nodes of the pool that the server is in front of; absent where it has an engine of its own. */
  readonly readNodes?: (() => readonly LiveNode[]) | undefined
  /** Monotonic milliseconds. */
  readonly clock?: () => number
}

export class Monitor implements Disposable {
  /** Unlike that of any other server, also of this one after a restart. */
  readonly instance: string = randomUUID()
  readonly startedAt: number
  readonly history = new History()
  readonly activity: Activity
  readonly service: InferenceService
  readonly metrics: ServerMetrics
  readonly clock: () => number
  /** Undefined where there is no pool. */
  readonly readNodes: (() => readonly LiveNode[]) | undefined
  health: Health | null = null
  telemetry: Telemetry | null = null
  advice: readonly Advice[] = []
  models: readonly ModelOverview[] = []
  readonly #window: LatencyHistogram[] = []
  readonly #readTelemetry: () => Telemetry | null
  #found: readonly FoundModel[] = []
  #snapshot: {at: number; costMs: number; value: MetricsSnapshot} | undefined
  readonly #fullNames = new Map<string, string>()
  #timer: NodeJS.Timeout | undefined
  #tickAt: number
  #adviceAt = -Infinity
  #folderAt = -Infinity

  constructor({activity, clock = () => performance.now(), metrics, readNodes, readTelemetry, service}: MonitorOptions) {
    this.activity = activity
    this.clock = clock
    this.metrics = metrics
    this.readNodes = readNodes
    this.service = service
    this.#readTelemetry = readTelemetry
    this.startedAt = clock()
    this.#tickAt = this.startedAt
  }

  start(): void {
    this.#timer = setInterval(() => {
      void this.tick()
    }, TICK_MS)
    this.#timer.unref()
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer)
  }

  /** Keeps what happened since the last tick. */
  async tick(): Promise<void> {
    const now = this.clock()
    const elapsedMs = now - this.#tickAt
    // A timer that was held up may fire twice in a row.
    if (elapsedMs < TICK_MS / 10) return
    this.#tickAt = now
    const counts = this.activity.take()
    this.#window.push(counts.latency)
    if (this.#window.length > WINDOW) this.#window.shift()
    this.telemetry = this.#readTelemetry()
    this.health = await healthOf(this.service.engine)
    for (const {fullName, name} of this.health?.devices ?? []) {
      if (fullName !== null) this.#fullNames.set(name, fullName)
    }

    const {queueDepth, running} = this.health ?? {queueDepth: null, running: null}
    this.history.add({at: now, elapsedMs, ...counts, queueDepth, running, ...(this.telemetry ?? UNREAD)})
  }

  /** The name of a device, also of one that is lost and cannot be asked any more. */
  fullName(device: string): string | null {
    return this.#fullNames.get(device) ?? null
  }

  /** Latencies of the last ten seconds. */
  get window(): {readonly seconds: number; readonly latency: LatencyHistogram} {
    const latency = new LatencyHistogram()
    for (const each of this.#window) latency.add(each)
    return {seconds: WINDOW, latency}
  }

  /** The engine's metrics, fresh unless they are dear. */
  snapshot(): MetricsSnapshot {
    const known = this.#snapshot
    const freshMs = known && Math.min(STALE_MS, Math.max(FRESH_MS, COST_FACTOR * known.costMs))
    if (known && this.clock() - known.at < freshMs!) return known.value
    const before = workedMs()
    const value = this.service.engine.metrics()
    this.#snapshot = {at: this.clock(), costMs: workedMs() - before, value}
    return value
  }

  /** Brings up to date what is only worth it while somebody watches. */
  refresh(): void {
    const now = this.clock()
    if (now - this.#adviceAt >= ADVICE_MS) {
      this.#adviceAt = now
      this.advice = adviceOf(this.snapshot())
    }

    this.models = this.service.registry.overview(this.#found)
    if (now - this.#folderAt < FOLDER_MS) return
    this.#folderAt = now
    void this.#listModels()
  }

  async #listModels(): Promise<void> {
    try {
      this.#found = await this.service.registry.found()
    } catch {
      // The folder is gone; what was loaded from it is still told.
    }
  }
}

/** None of an engine that counts too little for any. */
function adviceOf(snapshot: MetricsSnapshot): readonly Advice[] {
  try {
    return advise([snapshot])
  } catch {
    return []
  }
}

/** What this thread has worked so far, without what others did meanwhile where the system tells them apart. */
function workedMs(): number {
  // eslint-disable-next-line n/no-unsupported-features/node-builtins -- looked for before it is used
  const usage = (process as Partial<Pick<NodeJS.Process, 'threadCpuUsage'>>).threadCpuUsage?.()
  return usage === undefined ? performance.now() : (usage.system + usage.user) / 1000
}

/** Null where the engine does not say, as one that is being shut down. */
async function healthOf(engine: Engine): Promise<Health | null> {
  try {
    return await engine.health()
  } catch {
    return null
  }
}
