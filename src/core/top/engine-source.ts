/** The figures of an engine in this process, at rest or at work that it is given here. */
import {setTimeout as delay} from 'node:timers/promises'

import type {BenchmarkOperation, Engine} from '../engine/engine.ts'
import type {SourceHandlers, TopSource} from './source.ts'

import {readFigures} from '../dashboard/figures.ts'
import {type Live, type Telemetry} from '../dashboard/live.ts'
import {asNpuBridgeError} from '../errors.ts'
import {advise} from '../tune/advise.ts'

export interface EngineSourceOptions {
  readonly engine: Engine
  /** Telemetry of the NPU; null where there is none. */
  readonly readTelemetry: () => Telemetry | null
  /** What the engine is kept at: echo, matrix_multiply, or a model. */
  readonly exercise?: string | undefined
}

const EXERCISE_MS = 1000
const RETRY_MS = 1000

export class EngineSource implements TopSource {
  readonly kind = 'engine'
  readonly name: string
  readonly #options: EngineSourceOptions
  #timer: NodeJS.Timeout | undefined
  readonly #over = new AbortController()
  #problem: string | null = null
  #exercise: Promise<void> | undefined

  constructor(options: EngineSourceOptions) {
    const {engine, exercise} = options
    this.#options = options
    this.name = `own ${engine.kind} engine${exercise === undefined ? '' : `, at ${exercise}`}`
  }

  start(intervalMs: number, {onLost, onReading}: SourceHandlers): void {
    const read = async () => {
      try {
        onReading({figures: readFigures(this.#options.engine.metrics()), live: await this.#live()})
      } catch (error) {
        onLost(asNpuBridgeError(error).message)
      }
    }

    void read()
    this.#timer = setInterval(() => {
      void read()
    }, intervalMs)
    if (this.#options.exercise !== undefined) this.#exercise = this.#keepAtWork(this.#options.exercise)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#over.abort()
    clearInterval(this.#timer)
    await this.#options.engine.shutdown({drainMs: 0})
    await this.#exercise
  }

  async #live(): Promise<Live> {
    const {engine, readTelemetry} = this.#options
    const health = await engine.health()
    return {
      version: null,
      instance: null,
      uptimeMs: null,
      control: null,
      state: health.status,
      window: null,
      devices: health.devices,
      telemetry: readTelemetry(),
      requestsInFlight: null,
      clients: null,
      errors:
        this.#problem === null
          ? []
          : [{number: 1, count: 1, code: 'EXERCISE', message: this.#problem, where: this.name, ageMs: 0}],
      advice: advise([engine.metrics()]),
    }
  }

  async #keepAtWork(exercise: string): Promise<void> {
    const isKind = exercise === 'echo' || exercise === 'matrix_multiply'
    const operation: BenchmarkOperation = {
      type: 'benchmark',
      durationMs: EXERCISE_MS,
      ...(isKind ? {kind: exercise} : {kind: 'inference', model: exercise}),
    }
    const {signal} = this.#over
    let isLoaded = false
    while (!signal.aborted) {
      try {
        if (!isKind && !isLoaded) await this.#options.engine.submit({type: 'load_model', model: exercise})
        isLoaded = true
        await this.#options.engine.submit(operation)
        this.#problem = null
      } catch (error) {
        this.#problem = asNpuBridgeError(error).message
        // The end is waited for, so it cuts this short.
        await delay(RETRY_MS, undefined, {signal}).catch(() => null)
      }
    }
  }
}
