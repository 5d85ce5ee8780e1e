/** An engine whose answers are counted on their way to clients. */
import type {
  BatchElement,
  Engine,
  EngineKind,
  Health,
  MetricsSnapshot,
  Operation,
  OperationResult,
  SubmitOptions,
  WorkflowReport,
} from '../../engine/engine.ts'
import type {Activity} from './activity.ts'

import {asNpuBridgeError} from '../../errors.ts'

export class ObservedEngine implements Engine {
  readonly kind: EngineKind
  readonly #engine: Engine
  readonly #activity: Activity

  constructor(engine: Engine, activity: Activity) {
    this.kind = engine.kind
    this.#engine = engine
    this.#activity = activity
  }

  async submit(operation: Operation, options?: SubmitOptions): Promise<OperationResult> {
    const ended = operation.type === 'workflow' ? this.#activity.workflow(operation) : undefined
    try {
      const result = await this.#engine.submit(operation, options)
      this.#activity.completed(result)
      ended?.((result.data as Partial<WorkflowReport> | undefined) ?? null, null)
      return result
    } catch (error) {
      this.#activity.failed()
      ended?.(null, asNpuBridgeError(error))
      throw error
    }
  }

  async submitBatch(operations: readonly Operation[], options?: SubmitOptions): Promise<BatchElement[]> {
    const elements = await this.#engine.submitBatch(operations, options)
    for (const element of elements) {
      if (element.ok) this.#activity.completed(element)
      else this.#activity.failed()
    }

    return elements
  }

  async health(): Promise<Health> {
    return this.#engine.health()
  }

  metrics(): MetricsSnapshot {
    return this.#engine.metrics()
  }

  metricsText(): string {
    return this.#engine.metricsText()
  }

  async shutdown(options?: {drainMs?: number}): Promise<void> {
    await this.#engine.shutdown(options)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.shutdown()
  }
}
