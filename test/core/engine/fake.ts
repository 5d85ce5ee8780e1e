/** An engine without anything behind it, for tests of what stands above the port. */
import {setTimeout} from 'node:timers/promises'

import type {
  Engine,
  EngineKind,
  Fallback,
  Health,
  Operation,
  OperationResult,
  SubmitOptions,
} from '../../../src/core/engine/engine.ts'

import {type Answer, Dispatcher} from '../../../src/core/engine/dispatcher.ts'
import {metricsText} from '../../../src/core/engine/metrics-text.ts'
import {NpuBridgeError} from '../../../src/core/errors.ts'

export interface FakeOptions {
  readonly kind?: EngineKind
  readonly device?: string
  readonly capacity?: number
  readonly fallback?: Fallback | null
  readonly run?: (operation: Operation, attempt: number) => Promise<Answer>
}

/** One operation at a time; a benchmark sleeps for its duration. */
export class FakeEngine implements Engine {
  readonly kind: EngineKind
  readonly dispatcher: Dispatcher
  readonly #fallback: Fallback | null
  #busy = 0

  constructor(options: FakeOptions = {}) {
    this.kind = options.kind ?? 'native'
    this.#fallback = options.fallback ?? null
    const run = options.run ?? (async (operation) => this.#answer(operation))
    this.dispatcher = new Dispatcher({
      engine: this.kind,
      fallback: options.fallback,
      capacity: options.capacity,
      executor: {
        hasRoom: () => this.#busy === 0,
        run: async (operation, attempt) => {
          this.#busy++
          try {
            return await run(operation, attempt)
          } finally {
            this.#busy--
          }
        },
        laneOf: (operation) => (operation.type === 'inference' ? operation.stream : undefined),
      },
    })
  }

  async submit(operation: Operation, options?: SubmitOptions): Promise<OperationResult> {
    return this.dispatcher.submit(operation, options)
  }

  async submitBatch(operations: readonly Operation[], options?: SubmitOptions) {
    return this.dispatcher.submitBatch(operations, options)
  }

  async health(): Promise<Health> {
    return {
      status: 'ok',
      engine: this.kind,
      performanceMode: 'cpu',
      devices: [],
      queueDepth: this.dispatcher.queueDepth,
      running: this.dispatcher.running,
      models: [],
      fallback: this.#fallback,
      runtime: null,
    }
  }

  metrics() {
    return this.dispatcher.metrics()
  }

  metricsText() {
    return metricsText(this.metrics())
  }

  async shutdown({drainMs = 0}: {drainMs?: number} = {}): Promise<void> {
    await this.dispatcher.drain(drainMs)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.shutdown()
  }

  async #answer(operation: Operation): Promise<Answer> {
    switch (operation.type) {
      case 'echo': {
        return {computeUs: 0, data: operation.data}
      }

      case 'benchmark': {
        await setTimeout(operation.durationMs, undefined, {ref: false})
        return {computeUs: operation.durationMs * 1000, data: {}}
      }

      case 'health_check': {
        return {computeUs: 0, data: await this.health()}
      }

      case 'statistics': {
        return {computeUs: 0, data: this.metrics()}
      }

      case 'initialize': {
        return {computeUs: 0}
      }

      default: {
        throw new NpuBridgeError('UNSUPPORTED_OPERATION', `the fake has no ${operation.type}`)
      }
    }
  }
}
